//! The addresses of a user: one is the main one, the others are further ways to be found.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use time::OffsetDateTime;

use super::entity::address::{Column, Entity, Model};
use super::users::moment;
use super::{Store, StoreError};
use crate::domain::email::Email;
use crate::domain::id::UserId;

/// One address, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub email: Email,
    /// When it was proven; `None`: not yet.
    pub verified_at: Option<OffsetDateTime>,
    /// Whether mail goes there.
    pub is_main: bool,
}

impl Store {
    /// The user's addresses, the main one first, then the oldest.
    pub async fn addresses(&self, user: UserId) -> Result<Vec<Held>, StoreError> {
        of(self.read(), user).await
    }
}

/// The user's addresses, the main one first, then the oldest.
pub async fn of(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<Held>, StoreError> {
    let rows = Entity::find()
        .filter(Column::UserId.eq(user.0))
        .order_by_desc(Column::Main)
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Email)
        .all(db)
        .await?;
    rows.iter().map(held).collect()
}

/// Whether somebody has the address and has proven it.
pub async fn is_verified(db: &impl ConnectionTrait, email: &Email) -> Result<bool, StoreError> {
    let row = Entity::find_by_id(email.as_str().to_owned()).one(db).await?;
    Ok(row.is_some_and(|row| row.verified_at.is_some()))
}

/// Makes a proven address of the user the main one; `false` if they have no such address. Call it in a transaction.
pub async fn make_main(db: &impl ConnectionTrait, user: UserId, email: &Email) -> Result<bool, StoreError> {
    let row = Entity::find_by_id(email.as_str().to_owned()).one(db).await?;
    if !row.is_some_and(|row| row.user_id == user.0 && row.verified_at.is_some()) {
        return Ok(false);
    }
    let theirs = || Entity::update_many().filter(Column::UserId.eq(user.0));
    theirs().col_expr(Column::Main, Expr::value(0)).exec(db).await?;
    theirs().col_expr(Column::Main, Expr::value(1)).filter(Column::Email.eq(email.as_str())).exec(db).await?;
    Ok(true)
}

/// Takes an address from the user; `false` if it is their main one, or not theirs.
pub async fn remove(db: &impl ConnectionTrait, user: UserId, email: &Email) -> Result<bool, StoreError> {
    let gone = Entity::delete_many()
        .filter(Column::UserId.eq(user.0))
        .filter(Column::Email.eq(email.as_str()))
        .filter(Column::Main.eq(0))
        .exec(db)
        .await?;
    Ok(gone.rows_affected == 1)
}

/// Takes all addresses but the main one from the user.
pub async fn drop_others(db: &impl ConnectionTrait, user: UserId) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::UserId.eq(user.0)).filter(Column::Main.eq(0)).exec(db).await?;
    Ok(())
}

fn held(row: &Model) -> Result<Held, StoreError> {
    let email = row.email.parse().map_err(|_| StoreError::Corrupt("an address is not one".into()))?;
    Ok(Held { email, verified_at: row.verified_at.map(moment).transpose()?, is_main: row.main == 1 })
}
