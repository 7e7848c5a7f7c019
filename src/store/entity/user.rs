//! Users.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "Text", nullable)]
    pub username: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub username_key: Option<String>,
    /// What the username looks like; `None` also for the younger of two that looked alike before this was checked.
    #[sea_orm(column_type = "Text", nullable)]
    pub username_skeleton: Option<String>,
    /// Since when the owner has the name they chose; `None` while it is the one given at first.
    pub username_chosen_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub name: Option<String>,
    /// Since when the owner has the name they chose; no provider changes it then.
    pub name_chosen_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub avatar_url: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub roles: String,
    #[sea_orm(column_type = "Text")]
    pub groups: String,
    pub locked_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub version: i64,
    /// What else is known of them, a JSON object.
    #[sea_orm(column_type = "Text", nullable)]
    pub extra: Option<String>,
    /// When the account goes, if its owner wants it gone.
    pub deletes_at: Option<i64>,
    /// The terms they accepted, and when.
    #[sea_orm(column_type = "Text", nullable)]
    pub terms_accepted: Option<String>,
    /// When they last signed in; `None` if never.
    pub signed_in_at: Option<i64>,
    /// The user in whom this one went on; what is left here only waits for the merge to be undone.
    pub merged_into: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Only the main one.
    #[sea_orm(has_many = "super::address::Entity", on_condition = "super::address::Column::Main.eq(1)")]
    Address,
}

impl Related<super::address::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Address.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
