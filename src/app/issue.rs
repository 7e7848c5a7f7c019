//! A service token: who may have one, and what it says.

use std::net::IpAddr;

use serde_json::json;
use time::OffsetDateTime;

use super::{App, Claimant, Closed};
use crate::domain::claims::{Audience, ClassicClaims, ServiceClaims, Spelled, Sub};
use crate::domain::id::{SessionId, TokenId};
use crate::domain::permission::Permissions;
use crate::domain::proof;
use crate::domain::service::{PermissionsFormat, Service, TokenFormat};
use crate::extension::decide::Stopped;
use crate::keys::TokenError;
use crate::permission::Who;
use crate::permission::chain::{ChainError, Granted, Question};
use crate::store::live::Live;

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
        let now = self.now();
        if let Who::Person(user) = claimant.who
            && let Some(closed) = self.closed(user)
        {
            return Err(Refusal::Closed(closed));
        }
        if let Some(why) = refusal(service, claimant, now) {
            return Err(Refusal::Denied(why.into()));
        }
        let question = Question {
            service,
            who: claimant.who,
            provider: claimant.method,
            ip,
            is_multi_factor: proof::is_multi_factor(claimant.amr),
        };
        let mut granted = match self.chain.decide(&question).await {
            Err(ChainError::Denied { message, .. }) => return Err(Refusal::Denied(message)),
            other => other?,
        };
        self.ask_before_signing(service, claimant, &mut granted).await?;
        let now = self.now();
        let token = self.service_token(service, claimant, &granted, now)?;
        let iat = now.unix_timestamp();
        let expires_in = expiry(service, claimant, iat) - iat;
        Ok(Issued { token, sub: claimant.sub(), permissions: granted.permissions, expires_in })
    }

    fn service_token(
        &self,
        service: &Service,
        claimant: &Claimant<'_>,
        granted: &Granted,
        now: OffsetDateTime,
    ) -> Result<String, TokenError> {
        let (iat, jti) = (now.unix_timestamp(), TokenId::new());
        let exp = expiry(service, claimant, iat);
        let ring = self.house.ring.load();
        if service.token_format == TokenFormat::Classic {
            let claims = ClassicClaims {
                userid: claimant.sub(),
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
        self.service_token(service, &Claimant::of(&live), granted, now)
    }
}

/// Why the service gets no token for them, in a sentence for them; `None` if nothing stands against it.
fn refusal(service: &Service, claimant: &Claimant<'_>, now: OffsetDateTime) -> Option<&'static str> {
    if !may_enter(service, claimant.who.roles()) {
        return Some("Your account does not have a role that this service asks for.");
    }
    if !service.accepts(claimant.method) {
        return Some("This service asks for another way to sign in.");
    }
    if claimant.is_person() && service.require_mfa && !proof::is_multi_factor(claimant.amr) {
        return Some("This service asks for a second factor. Sign in to it again.");
    }
    let is_fresh = |age| claimant.auth_time.is_some_and(|at| now - at < age);
    if claimant.is_person() && !service.max_auth_age.is_none_or(is_fresh) {
        return Some("This service asks for a fresh sign-in. Sign in to it again.");
    }
    None
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
