//! Sessions: a row each, named by the hash of the cookie, ended for good by a tombstone.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store;

use super::entity::session;
use super::live::Patience;
use super::users::moment;
use super::{Store, StoreError, service_sessions};
use crate::domain::id::{SessionId, UserId};
use crate::domain::proof::Amr;

/// What a session knows: who signed in, how, from where. The only thing that is ever put into one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    pub session: SessionId,
    pub user: UserId,
    /// The provider's id, `password` or `magic-link`.
    pub method: String,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
    /// What was proven.
    #[serde(default)]
    pub amr: Vec<Amr>,
    /// Whether the browser is to be remembered.
    #[serde(default)]
    pub remembered: bool,
}

/// Where [`SignedIn`] lies in a session's data.
pub const SIGNED_IN: &str = "signed_in";
/// The member of [`SignedIn`] that is the client's address.
const IP: &str = "ip";

/// The session store that `tower-sessions` is given.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    lifetimes: Arc<ArcSwap<Lifetimes>>,
}

/// How long sessions live, and how many; a reload puts others in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// The hard end, from the sign-in.
    pub absolute: Duration,
    /// Without use.
    pub idle: Duration,
    /// The same in a browser that is to be remembered.
    pub remembered: Duration,
    /// Of one user, the last used; older ones end.
    pub max_per_user: u32,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

impl Sessions {
    /// Sessions with these lifetimes.
    pub fn new(store: Store, lifetimes: Arc<ArcSwap<Lifetimes>>) -> Self {
        Self { store, lifetimes }
    }

    /// A new row under a new name: whatever cookie the browser brought, it does not name this session.
    async fn insert(&self, record: &mut Record) -> Result<(), StoreError> {
        record.id = Id::default();
        let signed_in = record
            .data
            .get(SIGNED_IN)
            .and_then(|value| SignedIn::deserialize(value).ok())
            .ok_or_else(|| StoreError::Corrupt("a session is only made by a sign-in".into()))?;
        let now = self.store.now();
        let lifetimes = self.lifetimes.load();
        let row = session::ActiveModel {
            id: Set(signed_in.session.0),
            token_hash: Set(hash(record.id)),
            user_id: Set(signed_in.user.0),
            method: Set(signed_in.method),
            data: Set(data_of(record)?),
            created_at: Set(now),
            seen_at: Set(now),
            expires_at: Set(now + lifetimes.absolute.whole_seconds()),
            ended_at: Set(None),
            user_agent: Set(signed_in.user_agent),
            ip: Set(signed_in.ip),
            amr: Set(serde_json::to_string(&signed_in.amr).expect("plain JSON")),
            remembered: Set(i64::from(signed_in.remembered)),
        };
        let db = self.store.begin().await?;
        // Whoever was locked while they signed in is not in.
        if super::changes::hold(&db, signed_in.user).await?.is_none_or(|user| user.is_locked()) {
            return Err(StoreError::Corrupt("a sign-in of somebody who is locked, or gone".into()));
        }
        session::Entity::insert(row).exec_without_returning(&db).await?;
        let surplus: Vec<uuid::Uuid> = session::Entity::find()
            .select_only()
            .column(session::Column::Id)
            .filter(session::Column::UserId.eq(signed_in.user.0))
            .filter(session::Column::EndedAt.is_null())
            .order_by_desc(session::Column::SeenAt)
            .order_by_desc(session::Column::Id)
            .offset(u64::from(lifetimes.max_per_user))
            .limit(1000)
            .into_tuple()
            .all(&db)
            .await?;
        if !surplus.is_empty() {
            end_where(&db, session::Column::Id.is_in(surplus), now).await?;
        }
        Ok(db.commit().await?)
    }

    async fn find(&self, id: Id) -> Result<Option<Record>, StoreError> {
        let (now, lifetimes) = (self.store.now(), self.lifetimes.load());
        let row = session::Entity::find()
            .filter(session::Column::TokenHash.eq(hash(id)))
            .filter(session::Column::EndedAt.is_null())
            .filter(session::Column::ExpiresAt.gt(now))
            .filter(in_use(now, lifetimes.idle, lifetimes.remembered))
            .one(self.store.read())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let mut data: HashMap<String, serde_json::Value> =
            serde_json::from_str(&row.data).map_err(|_| StoreError::Corrupt("a session's data is not JSON".into()))?;
        if let Some(signed_in) = data.get_mut(SIGNED_IN).and_then(serde_json::Value::as_object_mut) {
            signed_in.insert(IP.to_owned(), row.ip.into());
        }
        Ok(Some(Record { id, data, expiry_date: moment(row.expires_at)? }))
    }

    /// Updates a live row and never makes one: a session that ended while a request was under way stays ended.
    async fn update(&self, record: &Record) -> Result<(), StoreError> {
        session::Entity::update_many()
            .col_expr(session::Column::Data, Expr::value(data_of(record)?))
            .filter(session::Column::TokenHash.eq(hash(record.id)))
            .filter(session::Column::EndedAt.is_null())
            .exec(self.store.write())
            .await?;
        Ok(())
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        // The record may still have the id that the browser brought, known or not: it is never taken over.
        record.id = Id::default();
        self.insert(record).await.map_err(|error| failed(&error))
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        self.update(record).await.map_err(|error| failed(&error))
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        self.find(*id).await.map_err(|error| failed(&error))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let ended = end_where(self.store.write(), session::Column::TokenHash.eq(hash(*id)), self.store.now()).await;
        ended.map(|_| ()).map_err(|error| failed(&error))
    }
}

