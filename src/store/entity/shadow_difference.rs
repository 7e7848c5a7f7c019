//! What an observing permission provider would change for somebody.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
#[sea_orm(table_name = "shadow_differences")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub provider: String,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub service: String,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub who: String,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub permission: String,
    #[sea_orm(column_type = "Text")]
    pub was: String,
    #[sea_orm(column_type = "Text")]
    pub would: String,
    pub first_at: i64,
    pub last_at: i64,
    pub times: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
