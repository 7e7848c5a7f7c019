//! Signing keys; the private part is sealed.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub id: String,
    #[sea_orm(column_type = "Text")]
    pub algorithm: String,
    pub slot: i64,
    #[sea_orm(column_type = "Text")]
    pub sealed: String,
    pub created_at: i64,
    pub signs_from: i64,
    pub signs_until: Option<i64>,
    pub drops_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