/// How many addresses are forgotten in one go.
const FORGOTTEN_AT_ONCE: u64 = 500;

/// One session, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub id: SessionId,
    pub method: String,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub seen_at: OffsetDateTime,
}

impl Store {
    /// A user's sessions that may be used now, the last used first.
    pub async fn sessions_of(&self, user: UserId, patience: impl Into<Patience>) -> Result<Vec<Listed>, StoreError> {
        let (now, patience) = (self.now(), patience.into());
        let rows = session::Entity::find()
            .filter(session::Column::UserId.eq(user.0))
            .filter(session::Column::EndedAt.is_null())
            .filter(session::Column::ExpiresAt.gt(now))
            .filter(in_use(now, patience.idle, patience.remembered))
            .order_by_desc(session::Column::SeenAt)
            .limit(1000)
            .all(self.read())
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Listed {
                    id: SessionId(row.id),
                    method: row.method,
                    user_agent: row.user_agent,
                    ip: row.ip,
                    created_at: moment(row.created_at)?,
                    seen_at: moment(row.seen_at)?,
                })
            })
            .collect()
    }
}

/// Sessions that were used lately enough.
fn in_use(now: i64, idle: Duration, remembered: Duration) -> Condition {
    let since = |idle: Duration| session::Column::SeenAt.gt(now - idle.whole_seconds());
    let plain = Condition::all().add(session::Column::Remembered.eq(0)).add(since(idle));
    let kept = Condition::all().add(session::Column::Remembered.ne(0)).add(since(remembered));
    Condition::any().add(plain).add(kept)
}

/// Ends one session of a user; `false` if it is not theirs or had ended.
pub async fn end(db: &impl ConnectionTrait, user: UserId, id: SessionId, now: i64) -> Result<bool, StoreError> {
    let theirs = session::Column::Id.eq(id.0).and(session::Column::UserId.eq(user.0));
    Ok(end_where(db, theirs, now).await? == 1)
}

/// Ends all sessions of a user, sparing one if asked, and with them all that services keep of theirs; returns how many.
pub async fn end_all(
    db: &impl ConnectionTrait,
    user: UserId,
    but: Option<SessionId>,
    now: i64,
) -> Result<u64, StoreError> {
    let mut which = session::Column::UserId.eq(user.0);
    if let Some(spared) = but {
        which = which.and(session::Column::Id.ne(spared.0));
    }
    let ended = end_where(db, which, now).await?;
    Ok(ended + service_sessions::end_all(db, user, None, None, now).await?)
}

async fn end_where(db: &impl ConnectionTrait, which: Expr, now: i64) -> Result<u64, StoreError> {
    let done = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now))
        .col_expr(session::Column::Data, Expr::value("{}"))
        .filter(which)
        .filter(session::Column::EndedAt.is_null())
        .exec(db)
        .await?;
    Ok(done.rows_affected)
}

/// Forgets sessions that are past their hard end.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let gone = session::Entity::delete_many().filter(session::Column::ExpiresAt.lt(now)).exec(db).await?;
    Ok(gone.rows_affected)
}

/// Forgets the client's address of sessions that began before `before`; returns of how many.
pub async fn forget_addresses(store: &Store, before: i64) -> Result<u64, StoreError> {
    let mut done = 0;
    loop {
        let old = session::Column::CreatedAt.lt(before).and(session::Column::Ip.is_not_null());
        // Looked for where nobody waits: there may be many sessions.
        let some = session::Entity::find().filter(old).limit(FORGOTTEN_AT_ONCE).all(store.read()).await?;
        if some.is_empty() {
            return Ok(done);
        }
        done += session::Entity::update_many()
            .col_expr(session::Column::Ip, Expr::value(None::<String>))
            .filter(session::Column::Id.is_in(some.into_iter().map(|row| row.id)))
            .exec(store.write())
            .await?
            .rows_affected;
    }
}

/// What the database keeps of a cookie: it names the session and cannot open it.
fn hash(id: Id) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &id.0.to_le_bytes()))
}

/// The client's address stands in its own column alone, where it is forgotten after `privacy.ip_retention`.
fn data_of(record: &Record) -> Result<String, StoreError> {
    let mut data = record.data.clone();
    if let Some(signed_in) = data.get_mut(SIGNED_IN).and_then(serde_json::Value::as_object_mut) {
        signed_in.remove(IP);
    }
    serde_json::to_string(&data).map_err(|_| StoreError::Corrupt("a session's data is not JSON".into()))
}

fn failed(error: &StoreError) -> session_store::Error {
    tracing::error!(error = error as &dyn std::error::Error, "the session store failed");
    session_store::Error::Backend(error.to_string())
}
