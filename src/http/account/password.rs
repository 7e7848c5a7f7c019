//! `/account/password`: another password, or the first.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use crate::domain::audit::Actor;
use crate::http::browser::Browser;
use crate::http::error::{Code, Error};
use crate::http::fields::{Form, Query};
use crate::http::finish::see_other;
use crate::http::guess::Guess;
use crate::http::page::{Frame, Hidden, Href, NewPasswordForm, Notice, Page, PasswordPage, Tab};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, fresh};
use crate::store::live::Live;

/// Where it is.
const PATH: &str = "/account/password";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new().route("/account/password", get(page).post(change))
}

#[derive(Deserialize)]
struct News {
    changed: Option<String>,
}

/// What was wrong with the last try.
#[derive(Debug, Default)]
struct Wrong {
    current: Option<String>,
    new: Option<String>,
}

async fn page(site: Site, browser: Browser, Query(news): Query<News>) -> Result<Response, Stop> {
    let live = fresh(&site, &browser, PATH).await?;
    let notice = news.changed.map(|_| Notice::success("Your password is set. Every other session has ended."));
    Ok(show(&site, browser, &live, notice, (StatusCode::OK, Wrong::default())).await?)
}

async fn show(
    site: &Site,
    browser: Browser,
    live: &Live,
    notice: Option<Notice>,
    (status, wrong): (StatusCode, Wrong),
) -> Result<Response, Error> {
    check_enabled(site)?;
    let user = &live.user;
    let address = user.email.as_ref().map(|address| address.email.to_string());
    let alone = site.app.is_only_factor(Some(user)).await?;
    let page = PasswordPage {
        frame: Frame::new(&site.shell, Tab::Security),
        shell: Arc::clone(&site.shell),
        notice,
        username: address.or_else(|| user.username.clone()).unwrap_or_default(),
        has_password: site.app.store().password_hash(user.id).await?.is_some(),
        form: NewPasswordForm {
            action: Href::from(site.path(PATH)),
            hidden: vec![Hidden::new("csrf", browser.csrf())],
            min_length: site.app.least_characters(alone),
            error: wrong.new,
        },
        current_error: wrong.current,
    };
    Ok(browser.answer(page.answer(status)))
}

#[derive(Deserialize)]
struct Fields {
    csrf: String,
    current: Option<String>,
    password: String,
}

/// A stolen session is not enough: who has a password proves it again.
async fn change(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<Fields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    check_enabled(&site)?;
    let live = fresh(&site, &browser, PATH).await?;
    let current = fields.current.unwrap_or_default();
    if !proves(&site, &browser, &live, &current).await? {
        let wrong = Wrong { current: Some("This is not your current password.".into()), new: None };
        return Ok(show(&site, browser, &live, None, (StatusCode::FORBIDDEN, wrong)).await?);
    }
    let judged = site.app.judge_password_of(&live.user, &fields.password).await?;
    let problem = match (judged.is_good(), current == fields.password) {
        (true, true) => Some("It is the one you have already.".to_owned()),
        (true, false) => None,
        (false, _) => Some(judged.explained()),
    };
    if let Some(problem) = problem {
        let wrong = Wrong { current: None, new: Some(problem) };
        return Ok(show(&site, browser, &live, None, (StatusCode::BAD_REQUEST, wrong)).await?);
    }
    let letter = site.app.password_changed_letter(&live.user, &browser.device());
    let by = browser.by(Actor::User(live.user.id));
    site.app.accounts.change_password(&live.user, &fields.password, Some(live.id), letter.as_ref(), &by).await?;
    Ok(browser.answer(see_other(&site.path("/account/password?changed=1"))))
}

/// Whether it is the current password, or there is none. A wrong one counts as it does at the sign-in.
async fn proves(site: &Site, browser: &Browser, live: &Live, current: &str) -> Result<bool, Error> {
    if site.app.store().password_hash(live.user.id).await?.is_none() {
        return Ok(true);
    }
    let guess = Guess::begin(site, browser.ip(), Some(&live.user), "").await?;
    let is_right = match site.app.accounts.knows_password(&live.user, current).await {
        Ok(is_right) => is_right,
        Err(error) => return Err(guess.failed(site, error).await?),
    };
    if is_right {
        guess.was_right(site).await?;
    } else {
        guess.was_wrong(site, &browser.by(Actor::User(live.user.id)), Some(&live.user)).await?;
    }
    Ok(is_right)
}

fn check_enabled(site: &Site) -> Result<(), Error> {
    if site.app.settings.login.password.enabled {
        return Ok(());
    }
    Err(Error::new(Code::AccessDenied).detail("Nobody signs in with a password here."))
}
