//! API keys of people and services: made, revoked, and exchanged for new ones.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::json;
use time::Duration;
use uuid::Uuid;

use super::{AccountError, Accounts};
use crate::config::settings::{Api, Settings};
use crate::domain::api_key::{ApiKey, Tag};
use crate::domain::audit::{Actor, By, Event, What};
use crate::domain::id::{KeyId, UserId};
use crate::domain::scope::{self, Holder, Scope};
use crate::domain::service::Service;
use crate::keys::{is_equal, random, sha256_hex};
use crate::store::api_keys::{self, Found, NewKey, Owner, StoredKey};
use crate::store::{StoreError, Tx, users};

/// Most good keys of one owner.
pub const MOST_KEYS: usize = 50;
/// Most networks of one key.
const MOST_NETWORKS: usize = 32;
/// Longest name, in code points.
const LONGEST_NAME: usize = 60;
/// Whoever comes this soon after another with the same refresh secret is a client that asked twice, not a thief.
const GRACE: Duration = Duration::seconds(10);

/// A wish for a key.
#[derive(Debug, Clone)]
pub struct KeyOrder<'a> {
    pub owner: Owner,
    /// What its owner calls it.
    pub name: &'a str,
    pub scopes: BTreeSet<Scope>,
    /// Where it may be used from; empty: anywhere.
    pub networks: Vec<IpNet>,
    /// For how long it is good.
    pub lasts: Duration,
    /// For how long it can be exchanged for a new one; `None`: never.
    pub refresh: Option<Duration>,
}

