//! Remembered answers of permission providers that every process is to forget.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invalidations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub id: String,
    /// Those of this service; `None`: of all.
    #[sea_orm(column_type = "Text", nullable)]
    pub service: Option<String>,
    /// Those about this user; `None`: about everybody.
    pub user_id: Option<Uuid>,
    pub at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
