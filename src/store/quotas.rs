//! Limits that services have counted for them: one row and one statement for each, so that all callers and replicas share it.
//!
//! A window begins with the first count in it and ends after its time; then the next count begins another. In each window exactly
//! as much is let through as the limit says, however it comes in.

use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use time::Duration;

use super::StoreError;
use super::entity::quota;

/// What is counted: how much at most in which window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    pub key: String,
    pub most: i64,
    pub window: Duration,
}

/// What came of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Whether it was let through; what was not is not counted.
    pub is_allowed: bool,
    /// How much is left in this window.
    pub remaining: i64,
    /// Seconds until the next window may begin; 0 where none has begun.
    pub reset_in: i64,
}

/// Counts `many` at `now` (seconds since 1970), unless that is more than is left.
pub async fn count(db: &impl ConnectionTrait, quota: &Quota, many: i64, now: i64) -> Result<Counted, StoreError> {
    let Quota { key, most, window } = quota;
    let ends_at = now + Ord::max(window.whole_seconds(), 1);
    let is_allowed = many <= *most && {
        let column = |column| Expr::col((quota::Entity, column));
        let in_window = |then: Expr, otherwise: i64| -> Expr {
            CaseStatement::new().case(column(quota::Column::EndsAt).gt(now), then).finally(otherwise).into()
        };
        let used = || in_window(column(quota::Column::Used).add(many), many);
        let row = quota::ActiveModel { key: Set(key.clone()), used: Set(many), ends_at: Set(ends_at) };
        let on_conflict = OnConflict::column(quota::Column::Key)
            .value(quota::Column::Used, used())
            .value(quota::Column::EndsAt, in_window(column(quota::Column::EndsAt), ends_at))
            .action_and_where(used().lte(*most))
            .to_owned();
        quota::Entity::insert(row).on_conflict(on_conflict).exec_without_returning(db).await? == 1
    };
    let row = quota::Entity::find_by_id(key.clone()).one(db).await?.filter(|row| row.ends_at > now);
    let (used, reset_in) = row.map_or((0, 0), |row| (row.used, row.ends_at - now));
    Ok(Counted { is_allowed, remaining: Ord::max(most - used, 0), reset_in })
}

/// Forgets windows that are over.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    Ok(quota::Entity::delete_many().filter(quota::Column::EndsAt.lte(now)).exec(db).await?.rows_affected)
}
