//! What a service token did not have room for: fetched with the token itself, as long as it lives.

use serde::Deserialize;

use super::issue::AT_JWT;
use super::{App, Claimant, Refusal};
use crate::domain::claims::Sub;
use crate::domain::id::{SessionId, UserId};
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::permission::Who;
use crate::permission::chain::Granted;
use crate::store::StoreError;

/// What a token of ours stands for now.
#[derive(Debug, Clone, PartialEq)]
pub struct OfToken {
    /// The service it was made for.
    pub service: String,
    pub sub: Sub,
    /// What permission providers grant now.
    pub granted: Granted,
}

/// Why a token stands for nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// It is not ours, no service token, or its time, its session or its user is over.
    #[error("the token stands for nothing")]
    Dead,
    /// There would be no token now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is read of a token, in either of the two formats.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    exp: i64,
    #[serde(alias = "userid")]
    sub: String,
    #[serde(alias = "service")]
    client_id: String,
    sid: Option<SessionId>,
}

impl App {
    /// What the token of a service stands for now: everything that `issue` asks is asked again. A token without a session is judged
    /// by its user alone. With `only` a token of another service is dead, before anything is decided or anybody asked.
    pub async fn permissions_of(&self, token: &str, only: Option<&str>) -> Result<OfToken, Unresolved> {
        let ring = self.house.ring.load_full();
        let said = ring.verify(token, Some(AT_JWT)).or_else(|| ring.verify(token, None)).ok_or(Unresolved::Dead)?;
        let claims: Claims = serde_json::from_value(said).map_err(|_| Unresolved::Dead)?;
        let is_foreign = only.is_some_and(|only| only != claims.client_id);
        if is_foreign || claims.iss != self.issuer || self.now().unix_timestamp() >= claims.exp {
            return Err(Unresolved::Dead);
        }
        let service = self.service(&claims.client_id).ok_or(Unresolved::Dead)?;
        let found = |sub, granted| OfToken { service: service.id.clone(), sub, granted };
        let Ok(id) = claims.sub.parse::<UserId>() else {
            if self.service(&claims.sub).is_none() {
                return Err(Unresolved::Dead);
            }
            let claimant = Claimant::vouched(Who::Machine(&claims.sub));
            return Ok(found(claimant.sub(), self.as_issued(service, &claimant).await?));
        };
        if let Some(session) = claims.sid {
            let live = self.live(session).await?.filter(|live| live.user.id == id).ok_or(Unresolved::Dead)?;
            return Ok(found(Sub::User(id), self.as_issued(service, &Claimant::of(&live)).await?));
        }
        let user: User = self.store().user(id).await?.filter(|user| !user.is_locked()).ok_or(Unresolved::Dead)?;
        let claimant = Claimant::vouched(Who::Person(&user));
        Ok(found(Sub::User(id), self.as_issued(service, &claimant).await?))
    }

    /// What a token that is issued now would say. Extensions that are asked about tokens are asked: what they add may have been left
    /// out, and what they stop is not handed out here either.
    async fn as_issued(&self, service: &Service, claimant: &Claimant<'_>) -> Result<Granted, Refusal> {
        let mut granted = self.granted(service, claimant, None).await?;
        self.ask_before_signing(service, claimant, &mut granted).await?;
        Ok(granted)
    }
}
