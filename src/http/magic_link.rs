//! `/login/check-mail`, `/login/magic-link`, `/login/code`: the mailed link, asked for, opened, typed.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::browser::Browser;
use super::error::{Code, Error};
use super::federated::Target;
use super::fields::{Form, Query};
use super::finish::{finish, see_other};
use super::limit::{Limit, count_all};
use super::login::{Typed, hidden, query, sends_links, service_link, show};
use super::page::{
    CheckMailPage, CodeForm, CodePage, Hidden, Href, MagicLinkPage, Moment, OtherBrowser, Page, ResendForm,
};
use super::site::{Running, Site};
use crate::account::{AccountError, Way};
use crate::clock::moment;
use crate::config::settings::SameBrowser;
use crate::config::{Rate, Span};
use crate::domain::audit::Actor;
use crate::domain::email::Email;
use crate::domain::proof::{Amr, Proof};
use crate::login::door::Carrier;
use crate::login::magic_link::{self, METHOD, Memory};
use crate::login::{Attempt, Next};
use crate::mail::letter::MagicLinkLetter;

/// How often a code may be typed.
const CODE_TRIES: u32 = 5;

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/login/check-mail", get(check_mail).post(ask))
        .route("/login/magic-link", get(landing).post(confirm))
        .route("/login/code", get(code_page).post(code))
}

#[derive(Deserialize)]
struct AskFields {
    csrf: String,
    email: String,
    stay: Option<String>,
    next: Option<String>,
    service: Option<String>,
}

/// Sends a link. The answer is the same for every address.
async fn ask(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<AskFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    if fields.stay.is_some() {
        browser.stay(true);
    }
    let next = Target { next: fields.next, service: fields.service }.parse(&site)?;
    if !sends_links(&site) || !site.app.may_use(METHOD, next.as_ref()) {
        return Err(Error::new(Code::AccessDenied).detail("Links are not mailed here."));
    }
    let Ok(email) = fields.email.parse::<Email>() else {
        let mail_error = Some("This is not an e-mail address. It looks like name@example.org.".to_owned());
        let typed = Typed { email: fields.email, mail_error, ..Typed::default() };
        return show(&site, browser, next.as_ref(), StatusCode::BAD_REQUEST, typed).await;
    };
    if let Some((_, memory)) = newest(&browser).filter(|(_, memory)| memory.email == email)
        && site.app.now() < resend_from(&site, &memory)
    {
        return Ok(browser.answer(see_other(&site.path("/login/check-mail"))));
    }
    let rates = &site.app.settings.rate_limit;
    let limits = [
        Limit::of_client("mail", browser.ip(), rates.mail_ip),
        Limit::of_name("mail", &email.mailbox(), rates.mail_address),
    ];
    count_all(&site, browser.ip(), &limits).await?;
    let earlier: Vec<_> = mailed(&browser).collect();
    for (old, _) in earlier {
        site.app.door.spend(&old).await?;
        browser.drop_attempt(&old);
    }
    let settings = &site.app.settings.login.magic_link;
    let (door, master) = (&site.app.door, &site.app.house.master);
    let wish = magic_link::Wish {
        email: &email,
        browser: browser.device(),
        next: next.clone(),
        lasts: settings.ttl,
        digits: settings.code_length,
    };
    let begun = magic_link::begin(door, master, wish);
    send(&site, &email, &begun, next.as_ref()).await?;
    browser.keep(&begun.attempt, false);
    Ok(browser.answer(see_other(&site.path("/login/check-mail"))))
}

