//! What providers granted to be asked with again, and when.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entity::{grant, identity};
use super::{Store, StoreError};
use crate::domain::id::UserId;
use crate::domain::identity::Subject;

/// A grant, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub user: UserId,
    pub subject: Subject,
    pub sealed: String,
    /// When it is to be used next, in seconds since 1970.
    pub ask_at: i64,
}

impl Store {
    /// Grants of these providers that are to be used by now, the longest due first.
    pub async fn due_grants(&self, providers: &[String], limit: u64) -> Result<Vec<Kept>, StoreError> {
        let which = grant::Entity::find().find_also_related(identity::Entity);
        let which = which.filter(grant::Column::Provider.is_in(providers.iter().map(String::as_str)));
        let which = which.filter(grant::Column::AskAt.lte(self.now())).order_by_asc(grant::Column::AskAt).limit(limit);
        Ok(which.all(self.read()).await?.into_iter().filter_map(kept).collect())
    }

    /// All grants of a user.
    pub async fn grants_of(&self, user: UserId) -> Result<Vec<Kept>, StoreError> {
        let which = grant::Entity::find().find_also_related(identity::Entity);
        let rows = which.filter(identity::Column::UserId.eq(user.0)).all(self.read()).await?;
        Ok(rows.into_iter().filter_map(kept).collect())
    }

    /// Forgets what other providers granted than these, where it was due before this time; returns how many.
    pub async fn drop_other_grants(&self, providers: &[String], before: i64) -> Result<u64, StoreError> {
        let others = grant::Column::Provider.is_not_in(providers.iter().map(String::as_str));
        let others = others.and(grant::Column::AskAt.lt(before));
        Ok(grant::Entity::delete_many().filter(others).exec(self.write()).await?.rows_affected)
    }

    /// Takes the turn to use a grant: `true` for the one who came first, until `busy_until` or until it is given back. What becomes of
    /// the grant is [`Self::renewed`]'s, [`turned`]'s or [`withdraw`]'s, with the turn's `ask_at`.
    pub async fn take_turn(&self, kept: &Kept, ask_at: i64, busy_until: i64) -> Result<bool, StoreError> {
        let turn = grant::Entity::update_many()
            .col_expr(grant::Column::AskAt, Expr::value(ask_at))
            .col_expr(grant::Column::BusyUntil, Expr::value(busy_until));
        let is_free = grant::Column::BusyUntil.lte(self.now());
        let taken = turn.filter(exactly(&kept.subject, kept.ask_at).and(is_free)).exec(self.write()).await?;
        Ok(taken.rows_affected == 1)
    }

    /// Keeps what stands in the place of a grant that was spent just now. `false` if a sign-in brought something newer.
    pub async fn renewed(&self, subject: &Subject, turn: i64, sealed: String) -> Result<bool, StoreError> {
        let kept = grant::Entity::update_many().col_expr(grant::Column::Sealed, Expr::value(sealed));
        Ok(kept.filter(exactly(subject, turn)).exec(self.write()).await?.rows_affected == 1)
    }
}

/// Keeps what a sign-in brought; whatever was there before is worth less.
pub async fn keep(db: &impl ConnectionTrait, subject: &Subject, sealed: String, ask_at: i64) -> Result<(), StoreError> {
    let row = grant::ActiveModel {
        provider: Set(subject.provider.clone()),
        realm: Set(subject.realm.clone()),
        subject: Set(subject.subject.clone()),
        sealed: Set(sealed),
        ask_at: Set(ask_at),
        busy_until: Set(0),
    };
    let key = [grant::Column::Provider, grant::Column::Realm, grant::Column::Subject];
    let newer = OnConflict::columns(key)
        .update_columns([grant::Column::Sealed, grant::Column::AskAt, grant::Column::BusyUntil])
        .to_owned();
    grant::Entity::insert(row).on_conflict(newer).exec_without_returning(db).await?;
    Ok(())
}

/// Ends a turn: the grant is to be used again at this time. `false` if a sign-in brought something newer.
pub async fn turned(db: &impl ConnectionTrait, subject: &Subject, turn: i64, ask_at: i64) -> Result<bool, StoreError> {
    let ended = grant::Entity::update_many()
        .col_expr(grant::Column::AskAt, Expr::value(ask_at))
        .col_expr(grant::Column::BusyUntil, Expr::value(0_i64));
    Ok(ended.filter(exactly(subject, turn)).exec(db).await?.rows_affected == 1)
}

/// Forgets a grant that is worth nothing any more. `false` if a sign-in brought something newer.
pub async fn withdraw(db: &impl ConnectionTrait, subject: &Subject, turn: i64) -> Result<bool, StoreError> {
    Ok(grant::Entity::delete_many().filter(exactly(subject, turn)).exec(db).await?.rows_affected == 1)
}

fn exactly(subject: &Subject, ask_at: i64) -> Expr {
    grant::Column::Provider
        .eq(&subject.provider)
        .and(grant::Column::Realm.eq(&subject.realm))
        .and(grant::Column::Subject.eq(&subject.subject))
        .and(grant::Column::AskAt.eq(ask_at))
}

fn kept((grant, identity): (grant::Model, Option<identity::Model>)) -> Option<Kept> {
    let grant::Model { provider, realm, subject, sealed, ask_at, .. } = grant;
    let subject = Subject { provider, realm, subject };
    Some(Kept { user: UserId(identity?.user_id), subject, sealed, ask_at })
}
