//! Answers of permission providers that every process is to forget: written once, and read by each process again and again.
//!
//! A process keeps in mind which of the last minutes' it has carried out. What it could not read in time it makes up for by forgetting
//! everything.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::entity::invalidation;
use super::{Store, StoreError};
use crate::domain::id::UserId;

/// For how long they lie there, in seconds. A process that does not look for half of it forgets everything.
const LIE: i64 = 120;
/// How many are carried out one by one; of more, everything is forgotten at once.
const MOST: u64 = 500;

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalidation {
    /// Of this service; `None`: of all.
    pub service: Option<String>,
    /// About this user; `None`: about everybody.
    pub user: Option<UserId>,
}

impl Invalidation {
    /// Everything.
    pub const ALL: Self = Self { service: None, user: None };
}

/// What a process has carried out.
#[derive(Debug, Default)]
pub struct CarriedOut(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<String>,
    /// When it was looked last; 0 before the first time.
    looked_at: i64,
}

impl CarriedOut {
    /// What came since the last time.
    pub async fn news(&self, store: &Store) -> Result<Vec<Invalidation>, StoreError> {
        let now = store.now();
        let rows = invalidation::Entity::find()
            .filter(invalidation::Column::At.gt(now - LIE))
            .order_by_desc(invalidation::Column::At)
            .limit(MOST + 1)
            .all(store.read())
            .await?;
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).news(rows, now))
    }
}

impl Seen {
    fn news(&mut self, rows: Vec<invalidation::Model>, now: i64) -> Vec<Invalidation> {
        let is_late = self.looked_at != 0 && !(0..=LIE / 2).contains(&(now - self.looked_at));
        let is_too_much = rows.len() as u64 > MOST && rows.iter().any(|row| !self.ids.contains(&row.id));
        self.looked_at = now;
        let ids = rows.iter().map(|row| row.id.clone()).collect();
        let before = std::mem::replace(&mut self.ids, ids);
        if is_late || is_too_much {
            return vec![Invalidation::ALL];
        }
        let new = rows.into_iter().filter(|row| !before.contains(&row.id));
        new.map(|row| Invalidation { service: row.service, user: row.user_id.map(UserId) }).collect()
    }
}

/// Every process is to forget this.
pub async fn put(db: &impl ConnectionTrait, what: &Invalidation, now: i64) -> Result<(), StoreError> {
    let row = invalidation::ActiveModel {
        id: Set(Uuid::now_v7().to_string()),
        service: Set(what.service.clone()),
        user_id: Set(what.user.map(|user| user.0)),
        at: Set(now),
    };
    invalidation::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Takes away what every process has read.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let old = invalidation::Column::At.lt(now - LIE);
    Ok(invalidation::Entity::delete_many().filter(old).exec(db).await?.rows_affected)
}
