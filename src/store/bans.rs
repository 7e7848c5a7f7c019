//! Clients that are shut out for a time: in the database for all processes, and a bounded copy of it in each.

use std::collections::HashMap;
use std::net::IpAddr;

use arc_swap::ArcSwap;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait as _, QueryFilter, QueryOrder, QuerySelect,
};

use super::entity::ban;
use super::{Store, StoreError};

/// How many are known to a process at once, those with the longest time left; the others are not refused.
const KNOWN: u64 = 10_000;

/// A client that is shut out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banned {
    /// An IPv4 address, or the first of an IPv6 /64.
    pub client: IpAddr,
    /// Seconds since 1970.
    pub since: i64,
    /// Seconds since 1970.
    pub until: i64,
}

/// What this process knows of them.
#[derive(Debug, Default)]
pub struct Bans(ArcSwap<HashMap<IpAddr, i64>>);

impl Bans {
    /// Until when the client is shut out; `None` if it is not.
    pub fn until(&self, client: IpAddr, now: i64) -> Option<i64> {
        self.0.load().get(&client).copied().filter(|until| now < *until)
    }

    /// Takes them as the database has them now.
    pub async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let running = store.bans(KNOWN).await?;
        let changed = running.iter().map(|ban| (ban.client, ban.until)).collect::<HashMap<_, _>>();
        if **self.0.load() != changed {
            self.0.store(std::sync::Arc::new(changed));
        }
        Ok(())
    }
}

impl Store {
    /// Those that are shut out now, the longest first.
    pub async fn bans(&self, limit: u64) -> Result<Vec<Banned>, StoreError> {
        let rows = ban::Entity::find()
            .filter(ban::Column::Until.gt(self.now()))
            .order_by_desc(ban::Column::Until)
            .limit(limit)
            .all(self.read())
            .await?;
        let banned = |row: ban::Model| {
            let client = row.client.parse().map_err(|_| StoreError::Corrupt("a ban is not of an address".into()))?;
            Ok(Banned { client, since: row.since, until: row.until })
        };
        rows.into_iter().map(banned).collect()
    }
}

/// Shuts the client out; `false` if it was already.
pub async fn put(db: &impl ConnectionTrait, client: IpAddr, until: i64, now: i64) -> Result<bool, StoreError> {
    let row = ban::ActiveModel { client: Set(client.to_string()), since: Set(now), until: Set(until) };
    let over = sea_orm::sea_query::Expr::col((ban::Entity, ban::Column::Until)).lte(now);
    let written = ban::Entity::insert(row)
        .on_conflict(
            OnConflict::column(ban::Column::Client)
                .update_columns([ban::Column::Since, ban::Column::Until])
                .action_and_where(over)
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(written == 1)
}

/// Lets the client in again; `false` if it was not shut out.
pub async fn lift(db: &impl ConnectionTrait, client: IpAddr, now: i64) -> Result<bool, StoreError> {
    let mine = ban::Column::Client.eq(client.to_string()).and(ban::Column::Until.gt(now));
    Ok(ban::Entity::delete_many().filter(mine).exec(db).await?.rows_affected > 0)
}

/// Forgets those that are over.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    Ok(ban::Entity::delete_many().filter(ban::Column::Until.lte(now)).exec(db).await?.rows_affected)
}
