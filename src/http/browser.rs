//! What a browser brings and takes: cookies of its own, the form token, the session.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use axum_extra::extract::cookie::{Cookie, SameSite};
use tower_sessions::{Expiry, Session};

use super::client::ClientIp;
use super::error::{Code, Error};
use super::layers::RequestId;
use super::origin;
use super::site::{Running, Site};
use crate::config::settings::RememberMe;
use crate::domain::audit::{Actor, By};
use crate::keys::random_token;
use crate::login::door::{Attempt, Carrier};
use crate::store::live::Live;
use crate::store::sessions::{SIGNED_IN, SignedIn};

/// At most this many unfinished logins in one browser; the oldest goes.
const ATTEMPTS: usize = 5;
/// And at most this many bytes of them, so that no heap of cookies outgrows the limit on headers.
const ATTEMPT_BYTES: usize = 8 * 1024;
/// How long a browser keeps its own cookie, in days. It names nobody and only ties forms to the browser.
const BROWSER_DAYS: i64 = 365;

/// What a browser keeps of the wish to stay signed in, until the sign-in is finished.
const STAY: &str = "stay";
/// How long that may take.
const STAY_FOR: time::Duration = time::Duration::minutes(15);

/// The browser a request came from.
#[derive(Debug, Clone)]
pub struct Browser {
    site: Site,
    cookies: Vec<(String, String)>,
    id: String,
    is_new: bool,
    /// The `Origin` and `Sec-Fetch-Site` headers allow a change.
    is_same_site: bool,
    user_agent: Option<String>,
    ip: Option<std::net::IpAddr>,
    session: Session,
    /// Whether the person wants to stay signed in here.
    stays: bool,
    set: Vec<Cookie<'static>>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Site")
    }
}

impl FromRequestParts<Running> for Browser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, running: &Running) -> Result<Self, Error> {
        let site = running.now();
        let cookies = cookies_of(&parts.headers);
        let session = parts.extensions.get::<Session>().cloned().ok_or_else(|| Error::internal("no session layer"))?;
        let name = cookie_name(&site, "browser");
        let known = cookies.iter().find(|(have, value)| *have == name && (40..=64).contains(&value.len()));
        let id = known.map(|(_, value)| value.clone());
        let stay = cookie_name(&site, STAY);
        Ok(Self {
            stays: cookies.iter().any(|(name, _)| *name == stay),
            is_new: id.is_none(),
            id: id.unwrap_or_else(random_token),
            is_same_site: origin::check(&Method::POST, &parts.headers, &own_origin(&site)).is_ok(),
            user_agent: parts
                .headers
                .get(USER_AGENT)
                .and_then(|value| value.to_str().ok())
                .map(|text| text.chars().take(300).collect()),
            ip: parts.extensions.get::<ClientIp>().map(|ip| ip.0),
            cookies,
            session,
            site,
            set: Vec::new(),
        })
    }
}

impl Browser {
    /// What proves that a form came from a page we showed to this browser (and, where one is signed in, to this session).
    pub fn csrf(&self) -> String {
        self.site.app.house.master.mac("csrf", &[&self.id])
    }

    /// Refuses a form that another site sent, or that we never showed to this browser.
    pub fn check_csrf(&self, given: &str) -> Result<(), Error> {
        let ours = !self.is_new && self.site.app.house.master.verify_mac("csrf", &[&self.id], given);
        if ours && self.is_same_site { Ok(()) } else { Err(Error::new(Code::Csrf)) }
    }

    /// Refuses a change that another site asked for, where no form is involved.
    pub fn check_same_site(&self) -> Result<(), Error> {
        if self.is_same_site { Ok(()) } else { Err(Error::new(Code::Csrf)) }
    }

