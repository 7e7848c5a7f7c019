//! Of mailed links for one purpose and one person only the newest counts, once.

use sea_orm::sea_query::{ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::StoreError;
use super::entity::latest;

/// From now on `id` is the one that counts for `key`; what was before counts no longer. In seconds since 1970.
pub async fn put(db: &impl ConnectionTrait, key: &str, id: &str, expires_at: i64) -> Result<(), StoreError> {
    let row = latest::ActiveModel { key: Set(key.to_owned()), id: Set(id.to_owned()), expires_at: Set(expires_at) };
    let newer = OnConflict::column(latest::Column::Key)
        .update_columns([latest::Column::Id, latest::Column::ExpiresAt])
        .to_owned();
    latest::Entity::insert(row).on_conflict(newer).exec_without_returning(db).await?;
    Ok(())
}

/// Whether `id` still counts; a hint for pages, never the judge.
pub async fn is(db: &impl ConnectionTrait, key: &str, id: &str) -> Result<bool, StoreError> {
    Ok(latest::Entity::find_by_id(key.to_owned()).one(db).await?.is_some_and(|row| row.id == id))
}

/// `true` for the one who came first with the id that counts; it counts no longer then.
pub async fn take(db: &impl ConnectionTrait, key: &str, id: &str) -> Result<bool, StoreError> {
    let theirs = latest::Column::Key.eq(key).and(latest::Column::Id.eq(id));
    Ok(latest::Entity::delete_many().filter(theirs).exec(db).await?.rows_affected == 1)
}

/// Nothing counts for the key any more.
pub async fn drop(db: &impl ConnectionTrait, key: &str) -> Result<(), StoreError> {
    latest::Entity::delete_by_id(key.to_owned()).exec(db).await?;
    Ok(())
}

/// Nothing counts any more for keys that end with `:` and this.
pub async fn drop_all_of(db: &impl ConnectionTrait, whose: &str) -> Result<(), StoreError> {
    latest::Entity::delete_many().filter(latest::Column::Key.ends_with(format!(":{whose}"))).exec(db).await?;
    Ok(())
}

/// Forgets what is past its time; returns how many rows went.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    Ok(latest::Entity::delete_many().filter(latest::Column::ExpiresAt.lt(now)).exec(db).await?.rows_affected)
}
