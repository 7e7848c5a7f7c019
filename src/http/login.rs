//! `/login`: every way in on one page, the password, and two accounts becoming one.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use url::form_urlencoded;

use super::browser::Browser;
use super::error::{Code, Error};
use super::federated::Target;
use super::fields::{Form, Query};
use super::finish::{finish, see_other, wait_for_factor, waiting, way_back};
use super::guess::Guess;
use super::no_access;
use super::page::{
    Hidden, Href, LinkAccountsPage, LoginButton, LoginPage, MagicLinkForm, Methods, Notice, Page, PasskeyForm,
    PasswordForm, ServiceLink, Signal,
};
use super::reset::resets;
use super::site::{Running, Site};
use super::sudo::gate;
use crate::account::Need;
use crate::app::Claimant;
use crate::config::settings::{RememberMe, Signup};
use crate::domain::audit::Actor;
use crate::domain::id::UserId;
use crate::domain::proof::{Amr, Proof};
use crate::login::{Next, magic_link, passkey};
use crate::store::live::Live;
use crate::store::users::Linked;

/// The name of the password as a method.
pub const PASSWORD: &str = "password";
/// What somebody sees who typed a wrong address or password. It never says which.
const WRONG: &str = "The address or the password is not right. Check both, or use another way to sign in.";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/login", get(page))
        .route("/login/password", post(password))
        .route("/login/link-accounts", get(link_accounts))
}

#[derive(Deserialize)]
struct News {
    news: Option<String>,
}

async fn page(
    site: Site,
    browser: Browser,
    Query(target): Query<Target>,
    Query(News { news }): Query<News>,
) -> Result<Response, Error> {
    let next = target.parse(&site)?;
    let visitor = browser.visitor().await?;
    if let Some(live) = visitor.filter(|live| site.app.is_good_for(live, next.as_ref())) {
        return on(&site, browser, &live, next).await;
    }
    let notice = (news.as_deref() == Some("password-set"))
        .then(|| Notice::success("Your new password is set. Sign in with it."));
    show(&site, browser, next.as_ref(), StatusCode::OK, Typed { notice, ..Typed::default() }).await
}

/// Somebody who is signed in goes on, if the service asks for nothing more.
async fn on(site: &Site, mut browser: Browser, live: &Live, next: Option<Next>) -> Result<Response, Error> {
    let strict = no_access::as_strict(site, &Claimant::of(live), next.as_ref()).await?;
    let service = strict.as_ref().or_else(|| next.as_ref().and_then(|next| site.app.service(&next.service)));
    let proof = Proof { method: live.method.clone(), amr: live.amr.clone() };
    let to = match service {
        Some(service) if service.require_mfa => site.app.accounts.need(&live.user, &proof, Some(service)).await?,
        _ => Need::Nothing,
    };
    let to = match to {
        _ if site.app.closed(&live.user).is_some() => site.path(gate(site, &live.user)),
        Need::Nothing if no_access::bars(site, &Claimant::of(live), next.as_ref()).await? => {
            no_access::path(site, next.as_ref())
        }
        Need::Nothing => way_back(site, live.user.id, live.id, live.expires_at, next.as_ref())?,
        lacking => wait_for_factor(site, &mut browser, live.user.id, proof, next, lacking).await?,
    };
    Ok(browser.answer(see_other(&to)))
}

/// What was typed before, and what was wrong with it.
#[derive(Debug, Default)]
pub struct Typed {
    pub email: String,
    pub password_error: Option<String>,
    pub mail_error: Option<String>,
    pub passkey_error: Option<String>,
    /// The id of a passkey that nobody has.
    pub unknown_passkey: Option<String>,
    /// What is said first.
    pub notice: Option<Notice>,
}

