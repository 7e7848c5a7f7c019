//! Accounts that were merged, and what it takes to part them again.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "merges")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The user who went.
    pub gone: Uuid,
    /// The user who stayed.
    pub user_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub sealed: String,
    pub created_at: i64,
    pub undo_until: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
