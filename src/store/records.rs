//! What permission providers were asked lately, and what they answered.

use sea_orm::sea_query::ExprTrait;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use time::Duration;
use uuid::Uuid;

use super::entity::permission_record::{ActiveModel, Column, Entity, Model};
use super::{Store, StoreError};
use crate::domain::id::UserId;
use crate::domain::permission::Permissions;

/// Kept of each provider.
pub const KEPT: usize = 200;
/// How long a question is kept when no more come.
const LASTS: Duration = Duration::days(30);

/// One question and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub provider: String,
    pub service: String,
    /// A user id, or a service that acts for itself.
    pub who: String,
    pub is_machine: bool,
    /// How they signed in.
    pub method: String,
    pub is_multi_factor: bool,
    /// What the providers before it had said.
    pub previous: Permissions,
    /// `allow`, `deny` or `abstain`.
    pub verdict: String,
    /// Name → granted or denied; patterns that deny are names here.
    pub permissions: Permissions,
    pub limits: Map<String, Value>,
    /// The whole question, where the file asks for that.
    pub request: Option<String>,
    pub at: i64,
}

impl Store {
    /// The last questions to the provider, the newest first.
    pub async fn recorded(&self, provider: &str, most: u64) -> Result<Vec<Recorded>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Provider.eq(provider))
            .order_by_desc(Column::Id)
            .limit(most)
            .all(self.read())
            .await?;
        rows.into_iter().map(recorded).collect()
    }
}

/// Writes these down, the oldest first; the provider's oldest go where there are too many.
pub async fn write(store: &Store, provider: &str, asked: Vec<Recorded>) -> Result<(), StoreError> {
    if asked.is_empty() {
        return Ok(());
    }
    let db = store.begin().await?;
    Entity::insert_many(asked.into_iter().map(row)).exec_without_returning(&db).await?;
    let theirs = || Column::Provider.eq(provider);
    let most = u64::try_from(KEPT).unwrap_or(u64::MAX);
    let oldest = Entity::find().filter(theirs()).order_by_desc(Column::Id).offset(most).one(&db).await?;
    if let Some(oldest) = oldest {
        Entity::delete_many().filter(theirs().and(Column::Id.lte(oldest.id))).exec(&db).await?;
    }
    Ok(db.commit().await?)
}

/// What was asked about somebody who is gone goes, too.
pub async fn forget_person(db: &impl ConnectionTrait, id: UserId) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::Who.eq(id.to_string())).exec(db).await?;
    Ok(())
}

/// Takes old questions away.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let old = Column::At.lte(now - LASTS.whole_seconds());
    Ok(Entity::delete_many().filter(old).exec(db).await?.rows_affected)
}

fn row(asked: Recorded) -> ActiveModel {
    ActiveModel {
        id: Set(Uuid::now_v7()),
        provider: Set(asked.provider),
        service: Set(asked.service),
        who: Set(asked.who),
        is_machine: Set(asked.is_machine.into()),
        method: Set(asked.method),
        is_multi_factor: Set(asked.is_multi_factor.into()),
        previous: Set(json!(asked.previous).to_string()),
        verdict: Set(asked.verdict),
        permissions: Set(json!(asked.permissions).to_string()),
        limits: Set(Value::Object(asked.limits).to_string()),
        request: Set(asked.request),
        at: Set(asked.at),
    }
}

fn recorded(row: Model) -> Result<Recorded, StoreError> {
    Ok(Recorded {
        provider: row.provider,
        service: row.service,
        who: row.who,
        is_machine: row.is_machine != 0,
        method: row.method,
        is_multi_factor: row.is_multi_factor != 0,
        previous: read(&row.previous)?,
        verdict: row.verdict,
        permissions: read(&row.permissions)?,
        limits: read(&row.limits)?,
        request: row.request,
        at: row.at,
    })
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("what a permission provider was asked".into()))
}