/// The login page.
pub async fn show(
    site: &Site,
    browser: Browser,
    next: Option<&Next>,
    status: StatusCode,
    typed: Typed,
) -> Result<Response, Error> {
    let notice = typed.notice.clone();
    let page = LoginPage {
        shell: Arc::clone(&site.shell),
        service: service_link(site, next),
        notice,
        methods: methods(site, &browser, next, typed, None),
        signup_hint: (site.app.settings.login.signup == Signup::Closed)
            .then(|| "New accounts are made by an administrator.".to_owned()),
        signup: super::signup::is_offered(site, next)
            .then(|| Href::from(format!("{}{}", site.path("/signup"), query(next)))),
        no_admin_yet: !has_admin(site).await?,
    };
    Ok(browser.answer(page.answer_on_the_way(status, next)))
}

/// Whether anybody administrates this server.
pub async fn has_admin(site: &Site) -> Result<bool, Error> {
    Ok(site.app.has_admin().await?)
}

/// The ways in that lead to `next`; `only`: no others than these ids.
pub fn methods(site: &Site, browser: &Browser, next: Option<&Next>, typed: Typed, only: Option<&[String]>) -> Methods {
    let offered = |id: &str| site.app.may_use(id, next) && only.is_none_or(|only| only.iter().any(|known| known == id));
    let last = browser.remembered("last").unwrap_or_default();
    let providers = site.app.providers.iter().filter(|(id, _)| offered(id));
    let buttons = providers.map(|(id, provider)| LoginButton {
        id: id.to_owned(),
        name: provider.button().name.clone(),
        icon: provider.button().icon,
        url: Href::from(start_path(site, id, next)),
        last_used: id == last,
    });
    let hidden = || hidden(browser, next);
    let login = &site.app.settings.login;
    let password = (login.password.enabled && offered(PASSWORD)).then(|| PasswordForm {
        action: Href::from(site.path("/login/password")),
        hidden: hidden(),
        email: typed.email.clone(),
        error: typed.password_error,
        asks_to_stay: asks_to_stay(site),
        forgot: resets(site).then(|| Href::from(site.path("/login/forgot"))),
    });
    let magic_link = (sends_links(site) && offered(magic_link::METHOD)).then(|| MagicLinkForm {
        action: Href::from(site.path("/login/check-mail")),
        hidden: hidden(),
        email: typed.email.clone(),
        error: typed.mail_error,
        asks_to_stay: asks_to_stay(site),
    });
    let buttons: Vec<_> = buttons.collect();
    let after_others = !buttons.is_empty() || password.is_some() || magic_link.is_some();
    let passkey = (login.passkey.enabled && offered(passkey::METHOD)).then(|| PasskeyForm {
        action: Href::from(site.path("/login/passkey")),
        options: Href::from(site.path("/login/passkey/options")),
        hidden: hidden(),
        primary: !after_others,
        autofill: password.is_some() || magic_link.is_some(),
        after_others,
        error: typed.passkey_error,
        signal: Some(Signal {
            rp_id: login.passkey.rp_id.clone(),
            unknown: typed.unknown_passkey.unwrap_or_default(),
            user: String::new(),
            accepted: String::new(),
        }),
        ..PasskeyForm::get("passkey", "Use a passkey")
    });
    Methods { buttons, password, magic_link, passkey }
}

/// Whether people are asked if this browser is to be remembered.
fn asks_to_stay(site: &Site) -> bool {
    site.app.settings.session.remember_me == RememberMe::Ask
}

/// Whether links can be mailed.
pub fn sends_links(site: &Site) -> bool {
    site.app.settings.login.magic_link.enabled && site.app.sends_letters()
}

/// What every form carries along.
pub fn hidden(browser: &Browser, next: Option<&Next>) -> Vec<Hidden> {
    let mut hidden = vec![Hidden::new("csrf", browser.csrf())];
    if let Some(next) = next {
        hidden.push(Hidden::new("next", next.url.as_str()));
        hidden.push(Hidden::new("service", next.service.as_str()));
    }
    hidden
}

/// Where a login at the provider starts.
pub fn start_path(site: &Site, id: &str, next: Option<&Next>) -> String {
    format!("{}{}", site.path(&format!("/login/{id}")), query(next))
}

