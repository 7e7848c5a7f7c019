//! `/login/no-access`: somebody is signed in and may not enter the service they are on the way to. What is missing, in plain words,
//! and what helps; never the rules themselves.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::browser::Browser;
use super::client::bucket;
use super::error::{Code, Error};
use super::federated::Target;
use super::fields::Query;
use super::finish::{see_other, way_back};
use super::layers::{self, RequestId};
use super::login::query;
use super::page::{Action, ErrorPage, Moment, Page};
use super::site::{Running, Site};
use super::sudo::gate;
use crate::app::{Claimant, Missing};
use crate::domain::service::Service;
use crate::login::Next;
use crate::store::shown::Shown;

const PATH: &str = "/login/no-access";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new().route(PATH, get(page))
}

/// Where somebody learns what is missing.
pub fn path(site: &Site, next: Option<&Next>) -> String {
    format!("{}{}", site.path(PATH), query(next))
}

/// Whether somebody may not enter the service at `next`, and no other sign-in of theirs would help.
pub async fn bars(site: &Site, claimant: &Claimant<'_>, next: Option<&Next>) -> Result<bool, Error> {
    let Some(service) = next.and_then(|next| site.app.service(&next.service)) else { return Ok(false) };
    let missing = site.app.missing_now(service, claimant).await?;
    Ok(missing.iter().any(|one| !one.ends_by_signing_in()))
}

/// The service at `next`, asking for a second factor where one of its rules does.
pub async fn as_strict(site: &Site, claimant: &Claimant<'_>, next: Option<&Next>) -> Result<Option<Service>, Error> {
    let Some(service) = next.and_then(|next| site.app.service(&next.service)) else { return Ok(None) };
    if service.require_mfa || !service.access.iter().any(|rule| rule.names("mfa")) {
        return Ok(None);
    }
    let missing = site.app.missing_now(service, claimant).await?;
    let asks = missing.iter().any(|one| matches!(one, Missing::Rule { by_mfa: true, .. }));
    Ok(asks.then(|| Service { require_mfa: true, ..service.clone() }))
}

async fn page(site: Site, browser: Browser, Query(target): Query<Target>) -> Result<Response, Error> {
    let next = target.parse(&site)?;
    let sign_in = || format!("{}{}", site.path("/login"), query(next.as_ref()));
    let service = next.as_ref().and_then(|next| site.app.service(&next.service));
    let (Some(live), Some(service)) = (browser.visitor().await?, service) else {
        return Ok(browser.answer(see_other(&sign_in())));
    };
    if site.app.closed(&live.user).is_some() {
        return Ok(browser.answer(see_other(&site.path(gate(&site, &live.user)))));
    }
    let missing = site.app.missing_now(service, &Claimant::of(&live)).await?;
    if missing.is_empty() {
        let to = way_back(&site, live.user.id, live.id, live.expires_at, next.as_ref())?;
        return Ok(browser.answer(see_other(&to)));
    }
    if missing.iter().all(Missing::ends_by_signing_in) {
        return Ok(browser.answer(see_other(&sign_in())));
    }
    let reference = RequestId::current().map(|id| id.to_string()).unwrap_or_default();
    note(&site, service, &missing, &reference);
    let page = ErrorPage {
        shell: Arc::clone(&site.shell),
        title: format!("You cannot use {} yet", service.name),
        what: words(&missing),
        again_at: None,
        actions: vec![
            Action::new("Try again", path(&site, next.as_ref())),
            Action::new("Use another account", site.path("/logout")),
            Action::new("Go to your account", site.path("/account")),
        ],
        reference,
        at: Moment::from(site.app.now()),
        details: vec![
            ("Code", format!("{} {}", Code::AccessDenied.number(), Code::AccessDenied.slug())),
            ("Service", service.id.clone()),
            ("Account", live.user.id.to_string()),
        ],
    };
    Ok(browser.answer(page.answer(StatusCode::FORBIDDEN)))
}

/// What is missing, for people.
fn words(missing: &[Missing]) -> String {
    let mut sentences: Vec<&str> = missing.iter().map(Missing::sentence).collect();
    sentences.dedup();
    format!(
        "You are signed in. {} Whoever looks after it can let you in: tell them the reference below, then try again.",
        sentences.join(" ")
    )
}

/// Keeps what `countersign error` says of the reference: there the rules are shown.
fn note(site: &Site, service: &Service, missing: &[Missing], reference: &str) {
    let reasons: Vec<_> = missing.iter().map(|one| one.reason(service)).collect();
    let cause = reasons.join("; ");
    let shown = Shown {
        reference: reference.to_owned(),
        at: site.app.store().now(),
        code: format!("{} {}", Code::AccessDenied.number(), Code::AccessDenied.slug()),
        status: i64::from(Code::AccessDenied.status().as_u16()),
        route: layers::route().unwrap_or_default(),
        cause,
    };
    if !site.app.house.shown.note(layers::client().map(bucket), shown) {
        tracing::debug!("a missing permission was shown and not kept: there are too many");
    }
}
