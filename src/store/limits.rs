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

/// Counts one failure of `key`, and says how many there are; one of them fades in each `fade`.
pub async fn strike(db: &impl ConnectionTrait, key: &str, fade: Duration, now: i64) -> Result<u32, StoreError> {
    let (now, step) = (now * 1000, milliseconds(fade));
    let free_at = || Expr::col((rate_limit::Entity, rate_limit::Column::FreeAt));
    let base = || -> Expr { CaseStatement::new().case(free_at().gt(now), free_at()).finally(now).into() };
    let row = rate_limit::ActiveModel { key: Set(key.to_owned()), free_at: Set(now + step) };
    rate_limit::Entity::insert(row)
        .on_conflict(
            OnConflict::column(rate_limit::Column::Key).value(rate_limit::Column::FreeAt, base().add(step)).to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    let row = rate_limit::Entity::find_by_id(key.to_owned()).one(db).await?;
    let debt = row.map_or(step, |row| row.free_at - now);
    Ok(u32::try_from((debt + step - 1) / step).unwrap_or(u32::MAX))
}

/// Blocks `key` until then, in seconds since 1970. `true` for the one who began a block where there was none; one that is there
/// only grows.
pub async fn block(db: &impl ConnectionTrait, key: &str, until: i64, now: i64) -> Result<bool, StoreError> {
    let free_at = || Expr::col((rate_limit::Entity, rate_limit::Column::FreeAt));
    let row = rate_limit::ActiveModel { key: Set(key.to_owned()), free_at: Set(until * 1000) };
    let begun = rate_limit::Entity::insert(row)
        .on_conflict(
            OnConflict::column(rate_limit::Column::Key)
                .update_column(rate_limit::Column::FreeAt)
                .action_and_where(free_at().lte(now * 1000))
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    if begun == 0 {
        rate_limit::Entity::update_many()
            .col_expr(rate_limit::Column::FreeAt, Expr::value(until * 1000))
            .filter(rate_limit::Column::Key.eq(key))
            .filter(rate_limit::Column::FreeAt.lt(until * 1000))
            .exec(db)
            .await?;
    }
    Ok(begun == 1)
}

/// How much longer `key` is blocked; `None` if it is not.
pub async fn blocked(db: &impl ConnectionTrait, key: &str, now: i64) -> Result<Option<Duration>, StoreError> {
    let row = rate_limit::Entity::find_by_id(key.to_owned()).one(db).await?;
    Ok(row.map(|row| Duration::milliseconds(row.free_at - now * 1000)).filter(|left| left.is_positive()))
}

/// Forgets what was counted of these keys.
pub async fn forget_all(db: &impl ConnectionTrait, keys: &[String]) -> Result<(), StoreError> {
    rate_limit::Entity::delete_many().filter(rate_limit::Column::Key.is_in(keys)).exec(db).await?;
    Ok(())
}

/// Forgets keys that are free again.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let gone = rate_limit::Entity::delete_many().filter(rate_limit::Column::FreeAt.lt(now * 1000)).exec(db).await?;
    Ok(gone.rows_affected)
}

/// Milliseconds that one attempt costs.
fn step_of(rate: Rate) -> i64 {
    Ord::max(milliseconds(rate.per.0) / i64::from(Ord::max(rate.limit, 1)), 1)
}

fn milliseconds(span: Duration) -> i64 {
    i64::try_from(span.whole_milliseconds()).unwrap_or(i64::MAX)
}
