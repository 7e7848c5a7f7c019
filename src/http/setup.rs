//! `/setup/{token}`: the holder of the link becomes an administrator.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use time::OffsetDateTime;

use super::browser::Browser;
use super::error::{Code, Error};
use super::fields::Form;
use super::finish::finish;
use super::login::PASSWORD;
use super::page::{Hidden, Href, Moment, Page, SetupErrors, SetupPage};
use super::site::{Running, Site};
use crate::account::AccountError;
use crate::app::ADMIN;
use crate::config::settings::MfaRule;
use crate::domain::audit::Actor;
use crate::domain::email::Email;
use crate::domain::identity::display_name;
use crate::domain::password::{About, Judgement, Known};
use crate::domain::proof::{Amr, Proof};
use crate::domain::user::Username;
use crate::login::Attempt;
use crate::store::users::NewUser;

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new().route("/setup/{token}", get(page).post(create))
}

async fn page(site: Site, browser: Browser, Path(token): Path<String>) -> Result<Response, Error> {
    let attempt = opened(&site, &token).await?;
    Ok(show(&site, browser, &token, &attempt, Fields::default(), SetupErrors::default()))
}

#[derive(Default, Deserialize)]
struct Fields {
    csrf: String,
    email: String,
    name: String,
    password: String,
}

async fn create(
    State(running): State<Running>,
    Path(token): Path<String>,
    browser: Browser,
    Form(fields): Form<Fields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let attempt = opened(&site, &token).await?;
    let mut errors = SetupErrors::default();
    let email = fields.email.parse::<Email>();
    if email.is_err() {
        errors.email = Some("This is not an e-mail address. It looks like name@example.org.".into());
    }
    let judged = judge(&site, &fields, email.as_ref().ok()).await?;
    if !judged.is_good() {
        errors.password = Some(judged.explained());
    }
    let (Ok(email), None) = (email, &errors.password) else {
        return Ok(show(&site, browser, &token, &attempt, fields, errors));
    };
    if site.app.store().user_by_email(&email).await?.is_some() {
        errors.email = Some("Somebody has an account with this address already.".into());
        return Ok(show(&site, browser, &token, &attempt, fields, errors));
    }
    let mut roles = site.app.settings.login.default_roles.clone();
    roles.push(ADMIN.to_owned());
    let new = NewUser {
        username: Username::suggested(email.local_part()),
        name: display_name(&fields.name),
        email: Some((email, true)),
        roles,
        ..NewUser::default()
    };
    let user = match site.app.add_admin(&attempt, new, &fields.password, &browser.by(Actor::Anonymous)).await {
        Err(AccountError::Store(error)) if error.is_conflict() => {
            return Err(Error::bad_request("Somebody took this address a moment ago. Open the link again."));
        }
        other => other?.ok_or(Code::LinkGone)?,
    };
    tracing::warn!(user.id = %user.id, "an administrator was made with an admin link");
    finish(&site, browser, &user, Proof::of(PASSWORD, Amr::Pwd), None).await
}

/// An administrator who will have a second factor may have a shorter password.
fn is_only_factor(site: &Site) -> bool {
    site.app.settings.login.mfa.require == MfaRule::Never
}

async fn judge(site: &Site, fields: &Fields, email: Option<&Email>) -> Result<Judgement, Error> {
    let mut about = About::default().with(Known::Name, &fields.name);
    if let Some(email) = email {
        about = about.with_email(email);
    }
    Ok(site.app.judge_password(&fields.password, is_only_factor(site), about).await?)
}

fn show(site: &Site, browser: Browser, token: &str, attempt: &Attempt, typed: Fields, errors: SetupErrors) -> Response {
    let wrong = !errors.list().is_empty();
    let page = SetupPage {
        shell: Arc::clone(&site.shell),
        action: Href::from(site.path(&format!("/setup/{token}"))),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        email: typed.email,
        name: typed.name,
        min_length: site.app.least_characters(is_only_factor(site)),
        errors,
        valid_until: OffsetDateTime::from_unix_timestamp(attempt.expires_at).ok().map(Moment::from),
    };
    let status = if wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    browser.answer(page.answer(status))
}

/// The link, unless it is late or used.
async fn opened(site: &Site, token: &str) -> Result<Attempt, Error> {
    let gone = || Error::new(Code::LinkGone);
    site.app.open_admin_link(token).await?.ok_or_else(gone)
}
