//! `/account/profile`: what to call somebody.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use crate::account::Renamed;
use crate::config::settings::UsernameRule;
use crate::domain::audit::Actor;
use crate::domain::identity::own_name;
use crate::http::browser::Browser;
use crate::http::error::Error;
use crate::http::fields::{Form, Query};
use crate::http::finish::see_other;
use crate::http::page::{AddressRow, Field, Frame, Hidden, Href, Notice, Page, ProfilePage, Tab, UsernameForm};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, signed_in};
use crate::store::addresses::Held;
use crate::store::live::Live;

/// Where it is.
const PATH: &str = "/account/profile";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route(PATH, get(page))
        .route("/account/profile/name", post(name))
        .route("/account/profile/username", post(username))
}

#[derive(Deserialize)]
struct News {
    saved: Option<String>,
}

/// What was typed before, and what was wrong with it.
#[derive(Default)]
struct Typed {
    name: Option<Field>,
    username: Option<Field>,
}

async fn page(site: Site, browser: Browser, Query(news): Query<News>) -> Result<Response, Stop> {
    let live = signed_in(&site, &browser).await?;
    let notice = news.saved.map(|_| Notice::success("It is saved."));
    Ok(show(&site, browser, &live, notice, Typed::default()).await?)
}

async fn show(
    site: &Site,
    browser: Browser,
    live: &Live,
    notice: Option<Notice>,
    typed: Typed,
) -> Result<Response, Error> {
    let user = &live.user;
    let accounts = &site.app.accounts;
    let wrong = typed.name.is_some() || typed.username.is_some();
    let may_rename = accounts.may_rename(user).await?;
    let page = ProfilePage {
        shell: Arc::clone(&site.shell),
        frame: Frame::new(&site.shell, Tab::Profile),
        notice,
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        name: typed.name.unwrap_or_else(|| Field::new(user.name.clone().unwrap_or_default(), None)),
        name_action: Href::from(site.path("/account/profile/name")),
        username: UsernameForm {
            current: user.username.clone(),
            action: may_rename.then(|| Href::from(site.path("/account/profile/username"))),
            is_once: site.app.settings.login.username == UsernameRule::Once,
            wish: typed.username.unwrap_or_else(|| Field::new(user.username.clone().unwrap_or_default(), None)),
        },
        addresses: accounts.addresses(user).await?.iter().map(row).collect(),
        change_addresses: Href::from(site.path("/account/addresses")),
        id: user.id.to_string(),
    };
    Ok(browser.answer(page.answer(if wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK })))
}

/// An address as pages list it.
pub fn row(held: &Held) -> AddressRow {
    AddressRow { address: held.email.to_string(), is_verified: held.verified_at.is_some(), is_main: held.is_main }
}

#[derive(Deserialize)]
struct NameFields {
    csrf: String,
    name: String,
}

async fn name(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<NameFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = signed_in(&site, &browser).await?;
    match own_name(&fields.name) {
        Ok(name) => {
            let by = browser.by(Actor::User(live.user.id));
            site.app.accounts.set_name(&by, &live.user, name.as_deref()).await?;
            Ok(browser.answer(see_other(&site.path("/account/profile?saved=name"))))
        }
        Err(why) => {
            let typed = Typed { name: Some(Field::new(fields.name, Some(why.to_string()))), username: None };
            Ok(show(&site, browser, &live, None, typed).await?)
        }
    }
}

#[derive(Deserialize)]
struct UsernameFields {
    csrf: String,
    username: String,
}

async fn username(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<UsernameFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = signed_in(&site, &browser).await?;
    let by = browser.by(Actor::User(live.user.id));
    match site.app.accounts.rename(&by, &live.user, &fields.username).await? {
        Renamed::Yes => Ok(browser.answer(see_other(&site.path("/account/profile?saved=username")))),
        refused => {
            let typed = Typed { name: None, username: Some(Field::new(fields.username, refused.why_not())) };
            Ok(show(&site, browser, &live, None, typed).await?)
        }
    }
}
