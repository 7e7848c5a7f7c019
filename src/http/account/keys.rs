//! `/account/keys`: a person's API keys. Making one asks for a fresh sign-in, and it is shown once.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use ipnet::IpNet;
use serde::Deserialize;
use time::Duration;

use super::devices::changer;
use crate::account::api_keys::{KeyOrder, KeyRefusal};
use crate::account::may_administer;
use crate::app::may_enter;
use crate::domain::audit::Actor;
use crate::domain::scope::{Holder, Scope};
use crate::domain::service::Service;
use crate::http::browser::Browser;
use crate::http::error::{Code, Error};
use crate::http::fields::{CsrfField, Form};
use crate::http::finish::see_other;
use crate::http::page::{
    Frame, Hidden, Href, KeyMadePage, KeyRow, KeysPage, Moment, NewKeyPage, Page, ScopeChoice, Tab,
};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, signed_in, with_factor};
use crate::store::api_keys::{Owner, StoredKey};
use crate::store::live::Live;

/// Where a key is made.
const NEW: &str = "/account/keys/new";
/// What the form says at first.
const DAYS: i64 = 90;
/// The choice that gives no tokens for services.
const NO_SERVICE: &str = "-";

/// The routes of this page.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/account/keys", get(page))
        .route(NEW, get(new_page).post(make))
        .route("/account/keys/revoke", post(revoke))
        .route("/account/keys/revoke-all", post(revoke_all))
}

