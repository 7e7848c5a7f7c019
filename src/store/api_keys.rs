//! API keys: who has which, found by their public prefix, judged by the hash of all of it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::entity::{address, api_key, user};
use super::users::{moment, to_user};
use super::{Store, StoreError};
use crate::domain::id::{KeyId, UserId};
use crate::domain::scope::Scope;
use crate::domain::user::User;

/// How long the row of a key that is over stays: whoever comes with it meanwhile is noticed.
const AFTERLIFE: Duration = Duration::days(30);
/// Least time between two writes of "last used".
const TOUCH: i64 = 60;
/// Most keys of one owner that are listed.
const LISTED: u64 = 500;

/// Whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A person's.
    User(UserId),
    /// A service's, by its id.
    Service(String),
}

/// A key as its owner sees it: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    pub id: KeyId,
    /// The part that may be shown.
    pub prefix: String,
    pub owner: Owner,
    /// What its owner calls it.
    pub name: String,
    pub scopes: BTreeSet<Scope>,
    /// Where it may be used from; empty: anywhere.
    pub networks: Vec<IpNet>,
    pub created_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
    pub used_at: Option<OffsetDateTime>,
    /// Until when it can be exchanged for a new one; `None`: never.
    pub refresh_until: Option<OffsetDateTime>,
}

impl StoredKey {
    /// Whether it may be used from this address.
    pub fn may_come_from(&self, ip: Option<IpAddr>) -> bool {
        self.networks.is_empty() || ip.is_some_and(|ip| self.networks.iter().any(|net| net.contains(&ip)))
    }
}

/// A key that was looked up to be judged.
#[derive(Debug, Clone)]
pub struct Found {
    pub key: StoredKey,
    /// Of all of it, hexadecimal SHA-256.
    pub hash: String,
    pub revoked: bool,
    /// The owner as they are now; `None` for a service's key.
    pub user: Option<User>,
    /// All keys that came from the same first one.
    pub family: Uuid,
    pub refresh_hash: Option<String>,
    /// When it was exchanged for the next one, in seconds since 1970.
    pub rotated_at: Option<i64>,
    used_at: Option<i64>,
}

/// A key to be written down.
#[derive(Debug, Clone)]
pub struct NewKey<'a> {
    pub id: KeyId,
    pub prefix: &'a str,
    pub hash: String,
    pub owner: &'a Owner,
    pub name: &'a str,
    pub scopes: &'a BTreeSet<Scope>,
    pub networks: &'a [IpNet],
    /// In seconds since 1970.
    pub expires_at: i64,
    pub family: Uuid,
    /// Hash of the refresh secret, and until when it is good, in seconds since 1970.
    pub refresh: Option<(String, i64)>,
}

impl Store {
    /// The key with this prefix, whatever became of it.
    pub async fn api_key_by_prefix(&self, prefix: &str) -> Result<Option<Found>, StoreError> {
        found(self.read(), Condition::all().add(api_key::Column::Prefix.eq(prefix))).await
    }

    /// The keys of an owner that are not revoked, the newest first; those that ran out are listed for a while.
    pub async fn api_keys_of(&self, owner: &Owner) -> Result<Vec<StoredKey>, StoreError> {
        let rows = api_key::Entity::find()
            .filter(of(owner))
            .filter(api_key::Column::RevokedAt.is_null())
            .filter(api_key::Column::KeptUntil.gt(self.now()))
            .order_by_desc(api_key::Column::Id)
            .limit(LISTED)
            .all(self.read())
            .await?;
        rows.into_iter().map(to_key).collect()
    }

    /// Notes that the key was used; at most once a minute.
    pub async fn touch_api_key(&self, found: &Found) -> Result<(), StoreError> {
        let now = self.now();
        let is_recent = |at: i64| now - at < TOUCH;
        if found.used_at.is_some_and(is_recent) {
            return Ok(());
        }
        let rested =
            Condition::any().add(api_key::Column::UsedAt.is_null()).add(api_key::Column::UsedAt.lte(now - TOUCH));
        api_key::Entity::update_many()
            .col_expr(api_key::Column::UsedAt, Expr::value(now))
            .filter(api_key::Column::Id.eq(found.key.id.0))
            .filter(rested)
            .exec(self.write())
            .await?;
        Ok(())
    }
}

/// The key with this id, whatever became of it.
pub async fn by_id(db: &impl ConnectionTrait, id: KeyId) -> Result<Option<Found>, StoreError> {
    found(db, Condition::all().add(api_key::Column::Id.eq(id.0))).await
}

/// How many keys of the owner are good, or can be exchanged for good ones.
pub async fn count(db: &impl ConnectionTrait, owner: &Owner, now: i64) -> Result<usize, StoreError> {
    let good = Condition::any().add(api_key::Column::ExpiresAt.gt(now)).add(api_key::Column::RefreshUntil.gt(now));
    let ids: Vec<Uuid> = api_key::Entity::find()
        .select_only()
        .column(api_key::Column::Id)
        .filter(of(owner))
        .filter(api_key::Column::RevokedAt.is_null())
        .filter(good)
        .limit(LISTED)
        .into_tuple()
        .all(db)
        .await?;
    Ok(ids.len())
}

