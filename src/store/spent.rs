//! One-time values: whoever inserts the row first has it.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::StoreError;
use super::entity::spent;

/// `true` for the one caller who came first; the unique key is the judge. The row may go after `until`, in seconds since 1970.
pub async fn spend(db: &impl ConnectionTrait, id: &str, until: i64) -> Result<bool, StoreError> {
    let row = spent::ActiveModel { id: Set(id.to_owned()), expires_at: Set(until) };
    let inserted = spent::Entity::insert(row)
        .on_conflict(OnConflict::column(spent::Column::Id).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(inserted == 1)
}

/// Whether somebody has spent it.
pub async fn is_spent(db: &impl ConnectionTrait, id: &str) -> Result<bool, StoreError> {
    Ok(spent::Entity::find_by_id(id.to_owned()).one(db).await?.is_some())
}

/// Forgets values that are past their time anyway.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let gone = spent::Entity::delete_many().filter(spent::Column::ExpiresAt.lt(now)).exec(db).await?;
    Ok(gone.rows_affected)
}
