//! `/account/security/totp` and `/account/security/recovery-codes`: the app and the codes for the day it is lost.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::security::HOME;
use crate::account::Enrolled;
use crate::domain::audit::Actor;
use crate::domain::user::User;
use crate::http::browser::Browser;
use crate::http::enrol::{NOT_THE_CODE, codes_page, setup, shown_seed};
use crate::http::error::{Code, Error};
use crate::http::fields::{CsrfField, Form};
use crate::http::finish::see_other;
use crate::http::page::{Frame, Href, Page, Tab, TotpPage, TotpSetup};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, fresh, with_factor};

/// Where an app is set up.
const PATH: &str = "/account/security/totp";

/// The routes of this page.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/account/security/totp", get(page).post(confirm))
        .route("/account/security/totp/remove", post(remove))
        .route("/account/security/recovery-codes", post(renew))
}

async fn page(site: Site, browser: Browser) -> Result<Response, Stop> {
    let live = fresh(&site, &browser, PATH).await?;
    Ok(show(&site, browser, &live.user, None, StatusCode::OK).await?)
}

async fn show(
    site: &Site,
    mut browser: Browser,
    user: &User,
    error: Option<String>,
    status: StatusCode,
) -> Result<Response, Error> {
    if !site.app.settings.login.mfa.totp {
        return Err(Error::new(Code::AccessDenied).detail("Authenticator apps are switched off here."));
    }
    if site.app.accounts.factors(user).await?.totp {
        return Ok(browser.answer(see_other(&site.path(HOME))));
    }
    let setup = TotpSetup { action: Href::from(site.path(PATH)), ..setup(site, &mut browser, user, error) };
    let page = TotpPage {
        shell: Arc::clone(&site.shell),
        frame: Frame::new(&site.shell, Tab::Security),
        setup,
        back: Href::from(site.path(HOME)),
    };
    Ok(browser.answer(page.answer(status)))
}

#[derive(Deserialize)]
struct CodeFields {
    csrf: String,
    code: Option<String>,
}

async fn confirm(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<CodeFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = fresh(&site, &browser, PATH).await?;
    let user = &live.user;
    let (attempt, seed) = shown_seed(&browser, user.id).ok_or(Code::LoginStale)?;
    if !site.app.settings.login.mfa.totp {
        return Err(Code::LoginStale.into());
    }
    let by = browser.by(Actor::User(user.id));
    match site.app.accounts.enrol_totp(user, &seed, &fields.code.unwrap_or_default(), &by).await? {
        Enrolled::Wrong => {
            Ok(show(&site, browser, user, Some(NOT_THE_CODE.to_owned()), StatusCode::UNAUTHORIZED).await?)
        }
        Enrolled::Taken => Ok(browser.answer(see_other(&site.path(HOME)))),
        Enrolled::Done(codes) => {
            browser.drop_attempt(&attempt);
            if codes.is_empty() {
                return Ok(browser.answer(see_other(&format!("{}?done=totp", site.path(HOME)))));
            }
            let page = codes_page(&site, "Your app is set up.", codes, Href::from(site.path(HOME)));
            Ok(browser.answer(page.answer(StatusCode::OK)))
        }
    }
}

async fn remove(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<CsrfField>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = with_factor(&site, &mut browser, HOME).await?;
    if !site.app.accounts.remove_totp(&live.user, &browser.by(Actor::User(live.user.id))).await? {
        return Err(Code::NotFound.into());
    }
    Ok(browser.answer(see_other(&format!("{}?done=totp-removed", site.path(HOME)))))
}

async fn renew(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<CsrfField>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = with_factor(&site, &mut browser, HOME).await?;
    if !site.app.accounts.factors(&live.user).await?.any() {
        return Err(Code::NotFound.into());
    }
    let codes = site.app.accounts.renew_recovery(&live.user, &browser.by(Actor::User(live.user.id))).await?;
    let page = codes_page(&site, "The old codes do not work any more.", codes, Href::from(site.path(HOME)));
    Ok(browser.answer(page.answer(StatusCode::OK)))
}
