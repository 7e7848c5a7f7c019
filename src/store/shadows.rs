//! What observing permission providers would change, and how often they agreed.
//!
//! A difference is one row for each provider, service, person and permission; that it shows again is only counted.

use std::collections::BTreeSet;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::{Deserialize, Serialize};
use time::Duration;

use super::entity::{shadow_count, shadow_difference};
use super::{Store, StoreError};
use crate::domain::id::UserId;

pub use super::entity::shadow_difference::Model as Differing;

/// Kept of each provider; those that showed longest ago go.
const KEPT: u64 = 1_000;
/// How long a difference is kept that does not show again.
const LASTS: Duration = Duration::days(30);
/// Rows in one statement.
const AT_ONCE: usize = 200;

/// How often an observer was asked, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counted {
    pub asked: i64,
    /// It would have changed nothing.
    pub agreed: i64,
    pub differed: i64,
    /// It had no answer.
    pub failed: i64,
}

impl Counted {
    /// What came since.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            asked: self.asked - earlier.asked,
            agreed: self.agreed - earlier.agreed,
            differed: self.differed - earlier.differed,
            failed: self.failed - earlier.failed,
        }
    }
}

/// How an observer has done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Shadow {
    /// In all processes; written once a minute.
    pub counts: Counted,
    /// Since when it is counted, in seconds since 1970; `None` if it was not asked yet.
    pub since: Option<i64>,
    /// The last ones, those that showed last first.
    pub differences: Vec<Differing>,
}

/// Which differences are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Which<'a> {
    /// Of these observers.
    pub providers: &'a [String],
    /// In this service only.
    pub service: Option<&'a str>,
}

/// Where a page of differences ended: behind this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    last_at: i64,
    provider: String,
    service: String,
    who: String,
    permission: String,
}

impl Place {
    /// Behind this difference.
    pub fn after(row: &Differing) -> Self {
        let Differing { last_at, provider, service, who, permission, .. } = row.clone();
        Self { last_at, provider, service, who, permission }
    }

    /// What is listed behind it.
    fn behind(&self) -> Condition {
        use shadow_difference::Column;
        let names = [
            (Column::Provider, &self.provider),
            (Column::Service, &self.service),
            (Column::Who, &self.who),
            (Column::Permission, &self.permission),
        ];
        let mut same = Condition::all().add(Column::LastAt.eq(self.last_at));
        let mut behind = Condition::any().add(Column::LastAt.lt(self.last_at));
        for (column, name) in names {
            behind = behind.add(same.clone().add(column.gt(name.as_str())));
            same = same.add(column.eq(name.as_str()));
        }
        behind
    }
}

impl Store {
    /// How the observer has done, with its last differences.
    pub async fn shadow(&self, provider: &str, most: u64) -> Result<Shadow, StoreError> {
        let (counts, since) = self.shadow_counts(provider).await?;
        let which = Which { providers: &[provider.to_owned()], service: None };
        Ok(Shadow { counts, since, differences: self.shadow_differences(which, None, most).await? })
    }

    /// Differences behind `after`, those that showed last first.
    pub async fn shadow_differences(
        &self,
        which: Which<'_>,
        after: Option<&Place>,
        most: u64,
    ) -> Result<Vec<Differing>, StoreError> {
        use shadow_difference::Column;
        let mut wanted = Condition::all().add(Column::Provider.is_in(which.providers));
        if let Some(service) = which.service {
            wanted = wanted.add(Column::Service.eq(service));
        }
        if let Some(place) = after {
            wanted = wanted.add(place.behind());
        }
        let found = shadow_difference::Entity::find().filter(wanted).order_by_desc(Column::LastAt);
        let names = [Column::Provider, Column::Service, Column::Who, Column::Permission];
        let found = names.into_iter().fold(found, QueryOrder::order_by_asc);
        Ok(found.limit(most).all(self.read()).await?)
    }

