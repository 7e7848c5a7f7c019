//! Sessions that services keep here for their own front ends: what one service keeps is nothing to another.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::entity::{address, service_session, user};
use super::users::{moment, to_user};
use super::{Store, StoreError};
use crate::domain::id::{SessionId, UserId};
use crate::domain::proof::Amr;
use crate::domain::user::User;

/// A session of a service, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub id: SessionId,
    /// Whose it is, as they are now; `None`: nobody has signed in.
    pub user: Option<User>,
    /// What they proved, the last time they did.
    pub amr: Vec<Amr>,
    /// What the service attached.
    pub data: Map<String, Value>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: OffsetDateTime,
    /// When the person proved last who they are.
    pub proven_at: Option<OffsetDateTime>,
    pub seen_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

/// A session to be written down.
#[derive(Debug, Clone)]
pub struct NewKept<'a> {
    pub id: SessionId,
    pub service: &'a str,
    /// Hexadecimal SHA-256.
    pub token_hash: String,
    pub user: Option<UserId>,
    pub amr: &'a [Amr],
    pub data: &'a Map<String, Value>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    /// In seconds since 1970.
    pub expires_at: i64,
}

/// Which session is meant: the service that asks, and the hash of its token.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    pub service: &'a str,
    pub token_hash: &'a str,
    /// A session nobody used for this long is over.
    pub idle: Duration,
}

impl Store {
    /// The session, if it and its user may be used now.
    pub async fn kept_session(&self, key: Key<'_>) -> Result<Option<Kept>, StoreError> {
        find(self.read(), key, self.now()).await
    }

    /// Notes that the session was used; at most once in `touch`.
    pub async fn touch_kept(&self, kept: &Kept, touch: Duration) -> Result<(), StoreError> {
        let now = self.now();
        let last = now - touch.whole_seconds().max(1);
        if kept.seen_at.unix_timestamp() > last {
            return Ok(());
        }
        service_session::Entity::update_many()
            .col_expr(service_session::Column::SeenAt, Expr::value(now))
            .filter(service_session::Column::Id.eq(kept.id.0))
            .filter(service_session::Column::SeenAt.lte(last))
            .exec(self.write())
            .await?;
        Ok(())
    }
}

/// The session, if it and its user may be used at `now`.
pub async fn find(db: &impl ConnectionTrait, key: Key<'_>, now: i64) -> Result<Option<Kept>, StoreError> {
    let row = service_session::Entity::find()
        .filter(service_session::Column::TokenHash.eq(key.token_hash))
        .filter(service_session::Column::Service.eq(key.service))
        .filter(service_session::Column::EndedAt.is_null())
        .filter(service_session::Column::ExpiresAt.gt(now))
        .filter(service_session::Column::SeenAt.gt(now - key.idle.whole_seconds()))
        .find_also_related(user::Entity)
        .and_also_related(address::Entity)
        .one(db)
        .await?;
    let Some((row, user, address)) = row else { return Ok(None) };
    let user = user.map(|user| to_user(user, address)).transpose()?;
    if user.as_ref().is_some_and(User::is_locked) || row.user_id.is_some() != user.is_some() {
        return Ok(None);
    }
    let odd = |_| StoreError::Corrupt("a service's session holds no JSON".into());
    Ok(Some(Kept {
        id: SessionId(row.id),
        user,
        amr: serde_json::from_str(&row.amr).map_err(odd)?,
        data: serde_json::from_str(&row.data).map_err(odd)?,
        ip: row.ip,
        user_agent: row.user_agent,
        created_at: moment(row.created_at)?,
        proven_at: row.proven_at.map(moment).transpose()?,
        seen_at: moment(row.seen_at)?,
        expires_at: moment(row.expires_at)?,
    }))
}

