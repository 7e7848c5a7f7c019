//! `/account/security/passkeys`: made, renamed, removed.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::security::{HOME, doors};
use crate::account::{Added, NewPasskey};
use crate::domain::audit::Actor;
use crate::domain::user::User;
use crate::http::browser::Browser;
use crate::http::enrol::{account_name, codes_page};
use crate::http::error::{Code, Error};
use crate::http::fields::{CsrfField, Form};
use crate::http::finish::see_other;
use crate::http::page::{Frame, Hidden, Href, NewPasskeyPage, Notice, Page, PasskeyForm, Tab};
use crate::http::passkey::{self, AnswerFields, Asked, json_of, keep, passkeys};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, fresh, with_factor};
use crate::login::passkey::{NEW, Person, model};

/// Where a passkey is made.
const PATH: &str = "/account/security/passkeys/new";

/// The routes of this page.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/account/security/passkeys/new", get(page))
        .route("/account/security/passkeys/options", post(options))
        .route("/account/security/passkeys", post(made))
        .route("/account/security/passkeys/rename", post(rename))
        .route("/account/security/passkeys/remove", post(remove))
}

/// A challenge for a new passkey of this user; what the script is told.
pub async fn ask(site: &Site, browser: &mut Browser, user: &User) -> Result<Response, Error> {
    let has = site.app.store().passkeys(user.id).await?.into_iter().map(|passkey| passkey.id).collect();
    let (account, name) = (account_name(user), user.shown_name());
    let person = Person { id: user.id, account: &account, name: &name, has };
    let challenge = passkeys(site)?.register(&person)?;
    Ok(keep(site, browser, Asked { method: NEW, user: Some(user.id), next: None }, challenge))
}

/// Keeps what the authenticator made; what came of it, and whether it checked who uses it.
pub async fn add(
    site: &Site,
    browser: &mut Browser,
    user: &User,
    fields: &AnswerFields,
) -> Result<(Added, bool), Error> {
    let (_, memory) = passkey::take(site, browser, NEW, &fields.attempt).await?;
    if memory.user != Some(user.id) {
        return Err(Code::LoginStale.into());
    }
    let made = passkeys(site)?.registered(&memory.state, &json_of(&fields.credential)?)?;
    let aaguid = made.aaguid.map(|aaguid| aaguid.to_string());
    let known = aaguid.as_deref().and_then(model);
    let name = known.map_or_else(|| browser.device(), str::to_owned);
    let new = NewPasskey { id: made.id, name, credential: made.credential, aaguid, synced: made.synced };
    let by = browser.by(Actor::User(user.id));
    Ok((site.app.accounts.add_passkey(user, new, &by).await?, made.user_verified))
}

async fn page(site: Site, browser: Browser) -> Result<Response, Stop> {
    passkeys(&site)?;
    fresh(&site, &browser, PATH).await?;
    Ok(show(&site, browser, None, StatusCode::OK))
}

fn show(site: &Site, browser: Browser, notice: Option<Notice>, status: StatusCode) -> Response {
    let page = NewPasskeyPage {
        shell: Arc::clone(&site.shell),
        frame: Frame::new(&site.shell, Tab::Security),
        notice,
        form: PasskeyForm {
            action: Href::from(site.path("/account/security/passkeys")),
            options: Href::from(site.path("/account/security/passkeys/options")),
            hidden: vec![Hidden::new("csrf", browser.csrf())],
            primary: true,
            ..PasskeyForm::create("new-passkey", "Make a passkey")
        },
        back: Href::from(site.path(HOME)),
    };
    browser.answer(page.answer(status))
}

async fn options(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<CsrfField>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = fresh(&site, &browser, PATH).await?;
    let told = ask(&site, &mut browser, &live.user).await?;
    Ok(browser.answer(told))
}

async fn made(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<AnswerFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = fresh(&site, &browser, PATH).await?;
    let notice = match add(&site, &mut browser, &live.user, &fields).await?.0 {
        Added::Done(codes) if codes.is_empty() => {
            return Ok(browser.answer(see_other(&format!("{}?done=passkey", site.path(HOME)))));
        }
        Added::Done(codes) => {
            let page = codes_page(&site, "Your passkey is ready.", codes, Href::from(site.path(HOME)));
            return Ok(browser.answer(page.answer(StatusCode::OK)));
        }
        Added::Taken => Notice::error("This passkey cannot be used here. Make another one."),
        Added::TooMany => Notice::error("You have as many passkeys as there may be. Remove one first."),
    };
    Ok(show(&site, browser, Some(notice), StatusCode::CONFLICT))
}

#[derive(Deserialize)]
struct RenameFields {
    csrf: String,
    id: String,
    name: String,
}

async fn rename(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<RenameFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = fresh(&site, &browser, HOME).await?;
    let by = browser.by(Actor::User(live.user.id));
    if !site.app.accounts.rename_passkey(live.user.id, &fields.id, &fields.name, &by).await? {
        return Err(Code::NotFound.into());
    }
    Ok(browser.answer(see_other(&format!("{}?done=renamed", site.path(HOME)))))
}

#[derive(Deserialize)]
struct RemoveFields {
    csrf: String,
    id: String,
}

async fn remove(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<RemoveFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = with_factor(&site, &mut browser, HOME).await?;
    let by = browser.by(Actor::User(live.user.id));
    let removed = site.app.accounts.remove_passkey(&live.user, &fields.id, &doors(&site), &by).await?;
    removed.ok_or(Code::NotFound)?;
    Ok(browser.answer(see_other(&format!("{}?done=passkey-removed", site.path(HOME)))))
}
