//! What administrators change about users.

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, UpdateMany};
use serde_json::{Map, Value};

use super::entity::{address, alias, identity, user};
use super::{Store, StoreError, users};
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::identity::Subject;
use crate::domain::user::{User, Username};

/// What becomes different. The outer `None` leaves as it is, the inner one takes away.
#[expect(clippy::option_option, reason = "what is not said is not what is taken away")]
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub name: Option<Option<String>>,
    pub username: Option<Option<Username>>,
    pub avatar_url: Option<Option<String>>,
    /// A JSON object.
    pub extra: Option<Option<String>>,
}

impl Store {
    /// The user with this id, address, username, or name from elsewhere: an old id, or that of an account that was merged.
    pub async fn user_called(&self, who: &str) -> Result<Option<User>, StoreError> {
        if let Ok(id) = who.parse::<UserId>() {
            return match self.user_by_alias(who).await? {
                Some(user) => Ok(Some(user)),
                None => self.user(id).await,
            };
        }
        let found = match who.parse::<Email>() {
            Ok(email) => self.user_by_email(&email).await?,
            Err(_) => self.user_by_username(who).await?,
        };
        match found {
            Some(user) => Ok(Some(user)),
            None => self.user_by_alias(who).await,
        }
    }

    /// Which of these have an account that may be used: neither locked nor merged nor about to go.
    pub async fn usable(&self, ids: &BTreeSet<UserId>) -> Result<BTreeSet<UserId>, StoreError> {
        let usable: Vec<uuid::Uuid> = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .filter(user::Column::LockedAt.is_null())
            .filter(user::Column::MergedInto.is_null())
            .filter(user::Column::DeletesAt.is_null())
            .into_tuple()
            .all(self.read())
            .await?;
        Ok(usable.into_iter().map(UserId).collect())
    }

    /// Which of these have an account, whatever its state.
    pub async fn existing(&self, ids: &BTreeSet<UserId>) -> Result<BTreeSet<UserId>, StoreError> {
        let existing: Vec<uuid::Uuid> = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .into_tuple()
            .all(self.write())
            .await?;
        Ok(existing.into_iter().map(UserId).collect())
    }

    /// The user who had this id elsewhere.
    pub async fn user_by_alias(&self, name: &str) -> Result<Option<User>, StoreError> {
        match alias::Entity::find_by_id(name.to_owned()).one(self.read()).await? {
            Some(row) => self.user(UserId(row.user_id)).await,
            None => Ok(None),
        }
    }

    /// The names a user had elsewhere.
    pub async fn aliases_of(&self, id: UserId) -> Result<Vec<String>, StoreError> {
        let which = alias::Entity::find().filter(alias::Column::UserId.eq(id.0)).select_only();
        Ok(which.column(alias::Column::Alias).limit(100).into_tuple().all(self.read()).await?)
    }

    /// What else is known of a user.
    pub async fn extra_of(&self, id: UserId) -> Result<Map<String, Value>, StoreError> {
        extra(self.read(), id).await
    }
}

/// The user; nobody else changes the row until the transaction ends. `None` if there is none, or they were merged.
pub async fn hold(db: &impl ConnectionTrait, id: UserId) -> Result<Option<User>, StoreError> {
    let row =
        user::Entity::find_by_id(id.0).filter(user::Column::MergedInto.is_null()).lock_exclusive().one(db).await?;
    match row {
        Some(_) => users::by_id(db, id).await,
        None => Ok(None),
    }
}

/// What else is known of a user.
pub async fn extra(db: &impl ConnectionTrait, id: UserId) -> Result<Map<String, Value>, StoreError> {
    let which = user::Entity::find_by_id(id.0).select_only().column(user::Column::Extra);
    let text: Option<Option<String>> = which.into_tuple().one(db).await?;
    match text.flatten() {
        Some(text) => {
            serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("a user's attributes are not an object".into()))
        }
        None => Ok(Map::new()),
    }
}

/// Changes what is asked for; a taken username is a conflict.
pub async fn edit(db: &impl ConnectionTrait, id: UserId, edit: &Edit, now: i64) -> Result<(), StoreError> {
    let mut update = touched(id, now);
    if let Some(name) = &edit.name {
        update = update
            .col_expr(user::Column::Name, Expr::value(name.clone()))
            .col_expr(user::Column::NameChosenAt, Expr::value(Some(now)));
    }
    if let Some(username) = &edit.username {
        let (shown, key) = (username.as_ref().map(Username::as_str), username.as_ref().map(Username::key));
        update = update
            .col_expr(user::Column::UsernameSkeleton, Expr::value(username.as_ref().map(Username::skeleton)))
            .col_expr(user::Column::Username, Expr::value(shown.map(str::to_owned)))
            .col_expr(user::Column::UsernameKey, Expr::value(key))
            .col_expr(user::Column::UsernameChosenAt, Expr::value(shown.map(|_| now)));
    }
    if let Some(avatar_url) = &edit.avatar_url {
        update = update.col_expr(user::Column::AvatarUrl, Expr::value(avatar_url.clone()));
    }
    if let Some(extra) = &edit.extra {
        update = update.col_expr(user::Column::Extra, Expr::value(extra.clone()));
    }
    update.exec(db).await?;
    Ok(())
}

/// Gives the user exactly these roles.
pub async fn set_roles(db: &impl ConnectionTrait, id: UserId, roles: &[String], now: i64) -> Result<(), StoreError> {
    touched(id, now).col_expr(user::Column::Roles, Expr::value(users::list(roles))).exec(db).await?;
    Ok(())
}

/// Puts the user into exactly these groups.
pub async fn set_groups(db: &impl ConnectionTrait, id: UserId, groups: &[String], now: i64) -> Result<(), StoreError> {
    touched(id, now).col_expr(user::Column::Groups, Expr::value(users::list(groups))).exec(db).await?;
    Ok(())
}

/// Notes whether the address is proven.
pub async fn set_verified(
    db: &impl ConnectionTrait,
    id: UserId,
    email: &Email,
    verified: bool,
    now: i64,
) -> Result<(), StoreError> {
    address::Entity::update_many()
        .col_expr(address::Column::VerifiedAt, Expr::value(verified.then_some(now)))
        .filter(address::Column::Email.eq(email.as_str()))
        .filter(address::Column::UserId.eq(id.0))
        .exec(db)
        .await?;
    touched(id, now).exec(db).await?;
    Ok(())
}

/// Takes an identity from a user; `false` if it is not theirs.
pub async fn unlink(db: &impl ConnectionTrait, id: UserId, subject: &Subject) -> Result<bool, StoreError> {
    let gone = identity::Entity::delete_many()
        .filter(identity::Column::UserId.eq(id.0))
        .filter(identity::Column::Provider.eq(&subject.provider))
        .filter(identity::Column::Realm.eq(&subject.realm))
        .filter(identity::Column::Subject.eq(&subject.subject))
        .exec(db)
        .await?;
    Ok(gone.rows_affected == 1)
}

/// Notes that the user has signed in.
pub async fn signed_in(db: &impl ConnectionTrait, id: UserId, now: i64) -> Result<(), StoreError> {
    let update = user::Entity::update_many().col_expr(user::Column::SignedInAt, Expr::value(Some(now)));
    update.filter(user::Column::Id.eq(id.0)).exec(db).await?;
    Ok(())
}

fn touched(id: UserId, now: i64) -> UpdateMany<user::Entity> {
    user::Entity::update_many()
        .col_expr(user::Column::Version, Expr::col(user::Column::Version).add(1))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.0))
}
