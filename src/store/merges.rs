//! Two accounts that become one, and what it takes to part them again.
//!
//! The row of the one who goes stays, locked and empty, until nothing can be undone any more.

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entity::{address, alias, api_key, identity, merge, passkey, user};
use super::users::{from_list, list};
use super::{StoreError, sessions};
use crate::domain::id::UserId;
use crate::domain::identity::Subject;

/// What moved, by its names: enough to move it back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Addresses, each with the time it was added, and whether it was the main one.
    pub addresses: Vec<(String, i64, i64)>,
    pub identities: Vec<Subject>,
    pub passkeys: Vec<String>,
    pub api_keys: Vec<Uuid>,
    pub aliases: Vec<String>,
    /// Groups that only the one who goes had.
    pub groups: Vec<String>,
    /// Since when the one who goes was locked before.
    pub locked_at: Option<i64>,
}

/// A merge that can be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    pub id: Uuid,
    pub gone: UserId,
    pub into: UserId,
    pub sealed: String,
    pub created_at: i64,
    pub undo_until: i64,
}

/// What a merge would move.
pub async fn look(db: &impl ConnectionTrait, gone: UserId, into: UserId) -> Result<Moved, StoreError> {
    let addresses = address::Entity::find().filter(address::Column::UserId.eq(gone.0)).all(db).await?;
    let identities = identity::Entity::find().filter(identity::Column::UserId.eq(gone.0)).all(db).await?;
    let subject = |row: identity::Model| Subject { provider: row.provider, realm: row.realm, subject: row.subject };
    let passkeys = passkey::Entity::find().filter(passkey::Column::UserId.eq(gone.0)).select_only();
    let keys = api_key::Entity::find().filter(api_key::Column::UserId.eq(gone.0)).select_only();
    let aliases = alias::Entity::find().filter(alias::Column::UserId.eq(gone.0)).select_only();
    let of = async |id: UserId| user::Entity::find_by_id(id.0).one(db).await;
    let (gone, into) = (of(gone).await?, of(into).await?);
    let groups = |row: &Option<user::Model>| row.as_ref().map_or(Ok(Vec::new()), |row| from_list(&row.groups));
    let there = groups(&into)?;
    Ok(Moved {
        addresses: addresses.into_iter().map(|row| (row.email, row.created_at, row.main)).collect(),
        identities: identities.into_iter().map(subject).collect(),
        passkeys: passkeys.column(passkey::Column::Id).into_tuple().all(db).await?,
        api_keys: keys.column(api_key::Column::Id).into_tuple().all(db).await?,
        aliases: aliases.column(alias::Column::Alias).into_tuple().all(db).await?,
        groups: groups(&gone)?.into_iter().filter(|group| !there.contains(group)).collect(),
        locked_at: gone.and_then(|row| row.locked_at),
    })
}

/// Moves all of it, locks and empties the one who goes, and lets their id name the one who stays.
pub async fn carry_out(
    db: &impl ConnectionTrait,
    gone: UserId,
    into: UserId,
    moved: &Moved,
    now: i64,
) -> Result<(), StoreError> {
    hand_over(db, moved, gone, into, Some(now)).await?;
    sessions::end_all(db, gone, None, now).await?;
    let groups = change_groups(db, into, |groups| groups.extend(moved.groups.iter().cloned())).await?;
    touch(into, now).col_expr(user::Column::Groups, groups).exec(db).await?;
    touch(gone, now)
        .col_expr(user::Column::LockedAt, Expr::value(Some(moved.locked_at.unwrap_or(now))))
        .col_expr(user::Column::MergedInto, Expr::value(Some(into.0)))
        .exec(db)
        .await?;
    let name = alias::ActiveModel { alias: Set(gone.to_string()), user_id: Set(into.0) };
    alias::Entity::insert(name).exec_without_returning(db).await?;
    Ok(())
}

/// Moves back what is still there, and opens the account again as it was.
pub async fn take_back(db: &impl ConnectionTrait, merge: &Merge, moved: &Moved, now: i64) -> Result<(), StoreError> {
    let (gone, into) = (merge.gone, merge.into);
    alias::Entity::delete_by_id(gone.to_string()).exec(db).await?;
    hand_over(db, moved, into, gone, None).await?;
    let groups = change_groups(db, into, |groups| groups.retain(|group| !moved.groups.contains(group))).await?;
    touch(into, now).col_expr(user::Column::Groups, groups).exec(db).await?;
    touch(gone, now)
        .col_expr(user::Column::LockedAt, Expr::value(moved.locked_at))
        .col_expr(user::Column::MergedInto, Expr::value(None::<Uuid>))
        .exec(db)
        .await?;
    merge::Entity::delete_by_id(merge.id).exec(db).await?;
    Ok(())
}

