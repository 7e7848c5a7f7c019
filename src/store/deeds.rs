//! What happened lately with one account.

use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::entity::audit_event::{Column, Entity};
use super::users::moment;
use super::{Store, StoreError};
use crate::domain::audit::Event;
use crate::domain::id::UserId;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    pub event: Event,
    pub at: OffsetDateTime,
    pub user_agent: Option<String>,
}

impl Store {
    /// What the user did, or what happened to them, the newest first.
    pub async fn recent_deeds(&self, user: UserId, limit: u64) -> Result<Vec<Deed>, StoreError> {
        let name = user.to_string();
        let rows = Entity::find()
            .filter(Column::Target.eq(&name).or(Column::ActorId.eq(&name)))
            .order_by_desc(Column::At)
            .order_by_desc(Column::Id)
            .limit(limit)
            .all(self.read())
            .await?;
        let known = rows.into_iter().filter_map(|row| Some((Event::named(&row.event)?, row)));
        known.map(|(event, row)| Ok(Deed { event, at: moment(row.at)?, user_agent: row.user_agent })).collect()
    }
}
