//! `/login/second-factor`: what is asked of somebody who proved only one thing. No session exists until it is answered.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use time::Duration;

use super::browser::Browser;
use super::error::{Code, Error};
use super::fields::{CsrfField, Form};
use super::finish::{Pending, SECOND_FACTOR, complete, pending, see_other};
use super::login::{query, service_link};
use super::page::{Hidden, Href, Page, PasskeyForm, SecondFactorPage};
use super::passkey::{self, AnswerFields, Asked};
use super::site::{Running, Site};
use crate::account::Second;
use crate::domain::audit::Actor;
use crate::domain::proof::Amr;
use crate::domain::user::User;
use crate::login::Attempt;
use crate::login::passkey::SECOND;

const WRONG: &str = "This code is not right, or was used before. Wait for the next one, and type it once more.";
const REFUSED: &str = "This passkey is not one of yours, or could not be checked. Try once more, or use another way.";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/login/second-factor", get(page).post(code))
        .route("/login/second-factor/passkey/options", post(options))
        .route("/login/second-factor/passkey", post(with_passkey))
}

/// A sign-in that waits in this browser for a step.
pub struct Waiting {
    pub attempt: Attempt,
    pub pending: Pending,
    pub user: User,
}

/// Who waits for this step in this browser.
///
/// # Errors
/// `login-stale` if nobody does, another step is theirs, or the account is not what it was.
pub async fn waiting_for(site: &Site, browser: &Browser, step: &str) -> Result<Waiting, Error> {
    let (attempt, pending) = pending(browser).ok_or(Code::LoginStale)?;
    if attempt.method != step || site.app.door.is_spent(&attempt).await? {
        return Err(Code::LoginStale.into());
    }
    let user = site.app.store().user(pending.user).await?.ok_or(Code::LoginStale)?;
    if user.is_locked() {
        return Err(Code::AccountLocked.into());
    }
    if site.app.accounts.stamp(user.id).await? != pending.stamp {
        return Err(Code::LoginStale.into());
    }
    Ok(Waiting { attempt, pending, user })
}

async fn page(site: Site, browser: Browser) -> Result<Response, Error> {
    match pending(&browser) {
        None => Ok(browser.answer(see_other(&site.path("/login")))),
        Some(_) => show(&site, browser, None, StatusCode::OK).await,
    }
}

async fn show(site: &Site, browser: Browser, error: Option<String>, status: StatusCode) -> Result<Response, Error> {
    let Waiting { attempt, user, .. } = waiting_for(site, &browser, SECOND_FACTOR).await?;
    let factors = site.app.accounts.factors(&user).await?;
    let next = attempt.next.as_ref();
    let hidden = || vec![Hidden::new("csrf", browser.csrf())];
    let has_passkey = factors.passkeys > 0 && site.app.settings.login.passkey.enabled;
    let page = SecondFactorPage {
        shell: Arc::clone(&site.shell),
        service: service_link(site, next),
        name: user.shown_name(),
        error,
        totp: factors.totp,
        recovery: factors.recovery_left > 0,
        passkey: has_passkey.then(|| PasskeyForm {
            action: Href::from(site.path("/login/second-factor/passkey")),
            options: Href::from(site.path("/login/second-factor/passkey/options")),
            hidden: hidden(),
            primary: !factors.totp,
            ..PasskeyForm::get("second-passkey", "Use a passkey")
        }),
        action: Href::from(site.path("/login/second-factor")),
        hidden: hidden(),
        start_again: Href::from(format!("{}{}", site.path("/login"), query(next))),
    };
    Ok(browser.answer(page.answer_on_the_way(status, next)))
}

#[derive(Deserialize)]
struct CodeFields {
    csrf: String,
    code: Option<String>,
}

/// Six digits of the app, or a recovery code.
async fn code(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<CodeFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let waiting = waiting_for(&site, &browser, SECOND_FACTOR).await?;
    let typed = fields.code.unwrap_or_default();
    if typed.trim().is_empty() {
        let error = Some("Type the code first.".to_owned());
        return show(&site, browser, error, StatusCode::BAD_REQUEST).await;
    }
    let by = browser.by(Actor::Anonymous);
    match site.app.accounts.check_second(&waiting.user, &typed, &by).await? {
        Second::Right(amr) => go_on(&site, browser, waiting, &[amr]).await,
        Second::Wrong => show(&site, browser, Some(WRONG.to_owned()), StatusCode::UNAUTHORIZED).await,
        Second::Wait(wait) => {
            let mut response = show(&site, browser, Some(too_many(wait)), StatusCode::TOO_MANY_REQUESTS).await?;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.whole_seconds().max(1)));
            Ok(response)
        }
    }
}

/// `Too many wrong codes. Try again in 5 minutes, or use another way.`
pub fn too_many(wait: Duration) -> String {
    let minutes = ((wait.whole_seconds() + 29) / 60).max(1);
    let time = match minutes {
        1 => "a minute".to_owned(),
        2..=90 => format!("{minutes} minutes"),
        _ => format!("{} hours", (minutes + 59) / 60),
    };
    format!("Too many wrong codes. Try again in {time}, or use another way.")
}

/// The second factor is proven: the sign-in ends here, once.
pub async fn go_on(site: &Site, mut browser: Browser, waiting: Waiting, proven: &[Amr]) -> Result<Response, Error> {
    let Waiting { attempt, pending, user } = waiting;
    if !site.app.door.spend(&attempt).await? {
        return Err(Code::LoginStale.into());
    }
    browser.drop_attempt(&attempt);
    let proof = proven.iter().fold(pending.proof, |proof, amr| proof.and(*amr));
    complete(site, browser, &user, proof, attempt.next).await
}

async fn options(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<CsrfField>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let Waiting { user, .. } = waiting_for(&site, &browser, SECOND_FACTOR).await?;
    let ids: Vec<_> = site.app.store().passkeys(user.id).await?.into_iter().map(|passkey| passkey.id).collect();
    if ids.is_empty() {
        return Err(Code::LoginStale.into());
    }
    let challenge = passkey::passkeys(&site)?.ask_beside(&ids)?;
    let asked = Asked { method: SECOND, user: Some(user.id), next: None };
    let told = passkey::keep(&site, &mut browser, asked, challenge);
    Ok(browser.answer(told))
}

async fn with_passkey(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<AnswerFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let waiting = waiting_for(&site, &browser, SECOND_FACTOR).await?;
    let (_, memory) = passkey::take(&site, &mut browser, SECOND, &fields.attempt).await?;
    let answer = passkey::answer(&fields.credential)?;
    match passkey::proven(&site, &browser, &memory, &answer, Some(waiting.user.id)).await? {
        Some((_, used)) if used.user_verified => {
            go_on(&site, browser, waiting, &[Amr::Passkey, Amr::UserVerified]).await
        }
        Some(_) => go_on(&site, browser, waiting, &[Amr::Passkey]).await,
        None => show(&site, browser, Some(REFUSED.to_owned()), StatusCode::UNAUTHORIZED).await,
    }
}
