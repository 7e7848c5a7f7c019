//! `/login/forgot` and `/login/reset`: another password by a mailed link. It never signs in by itself.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::browser::Browser;
use super::error::{Code, Error};
use super::fields::{Form, Query};
use super::finish::{see_other, wait_for_factor};
use super::guess::Guess;
use super::limit::{Limit, count_all};
use super::page::{ForgotPage, Hidden, Href, Moment, NewPasswordForm, Page, ResetPage};
use super::site::{Running, Site};
use crate::account::Need;
pub use crate::app::resets::METHOD;
use crate::app::resets::Memory;
use crate::domain::audit::Actor;
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::proof::{Amr, Proof};
use crate::domain::user::User;
use crate::login::Attempt;
use crate::login::door::Carrier;
use crate::mail::Mail;

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/login/forgot", get(forgot).post(ask))
        .route("/login/forgot/sent", get(sent))
        .route("/login/reset", get(landing).post(set))
        .route("/.well-known/change-password", get(change_password))
}

/// Whether passwords can be set anew by mail.
pub fn resets(site: &Site) -> bool {
    site.app.settings.login.password.enabled && site.app.sends_letters()
}

/// The well-known place where password managers find the page (W3C, A Well-Known URL for Changing Passwords).
async fn change_password(site: Site) -> Response {
    see_other(&site.path("/account/password"))
}

async fn forgot(site: Site, browser: Browser) -> Result<Response, Error> {
    if !resets(&site) {
        return Err(switched_off());
    }
    Ok(show_forgot(&site, browser, String::new(), None))
}

fn show_forgot(site: &Site, browser: Browser, email: String, error: Option<String>) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = ForgotPage {
        shell: Arc::clone(&site.shell),
        action: Href::from(site.path("/login/forgot")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        email,
        error,
        is_sent: false,
        login: Href::from(site.path("/login")),
    };
    browser.answer(page.answer(status))
}

async fn sent(site: Site, browser: Browser) -> Response {
    let page = ForgotPage {
        shell: Arc::clone(&site.shell),
        action: Href::from(site.path("/login/forgot")),
        hidden: Vec::new(),
        email: String::new(),
        error: None,
        is_sent: true,
        login: Href::from(site.path("/login")),
    };
    browser.answer(page.answer(StatusCode::OK))
}

#[derive(Deserialize)]
struct AskFields {
    csrf: String,
    email: String,
}

/// Mails a link. Answer and work are the same for every address.
async fn ask(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<AskFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    if !resets(&site) {
        return Err(switched_off());
    }
    let Ok(email) = fields.email.parse::<Email>() else {
        let error = "This is not an e-mail address. It looks like name@example.org.".to_owned();
        return Ok(show_forgot(&site, browser, fields.email, Some(error)));
    };
    let rates = &site.app.settings.rate_limit;
    let limits = [
        Limit::of_client("mail", browser.ip(), rates.mail_ip),
        Limit::of_name("mail", &email.mailbox(), rates.mail_address),
    ];
    count_all(&site, browser.ip(), &limits).await?;
    let found = site.app.store().user_by_email(&email).await?;
    let id = found.as_ref().map_or_else(UserId::new, |user| user.id);
    let (reset, link) = site.app.reset_link(id, &email);
    let letter = letter(&site, found.as_ref(), id, &email, link, &browser.device()).await?;
    site.app.accounts.reset_asked(&reset, found.as_ref(), letter.as_ref(), &browser.by(Actor::Anonymous)).await?;
    Ok(browser.answer(see_other(&site.path("/login/forgot/sent"))))
}

/// What the owner of the address gets: a link, or, where a provider is the way in and no password, a word about that.
async fn letter(
    site: &Site,
    user: Option<&User>,
    id: UserId,
    email: &Email,
    link: String,
    device: &str,
) -> Result<Option<Mail>, Error> {
    let has_password = site.app.store().password_hash(id).await?.is_some();
    let has_identity = !site.app.store().identities(id).await?.is_empty();
    let with_link = site.app.reset_letter(email, link, device);
    let without = site.app.no_password_letter(email, device);
    let letter = if has_password || !has_identity { with_link } else { without };
    Ok(user.filter(|user| !user.is_locked()).map(|_| letter))
}

#[derive(Deserialize)]
struct TokenField {
    token: Option<String>,
}

/// The page behind the link. Opening it changes nothing: mail scanners open links, too. The token moves from the address into a
/// cookie of this browser, so that it stays out of histories and referrers.
async fn landing(site: Site, mut browser: Browser, Query(fields): Query<TokenField>) -> Result<Response, Error> {
    let Some(token) = fields.token else { return form(&site, browser).await };
    let attempt = site.app.door.open(&token, Carrier::Mail).filter(|attempt| attempt.method == METHOD);
    let attempt = attempt.ok_or(Code::ResetGone)?;
    opened(&site, &attempt).await?;
    for old in resetting(&browser) {
        browser.drop_attempt(&old);
    }
    browser.keep(&attempt, false);
    Ok(browser.answer(see_other(&site.path("/login/reset"))))
}