    /// How often the observer was asked, and since when that is counted, in seconds since 1970; `None` if it was not asked yet.
    pub async fn shadow_counts(&self, provider: &str) -> Result<(Counted, Option<i64>), StoreError> {
        let row = shadow_count::Entity::find_by_id(provider.to_owned()).one(self.read()).await?;
        let since = row.as_ref().map(|row| row.since);
        let counts = row.map_or_else(Counted::default, |row| Counted {
            asked: row.asked,
            agreed: row.agreed,
            differed: row.differed,
            failed: row.failed,
        });
        Ok((counts, since))
    }

    /// Begins anew with an observer: its counts and differences go.
    pub async fn forget_shadow(&self, provider: &str) -> Result<(), StoreError> {
        let db = self.begin().await?;
        shadow_count::Entity::delete_by_id(provider.to_owned()).exec(&db).await?;
        let theirs = shadow_difference::Column::Provider.eq(provider);
        shadow_difference::Entity::delete_many().filter(theirs).exec(&db).await?;
        Ok(db.commit().await?)
    }
}

/// Adds counts and differences to those that are there.
pub async fn write(store: &Store, counted: &[(String, Counted)], differing: Vec<Differing>) -> Result<(), StoreError> {
    if counted.is_empty() && differing.is_empty() {
        return Ok(());
    }
    let db = store.begin().await?;
    for (provider, counts) in counted {
        add(&db, provider, *counts, store.now()).await?;
    }
    let providers: BTreeSet<String> = differing.iter().map(|row| row.provider.clone()).collect();
    let mut rows = differing.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while rows.peek().is_some() {
        shadow_difference::Entity::insert_many(rows.by_ref().take(AT_ONCE))
            .on_conflict(again())
            .exec_without_returning(&db)
            .await?;
    }
    for provider in providers {
        cut(&db, &provider).await?;
    }
    Ok(db.commit().await?)
}

/// The same difference once more.
fn again() -> OnConflict {
    use shadow_difference::Column;
    let new = Expr::col((Alias::new("excluded"), Column::Times));
    OnConflict::columns([Column::Provider, Column::Service, Column::Who, Column::Permission])
        .update_columns([Column::Was, Column::Would, Column::LastAt])
        .value(Column::Times, Expr::col((shadow_difference::Entity, Column::Times)).add(new))
        .to_owned()
}

async fn add(db: &impl ConnectionTrait, provider: &str, counts: Counted, now: i64) -> Result<(), StoreError> {
    use shadow_count::Column;
    let Counted { asked, agreed, differed, failed } = counts;
    let row = shadow_count::ActiveModel {
        provider: Set(provider.to_owned()),
        asked: Set(asked),
        agreed: Set(agreed),
        differed: Set(differed),
        failed: Set(failed),
        since: Set(now),
    };
    let plus = |column: Column, more: i64| Expr::col((shadow_count::Entity, column)).add(more);
    shadow_count::Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Provider)
                .value(Column::Asked, plus(Column::Asked, asked))
                .value(Column::Agreed, plus(Column::Agreed, agreed))
                .value(Column::Differed, plus(Column::Differed, differed))
                .value(Column::Failed, plus(Column::Failed, failed))
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

async fn cut(db: &impl ConnectionTrait, provider: &str) -> Result<(), StoreError> {
    use shadow_difference::Column;
    let theirs = || Column::Provider.eq(provider);
    let oldest = shadow_difference::Entity::find().filter(theirs()).order_by_desc(Column::LastAt).offset(KEPT);
    if let Some(oldest) = oldest.one(db).await? {
        let old = theirs().and(Column::LastAt.lte(oldest.last_at));
        shadow_difference::Entity::delete_many().filter(old).exec(db).await?;
    }
    Ok(())
}

/// What would change for somebody who is gone goes, too.
pub async fn forget_person(db: &impl ConnectionTrait, id: UserId) -> Result<(), StoreError> {
    let theirs = shadow_difference::Column::Who.eq(id.to_string());
    shadow_difference::Entity::delete_many().filter(theirs).exec(db).await?;
    Ok(())
}

/// Takes differences away that did not show for long.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    let old = shadow_difference::Column::LastAt.lte(now - LASTS.whole_seconds());
    Ok(shadow_difference::Entity::delete_many().filter(old).exec(db).await?.rows_affected)
}
