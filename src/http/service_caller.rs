//! A service that calls for itself: by its id and secret, or by an API key with the scope that is needed.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::auth::{credentials, proves};
use super::caller::{Try, bearer, by, entrance, keyed};
use super::error::{Code, Error};
use super::site::{Running, Site};
use crate::app::{Holding, Keyed};
use crate::domain::audit::{Actor, By};
use crate::domain::scope::Scope;
use crate::domain::service::Service;

/// Which service calls.
pub struct ServiceCaller {
    pub site: Site,
    id: String,
    pub by: By,
}

impl ServiceCaller {
    /// The service, as the file has it now.
    pub fn service(&self) -> Result<&Service, Error> {
        self.site.app.service(&self.id).ok_or_else(|| Code::InvalidClient.into())
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl FromRequestParts<Running> for ServiceCaller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, running: &Running) -> Result<Self, Error> {
        Self::with(parts, running, &Scope::Sessions).await
    }
}

impl ServiceCaller {
    /// The service that calls; a key has to have the scope.
    pub async fn with(parts: &Parts, running: &Running, scope: &Scope) -> Result<Self, Error> {
        let (site, ip) = entrance(parts, running)?;
        if let Some(text) = bearer(&parts.headers)? {
            let key = keyed(&site, &text, ip).await?;
            return Self::of_key(site, &key, scope, (parts, ip));
        }
        let counted = Try::count(&site, ip)?;
        let (id, secret) = credentials(&parts.headers, None, None)?;
        let service = site.app.service(&id).filter(|service| proves(service, &secret));
        let id = service.ok_or(Code::InvalidClient)?.id.clone();
        counted.was_good();
        let by = by(Actor::Service(id.clone()), &parts.headers, ip);
        Ok(Self { site, id, by })
    }

    /// The service of a key that was looked at, if the key has the scope.
    pub fn of_key(
        site: Site,
        key: &Keyed,
        scope: &Scope,
        (parts, ip): (&Parts, Option<IpAddr>),
    ) -> Result<Self, Error> {
        let Holding::Service(id) = &key.holder else { return Err(without(scope)) };
        if !key.has(scope) {
            return Err(without(scope));
        }
        let by = by(Actor::Service(id.clone()), &parts.headers, ip);
        Ok(Self { site, id: id.clone(), by })
    }
}

/// The key is not for this.
fn without(scope: &Scope) -> Error {
    Error::new(Code::ScopeMissing).detail(format!("The key lacks the scope `{scope}`."))
}
