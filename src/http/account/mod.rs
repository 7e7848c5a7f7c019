//! `/account` and `/logout`: who is signed in here, where else, and the way out.

pub mod activity;
mod address_links;
mod addresses;
pub mod devices;
pub mod identities;
pub mod keys;
mod overview;
pub mod passkeys;
mod password;
mod privacy;
mod profile;
pub mod security;
pub mod totp;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::HeaderName;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use time::Duration;

use crate::account::administration::ADMIN;
use crate::app::may_enter;
use crate::domain::audit::Actor;
use crate::http::browser::Browser;
use crate::http::error::Error;
use crate::http::fields::{Form, Query};
use crate::http::finish::see_other;
use crate::http::login::has_admin;
use crate::http::page::{
    AccountPage, Frame, Hidden, Href, LogoutPage, Moment, Notice, Page, ServiceLink, ShownAddress, SignedOutPage, Tab,
};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, signed_in};

/// How much of what happened the overview shows.
const DEEDS: u64 = 5;
/// What a browser remembers of somebody who left: providers ask the next one who they are.
pub const LEFT: &str = "left";
/// For how long.
const LEFT_FOR: Duration = Duration::minutes(10);

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .merge(activity::router())
        .merge(password::router())
        .merge(devices::router())
        .merge(keys::router())
        .route("/", get(home))
        .route("/account", get(account))
        .route("/logout", get(logout_page).post(logout))
        .route("/logout/done", get(signed_out))
        .merge(security::router())
        .merge(profile::router())
        .merge(addresses::router())
        .merge(privacy::router())
}

async fn home(site: Site, browser: Browser) -> Result<Response, Error> {
    let to = if browser.visitor().await?.is_some() { "/account" } else { "/login" };
    Ok(see_other(&site.path(to)))
}

#[derive(Deserialize)]
struct News {
    /// The provider that was linked just now.
    connected: Option<String>,
    /// The account stays after all.
    kept: Option<String>,
}

async fn account(site: Site, browser: Browser, Query(news): Query<News>) -> Result<Response, Stop> {
    let live = signed_in(&site, &browser).await?;
    let user = &live.user;
    let connected =
        news.connected.and_then(|id| site.app.providers.get(&id).map(|provider| provider.button().name.clone()));
    let notice = connected
        .map(|name| Notice::success(format!("{name} is connected: from now on you can sign in with it, too.")))
        .or_else(|| news.kept.map(|_| Notice::success("Your account stays, with everything in it.")));
    let services =
        site.app.settings.services.iter().filter(|service| service.enabled && may_enter(service, &user.roles));
    let page = AccountPage {
        frame: Frame::new(&site.shell, Tab::Overview),
        shell: Arc::clone(&site.shell),
        notice,
        name: user.shown_name(),
        username: user.username.clone(),
        address: user
            .email
            .as_ref()
            .map(|email| ShownAddress { address: email.email.to_string(), verified: email.verified }),
        signed_in_with: method_name(&site, &live.method),
        signed_in_at: Moment::from(live.auth_time),
        services: services
            .map(|service| ServiceLink { name: service.name.clone(), url: service.homepage.clone().map(Href::from) })
            .collect(),
        logout: Href::from(site.path("/logout")),
        now: Moment::from(site.app.now()),
        no_admin_yet: !has_admin(&site).await?,
        checks: overview::checks(&site, user).await?,
        administration: user.roles.iter().any(|role| role == ADMIN).then(|| Href::from(site.path("/admin"))),
        deeds: activity::rows(&site, &live, None, None, DEEDS).await?.0,
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

/// A method as people know it.
fn method_name(site: &Site, method: &str) -> String {
    match site.app.providers.get(method) {
        Some(provider) => provider.button().name.clone(),
        None if method == crate::http::login::PASSWORD => "a password".into(),
        None if method == crate::login::passkey::METHOD => "a passkey".into(),
        None => "a mailed link".into(),
    }
}

async fn logout_page(site: Site, browser: Browser) -> Result<Response, Error> {
    let Some(live) = browser.visitor().await? else { return Ok(see_other(&site.path("/logout/done"))) };
    let sessions = site.app.store().sessions_of(live.user.id, site.app.patience()).await?;
    let page = LogoutPage {
        shell: Arc::clone(&site.shell),
        name: live.user.shown_name(),
        action: Href::from(site.path("/logout")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        sessions: sessions.len(),
        stay: Href::from(site.path("/account")),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

#[derive(Deserialize)]
struct LogoutFields {
    csrf: String,
    scope: Option<String>,
}

async fn logout(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<LogoutFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let everywhere = fields.scope.as_deref() == Some("everywhere");
    if let Some(live) = browser.visitor().await? {
        let by = browser.by(Actor::User(live.user.id));
        if everywhere {
            site.app.accounts.sign_out_everywhere(&live.user, None, &by).await?;
        } else {
            site.app.accounts.sign_out(&live.user, live.id, &live.method, &by).await?;
        }
        tracing::info!(user.id = %live.user.id, everywhere, "signed out");
    }
    browser.sign_out().await?;
    browser.remember(LEFT, "1", LEFT_FOR);
    let to = if everywhere { "/logout/done?everywhere=1" } else { "/logout/done" };
    let mut response = browser.answer(see_other(&site.path(to)));
    let clear = HeaderName::from_static("clear-site-data");
    response.headers_mut().insert(clear, HeaderValue::from_static("\"cache\""));
    Ok(response)
}

#[derive(Deserialize)]
struct Done {
    everywhere: Option<String>,
}

async fn signed_out(site: Site, Query(done): Query<Done>) -> Response {
    let page = SignedOutPage {
        shell: Arc::clone(&site.shell),
        everywhere: done.everywhere.is_some(),
        service: None,
        login: Href::from(site.path("/login")),
    };
    page.answer(StatusCode::OK)
}