/// Puts the letter into the outbox, if it could sign anybody in.
async fn send(site: &Site, email: &Email, begun: &magic_link::Begun, next: Option<&Next>) -> Result<(), Error> {
    let service = next.and_then(|next| site.app.service(&next.service)).map(|service| service.name.clone());
    let memory =
        magic_link::memory(&begun.attempt).ok_or_else(|| Error::internal("a mailed login without its memory"))?;
    let letter = MagicLinkLetter {
        from: site.app.settings.theme.name.clone(),
        service,
        link: site.app.url(&format!("/login/magic-link?token={}", begun.token)),
        code: (!begun.code.is_empty()).then(|| begun.code.clone()),
        asked_on: memory.browser,
        asked_at: moment(memory.asked_at),
        valid_until: moment(begun.attempt.expires_at),
        footer: site.app.settings.mail.footer.clone(),
    };
    let is_reachable = site.app.accounts.is_reachable_by_mail(email).await?;
    let mail = Some(letter.to(email.clone())).filter(|_| is_reachable);
    let lasts = site.app.settings.mail.retry_for.min(site.app.settings.login.magic_link.ttl);
    Ok(site.app.post(mail.as_ref(), lasts).await?)
}

/// The letter is on its way.
async fn check_mail(site: Site, browser: Browser) -> Result<Response, Error> {
    let Some((attempt, memory)) = newest(&browser) else {
        return Ok(browser.answer(see_other(&site.path("/login"))));
    };
    let from = resend_from(&site, &memory);
    let next = attempt.next.as_ref();
    let mut again = hidden(&browser, next);
    again.push(Hidden::new("email", memory.email.as_str()));
    let page = CheckMailPage {
        shell: Arc::clone(&site.shell),
        service: service_link(&site, next),
        notice: None,
        address: memory.email.to_string(),
        code: code_form(&site, &browser, None),
        resend: Some(ResendForm {
            action: Href::from(site.path("/login/check-mail")),
            hidden: again,
            from: (site.app.now() < from).then(|| Moment::from(from)),
        }),
        wrong_address: Href::from(format!("{}{}", site.path("/login"), query(next))),
        valid_until: Moment::from(moment(attempt.expires_at)),
    };
    Ok(browser.answer(page.answer_on_the_way(StatusCode::OK, next)))
}

#[derive(Deserialize)]
struct TokenField {
    token: Option<String>,
}

/// The page behind the link. It changes nothing: mail scanners open links, too.
async fn landing(site: Site, browser: Browser, Query(fields): Query<TokenField>) -> Result<Response, Error> {
    let token = fields.token.unwrap_or_default();
    let (attempt, memory) = opened(&site, &token).await?;
    let is_here = browser.attempt(&attempt.id).is_some();
    let rule = site.app.settings.login.magic_link.same_browser;
    let other_browser = (!is_here && rule != SameBrowser::Off).then(|| OtherBrowser {
        asked_on: memory.browser.clone(),
        may_continue: rule != SameBrowser::Require,
        has_code: !memory.code_mac.is_empty(),
    });
    let next = attempt.next.as_ref();
    let page = MagicLinkPage {
        shell: Arc::clone(&site.shell),
        service: service_link(&site, next),
        address: memory.email.to_string(),
        action: Href::from(site.path("/login/magic-link")),
        hidden: vec![Hidden::new("csrf", browser.csrf()), Hidden::new("token", token)],
        other_browser,
        start_again: Href::from(site.path("/login")),
        valid_until: Moment::from(moment(attempt.expires_at)),
    };
    Ok(browser.answer(page.answer_on_the_way(StatusCode::OK, next)))
}

#[derive(Deserialize)]
struct ConfirmFields {
    csrf: String,
    token: String,
}

/// The button: signs in, once.
async fn confirm(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<ConfirmFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let (attempt, memory) = opened(&site, &fields.token).await?;
    let is_here = browser.attempt(&attempt.id).is_some();
    if !is_here && site.app.settings.login.magic_link.same_browser == SameBrowser::Require {
        return Err(
            Error::new(Code::LoginStale).detail("Open the link, or type the code, in the browser you asked from.")
        );
    }
    arrive(&site, browser, attempt, &memory).await
}

/// Where the code is typed.
async fn code_page(site: Site, browser: Browser) -> Result<Response, Error> {
    show_code(&site, browser, None, StatusCode::OK)
}

#[derive(Deserialize)]
struct CodeFields {
    csrf: String,
    code: String,
}