/// A key as it is shown, this once.
#[derive(Debug, Clone)]
pub struct MadeKey {
    pub key: ApiKey,
    pub refresh: Option<ApiKey>,
    pub stored: StoredKey,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyRefusal {
    #[error("A name has 1 to {LONGEST_NAME} characters.")]
    Name,
    #[error("A key needs 1 to {} scopes.", scope::MOST)]
    Scopes,
    #[error("This key cannot have the scope `{0}`.")]
    Overreach(Scope),
    #[error("A key is used from at most {MOST_NETWORKS} networks.")]
    Networks,
    #[error("A key is good for at least a minute and at most {0} days.")]
    Lasts(i64),
    #[error("There are {MOST_KEYS} keys already. Revoke one first.")]
    TooMany,
    /// The owner is locked, gone, or was never there.
    #[error("Nobody can use this key.")]
    Owner,
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StoreError> for KeyRefusal {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

/// What became of a refresh secret.
#[derive(Debug, Clone)]
pub enum Refreshed {
    /// The next key.
    New(Box<MadeKey>),
    /// It is not the secret of this key, is late, or nobody may use the key.
    Refused,
    /// It was used before: all keys that came from the first one are dead.
    Reused,
}

impl Accounts {
    /// Makes a key. Its text is nowhere but in the answer.
    pub async fn add_key(&self, order: KeyOrder<'_>, api: &Api, by: &By) -> Result<MadeKey, KeyRefusal> {
        check(&order, api)?;
        let db = self.store.begin().await?;
        let holder = match &order.owner {
            Owner::Service(_) => Holder::Service,
            Owner::User(id) => {
                let user = users::by_id(&db, *id).await?.filter(|user| !user.is_locked());
                Holder::of_roles(&user.ok_or(KeyRefusal::Owner)?.roles)
            }
        };
        if let Some(scope) = order.scopes.iter().find(|scope| !scope.is_for(holder)) {
            return Err(KeyRefusal::Overreach(scope.clone()));
        }
        if api_keys::count(&db, &order.owner, self.store.now()).await? >= MOST_KEYS {
            return Err(KeyRefusal::TooMany);
        }
        let made = self.write_key(&db, &order, None).await?;
        let details = json!({
            "key": made.stored.id.to_string(), "prefix": made.stored.prefix, "name": made.stored.name,
            "scopes": made.stored.scopes,
        });
        self.record(&db, by, about(Event::ApiKeyCreated, &order.owner).details(details)).await?;
        self.commit(db).await?;
        Ok(made)
    }

    /// Revokes one key; `false` if it is not this owner's, or was revoked.
    pub async fn revoke_key(&self, owner: &Owner, id: KeyId, by: &By) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        let revoked = api_keys::revoke(&db, owner, id, self.store.now()).await?;
        if revoked {
            let what = about(Event::ApiKeyRevoked, owner).details(json!({ "key": id.to_string() }));
            self.record(&db, by, what).await?;
        }
        self.commit(db).await?;
        Ok(revoked)
    }

    /// Revokes all keys of an owner; returns how many.
    pub async fn revoke_keys(&self, owner: &Owner, by: &By) -> Result<u64, AccountError> {
        let db = self.store.begin().await?;
        let revoked = self.end_keys(&db, owner, by).await?;
        self.commit(db).await?;
        Ok(revoked)
    }

    /// Revokes all keys of an owner, in the transaction of a larger change.
    pub(super) async fn end_keys(&self, db: &Tx, owner: &Owner, by: &By) -> Result<u64, StoreError> {
        let revoked = api_keys::revoke_all(db, owner, self.store.now()).await?;
        if revoked > 0 {
            let what = about(Event::ApiKeyRevoked, owner).details(json!({ "keys": revoked }));
            self.record(db, by, what).await?;
        }
        Ok(revoked)
    }

    /// Exchanges a key for the next one of its family. One of many parallel exchanges wins; a refresh secret that comes again
    /// later was stolen, or the next one was, and ends the whole family (RFC 9700 §4.14.2). However often it is exchanged, the
    /// family ends `api.max_key_ttl` after its first key was made.
    pub async fn refresh_key(
        &self,
        id: KeyId,
        secret: &ApiKey,
        ip: Option<IpAddr>,
        settings: &Settings,
        by: &By,
    ) -> Result<Refreshed, AccountError> {
        let now = self.store.now();
        let db = self.store.begin().await?;
        let found = api_keys::by_id(&db, id).await?.filter(|found| is_secret_of(secret, found));
        let Some(found) = found else { return Ok(Refreshed::Refused) };
        let by = by.acting(Actor::Key(id.to_string()));
        if let Some(at) = found.rotated_at {
            if now - at <= GRACE.whole_seconds() {
                return Ok(Refreshed::Refused);
            }
            api_keys::revoke_family(&db, found.family, now).await?;
            let what = about(Event::TokenReuseDetected, &found.key.owner).details(json!({ "key": id.to_string() }));
            self.record(&db, &by, what).await?;
            self.commit(db).await?;
            return Ok(Refreshed::Reused);
        }
        let until = found.key.refresh_until.map_or(0, time::OffsetDateTime::unix_timestamp);
        let left = self.left_of_family(&db, &found, settings.api.max_key_ttl).await?;
        let is_in_time = now < until && left >= Duration::MINUTE;
        let may = is_in_time && !found.revoked && found.key.may_come_from(ip) && is_usable(&found, &settings.services);
        if !may || !api_keys::rotate(&db, id, now).await? {
            return Ok(Refreshed::Refused);
        }
        let made = self.write_key(&db, &as_before(&found, until, left), Some(found.family)).await?;
        api_keys::keep_first(&db, found.family, made.stored.id).await?;
        let details = json!({ "key": id.to_string(), "next": made.stored.id.to_string() });
        self.record(&db, &by, about(Event::ApiKeyRotated, &found.key.owner).details(details)).await?;
        self.commit(db).await?;
        Ok(Refreshed::New(Box::new(made)))
    }

    /// How long keys of this family may be good: the first one is the beginning, however often it was exchanged.
    async fn left_of_family(&self, db: &Tx, found: &Found, most: Duration) -> Result<Duration, StoreError> {
        let first = api_keys::by_id(db, KeyId(found.family)).await?;
        let begun = first.map_or(found.key.created_at, |first| first.key.created_at);
        Ok(begun + most - self.at())
    }

    async fn write_key(&self, db: &Tx, order: &KeyOrder<'_>, family: Option<Uuid>) -> Result<MadeKey, StoreError> {
        let now = self.store.now();
        let id = KeyId::new();
        let key = ApiKey::of_random(Tag::Key, &random());
        let refresh =
            order.refresh.map(|lasts| (ApiKey::of_random(Tag::Refresh, &random()), now + lasts.whole_seconds()));
        let new = NewKey {
            id,
            prefix: key.prefix(),
            hash: sha256_hex(key.reveal().as_bytes()),
            owner: &order.owner,
            name: order.name.trim(),
            scopes: &order.scopes,
            networks: &order.networks,
            expires_at: now + order.lasts.whole_seconds(),
            family: family.unwrap_or(id.0),
            refresh: refresh.as_ref().map(|(secret, until)| (sha256_hex(secret.reveal().as_bytes()), *until)),
        };
        api_keys::insert(db, new, now).await?;
        let stored = api_keys::by_id(db, id).await?;
        let stored = stored.ok_or_else(|| StoreError::Corrupt("a key that was just made is not there".into()))?.key;
        Ok(MadeKey { key, refresh: refresh.map(|(secret, _)| secret), stored })
    }
}

/// What can be judged without asking anybody.
fn check(order: &KeyOrder<'_>, api: &Api) -> Result<(), KeyRefusal> {
    let name = order.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(KeyRefusal::Name);
    }
    if !(1..=scope::MOST).contains(&order.scopes.len()) {
        return Err(KeyRefusal::Scopes);
    }
    if order.networks.len() > MOST_NETWORKS {
        return Err(KeyRefusal::Networks);
    }
    let fits = |lasts: Duration| lasts >= Duration::MINUTE && lasts <= api.max_key_ttl;
    if !fits(order.lasts) || order.refresh.is_some_and(|lasts| !fits(lasts)) {
        return Err(KeyRefusal::Lasts(api.max_key_ttl.whole_days()));
    }
    Ok(())
}

/// Whether somebody may use the key at all: its owner is there, is not locked, and may still have every scope of it.
pub fn is_usable(found: &Found, services: &[Service]) -> bool {
    let holder = match (&found.key.owner, &found.user) {
        (Owner::User(_), Some(user)) if !user.is_locked() => Holder::of_roles(&user.roles),
        (Owner::Service(id), _) if services.iter().any(|service| service.id == *id && service.enabled) => {
            Holder::Service
        }
        _ => return false,
    };
    let roles = found.user.as_ref().map_or(&[][..], |user| &user.roles);
    let reaches = |scope: &Scope| match scope {
        Scope::Administer(id) => may_administer(services, id, roles),
        _ => true,
    };
    found.key.scopes.iter().all(|scope| scope.is_for(holder) && reaches(scope))
}

/// Whether somebody with these roles administers the service.
pub fn may_administer(services: &[Service], id: &str, roles: &[String]) -> bool {
    let service = services.iter().find(|service| service.id == id);
    service.is_some_and(|service| Holder::of_roles(roles) == Holder::Admin || service.is_administered_by(roles))
}

fn is_secret_of(secret: &ApiKey, found: &Found) -> bool {
    let hash = sha256_hex(secret.reveal().as_bytes());
    found.refresh_hash.as_ref().is_some_and(|stored| is_equal(stored.as_bytes(), hash.as_bytes()))
}

/// The same key again, for as long as it was good the first time, and no longer than what is `left`.
fn as_before(found: &Found, refresh_until: i64, left: Duration) -> KeyOrder<'_> {
    let key = &found.key;
    KeyOrder {
        owner: key.owner.clone(),
        name: &key.name,
        scopes: key.scopes.clone(),
        networks: key.networks.clone(),
        lasts: left.min(key.expires_at - key.created_at),
        refresh: Some(left.min(Duration::seconds(refresh_until - key.created_at.unix_timestamp()))),
    }
}

fn about(event: Event, owner: &Owner) -> What {
    match owner {
        Owner::User(id) => What::new(event).target(UserId(id.0)),
        Owner::Service(id) => What::new(event).service(Some(id)),
    }
}
