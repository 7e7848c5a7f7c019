//! Counted attempts: one row and one statement for each key, so that parallel requests and replicas count together.
//!
//! The generic cell rate algorithm: a key remembers when its next attempt would be free.

use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use time::Duration;

use super::StoreError;
use super::entity::rate_limit;
use crate::config::Rate;

/// Whether an attempt may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// It was counted and may go on.
    Free,
    /// Not before this time has passed.
    Wait(Duration),
}

/// Counts one attempt of `key` at `now` (seconds since 1970), unless the key has none left.
pub async fn count(db: &impl ConnectionTrait, key: &str, rate: Rate, now: i64) -> Result<Pass, StoreError> {
    let now = now * 1000;
    let step = step_of(rate);
    let latest = now + step * i64::from(Ord::max(rate.burst, 1));
    let free_at = || Expr::col((rate_limit::Entity, rate_limit::Column::FreeAt));
    let base = || -> Expr { CaseStatement::new().case(free_at().gt(now), free_at()).finally(now).into() };
    let row = rate_limit::ActiveModel { key: Set(key.to_owned()), free_at: Set(now + step) };
    let counted = rate_limit::Entity::insert(row)
        .on_conflict(
            OnConflict::column(rate_limit::Column::Key)
                .value(rate_limit::Column::FreeAt, base().add(step))
                .action_and_where(base().add(step).lte(latest))
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    if counted == 1 {
        return Ok(Pass::Free);
    }
    let row = rate_limit::Entity::find_by_id(key.to_owned()).one(db).await?;
    let wait = Ord::max(row.map_or(step, |row| row.free_at + step - latest), 1);
    Ok(Pass::Wait(Duration::seconds(wait.div_euclid(1000) + 1)))
}

/// Takes one counted attempt back: it was a good one.
pub async fn forgive(db: &impl ConnectionTrait, key: &str, rate: Rate) -> Result<(), StoreError> {
    rate_limit::Entity::update_many()
        .col_expr(rate_limit::Column::FreeAt, Expr::col(rate_limit::Column::FreeAt).sub(step_of(rate)))
        .filter(rate_limit::Column::Key.eq(key))
        .exec(db)
        .await?;
    Ok(())
}

/// Forgets all attempts of a key.
pub async fn forget(db: &impl ConnectionTrait, key: &str) -> Result<(), StoreError> {
    rate_limit::Entity::delete_by_id(key.to_owned()).exec(db).await?;
    Ok(())
}

/// Forgets keys that are free again.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let gone = rate_limit::Entity::delete_many().filter(rate_limit::Column::FreeAt.lt(now * 1000)).exec(db).await?;
    Ok(gone.rows_affected)
}

/// Milliseconds that one attempt costs.
fn step_of(rate: Rate) -> i64 {
    let per = i64::try_from(rate.per.0.whole_milliseconds()).unwrap_or(i64::MAX);
    Ord::max(per / i64::from(Ord::max(rate.limit, 1)), 1)
}
