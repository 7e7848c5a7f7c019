//! Errors that people were shown, so that the reference on the page leads to what happened.
//!
//! Anybody can provoke errors, so all of it is bounded: what one client leaves in a minute, what waits to be written, and what
//! is kept. What is left out is in the log all the same.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entity::shown_error;
use super::{Store, StoreError};
use crate::memo::Memo;

pub use super::entity::shown_error::Model as Shown;

/// Of one client, in a minute.
const OF_ONE: u32 = 10;
/// Clients that are counted at once; those counted longest ago are forgotten.
const COUNTED: usize = 5_000;
/// Waiting to be written.
const WAITING: usize = 1_000;
/// Kept; the oldest go.
const KEPT: u64 = 20_000;
/// Longest text of a cause, in characters.
const CAUSE: usize = 500;

/// What was shown and is not written yet.
pub struct ErrorBook {
    counted: Memo<Option<IpAddr>, (i64, u32)>,
    waiting: Mutex<Vec<Shown>>,
}

impl Default for ErrorBook {
    fn default() -> Self {
        Self { counted: Memo::new(COUNTED), waiting: Mutex::default() }
    }
}

impl ErrorBook {
    /// Notes an error for the next time somebody writes; `false` if there is no room for it.
    pub fn note(&self, client: Option<IpAddr>, mut shown: Shown) -> bool {
        let minute = shown.at.div_euclid(60);
        let so_far = self.counted.get(&client).filter(|(of, _)| *of == minute).map_or(0, |(_, count)| count);
        if so_far >= OF_ONE {
            return false;
        }
        self.counted.insert(client, (minute, so_far + 1));
        shown.cause = shown.cause.chars().take(CAUSE).collect();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = waiting.len() < WAITING;
        if fits {
            waiting.push(shown);
        }
        fits
    }

    /// Writes what waits; returns how many. The oldest of all go where there are too many.
    pub async fn write(&self, store: &Store) -> Result<usize, StoreError> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let count = waiting.len();
        if count == 0 {
            return Ok(0);
        }
        let rows = waiting.into_iter().map(|shown| shown_error::ActiveModel {
            reference: Set(shown.reference),
            at: Set(shown.at),
            code: Set(shown.code),
            status: Set(shown.status),
            route: Set(shown.route),
            cause: Set(shown.cause),
        });
        let db = store.begin().await?;
        shown_error::Entity::insert_many(rows)
            .on_conflict(OnConflict::column(shown_error::Column::Reference).do_nothing().to_owned())
            .exec_without_returning(&db)
            .await?;
        let oldest = shown_error::Entity::find().order_by_desc(shown_error::Column::At).offset(KEPT).one(&db).await?;
        if let Some(oldest) = oldest {
            let old = shown_error::Column::At.lte(oldest.at);
            shown_error::Entity::delete_many().filter(old).exec(&db).await?;
        }
        db.commit().await?;
        Ok(count)
    }
}

impl Store {
    /// The error with this reference, if it was noted.
    pub async fn shown_error(&self, reference: &str) -> Result<Option<Shown>, StoreError> {
        Ok(shown_error::Entity::find_by_id(reference.to_owned()).one(self.read()).await?)
    }
}