/// The typed code: signs in, once, in the browser that asked.
async fn code(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<CodeFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let Some((attempt, memory)) = newest(&browser) else { return Err(Code::LoginStale.into()) };
    if site.app.door.is_spent(&attempt).await? {
        return Err(Code::LoginStale.into());
    }
    let tries = Rate { limit: CODE_TRIES, per: Span(Duration::DAY), burst: CODE_TRIES };
    Limit::of_name("code", &attempt.id, tries).count(&site).await?;
    if !magic_link::is_code(&site.app.house.master, &attempt, &memory, &fields.code) {
        let by = browser.by(Actor::Anonymous);
        let whose = site.app.accounts.called(memory.email.as_str()).await?.map(|user| user.id);
        site.app.accounts.login_failed(whose, METHOD, "code", &by).await?;
        let error = "This is not the code. Look at the newest letter; the code is at the end of its subject.";
        return show_code(&site, browser, Some(error.to_owned()), StatusCode::UNAUTHORIZED);
    }
    arrive(&site, browser, attempt, &memory).await
}

fn show_code(site: &Site, browser: Browser, error: Option<String>, status: StatusCode) -> Result<Response, Error> {
    let asked = newest(&browser);
    let Some(form) = code_form(site, &browser, error) else { return Err(Code::LoginStale.into()) };
    let next = asked.as_ref().and_then(|(attempt, _)| attempt.next.as_ref());
    let page = CodePage {
        shell: Arc::clone(&site.shell),
        service: service_link(site, next),
        form,
        address: asked.as_ref().map(|(_, memory)| memory.email.to_string()),
        valid_until: asked.as_ref().map(|(attempt, _)| Moment::from(moment(attempt.expires_at))),
        start_again: Href::from(format!("{}{}", site.path("/login"), query(next))),
    };
    let response = page.answer_on_the_way(status, next);
    Ok(browser.answer(response))
}

async fn arrive(site: &Site, mut browser: Browser, attempt: Attempt, memory: &Memory) -> Result<Response, Error> {
    if !site.app.may_use(METHOD, attempt.next.as_ref()) || !site.app.door.spend(&attempt).await? {
        return Err(Code::LoginStale.into());
    }
    browser.drop_attempt(&attempt);
    if site.app.accounts.is_older_than_password(&memory.email, memory.asked_at).await? {
        return Err(Code::LoginStale.into());
    }
    let by = browser.by(Actor::Anonymous);
    let way = Way { method: METHOD, service: attempt.next.as_ref().map(|next| next.service.as_str()), by: &by };
    let user = match site.app.accounts.arrive_by_mail(&memory.email, way).await {
        // Who was locked since the letter was sent sees what a late link shows.
        Err(AccountError::Locked) => return Err(Code::AccountLocked.into()),
        other => other?,
    };
    finish(site, browser, &user, Proof::of(METHOD, Amr::Mail), attempt.next).await
}

/// The mailed login behind a link, unless it is late or over.
async fn opened(site: &Site, token: &str) -> Result<(Attempt, Memory), Error> {
    let attempt = site.app.door.open(token, Carrier::Mail).ok_or(Code::LoginStale)?;
    let memory = magic_link::memory(&attempt).ok_or(Code::LoginStale)?;
    if site.app.door.is_spent(&attempt).await? {
        return Err(Error::new(Code::LoginStale).detail("This link was used, or a newer one was sent."));
    }
    Ok((attempt, memory))
}

fn code_form(site: &Site, browser: &Browser, error: Option<String>) -> Option<CodeForm> {
    let length = site.app.settings.login.magic_link.code_length;
    (length > 0).then(|| CodeForm {
        action: Href::from(site.path("/login/code")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        length,
        error,
    })
}

/// The mailed logins this browser asked for, the newest first.
fn mailed(browser: &Browser) -> impl Iterator<Item = (Attempt, Memory)> {
    browser.attempts().into_iter().filter_map(|attempt| {
        let memory = magic_link::memory(&attempt)?;
        Some((attempt, memory))
    })
}

fn newest(browser: &Browser) -> Option<(Attempt, Memory)> {
    mailed(browser).max_by_key(|(_, memory)| memory.asked_at)
}

fn resend_from(site: &Site, memory: &Memory) -> OffsetDateTime {
    moment(memory.asked_at) + site.app.settings.login.magic_link.resend_after
}