/// Gives what `from` has of it to `to`. Addresses count as added now, or as added when they were.
async fn hand_over(
    db: &impl ConnectionTrait,
    moved: &Moved,
    from: UserId,
    to: UserId,
    added_at: Option<i64>,
) -> Result<(), StoreError> {
    for (email, then, main) in &moved.addresses {
        address::Entity::update_many()
            .col_expr(address::Column::UserId, Expr::value(to.0))
            .col_expr(address::Column::CreatedAt, Expr::value(added_at.unwrap_or(*then)))
            .col_expr(address::Column::Main, Expr::value(if added_at.is_some() { 0 } else { *main }))
            .filter(address::Column::Email.eq(email).and(address::Column::UserId.eq(from.0)))
            .exec(db)
            .await?;
    }
    for user in [from, to] {
        has_main(db, user).await?;
    }
    for subject in &moved.identities {
        identity::Entity::update_many()
            .col_expr(identity::Column::UserId, Expr::value(to.0))
            .filter(identity::Column::Provider.eq(&subject.provider))
            .filter(identity::Column::Realm.eq(&subject.realm))
            .filter(identity::Column::Subject.eq(&subject.subject))
            .filter(identity::Column::UserId.eq(from.0))
            .exec(db)
            .await?;
    }
    passkey::Entity::update_many()
        .col_expr(passkey::Column::UserId, Expr::value(to.0))
        .filter(passkey::Column::Id.is_in(&moved.passkeys).and(passkey::Column::UserId.eq(from.0)))
        .exec(db)
        .await?;
    api_key::Entity::update_many()
        .col_expr(api_key::Column::UserId, Expr::value(Some(to.0)))
        .filter(api_key::Column::Id.is_in(moved.api_keys.iter().copied()).and(api_key::Column::UserId.eq(from.0)))
        .exec(db)
        .await?;
    alias::Entity::update_many()
        .col_expr(alias::Column::UserId, Expr::value(to.0))
        .filter(alias::Column::Alias.is_in(&moved.aliases).and(alias::Column::UserId.eq(from.0)))
        .exec(db)
        .await?;
    Ok(())
}

/// Sees to it that whoever has addresses has a main one: a proven one if there is any, else the oldest.
async fn has_main(db: &impl ConnectionTrait, id: UserId) -> Result<(), StoreError> {
    let rows = address::Entity::find().filter(address::Column::UserId.eq(id.0)).all(db).await?;
    if rows.iter().any(|row| row.main == 1) {
        return Ok(());
    }
    let Some(best) = rows.into_iter().min_by_key(|row| (row.verified_at.is_none(), row.created_at)) else {
        return Ok(());
    };
    let update = address::Entity::update_many().col_expr(address::Column::Main, Expr::value(1));
    update.filter(address::Column::Email.eq(best.email)).exec(db).await?;
    Ok(())
}

async fn change_groups(
    db: &impl ConnectionTrait,
    id: UserId,
    change: impl FnOnce(&mut Vec<String>),
) -> Result<Expr, StoreError> {
    let row = user::Entity::find_by_id(id.0).one(db).await?;
    let mut groups = row.map_or(Ok(Vec::new()), |row| from_list(&row.groups))?;
    change(&mut groups);
    Ok(Expr::value(list(&groups)))
}

fn touch(id: UserId, now: i64) -> sea_orm::UpdateMany<user::Entity> {
    user::Entity::update_many()
        .col_expr(user::Column::Version, Expr::col(user::Column::Version).add(1))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.0))
}

/// Remembers a merge.
pub async fn put(db: &impl ConnectionTrait, merge: &Merge) -> Result<(), StoreError> {
    let row = merge::ActiveModel {
        id: Set(merge.id),
        gone: Set(merge.gone.0),
        user_id: Set(merge.into.0),
        sealed: Set(merge.sealed.clone()),
        created_at: Set(merge.created_at),
        undo_until: Set(merge.undo_until),
    };
    merge::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// The merge in which this user went, if it can be undone.
pub async fn of_gone(db: &impl ConnectionTrait, gone: UserId, now: i64) -> Result<Option<Merge>, StoreError> {
    let which = merge::Entity::find().filter(merge::Column::Gone.eq(gone.0)).filter(merge::Column::UndoUntil.gt(now));
    Ok(which.one(db).await?.map(|row| Merge {
        id: row.id,
        gone: UserId(row.gone),
        into: UserId(row.user_id),
        sealed: row.sealed,
        created_at: row.created_at,
        undo_until: row.undo_until,
    }))
}

/// Forgets merges that cannot be undone any more, and those who went; returns how many.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let kept = Query::select()
        .column(merge::Column::Gone)
        .from(merge::Entity)
        .and_where(merge::Column::UndoUntil.gt(now))
        .to_owned();
    let over = user::Entity::delete_many()
        .filter(user::Column::MergedInto.is_not_null())
        .filter(user::Column::Id.not_in_subquery(kept))
        .exec(db)
        .await?;
    merge::Entity::delete_many().filter(merge::Column::UndoUntil.lte(now)).exec(db).await?;
    Ok(over.rows_affected)
}
