//! `/account/privacy`: what is kept of somebody, for them to take along, and the end of the account.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use time::Duration;

use super::devices::changer;
use crate::domain::audit::Actor;
use crate::domain::user::User;
use crate::domain::username::key_of;
use crate::http::browser::Browser;
use crate::http::error::Error;
use crate::http::fields::{CsrfField, Form};
use crate::http::finish::see_other;
use crate::http::page::{Field, Frame, Hidden, Href, KeepPage, LeavePage, Moment, Page, PrivacyPage, StepPage, Tab};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, fresh, signed_in};
use crate::mail::Mail;
use crate::mail::notice::Letter;

/// Where it is.
const PATH: &str = "/account/privacy";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route(PATH, get(page))
        .route("/account/privacy/export", post(export))
        .route("/account/privacy/delete", get(leave_page).post(leave))
        .route("/account/keep", get(keep_page).post(keep))
        .route("/account/goodbye", get(goodbye))
}

async fn page(site: Site, browser: Browser) -> Result<Response, Stop> {
    // Fresh already here: what is sent from this page is not lost on the way to a sign-in.
    fresh(&site, &browser, PATH).await?;
    let page = PrivacyPage {
        shell: Arc::clone(&site.shell),
        frame: Frame::new(&site.shell, Tab::Privacy),
        export: Href::from(site.path("/account/privacy/export")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        leave: Href::from(site.path("/account/privacy/delete")),
        grace: grace(&site).whole_days(),
        audit: site.app.settings.audit.retention.whole_days(),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

fn grace(site: &Site) -> Duration {
    site.app.settings.privacy.delete_grace
}

/// Everything, as a file.
async fn export(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<CsrfField>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = fresh(&site, &browser, PATH).await?;
    let by = browser.by(Actor::User(live.user.id));
    let document = site.app.accounts.export_for(&by, &live.user).await?;
    let text = serde_json::to_string_pretty(&document).map_err(Error::internal)?;
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"my-account.json\""));
    Ok(browser.answer(response))
}

async fn leave_page(site: Site, browser: Browser) -> Result<Response, Stop> {
    let live = fresh(&site, &browser, "/account/privacy/delete").await?;
    Ok(show_leave(&site, browser, &live.user, Field::default()))
}

fn show_leave(site: &Site, browser: Browser, user: &User, confirmation: Field) -> Response {
    let status = if confirmation.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = LeavePage {
        shell: Arc::clone(&site.shell),
        frame: Frame::new(&site.shell, Tab::Privacy),
        expected: confirmed_by(user),
        confirmation,
        action: Href::from(site.path("/account/privacy/delete")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        grace: grace(site).whole_days(),
        back: Href::from(site.path(PATH)),
    };
    browser.answer(page.answer(status))
}

/// What has to be typed: the username, else the address, else the id.
fn confirmed_by(user: &User) -> String {
    let address = || user.email.as_ref().map(|address| address.email.to_string());
    user.username.clone().or_else(address).unwrap_or_else(|| user.id.to_string())
}

#[derive(Deserialize)]
struct LeaveFields {
    csrf: String,
    confirmation: String,
}

async fn leave(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<LeaveFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = fresh(&site, &browser, "/account/privacy/delete").await?;
    let user = &live.user;
    let typed = fields.confirmation.trim();
    let names = [Some(confirmed_by(user)), user.email.as_ref().map(|address| address.email.to_string())];
    if !names.into_iter().flatten().any(|name| key_of(&name) == key_of(typed)) {
        let error = Some("This is not what was asked for. Nothing was deleted.".to_owned());
        return Ok(show_leave(&site, browser, user, Field::new(fields.confirmation, error)));
    }
    let by = browser.by(Actor::User(user.id));
    let letter = leaving_letter(&site, user);
    let lasts = site.app.letters_last();
    site.app.accounts.ask_for_deletion(&by, user, grace(&site), letter.as_ref(), lasts).await?;
    tracing::warn!(user.id = %user.id, "a user asked for the end of their account");
    browser.sign_out().await?;
    Ok(browser.answer(see_other(&site.path("/account/goodbye"))))
}

fn leaving_letter(site: &Site, user: &User) -> Option<Mail> {
    if grace(site).is_zero() {
        return site.app.farewell(user);
    }
    let name = &site.app.settings.theme.name;
    let address = user.email.as_ref().filter(|address| address.verified)?;
    let at = Moment::from(site.app.now() + grace(site)).full();
    let letter = Letter {
        subject: format!("Your account at {name} will be deleted"),
        lines: vec![
            format!("As you asked, your account at {name} will be deleted on {at}."),
            "Until then you can keep it: sign in, and say so.".into(),
        ],
        button: Some(("Sign in".into(), site.app.url("/login"))),
        small: vec!["If you did not ask for this, sign in now, keep the account, and choose another password.".into()],
    };
    Some(site.app.letter(&address.email, &letter))
}

/// After leaving.
async fn goodbye(site: Site) -> Response {
    let days = grace(&site).whole_days();
    let text = if days > 0 {
        format!(
            "You are signed out, and the account is deleted in {days} days. Changed your mind? Sign in until then, and keep it."
        )
    } else {
        "You are signed out, and the account is deleted.".into()
    };
    let page = StepPage {
        shell: Arc::clone(&site.shell),
        icon: "check",
        title: "Goodbye".into(),
        text: vec![text],
        form: None,
        link: Some((Href::from(site.path("/login")), "Go to the sign-in page".into())),
    };
    page.answer(StatusCode::OK)
}

async fn keep_page(site: Site, browser: Browser) -> Result<Response, Error> {
    let Some(live) = browser.visitor().await? else { return Ok(browser.answer(see_other(&site.path("/login")))) };
    let Some(at) = live.user.deletes_at else { return Ok(browser.answer(see_other(&site.path("/account")))) };
    let page = KeepPage {
        shell: Arc::clone(&site.shell),
        at: Moment::from(at),
        action: Href::from(site.path("/account/keep")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        logout: Href::from(site.path("/logout")),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

async fn keep(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<CsrfField>,
) -> Result<Response, Error> {
    let site = running.now();
    let live = changer(&browser, &fields.csrf).await?;
    site.app.accounts.keep(&browser.by(Actor::User(live.user.id)), &live.user).await?;
    // Who may not be here for another reason is told by the page itself.
    let to = match signed_in(&site, &browser).await {
        Ok(_) => "/account?kept=1",
        Err(Stop::Elsewhere(_)) => "/account",
        Err(Stop::Failed(error)) => return Err(error),
    };
    Ok(browser.answer(see_other(&site.path(to))))
}