    /// The client's address.
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        self.ip
    }

    /// Somebody acting from here, for the audit trail.
    pub fn by(&self, actor: Actor) -> By {
        By {
            actor,
            ip: self.ip,
            user_agent: self.user_agent.clone(),
            reference: RequestId::current().map(|id| id.to_string()),
        }
    }

    /// What it calls itself: `Firefox on Linux`.
    pub fn device(&self) -> String {
        device(self.user_agent.as_deref())
    }

    /// `User-Agent`, at most 300 characters.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The session, if somebody is signed in here and may be.
    pub async fn visitor(&self) -> Result<Option<Arc<Live>>, Error> {
        let signed_in: Option<SignedIn> =
            self.session.get(SIGNED_IN).await.map_err(|error| Error::new(Code::DatabaseUnavailable).because(error))?;
        let Some(signed_in) = signed_in else { return Ok(None) };
        let live = self.site.app.live(signed_in.session).await?.filter(|live| live.user.id == signed_in.user);
        match live {
            Some(live) if self.has_moved(&signed_in) => {
                self.end_where_it_moved(&live).await?;
                Ok(None)
            }
            live => Ok(live),
        }
    }

    /// Whether the session belongs to another network address, where the file says that this matters.
    fn has_moved(&self, signed_in: &SignedIn) -> bool {
        let is_elsewhere = |ip: &String| self.ip.is_none_or(|here| here.to_string() != *ip);
        self.site.app.settings.session.bind_ip && signed_in.ip.as_ref().is_some_and(is_elsewhere)
    }

    async fn end_where_it_moved(&self, live: &Live) -> Result<(), Error> {
        tracing::info!(user.id = %live.user.id, "a session came from another address and ends");
        self.site.app.accounts.sign_out(&live.user, live.id, &live.method, &self.by(Actor::System)).await?;
        self.forget_session().await
    }

    /// Notes whether the person wants this browser to be remembered: for the sign-in that ends here, or a few steps later.
    pub fn stay(&mut self, wish: bool) {
        if self.site.app.settings.session.remember_me != RememberMe::Ask {
            return;
        }
        self.stays = wish;
        if wish {
            self.remember(STAY, "1", STAY_FOR);
        } else if self.remembered(STAY).is_some() {
            self.forget(STAY);
        }
    }

    /// Whether a sign-in here is to last.
    fn is_to_stay(&self) -> bool {
        match self.site.app.settings.session.remember_me {
            RememberMe::Always => true,
            RememberMe::Never => false,
            RememberMe::Ask => self.stays,
        }
    }

    /// Begins a session: a new cookie, a new row, a new form token; whatever the browser brought is worth nothing from here on.
    pub async fn sign_in(&mut self, signed_in: &SignedIn) -> Result<(), Error> {
        let broken = |error| Error::new(Code::DatabaseUnavailable).because(error);
        // Whoever confirms that it is them stays as they were.
        let before: Option<SignedIn> = self.session.get(SIGNED_IN).await.map_err(broken)?;
        let stayed = before.is_some_and(|before| before.remembered && before.user == signed_in.user);
        let remembered = self.is_to_stay() || stayed && self.site.app.settings.session.remember_me == RememberMe::Ask;
        self.forget_session().await?;
        let lasts = self.site.app.settings.session.absolute_timeout;
        let expiry = if remembered { Expiry::OnInactivity(lasts) } else { Expiry::OnSessionEnd };
        self.session.set_expiry(Some(expiry));
        let signed_in = SignedIn { remembered, ..signed_in.clone() };
        self.session.insert(SIGNED_IN, &signed_in).await.map_err(broken)?;
        let stay = cookie_name(&self.site, STAY);
        self.set.retain(|cookie| cookie.name() != stay);
        if self.remembered(STAY).is_some() {
            self.forget(STAY);
        }
        self.session.save().await.map_err(broken)?;
        self.id = random_token();
        self.is_new = true;
        Ok(())
    }

    /// Forgets the session here and ends its row, if there is one.
    pub async fn sign_out(&mut self) -> Result<(), Error> {
        self.forget_session().await
    }

    async fn forget_session(&self) -> Result<(), Error> {
        if self.session.id().is_none() {
            return Ok(());
        }
        self.session.flush().await.map_err(|error| Error::new(Code::DatabaseUnavailable).because(error))
    }

    /// The unfinished login with this id that began in this browser.
    pub fn attempt(&self, id: &str) -> Option<Attempt> {
        self.attempts().into_iter().find(|attempt| attempt.id == id)
    }

    /// All unfinished logins of this browser, the newest first.
    pub fn attempts(&self) -> Vec<Attempt> {
        let prefix = cookie_name(&self.site, "login-");
        // Browsers send the oldest cookie first (RFC 6265 §5.4).
        let texts = self.cookies.iter().rev().filter(|(name, _)| name.starts_with(&prefix)).map(|(_, value)| value);
        let mut attempts: Vec<_> = texts.filter_map(|text| self.site.app.door.open(text, Carrier::Cookie)).collect();
        attempts.sort_by_key(|attempt| std::cmp::Reverse(attempt.expires_at));
        attempts
    }

    /// Keeps an unfinished login in the browser. `cross_site`: it is finished by another site's POST.
    pub fn keep(&mut self, attempt: &Attempt, cross_site: bool) {
        let value = self.site.app.door.seal(attempt, Carrier::Cookie);
        let mut room = ATTEMPT_BYTES.saturating_sub(value.len());
        for (index, old) in self.attempts().into_iter().enumerate() {
            let size = self.site.app.door.seal(&old, Carrier::Cookie).len();
            if index + 1 < ATTEMPTS && size <= room {
                room -= size;
            } else {
                room = 0;
                self.drop_attempt(&old);
            }
        }
        let mut cookie = self.cookie(&attempt_name(&attempt.id), value);
        let left = attempt.expires_at - self.site.app.now().unix_timestamp();
        cookie.set_max_age(time::Duration::seconds(left.max(0)));
        if cross_site && self.is_https() {
            cookie.set_same_site(SameSite::None);
        }
        self.set.push(cookie);
    }

    /// Lets go of a login that is over.
    pub fn drop_attempt(&mut self, attempt: &Attempt) {
        let cookie = self.cookie(&attempt_name(&attempt.id), String::new());
        self.set.push(gone(cookie));
    }

    /// A small value the browser keeps: the last method, or a token of the demo.
    pub fn remember(&mut self, name: &str, value: &str, lasts: time::Duration) {
        let mut cookie = self.cookie(name, value.to_owned());
        cookie.set_max_age(lasts);
        self.set.push(cookie);
    }

    /// Forgets a remembered value.
    pub fn forget(&mut self, name: &str) {
        let cookie = self.cookie(name, String::new());
        self.set.push(gone(cookie));
    }

    /// A remembered value.
    pub fn remembered(&self, name: &str) -> Option<&str> {
        let name = cookie_name(&self.site, name);
        self.cookies.iter().find(|(have, _)| *have == name).map(|(_, value)| value.as_str())
    }

    /// The answer, with the cookies this request set.
    pub fn answer(mut self, mut response: Response) -> Response {
        if self.is_new {
            let mut cookie = self.cookie("browser", self.id.clone());
            cookie.set_max_age(time::Duration::days(BROWSER_DAYS));
            self.set.push(cookie);
        }
        for cookie in self.set {
            let value = HeaderValue::try_from(cookie.to_string()).expect("names and values of our cookies are ASCII");
            response.headers_mut().append(SET_COOKIE, value);
        }
        response
    }

    fn cookie(&self, name: &str, value: String) -> Cookie<'static> {
        Cookie::build((cookie_name(&self.site, name), value))
            .path("/")
            .http_only(true)
            .secure(self.is_https())
            .same_site(SameSite::Lax)
            .build()
    }

    fn is_https(&self) -> bool {
        is_https(&self.site)
    }
}