/// Writes a session down; of one user in one service the `most` last used stay.
pub async fn insert(db: &impl ConnectionTrait, new: NewKept<'_>, most: u32, now: i64) -> Result<(), StoreError> {
    let NewKept { id, service, token_hash, user, amr, data, ip, user_agent, expires_at } = new;
    let row = service_session::ActiveModel {
        id: Set(id.0),
        service: Set(service.to_owned()),
        token_hash: Set(token_hash),
        user_id: Set(user.map(|user| user.0)),
        amr: Set(serde_json::to_string(amr).expect("words are JSON")),
        data: Set(serde_json::to_string(data).expect("JSON is JSON")),
        ip: Set(ip),
        user_agent: Set(user_agent),
        created_at: Set(now),
        proven_at: Set(user.is_some().then_some(now)),
        seen_at: Set(now),
        expires_at: Set(expires_at),
        ended_at: Set(None),
    };
    service_session::Entity::insert(row).exec_without_returning(db).await?;
    let Some(user) = user else { return Ok(()) };
    let surplus: Vec<Uuid> = service_session::Entity::find()
        .select_only()
        .column(service_session::Column::Id)
        .filter(service_session::Column::UserId.eq(user.0))
        .filter(service_session::Column::Service.eq(service))
        .filter(service_session::Column::EndedAt.is_null())
        .order_by_desc(service_session::Column::SeenAt)
        .order_by_desc(service_session::Column::Id)
        .offset(u64::from(most))
        .limit(1000)
        .into_tuple()
        .all(db)
        .await?;
    if !surplus.is_empty() {
        end_where(db, Condition::all().add(service_session::Column::Id.is_in(surplus)), now).await?;
    }
    Ok(())
}

/// Replaces what the service attached; `false` if it is not `was` any more, or the session is over.
pub async fn replace_data(
    db: &impl ConnectionTrait,
    id: SessionId,
    was: &Map<String, Value>,
    data: &Map<String, Value>,
) -> Result<bool, StoreError> {
    let text = |data| serde_json::to_string(data).expect("JSON is JSON");
    let done = service_session::Entity::update_many()
        .col_expr(service_session::Column::Data, Expr::value(text(data)))
        .filter(service_session::Column::Id.eq(id.0))
        .filter(service_session::Column::Data.eq(text(was)))
        .filter(service_session::Column::EndedAt.is_null())
        .exec(db)
        .await?;
    Ok(done.rows_affected == 1)
}

/// The person has proven again who they are.
pub async fn proven(db: &impl ConnectionTrait, id: SessionId, amr: &[Amr], now: i64) -> Result<(), StoreError> {
    service_session::Entity::update_many()
        .col_expr(service_session::Column::ProvenAt, Expr::value(now))
        .col_expr(service_session::Column::Amr, Expr::value(serde_json::to_string(amr).expect("words are JSON")))
        .filter(service_session::Column::Id.eq(id.0))
        .exec(db)
        .await?;
    Ok(())
}

/// Ends one session of a service; `false` if it is none, or had ended.
pub async fn end(db: &impl ConnectionTrait, service: &str, id: SessionId, now: i64) -> Result<bool, StoreError> {
    let which =
        Condition::all().add(service_session::Column::Service.eq(service)).add(service_session::Column::Id.eq(id.0));
    Ok(end_where(db, which, now).await? == 1)
}

/// Ends all sessions of a user, those of one service or of all, sparing one if asked; returns how many.
pub async fn end_all(
    db: &impl ConnectionTrait,
    user: UserId,
    service: Option<&str>,
    but: Option<SessionId>,
    now: i64,
) -> Result<u64, StoreError> {
    let which = Condition::all()
        .add(service_session::Column::UserId.eq(user.0))
        .add_option(service.map(|id| service_session::Column::Service.eq(id)))
        .add_option(but.map(|id| service_session::Column::Id.ne(id.0)));
    end_where(db, which, now).await
}

/// Forgets sessions that are past their hard end.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let gone =
        service_session::Entity::delete_many().filter(service_session::Column::ExpiresAt.lt(now)).exec(db).await?;
    Ok(gone.rows_affected)
}

async fn end_where(db: &impl ConnectionTrait, which: Condition, now: i64) -> Result<u64, StoreError> {
    let done = service_session::Entity::update_many()
        .col_expr(service_session::Column::EndedAt, Expr::value(now))
        .col_expr(service_session::Column::Data, Expr::value("{}"))
        .filter(which)
        .filter(service_session::Column::EndedAt.is_null())
        .exec(db)
        .await?;
    Ok(done.rows_affected)
}
