//! A service token: who may have one, and what it says.

use std::net::IpAddr;

use serde_json::json;
use time::OffsetDateTime;

use super::{App, Closed};
use crate::domain::claims::{Audience, ClassicClaims, ServiceClaims, Spelled};
use crate::domain::id::{SessionId, TokenId, UserId};
use crate::domain::permission::Permissions;
use crate::domain::proof;
use crate::domain::service::{PermissionsFormat, Service, TokenFormat};
use crate::keys::TokenError;
use crate::permission::chain::{ChainError, Granted, Question};
use crate::store::live::Live;

/// A service token and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Issued {
    pub token: String,
    pub user: UserId,
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
    /// The token cannot be signed.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl App {
    /// Asks the service's permission providers and signs what they grant.
    pub async fn issue(&self, service: &Service, live: &Live, ip: Option<IpAddr>) -> Result<Issued, Refusal> {
        if let Some(closed) = self.closed(&live.user) {
            return Err(Refusal::Closed(closed));
        }
        if !may_enter(service, &live.user.roles) {
            return Err(Refusal::Denied("Your account does not have a role that this service asks for.".into()));
        }
        if !service.accepts(&live.method) {
            return Err(Refusal::Denied("This service asks for another way to sign in.".into()));
        }
        if service.require_mfa && !live.is_multi_factor() {
            return Err(Refusal::Denied("This service asks for a second factor. Sign in to it again.".into()));
        }
        if self.is_too_old(live, service) {
            return Err(Refusal::Denied("This service asks for a fresh sign-in. Sign in to it again.".into()));
        }
        let question = Question { service, user: &live.user, provider: &live.method, ip };
        let granted = match self.chain.decide(&question).await {
            Err(ChainError::Denied { message, .. }) => return Err(Refusal::Denied(message)),
            other => other?,
        };
        let now = self.now();
        let token = self.service_token(service, live, &granted, now)?;
        let iat = now.unix_timestamp();
        let expires_in = expiry(service, live, iat) - iat;
        Ok(Issued { token, user: live.user.id, permissions: granted.permissions, expires_in })
    }

    fn service_token(
        &self,
        service: &Service,
        live: &Live,
        granted: &Granted,
        now: OffsetDateTime,
    ) -> Result<String, TokenError> {
        let (iat, jti) = (now.unix_timestamp(), TokenId::new());
        let exp = expiry(service, live, iat);
        let ring = self.house.ring.load();
        if service.token_format == TokenFormat::Classic {
            let claims = ClassicClaims {
                userid: live.user.id,
                service: service.id.clone(),
                permissions: json!(granted.permissions),
                iss: self.issuer.clone(),
                iat,
                exp,
                jti,
            };
            return ring.sign(service.token_alg, None, &claims, now);
        }
        let (permissions, scope) = in_token(&granted.permissions, service.permissions_format);
        let claims = ServiceClaims {
            iss: &self.issuer,
            sub: live.user.id,
            aud: audience(service),
            client_id: &service.id,
            iat,
            exp,
            jti,
            sid: live.id,
            auth_time: live.auth_time.unix_timestamp(),
            amr: proof::names(&live.amr),
            permissions,
            scope,
            roles: live.user.roles.iter().map(String::as_str).collect(),
            limits: granted.limits.clone(),
            perm_stale: granted.is_stale,
            extra: granted.claims.clone(),
        };
        ring.sign(service.token_alg, Some("at+jwt"), &claims, now)
    }

    /// A token for a user who is not here: for `permission test`, which only shows it.
    pub fn sample_token(
        &self,
        service: &Service,
        user: crate::domain::user::User,
        granted: &Granted,
    ) -> Result<String, TokenError> {
        let now = self.now();
        let live = Live::sample(SessionId::new(), user, now);
        self.service_token(service, &live, granted, now)
    }
}

/// When a token issued at `now` dies: with its time, or with the session it comes from.
fn expiry(service: &Service, live: &Live, now: i64) -> i64 {
    (now + service.access_token_ttl.whole_seconds()).min(live.expires_at.unix_timestamp())
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
