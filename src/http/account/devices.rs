//! `/account/devices`: where somebody is signed in, and how to end it there.

use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use crate::domain::audit::Actor;
use crate::domain::id::SessionId;
use crate::http::browser::{Browser, device};
use crate::http::error::{Code, Error};
use crate::http::fields::{CsrfField, Form};
use crate::http::finish::see_other;
use crate::http::page::{DeviceRow, DevicesPage, Frame, Hidden, Href, Moment, Page, Tab};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, signed_in};
use crate::store::live::Live;

/// The routes of this page.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/account/devices", get(page))
        .route("/account/devices/end", post(end))
        .route("/account/devices/end-others", post(end_others))
}

async fn page(site: Site, browser: Browser) -> Result<Response, Stop> {
    let live = signed_in(&site, &browser).await?;
    let sessions = site.app.store().sessions_of(live.user.id, site.app.patience()).await?;
    let rows = sessions.into_iter().map(|session| DeviceRow {
        id: session.id.to_string(),
        device: device(session.user_agent.as_deref()),
        place: session.ip.as_deref().and_then(|ip| site.app.place(ip)),
        ip: session.ip,
        created: Moment::from(session.created_at),
        seen: Moment::from(session.seen_at),
        is_this: session.id == live.id,
    });
    let page = DevicesPage {
        frame: Frame::new(&site.shell, Tab::Devices),
        shell: Arc::clone(&site.shell),
        sessions: rows.collect(),
        end_session: Href::from(site.path("/account/devices/end")),
        end_others: Href::from(site.path("/account/devices/end-others")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        now: Moment::from(site.app.now()),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

#[derive(Deserialize)]
struct EndFields {
    csrf: String,
    session: String,
}

async fn end(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<EndFields>,
) -> Result<Response, Error> {
    let site = running.now();
    let live = changer(&browser, &fields.csrf).await?;
    let session = SessionId::from_str(&fields.session).map_err(|_| Code::NotFound)?;
    let by = browser.by(Actor::User(live.user.id));
    if !site.app.accounts.sign_out(&live.user, session, &live.method, &by).await? {
        return Err(Code::NotFound.into());
    }
    Ok(browser.answer(see_other(&site.path("/account/devices"))))
}

async fn end_others(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<CsrfField>,
) -> Result<Response, Error> {
    let site = running.now();
    let live = changer(&browser, &fields.csrf).await?;
    let by = browser.by(Actor::User(live.user.id));
    site.app.accounts.sign_out_everywhere(&live.user, Some(live.id), &by).await?;
    Ok(browser.answer(see_other(&site.path("/account/devices"))))
}

/// Who is signed in here and sent a form of ours.
pub async fn changer(browser: &Browser, csrf: &str) -> Result<Arc<Live>, Error> {
    browser.check_csrf(csrf)?;
    browser.visitor().await?.ok_or_else(|| Code::LoginRequired.into())
}