/// `?next=…&service=…`, or nothing.
pub fn query(next: Option<&Next>) -> String {
    next.map_or_else(String::new, |next| {
        let pairs = [("next", next.url.as_str()), ("service", &next.service)];
        format!("?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    })
}

/// The service somebody is on the way to, as pages show it.
pub fn service_link(site: &Site, next: Option<&Next>) -> Option<ServiceLink> {
    let service = site.app.service(&next?.service)?;
    Some(ServiceLink { name: service.name.clone(), url: service.homepage.clone().map(Href::from) })
}

#[derive(Deserialize)]
struct PasswordFields {
    csrf: String,
    email: String,
    password: String,
    stay: Option<String>,
    next: Option<String>,
    service: Option<String>,
}

async fn password(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<PasswordFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    browser.stay(fields.stay.is_some());
    let next = Target { next: fields.next, service: fields.service }.parse(&site)?;
    if !site.app.settings.login.password.enabled || !site.app.may_use(PASSWORD, next.as_ref()) {
        return Err(Error::new(Code::AccessDenied).detail("Signing in with a password is switched off here."));
    }
    let account = site.app.accounts.called(&fields.email).await?;
    let guess = Guess::begin(&site, browser.ip(), account.as_ref(), &fields.email).await?;
    match site.app.accounts.arrive_by_password(account.clone(), &fields.password).await {
        Ok(Some(user)) => {
            guess.was_right(&site).await?;
            finish(&site, browser, &user, Proof::of(PASSWORD, Amr::Pwd), next).await
        }
        Ok(None) => {
            guess.was_wrong(&site, &browser.by(Actor::Anonymous), account.as_ref()).await?;
            refused(&site, browser, next.as_ref(), fields.email).await
        }
        Err(error) => Err(guess.failed(&site, error).await?),
    }
}

/// The login page again, with what somebody sees whose password was not right.
async fn refused(site: &Site, browser: Browser, next: Option<&Next>, email: String) -> Result<Response, Error> {
    tracing::info!("a password was refused");
    let typed = Typed { email, password_error: Some(WRONG.to_owned()), ..Typed::default() };
    show(site, browser, next, StatusCode::UNAUTHORIZED, typed).await
}

/// The address is known: the person signs in with a method they already have, then both are linked.
async fn link_accounts(site: Site, browser: Browser) -> Result<Response, Error> {
    let Some((attempt, waiting)) = waiting(&browser) else { return Err(Code::LoginStale.into()) };
    let next = attempt.next.as_ref();
    let known = known_methods(&site, waiting.user).await?;
    let address = waiting.identity.email.as_ref().map(|email| email.address().to_string()).unwrap_or_default();
    let typed = Typed { email: address.clone(), ..Typed::default() };
    let page = LinkAccountsPage {
        shell: Arc::clone(&site.shell),
        service: service_link(&site, next),
        notice: None,
        provider: waiting.provider,
        address,
        // The provider vouched for the address, so its owner may hear what else it opens.
        methods_are_known: !known.is_empty(),
        methods: methods(&site, &browser, next, typed, (!known.is_empty()).then_some(known.as_slice())),
        start_again: Href::from(format!("{}{}", site.path("/login"), query(next))),
    };
    Ok(browser.answer(page.answer_on_the_way(StatusCode::OK, next)))
}

/// The ids of the methods that open the account.
pub async fn known_methods(site: &Site, user: UserId) -> Result<Vec<String>, Error> {
    let store = site.app.store();
    let linked = store.identities(user).await?;
    let mut known: Vec<String> = linked.into_iter().map(|Linked { subject, .. }| subject.provider).collect();
    known.retain(|id| site.app.providers.get(id).is_some());
    if store.password_hash(user).await?.is_some() {
        known.push(PASSWORD.to_owned());
    }
    if sends_links(site) {
        known.push(magic_link::METHOD.to_owned());
    }
    if site.app.store().factors(user).await?.passkeys > 0 {
        known.push(passkey::METHOD.to_owned());
    }
    Ok(known)
}
