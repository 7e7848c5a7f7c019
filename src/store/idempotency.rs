//! Requests that are safe to repeat: whoever comes first under a key acts, the others get the same answer.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::StoreError;
use super::entity::idempotency;

/// For how long an answer is kept, in seconds.
const KEPT: i64 = 24 * 60 * 60;
/// After so many seconds without an answer, whoever was to give it is gone.
const GIVEN_UP: i64 = 60;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: act, then `answer` or `release`.
    First,
    /// The same request is under way.
    UnderWay,
    /// It was another request.
    Other,
    /// It was answered so: status, and the sealed body.
    Answered(u16, String),
}

/// Claims a key for a request, named by its hash. The unique key is the judge.
pub async fn claim(
    db: &impl ConnectionTrait,
    (caller, key): (&str, &str),
    request: &str,
    now: i64,
) -> Result<Claim, StoreError> {
    let late = idempotency::Column::ExpiresAt
        .lte(now)
        .or(idempotency::Column::Status.is_null().and(idempotency::Column::CreatedAt.lte(now - GIVEN_UP)));
    idempotency::Entity::delete_many().filter(is(caller, key)).filter(late).exec(db).await?;
    let row = idempotency::ActiveModel {
        caller: Set(caller.to_owned()),
        key: Set(key.to_owned()),
        request: Set(request.to_owned()),
        status: Set(None),
        sealed: Set(None),
        created_at: Set(now),
        expires_at: Set(now + KEPT),
    };
    let unless_there =
        OnConflict::columns([idempotency::Column::Caller, idempotency::Column::Key]).do_nothing().to_owned();
    if idempotency::Entity::insert(row).on_conflict(unless_there).exec_without_returning(db).await? == 1 {
        return Ok(Claim::First);
    }
    let row = idempotency::Entity::find().filter(is(caller, key)).one(db).await?;
    Ok(match row {
        Some(row) if row.request != request => Claim::Other,
        Some(idempotency::Model { status: Some(status), sealed: Some(sealed), .. }) => {
            Claim::Answered(u16::try_from(status).unwrap_or(500), sealed)
        }
        _ => Claim::UnderWay,
    })
}

/// Keeps the answer.
pub async fn answer(
    db: &impl ConnectionTrait,
    (caller, key): (&str, &str),
    status: u16,
    sealed: String,
) -> Result<(), StoreError> {
    idempotency::Entity::update_many()
        .col_expr(idempotency::Column::Status, Expr::value(Some(i64::from(status))))
        .col_expr(idempotency::Column::Sealed, Expr::value(Some(sealed)))
        .filter(is(caller, key))
        .exec(db)
        .await?;
    Ok(())
}

/// Nothing happened: the key is free again.
pub async fn release(db: &impl ConnectionTrait, (caller, key): (&str, &str)) -> Result<(), StoreError> {
    idempotency::Entity::delete_many().filter(is(caller, key)).exec(db).await?;
    Ok(())
}

fn is(caller: &str, key: &str) -> Expr {
    idempotency::Column::Caller.eq(caller).and(idempotency::Column::Key.eq(key))
}

/// Forgets what is past its time; returns how many rows went.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let gone = idempotency::Entity::delete_many().filter(idempotency::Column::ExpiresAt.lte(now)).exec(db).await?;
    Ok(gone.rows_affected)
}