async fn form(site: &Site, mut browser: Browser) -> Result<Response, Error> {
    let (attempt, memory, user) = current(site, &browser).await?;
    if let Some(to) = lacks_factor(site, &mut browser, &memory, &user).await? {
        return Ok(browser.answer(see_other(&to)));
    }
    show(site, browser, &attempt, &user, None).await
}

async fn show(
    site: &Site,
    browser: Browser,
    attempt: &Attempt,
    user: &User,
    error: Option<String>,
) -> Result<Response, Error> {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let alone = site.app.is_only_factor(Some(user)).await?;
    let until = crate::clock::moment(attempt.expires_at);
    let page = ResetPage {
        shell: Arc::clone(&site.shell),
        address: user.email.as_ref().map(|address| address.email.to_string()).unwrap_or_default(),
        form: NewPasswordForm {
            action: Href::from(site.path("/login/reset")),
            hidden: vec![Hidden::new("csrf", browser.csrf())],
            min_length: site.app.least_characters(alone),
            error,
        },
        valid_until: Moment::from(until),
    };
    Ok(browser.answer(page.answer(status)))
}

#[derive(Deserialize)]
struct SetFields {
    csrf: String,
    password: String,
}

/// Sets the password, once.
async fn set(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<SetFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let (attempt, memory, user) = current(&site, &browser).await?;
    if let Some(to) = lacks_factor(&site, &mut browser, &memory, &user).await? {
        return Ok(browser.answer(see_other(&to)));
    }
    let judged = site.app.judge_password_of(&user, &fields.password).await?;
    if !judged.is_good() {
        return show(&site, browser, &attempt, &user, Some(judged.explained())).await;
    }
    let letter = site.app.password_changed_letter(&user, &browser.device());
    let by = browser.by(Actor::User(user.id));
    let link = (user.id, attempt.id.as_str());
    let done = site.app.accounts.reset_password(link, &memory.email, &fields.password, letter.as_ref(), &by).await?;
    if !done {
        return Err(Code::ResetGone.into());
    }
    tracing::info!(user.id = %user.id, "a password was set with a mailed link");
    Guess::forget(&site, user.id).await?;
    browser.drop_attempt(&attempt);
    browser.sign_out().await?;
    Ok(browser.answer(see_other(&site.path("/login?news=password-set"))))
}

/// The reset of this browser, unless it is over.
async fn current(site: &Site, browser: &Browser) -> Result<(Attempt, Memory, User), Error> {
    let attempt = resetting(browser).into_iter().next().ok_or(Code::ResetGone)?;
    let (memory, user) = opened(site, &attempt).await?;
    Ok((attempt, memory, user))
}

/// What the link remembers and whose it is, unless it is over.
async fn opened(site: &Site, attempt: &Attempt) -> Result<(Memory, User), Error> {
    if !site.app.settings.login.password.enabled {
        return Err(switched_off());
    }
    let memory: Memory = serde_json::from_value(attempt.memory.clone()).map_err(|_| Code::ResetGone)?;
    let counts = site.app.accounts.is_reset_open(memory.user, &attempt.id).await?;
    let user = site.app.store().user_by_email(&memory.email).await?;
    let user = user.filter(|user| counts && user.id == memory.user && !user.is_locked());
    Ok((memory, user.ok_or(Code::ResetGone)?))
}

/// Where the second factor is asked for, if there is one and it was not proven here yet.
async fn lacks_factor(
    site: &Site,
    browser: &mut Browser,
    memory: &Memory,
    user: &User,
) -> Result<Option<String>, Error> {
    let factors = site.app.accounts.factors(user).await?;
    let has_one = factors.totp || (factors.passkeys > 0 && site.app.settings.login.passkey.enabled);
    // What was set up under an address that nobody proved may be a stranger's; it goes when the owner of the address comes.
    let is_theirs = user.email.as_ref().is_some_and(|address| address.verified);
    if memory.proven || !has_one || !is_theirs {
        return Ok(None);
    }
    let proof = Proof::of(METHOD, Amr::Mail);
    Ok(Some(wait_for_factor(site, browser, user.id, proof, None, Need::Factor).await?))
}

/// The second factor is proven: back to the form. No session comes of it.
pub async fn proven(site: &Site, mut browser: Browser, user: &User, proof: &Proof) -> Result<Response, Error> {
    let (mut attempt, memory, owner) = current(site, &browser).await?;
    if !proof.is_multi_factor() || owner.id != user.id {
        return Err(Code::LoginStale.into());
    }
    attempt.memory = serde_json::to_value(Memory { proven: true, ..memory }).expect("plain JSON");
    browser.keep(&attempt, false);
    Ok(browser.answer(see_other(&site.path("/login/reset"))))
}

fn resetting(browser: &Browser) -> Vec<Attempt> {
    browser.attempts().into_iter().filter(|attempt| attempt.method == METHOD).collect()
}

fn switched_off() -> Error {
    Error::new(Code::AccessDenied).detail("Passwords are not set by mail here.")
}