async fn page(site: Site, browser: Browser) -> Result<Response, Stop> {
    let live = signed_in(&site, &browser).await?;
    let keys = site.app.store().api_keys_of(&Owner::User(live.user.id)).await?;
    let may_make = site.app.settings.api.user_keys;
    if !may_make && keys.is_empty() {
        return Err(Code::NotFound.into());
    }
    let page = KeysPage {
        frame: Frame::new(&site.shell, Tab::Keys),
        shell: Arc::clone(&site.shell),
        notice: None,
        keys: keys.into_iter().map(|key| row(&site, key)).collect(),
        new: may_make.then(|| Href::from(site.path(NEW))),
        revoke: Href::from(site.path("/account/keys/revoke")),
        revoke_all: Href::from(site.path("/account/keys/revoke-all")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        now: Moment::from(site.app.now()),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

fn row(site: &Site, key: StoredKey) -> KeyRow {
    KeyRow {
        id: key.id.to_string(),
        name: key.name,
        prefix: format!("cs_{}", key.prefix),
        scopes: key.scopes.iter().map(ToString::to_string).collect(),
        networks: key.networks.iter().map(ToString::to_string).collect(),
        created: Moment::from(key.created_at),
        expires: Moment::from(key.expires_at),
        is_over: key.expires_at <= site.app.now(),
        used: key.used_at.map(Moment::from),
    }
}

async fn new_page(site: Site, mut browser: Browser) -> Result<Response, Stop> {
    only_where_people_have_keys(&site)?;
    let live = with_factor(&site, &mut browser, NEW).await?;
    let days = site.app.settings.api.max_key_ttl.whole_days().min(DAYS).to_string();
    Ok(form(&site, browser, &live, NewKeyFields { days, ..NewKeyFields::default() }, None))
}

fn only_where_people_have_keys(site: &Site) -> Result<(), Error> {
    if site.app.settings.api.user_keys { Ok(()) } else { Err(Code::NotFound.into()) }
}

#[derive(Default, Deserialize)]
struct NewKeyFields {
    csrf: String,
    name: String,
    /// A service's id; empty: all services.
    service: String,
    days: String,
    networks: String,
    #[serde(rename = "users:read")]
    users_read: Option<String>,
    #[serde(rename = "users:write")]
    users_write: Option<String>,
    #[serde(rename = "roles:write")]
    roles_write: Option<String>,
    #[serde(rename = "permissions:read")]
    permissions_read: Option<String>,
    #[serde(rename = "audit:read")]
    audit_read: Option<String>,
    #[serde(rename = "invitations:write")]
    invitations_write: Option<String>,
    #[serde(rename = "keys:write")]
    keys_write: Option<String>,
    /// The id of a service to administer; empty: none.
    #[serde(default)]
    administer: String,
}

impl NewKeyFields {
    fn chosen(&self) -> BTreeSet<Scope> {
        let boxes = [
            (&self.users_read, Scope::UsersRead),
            (&self.users_write, Scope::UsersWrite),
            (&self.roles_write, Scope::RolesWrite),
            (&self.permissions_read, Scope::PermissionsRead),
            (&self.audit_read, Scope::AuditRead),
            (&self.invitations_write, Scope::InvitationsWrite),
            (&self.keys_write, Scope::KeysWrite),
        ];
        boxes.into_iter().filter(|(ticked, _)| ticked.is_some()).map(|(_, scope)| scope).collect()
    }
}

/// The form, with what was typed before and what was wrong with it.
fn form(site: &Site, browser: Browser, live: &Live, typed: NewKeyFields, error: Option<String>) -> Response {
    let holder = Holder::of_roles(&live.user.roles);
    let chosen = typed.chosen();
    let choices = Scope::WORDS.iter().filter(|scope| **scope != Scope::Authorize && scope.is_for(holder));
    let services = site.app.settings.services.iter();
    let services = services.filter(|service| service.enabled && may_enter(service, &live.user.roles));
    let all = &site.app.settings.services;
    let is_shown = |service: &&Service| !service.roles.is_empty() && may_administer(all, &service.id, &live.user.roles);
    let administered = all.iter().filter(is_shown);
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = NewKeyPage {
        frame: Frame::new(&site.shell, Tab::Keys),
        shell: Arc::clone(&site.shell),
        error,
        action: Href::from(site.path(NEW)),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        name: typed.name,
        days: typed.days,
        most_days: site.app.settings.api.max_key_ttl.whole_days(),
        networks: typed.networks,
        services: services.map(|service| (service.id.clone(), service.name.clone())).collect(),
        administered: administered.map(|service| (service.id.clone(), service.name.clone())).collect(),
        scopes: choices
            .map(|scope| ScopeChoice { word: scope.to_string(), says: scope.says(), is_chosen: chosen.contains(scope) })
            .collect(),
        back: Href::from(site.path("/account/keys")),
    };
    browser.answer(page.answer(status))
}

async fn make(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<NewKeyFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    only_where_people_have_keys(&site)?;
    let live = with_factor(&site, &mut browser, NEW).await?;
    let order = match order(&live, &fields, &site.app.settings.services) {
        Ok(order) => order,
        Err(why) => return Ok(form(&site, browser, &live, fields, Some(why))),
    };
    let by = browser.by(Actor::User(live.user.id));
    let made = match site.app.accounts.add_key(order, &site.app.settings.api, &by).await {
        Ok(made) => made,
        Err(KeyRefusal::Account(error)) => return Err(error.into()),
        Err(why) => return Ok(form(&site, browser, &live, fields, Some(why.to_string()))),
    };
    let page = KeyMadePage {
        frame: Frame::new(&site.shell, Tab::Keys),
        shell: Arc::clone(&site.shell),
        name: made.stored.name,
        key: made.key.reveal().to_owned(),
        expires: Moment::from(made.stored.expires_at),
        done: Href::from(site.path("/account/keys")),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

/// What was typed, as a wish; else what is wrong with it, in a sentence.
fn order<'a>(live: &Live, fields: &'a NewKeyFields, services: &[Service]) -> Result<KeyOrder<'a>, String> {
    let mut scopes = fields.chosen();
    match fields.service.as_str() {
        "" => {
            scopes.insert(Scope::Authorize);
        }
        NO_SERVICE => {}
        id => {
            scopes.insert(format!("authorize:{id}").parse().map_err(|_| "There is no such service.".to_owned())?);
        }
    }
    if !fields.administer.is_empty() {
        if !may_administer(services, &fields.administer, &live.user.roles) {
            return Err("There is no such service.".to_owned());
        }
        scopes.insert(Scope::Administer(fields.administer.clone()));
    }
    let days = fields.days.trim().parse::<u32>().map_err(|_| "Write the days as a number.".to_owned())?;
    let words = fields.networks.split([',', ' ', '\n']).map(str::trim).filter(|word| !word.is_empty());
    let network = |word: &str| {
        let net = word.parse::<IpNet>().or_else(|_| word.parse::<std::net::IpAddr>().map(IpNet::from));
        net.map(|net| net.trunc())
            .map_err(|_| format!("“{}” is not a network.", word.chars().take(60).collect::<String>()))
    };
    Ok(KeyOrder {
        owner: Owner::User(live.user.id),
        name: &fields.name,
        scopes,
        networks: words.map(network).collect::<Result<_, _>>()?,
        lasts: Duration::days(i64::from(days)),
        refresh: None,
    })
}

#[derive(Deserialize)]
struct RevokeFields {
    csrf: String,
    key: String,
}

async fn revoke(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<RevokeFields>,
) -> Result<Response, Error> {
    let site = running.now();
    let live = changer(&browser, &fields.csrf).await?;
    let id = fields.key.parse().map_err(|_| Code::NotFound)?;
    let by = browser.by(Actor::User(live.user.id));
    if !site.app.accounts.revoke_key(&Owner::User(live.user.id), id, &by).await? {
        return Err(Code::NotFound.into());
    }
    Ok(browser.answer(see_other(&after(&site, &live).await?)))
}

async fn revoke_all(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<CsrfField>,
) -> Result<Response, Error> {
    let site = running.now();
    let live = changer(&browser, &fields.csrf).await?;
    let by = browser.by(Actor::User(live.user.id));
    site.app.accounts.revoke_keys(&Owner::User(live.user.id), &by).await?;
    Ok(browser.answer(see_other(&after(&site, &live).await?)))
}

/// Where somebody goes who has revoked a key: the list, as long as it is there.
async fn after(site: &Site, live: &Live) -> Result<String, Error> {
    let is_there =
        site.app.settings.api.user_keys || !site.app.store().api_keys_of(&Owner::User(live.user.id)).await?.is_empty();
    Ok(site.path(if is_there { "/account/keys" } else { "/account" }))
}
