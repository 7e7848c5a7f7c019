//! How far the import of a file came.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "imports")]
pub struct Model {
    /// Hash of the file, and how it is read.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub file: String,
    pub line: i64,
    pub made: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
