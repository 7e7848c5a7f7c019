//! An API key that was presented: whose it is, and whether it may be used here and now.

use std::collections::BTreeSet;
use std::net::IpAddr;

use time::OffsetDateTime;

use super::App;
use crate::account::is_usable;
use crate::domain::api_key::{ApiKey, Tag};
use crate::domain::id::KeyId;
use crate::domain::scope::{self, Scope};
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::keys::{is_equal, sha256_hex};
use crate::store::StoreError;
use crate::store::api_keys::{Found, Owner};

/// A key that is good, here and now.
#[derive(Debug, Clone)]
pub struct Keyed {
    pub id: KeyId,
    /// The part that may be shown.
    pub prefix: String,
    pub holder: Holding,
    pub scopes: BTreeSet<Scope>,
    pub expires_at: OffsetDateTime,
}

/// Whose key it is, as they are now.
#[derive(Debug, Clone)]
pub enum Holding {
    /// A person.
    User(Box<User>),
    /// A service, by its id.
    Service(String),
}

impl Keyed {
    /// Whether it may be used for this.
    pub fn has(&self, scope: &Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// Whether it may be exchanged for a token of the service.
    pub fn may_authorize(&self, service: &str) -> bool {
        scope::may_authorize(&self.scopes, service)
    }
}

impl App {
    /// The key, if it may be used from this address now: nothing is asked of the database unless its checksum is right.
    /// Notes that it was used.
    pub async fn key(&self, text: &str, ip: Option<IpAddr>) -> Result<Option<Keyed>, StoreError> {
        let Some(key) = ApiKey::parse(Tag::Key, text) else { return Ok(None) };
        let Some(found) = self.store().api_key_by_prefix(key.prefix()).await? else { return Ok(None) };
        let hash = sha256_hex(key.reveal().as_bytes());
        if !is_equal(found.hash.as_bytes(), hash.as_bytes()) {
            return Ok(None);
        }
        if let Err(why) = judge(&found, &self.settings.services, ip, self.now()) {
            tracing::info!(key.id = %found.key.id, why, "an API key was refused");
            return Ok(None);
        }
        self.store().touch_api_key(&found).await?;
        let Found { key, user, .. } = found;
        let holder = match (key.owner, user) {
            (Owner::User(_), Some(user)) => Holding::User(Box::new(user)),
            (Owner::Service(id), _) => Holding::Service(id),
            (Owner::User(_), None) => return Ok(None),
        };
        Ok(Some(Keyed { id: key.id, prefix: key.prefix, holder, scopes: key.scopes, expires_at: key.expires_at }))
    }
}

/// Whether a key with the right secret may be used; the error is for the log.
fn judge(found: &Found, services: &[Service], ip: Option<IpAddr>, now: OffsetDateTime) -> Result<(), &'static str> {
    if found.revoked {
        return Err("it is revoked");
    }
    if now >= found.key.expires_at {
        return Err("it is past its time");
    }
    if !found.key.may_come_from(ip) {
        return Err("it is not used from its networks");
    }
    if is_usable(found, services) { Ok(()) } else { Err("its owner may not use it") }
}
