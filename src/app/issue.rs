//! A service token: who may have one, and what it says.

use std::net::IpAddr;

use serde_json::{Map, json};
use time::OffsetDateTime;

use super::entry::extra_claims;
use super::{App, Claimant, Closed, Missing};
use crate::domain::claims::{Audience, ClassicClaims, ServiceClaims, Spelled, Sub};
use crate::domain::id::TokenId;
use crate::domain::permission::Permissions;
use crate::domain::proof;
use crate::domain::service::{PermissionsFormat, PermissionsIn, Service, TokenFormat};
use crate::extension::decide::Stopped;
use crate::keys::{Kind, Signed, TokenError};
use crate::permission::Who;
use crate::permission::chain::{ChainError, Granted};
use crate::rule::Facts;
use crate::store::StoreError;

/// `typ` of service tokens (RFC 9068 §2.1).
pub const AT_JWT: &str = "at+jwt";
/// From this share of `max_token_size` on, in percent, a warning is logged.
pub const NEAR: usize = 80;

/// That warning is repeated after so many seconds.
const WARN_AGAIN: i64 = 3600;

/// What is left out of a token that would be too large, beside what was left out before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    Nothing,
    Permissions,
    Limits,
    Claims,
}

impl Cut {
    const ALL: [Self; 4] = [Self::Nothing, Self::Permissions, Self::Limits, Self::Claims];
}

/// A service token and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Issued {
    pub token: String,
    /// Whom it is about.
    pub sub: Sub,
    pub permissions: Permissions,
    /// In seconds.
    pub expires_in: i64,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The account leads nowhere for now.
    #[error("the account leads nowhere for now")]
    Closed(Closed),
    /// The user may not use the service; the text is for them.
    #[error("the user may not use the service")]
    Denied(String),
    /// A permission provider has no answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// An extension says no, or nothing that counts.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// What is missing that the service asks for.
    #[error("the user lacks what the service asks for")]
    Missing(Vec<Missing>),
    /// What rules look at cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token cannot be signed.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl App {
    /// Asks the service's permission providers and signs what they grant.
    pub async fn issue(
        &self,
        service: &Service,
        claimant: &Claimant<'_>,
        ip: Option<IpAddr>,
    ) -> Result<Issued, Refusal> {
        let mut granted = self.granted(service, claimant, ip).await?;
        self.ask_before_signing(service, claimant, &mut granted).await?;
        let now = self.now();
        let token = self.service_token(service, claimant, &granted, now)?;
        self.watch_budget(service, token.len());
        let iat = now.unix_timestamp();
        let expires_in = expiry(service, claimant, iat) - iat;
        Ok(Issued { token, sub: claimant.sub(), permissions: granted.permissions, expires_in })
    }

    /// What the service's permission providers grant, where nothing else stands against a token.
    pub async fn granted(
        &self,
        service: &Service,
        claimant: &Claimant<'_>,
        ip: Option<IpAddr>,
    ) -> Result<Granted, Refusal> {
        let entering = self.facts_for(service, claimant).await?;
        if let Some(refusal) = self.turned_away(service, claimant, entering.as_ref()) {
            return Err(refusal);
        }
        match self.chain.decide(&claimant.question(service, ip)).await {
            Err(ChainError::Denied { message, .. }) => Err(Refusal::Denied(message)),
            other => Ok(with_own_claims(service, other?, entering.as_ref())),
        }
    }

    /// Why they get no token for the service, whatever permission providers say; `None` if nothing stands against it.
    pub fn turned_away(&self, service: &Service, claimant: &Claimant<'_>, entering: Option<&Facts>) -> Option<Refusal> {
        if let Who::Person(user) = claimant.who {
            if user.is_locked() {
                return Some(Refusal::Denied("This account is locked.".into()));
            }
            if let Some(closed) = self.closed(user) {
                return Some(Refusal::Closed(closed));
            }
        }
        let missing = self.missing(service, claimant, entering);
        (!missing.is_empty()).then_some(Refusal::Missing(missing))
    }

    /// A token of at most `max_token_size`: what does not fit is left out, one part after the other, and fetched with the token.
    pub(super) fn service_token(
        &self,
        service: &Service,
        claimant: &Claimant<'_>,
        granted: &Granted,
        now: OffsetDateTime,
    ) -> Result<String, TokenError> {
        let mut size = 0;
        for cut in Cut::ALL {
            match self.cut_token(service, claimant, (granted, cut), now)? {
                Signed::Token(token) => return Ok(token),
                Signed::TooLarge(would_be) => size = would_be,
            }
        }
        let most = service.max_token_size;
        tracing::error!(service.id = %service.id, size, most, "a token is too large even without permissions, limits and claims");
        Err(TokenError::TooLarge { size, most })
    }

    fn cut_token(
        &self,
        service: &Service,
        claimant: &Claimant<'_>,
        (granted, cut): (&Granted, Cut),
        now: OffsetDateTime,
    ) -> Result<Signed, TokenError> {
        let (iat, jti) = (now.unix_timestamp(), TokenId::new());
        let exp = expiry(service, claimant, iat);
        let ring = self.house.ring.load();
        let permissions_ref = self.permissions_ref.as_str();
        let permissions_ref = (cut > Cut::Nothing).then_some(permissions_ref);
        let (algorithm, most) = (service.token_alg, service.max_token_size);
        let has_permissions = cut < Cut::Permissions && service.has_permissions_in(PermissionsIn::AccessToken);
        if service.token_format == TokenFormat::Classic {
            let claims = ClassicClaims {
                userid: claimant.sub(),
                service: service.id.clone(),
                permissions: if has_permissions { json!(granted.permissions) } else { json!({}) },
                permissions_ref,
                iss: self.issuer.clone(),
                iat,
                exp,
                jti,
            };
            return ring.sign_within(Kind { algorithm, typ: None, most }, &claims, now);
        }
        let format = if has_permissions { service.permissions_format } else { PermissionsFormat::None };
        let (permissions, scope) = in_token(&granted.permissions, format);
        let claims = ServiceClaims {
            iss: &self.issuer,
            sub: claimant.sub(),
            aud: audience(service),
            client_id: &service.id,
            iat,
            exp,
            jti,
            sid: claimant.session,
            auth_time: claimant.auth_time.map(OffsetDateTime::unix_timestamp),
            amr: proof::names(claimant.amr),
            permissions,
            scope,
            roles: claimant.who.roles().iter().map(String::as_str).collect(),
            limits: if cut < Cut::Limits { granted.limits.clone() } else { Map::new() },
            perm_stale: granted.is_stale,
            permissions_ref,
            extra: if cut < Cut::Claims { granted.claims.clone() } else { Map::new() },
        };
        ring.sign_within(Kind { algorithm, typ: Some(AT_JWT), most }, &claims, now)
    }

    /// Says once in an hour that tokens of the service come near what is allowed.
    fn watch_budget(&self, service: &Service, size: usize) {
        let most = service.max_token_size;
        if size * 100 < most * NEAR {
            return;
        }
        let (now, key) = (self.store().now(), format!("token budget {}", service.id));
        if self.house.noted.is_news(key, now, WARN_AGAIN) {
            tracing::warn!(service.id = %service.id, size, most, "tokens come near `max_token_size`");
        }
    }
}

