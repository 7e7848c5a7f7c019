//! What the audit trail says of tokens that services ask for.

use std::net::IpAddr;

use serde_json::json;

use super::refused;
use crate::app::{About, AskError, Claimant, Issued, Missing, Refusal};
use crate::domain::audit::{Actor, By, Event, What};
use crate::domain::service::Service;
use crate::http::error::{Code, Error};
use crate::http::layers::RequestId;
use crate::http::site::Site;
use crate::permission::Who;

/// Services ask again and again: the same refusal is written down once in so many seconds by each process.
const AGAIN: i64 = 60;

/// Somebody without a browser, acting from there.
pub fn by(actor: Actor, ip: Option<IpAddr>) -> By {
    By { actor, ip, user_agent: None, reference: RequestId::current().map(|id| id.to_string()) }
}

/// A service token, or why there is none. Writes down who may not use the service, and which permissions cannot be known; every
/// token only where `audit.tokens` says so.
pub async fn issue(
    site: &Site,
    service: &Service,
    claimant: &Claimant<'_>,
    ip: Option<IpAddr>,
) -> Result<Issued, Error> {
    let issued = site.app.issue(service, claimant, ip).await;
    let what = match &issued {
        Ok(_) if site.app.settings.audit.tokens => Some(What::new(Event::TokenIssued)),
        Ok(_) | Err(Refusal::Token(_) | Refusal::Store(_)) => None,
        Err(Refusal::Chain(error)) => {
            Some(What::new(Event::PermissionProviderFailed).details(json!({ "error": error.to_string() })))
        }
        Err(Refusal::Stopped(stopped)) => Some(stopped.what()),
        Err(Refusal::Missing(missing)) => {
            let missing: Vec<_> = missing.iter().map(Missing::to_json).collect();
            Some(What::new(Event::PermissionDenied).details(json!({ "missing": missing })))
        }
        Err(_) => Some(What::new(Event::PermissionDenied)),
    };
    if let Some(what) = what {
        note(site, service, claimant, ip, what).await?;
    }
    issued.map_err(refused)
}

/// A question that a permission provider has no answer to, or the database; the former is written down.
pub async fn unanswered(site: &Site, about: &About<'_>, error: AskError) -> Error {
    let error = match error {
        AskError::Chain(error) => error,
        AskError::Store(error) => return error.into(),
        AskError::Stopped(stopped) => return refused(Refusal::Stopped(stopped)),
        error @ AskError::TooManyNames(_) => return Error::bad_request(format!("{error}.")),
    };
    if let Some(claimant) = &about.claimant {
        let what = What::new(Event::PermissionProviderFailed).details(json!({ "error": error.to_string() }));
        if let Err(failed) = note(site, about.service, claimant, about.ip, what).await {
            return failed;
        }
    }
    Error::new(Code::PermissionProviderFailed).because(error)
}

async fn note(
    site: &Site,
    service: &Service,
    claimant: &Claimant<'_>,
    ip: Option<IpAddr>,
    what: What,
) -> Result<(), Error> {
    let actor = match claimant.who {
        Who::Person(user) => Actor::User(user.id),
        Who::Machine(id) => Actor::Service(id.to_owned()),
    };
    let who = match what.event {
        Event::PermissionProviderFailed | Event::HookFailed => String::new(),
        _ => actor.id().unwrap_or_default(),
    };
    let same = format!("{} {} {who}", what.event.name(), service.id);
    let now = site.app.store().now();
    if what.event != Event::TokenIssued && !site.app.house.noted.is_news(same, now, AGAIN) {
        return Ok(());
    }
    let mut what = what.service(Some(&service.id)).provider(claimant.method);
    if let Actor::User(user) = actor {
        what.target = Some(user);
    }
    Ok(site.app.accounts.note(&by(actor, ip), what).await?)
}