/// Writes a key down; a conflict if its prefix is taken.
pub async fn insert(db: &impl ConnectionTrait, new: NewKey<'_>, now: i64) -> Result<(), StoreError> {
    let NewKey { id, prefix, hash, owner, name, scopes, networks, expires_at, family, refresh } = new;
    let (refresh_hash, refresh_until) = refresh.unzip();
    let last = refresh_until.unwrap_or_default().max(expires_at);
    let (user_id, service) = match owner {
        Owner::User(id) => (Some(id.0), None),
        Owner::Service(id) => (None, Some(id.clone())),
    };
    let row = api_key::ActiveModel {
        id: Set(id.0),
        prefix: Set(prefix.to_owned()),
        hash: Set(hash),
        user_id: Set(user_id),
        service: Set(service),
        name: Set(name.to_owned()),
        scopes: Set(serde_json::to_string(scopes).expect("scopes are strings")),
        networks: Set(serde_json::to_string(networks).expect("networks are strings")),
        created_at: Set(now),
        expires_at: Set(expires_at),
        used_at: Set(None),
        revoked_at: Set(None),
        family: Set(family),
        refresh_hash: Set(refresh_hash),
        refresh_until: Set(refresh_until),
        rotated_at: Set(None),
        kept_until: Set(last + AFTERLIFE.whole_seconds()),
    };
    api_key::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Revokes one key; `false` if it is not this owner's, or was revoked.
pub async fn revoke(db: &impl ConnectionTrait, owner: &Owner, id: KeyId, now: i64) -> Result<bool, StoreError> {
    Ok(revoke_where(db, of(owner).add(api_key::Column::Id.eq(id.0)), now).await? == 1)
}

/// Revokes all keys of an owner; returns how many.
pub async fn revoke_all(db: &impl ConnectionTrait, owner: &Owner, now: i64) -> Result<u64, StoreError> {
    revoke_where(db, of(owner), now).await
}

/// Revokes all keys that came from the same first one; returns how many.
pub async fn revoke_family(db: &impl ConnectionTrait, family: Uuid, now: i64) -> Result<u64, StoreError> {
    revoke_where(db, Condition::all().add(api_key::Column::Family.eq(family)), now).await
}

/// The key becomes another one: `true` for the one caller who came first.
pub async fn rotate(db: &impl ConnectionTrait, id: KeyId, now: i64) -> Result<bool, StoreError> {
    let done = api_key::Entity::update_many()
        .col_expr(api_key::Column::RotatedAt, Expr::value(now))
        .col_expr(api_key::Column::RevokedAt, Expr::value(now))
        .filter(api_key::Column::Id.eq(id.0))
        .filter(api_key::Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Keeps the row of a family's first key, which knows when the family began, as long as the row of its newest one.
pub async fn keep_first(db: &impl ConnectionTrait, family: Uuid, newest: KeyId) -> Result<(), StoreError> {
    let column = api_key::Entity::find_by_id(newest.0).select_only().column(api_key::Column::KeptUntil);
    let until: i64 = column.into_tuple().one(db).await?.unwrap_or_default();
    api_key::Entity::update_many()
        .col_expr(api_key::Column::KeptUntil, Expr::value(until))
        .filter(api_key::Column::Id.eq(family))
        .filter(api_key::Column::KeptUntil.lt(until))
        .exec(db)
        .await?;
    Ok(())
}

/// Forgets keys that have been over for a while.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let gone = api_key::Entity::delete_many().filter(api_key::Column::KeptUntil.lt(now)).exec(db).await?;
    Ok(gone.rows_affected)
}

async fn revoke_where(db: &impl ConnectionTrait, which: Condition, now: i64) -> Result<u64, StoreError> {
    let done = api_key::Entity::update_many()
        .col_expr(api_key::Column::RevokedAt, Expr::value(now))
        .filter(which)
        .filter(api_key::Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(done.rows_affected)
}

fn of(owner: &Owner) -> Condition {
    match owner {
        Owner::User(id) => Condition::all().add(api_key::Column::UserId.eq(id.0)),
        Owner::Service(id) => Condition::all().add(api_key::Column::Service.eq(id.as_str())),
    }
}

async fn found(db: &impl ConnectionTrait, which: Condition) -> Result<Option<Found>, StoreError> {
    let row = api_key::Entity::find()
        .filter(which)
        .find_also_related(user::Entity)
        .and_also_related(address::Entity)
        .one(db)
        .await?;
    let Some((row, user, address)) = row else { return Ok(None) };
    Ok(Some(Found {
        hash: row.hash.clone(),
        revoked: row.revoked_at.is_some(),
        user: user.map(|user| to_user(user, address)).transpose()?,
        family: row.family,
        refresh_hash: row.refresh_hash.clone(),
        rotated_at: row.rotated_at,
        used_at: row.used_at,
        key: to_key(row)?,
    }))
}

fn to_key(row: api_key::Model) -> Result<StoredKey, StoreError> {
    let odd = |_| StoreError::Corrupt("an API key's scopes or networks are not lists".into());
    let owner = match (row.user_id, row.service) {
        (Some(id), None) => Owner::User(UserId(id)),
        (None, Some(service)) => Owner::Service(service),
        _ => return Err(StoreError::Corrupt("an API key without one owner".into())),
    };
    Ok(StoredKey {
        id: KeyId(row.id),
        prefix: row.prefix,
        owner,
        name: row.name,
        scopes: serde_json::from_str(&row.scopes).map_err(odd)?,
        networks: serde_json::from_str(&row.networks).map_err(odd)?,
        created_at: moment(row.created_at)?,
        expires_at: moment(row.expires_at)?,
        used_at: row.used_at.map(moment).transpose()?,
        refresh_until: row.refresh_until.map(moment).transpose()?,
    })
}