/// What the file adds to the service's tokens stands, whatever permission providers say.
pub(super) fn with_own_claims(service: &Service, mut granted: Granted, entering: Option<&Facts>) -> Granted {
    if !service.claims.is_empty() {
        // Also where it comes to nothing: nobody else says it then.
        granted.claims.retain(|name, _| !service.says(name));
        granted.claims.extend(extra_claims(service, entering));
    }
    granted
}

/// When a token issued at `now` dies: with its time, or with the session or key it comes from.
fn expiry(service: &Service, claimant: &Claimant<'_>, now: i64) -> i64 {
    let ends = claimant.ends.map_or(i64::MAX, OffsetDateTime::unix_timestamp);
    (now + service.access_token_ttl.whole_seconds()).min(ends)
}

/// Whether somebody with these roles may use the service at all.
pub fn may_enter(service: &Service, roles: &[String]) -> bool {
    service.allowed_roles.is_empty() || service.allowed_roles.iter().any(|allowed| roles.contains(allowed))
}

fn audience(service: &Service) -> Audience<'_> {
    match service.audience.as_slice() {
        [only] => Audience::One(only),
        several => Audience::Many(several.iter().map(String::as_str).collect()),
    }
}

/// Permissions as the service wants them: the claims `permissions` and `scope`.
fn in_token(permissions: &Permissions, format: PermissionsFormat) -> (Option<Spelled<'_>>, Option<String>) {
    let granted = || permissions.iter().filter(|(_, granted)| **granted).map(|(name, _)| name.as_str());
    match format {
        PermissionsFormat::List => (Some(Spelled::List(granted().collect())), None),
        PermissionsFormat::Map => (Some(Spelled::Map(permissions)), None),
        PermissionsFormat::Scope => (None, Some(granted().collect::<Vec<_>>().join(" "))),
        PermissionsFormat::None => (None, None),
    }
}
