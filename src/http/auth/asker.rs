//! Who asks what somebody may do: a service about anybody, or a person about themselves.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde::Deserialize;

use super::in_headers;
use crate::app::{About, Claimant, Holding, Keyed};
use crate::domain::api_key::ApiKey;
use crate::domain::scope::Scope;
use crate::domain::user::User;
use crate::http::caller::{key_in_address, keyed, no_key_in};
use crate::http::client::ClientIp;
use crate::http::error::{Code, Error};
use crate::http::fields::read_urlencoded;
use crate::http::limit::count_ask;
use crate::http::service_caller::ServiceCaller;
use crate::http::site::{Running, Site};
use crate::http::tree::Place;
use crate::permission::Who;
use crate::store::live::Live;

/// Longest name of a user, in bytes: an address.
const LONGEST_WHO: usize = 320;
/// Longest name of a service, in bytes.
const LONGEST_SERVICE: usize = 40;

/// Who asks.
pub enum Asker {
    /// A service, by its secret or its key.
    Service(Box<ServiceCaller>),
    /// Somebody with a login token.
    Person(Site, Arc<Live>, Option<IpAddr>),
    /// Somebody with an API key of their own.
    Holder(Site, Box<Keyed>, Option<IpAddr>),
}

/// About whom.
pub enum Meant {
    Nobody,
    /// The service itself.
    Machine,
    User(Box<User>),
    /// Whoever asks.
    Oneself,
}

#[derive(Deserialize)]
struct TokenQuery {
    jwt: Option<String>,
}

impl FromRequestParts<Running> for Asker {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, running: &Running) -> Result<Self, Error> {
        let asker = Self::of(parts, running).await?;
        asker.count()?;
        Ok(asker)
    }
}

impl Asker {
    async fn of(parts: &Parts, running: &Running) -> Result<Self, Error> {
        let query: TokenQuery = read_urlencoded(parts.uri.query().unwrap_or_default().as_bytes())?;
        if query.jwt.as_deref().is_some_and(ApiKey::is_meant) {
            return Err(key_in_address());
        }
        no_key_in(&parts.uri)?;
        let ip = parts.extensions.get::<ClientIp>().map(|ip| ip.0);
        let said = in_headers(&parts.headers)?;
        if said.is_none() && parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self::Service(Box::new(ServiceCaller::with(parts, running, &Scope::Permissions).await?)));
        }
        let token = said.or(query.jwt).filter(|token| !token.is_empty() && token != "undefined");
        let token = token.ok_or(Code::LoginRequired)?;
        let site = running.now();
        if !ApiKey::is_meant(&token) {
            let (live, _) = site.app.session_or_old_token(&token).await?.ok_or(Code::LoginRequired)?;
            return Ok(Self::Person(site, live, ip));
        }
        if !parts.headers.contains_key(AUTHORIZATION) {
            return Err(Code::ApiKeyRefused.into());
        }
        let key = keyed(&site, &token, ip).await?;
        if matches!(key.holder, Holding::User(_)) {
            return Ok(Self::Holder(site, Box::new(key), ip));
        }
        Ok(Self::Service(Box::new(ServiceCaller::of_key(site, &key, &Scope::Permissions, (parts, ip))?)))
    }

    /// Counts the question, whatever it is about: a service's by its id, anybody else's by theirs.
    fn count(&self) -> Result<(), Error> {
        let limits = &self.site().app.settings.rate_limit;
        let (ip, who, rate) = match self {
            Self::Service(caller) => (caller.by.ip, format!("service {}", caller.id()), limits.token_client),
            Self::Person(_, live, ip) => (*ip, format!("user {}", live.user.id), limits.api_key),
            Self::Holder(_, key, ip) => (*ip, format!("user {}", Claimant::of_key(key).who.subject()), limits.api_key),
        };
        count_ask(self.site(), ip, who, rate)
    }

    /// The site they came to.
    pub fn site(&self) -> &Site {
        match self {
            Self::Service(caller) => &caller.site,
            Self::Person(site, ..) | Self::Holder(site, ..) => site,
        }
    }

    /// Whether it is a service, which hears why, and may count.
    pub fn is_service(&self) -> bool {
        matches!(self, Self::Service(_))
    }

    /// About whom the body asks. A service says so, and null means the service itself; anybody else means themselves.
    pub async fn meant(&self, body: &Place<'_>) -> Result<Meant, Error> {
        let place = body.get("user");
        let who = place.text(LONGEST_WHO)?;
        let own = match self {
            Self::Service(_) => {
                let Some(who) = who else {
                    return if place.is_null() { Ok(Meant::Machine) } else { Err(place.wrong("a user, or null")) };
                };
                let user = self.site().app.meant(who).await?;
                return Ok(user.map_or(Meant::Nobody, |user| Meant::User(Box::new(user))));
            }
            Self::Person(_, live, _) => live.user.id.to_string(),
            Self::Holder(_, key, _) => Claimant::of_key(key).who.subject(),
        };
        if who.is_some_and(|who| who != own) {
            return Err(Error::new(Code::AccessDenied).detail("Only services ask about others."));
        }
        Ok(Meant::Oneself)
    }

    /// About whom, and in which service; `None`: there is no such service. A service asks in itself.
    pub fn about<'a>(&'a self, meant: &'a Meant, body: &Place<'_>) -> Result<Option<About<'a>>, Error> {
        let named = body.get("service");
        let (site, ip, claimant) = match self {
            Self::Service(caller) => {
                if named.text(LONGEST_SERVICE)?.is_some_and(|id| id != caller.id()) {
                    return Err(Error::new(Code::AccessDenied).detail("A service asks about what is done in itself."));
                }
                let who = match meant {
                    Meant::Nobody | Meant::Oneself => None,
                    Meant::Machine => Some(Who::Machine(caller.id())),
                    Meant::User(user) => Some(Who::Person(user)),
                };
                let claimant = who.map(Claimant::vouched);
                return Ok(Some(About { service: caller.service()?, claimant, ip: None }));
            }
            Self::Person(site, live, ip) => (site, *ip, Claimant::of(live)),
            Self::Holder(site, key, ip) => {
                if !key.may_authorize(named.needed_text(LONGEST_SERVICE)?) {
                    return Err(Error::new(Code::ScopeMissing).detail("The key is not for this service."));
                }
                (site, *ip, Claimant::of_key(key))
            }
        };
        let service = site.app.service(named.needed_text(LONGEST_SERVICE)?);
        Ok(service.map(|service| About { service, claimant: Some(claimant), ip }))
    }
}