fn gone(mut cookie: Cookie<'static>) -> Cookie<'static> {
    cookie.set_max_age(time::Duration::ZERO);
    cookie
}

fn attempt_name(id: &str) -> String {
    format!("login-{}", &id[..id.len().min(12)])
}

fn is_https(site: &Site) -> bool {
    site.app.settings.server.issuer.scheme() == "https"
}

fn own_origin(site: &Site) -> String {
    site.app.settings.server.issuer.origin().ascii_serialization()
}

/// The full name of one of our cookies beside the session's.
fn cookie_name(site: &Site, name: &str) -> String {
    format!("{}-{name}", session_cookie_name(site))
}

/// The name of the session cookie: `session.cookie_name`, with `__Host-` over https. Our other cookies begin with it.
pub fn session_cookie_name(site: &Site) -> String {
    let prefix = if is_https(site) { "__Host-" } else { "" };
    format!("{prefix}{}", site.app.settings.session.cookie_name)
}

fn cookies_of(headers: &HeaderMap) -> Vec<(String, String)> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()))
        .take(100)
        .collect()
}

/// A browser and a system by the names people know; the sort of guess that is good enough for a list.
pub fn device(user_agent: Option<&str>) -> String {
    let Some(text) = user_agent else { return "An unknown browser".into() };
    let first =
        |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name);
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "An unknown browser".into(),
    }
}
