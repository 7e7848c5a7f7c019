//! The steps of the database schema, oldest first.
//!
//! Times are whole seconds since 1970 in a `bigint`: they compare alike in every database and time zone.

mod m0001_users;
mod m0002_sessions;
mod m0003_keys;
mod m0004_outbox;
mod m0005_credentials;
mod m0006_audit;
mod m0007_people;
mod m0008_api_keys;
mod m0009_administration;
mod m0010_abuse;
mod m0011_rules;
mod m0012_limits;
mod m0013_observed;
mod m0014_grants;

use sea_orm_migration::prelude::*;

pub use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All steps.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_users::Migration),
            Box::new(m0002_sessions::Migration),
            Box::new(m0003_keys::Migration),
            Box::new(m0004_outbox::Migration),
            Box::new(m0005_credentials::Migration),
            Box::new(m0006_audit::Migration),
            Box::new(m0007_people::Migration),
            Box::new(m0008_api_keys::Migration),
            Box::new(m0009_administration::Migration),
            Box::new(m0010_abuse::Migration),
            Box::new(m0011_rules::Migration),
            Box::new(m0012_limits::Migration),
            Box::new(m0013_observed::Migration),
            Box::new(m0014_grants::Migration),
        ]
    }
}

/// A required text column.
fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().not_null().to_owned()
}

/// A required whole number, or a time in seconds since 1970.
fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).big_integer().not_null().to_owned()
}

/// A required UUID.
fn uuid(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).uuid().not_null().to_owned()
}

/// The user a row belongs to and goes with.
fn of_user(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(Alias::new(table), Alias::new("user_id"))
        .to(Alias::new("users"), Alias::new("id"))
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

/// A new table whose rows are each about one identity, by which they are found and with which they go.
fn of_identity(table: &'static str) -> TableCreateStatement {
    let (mut about, mut key, mut whose) = (Table::create(), Index::create(), ForeignKey::create());
    for column in ["provider", "realm", "subject"] {
        about.col(text(column));
        key.col(Alias::new(column));
        whose.from(Alias::new(table), Alias::new(column));
        whose.to(Alias::new("identities"), Alias::new(column));
    }
    let whose = whose.on_delete(ForeignKeyAction::Cascade);
    about.table(Alias::new(table)).primary_key(&mut key).foreign_key(whose).to_owned()
}

/// An index over some columns.
fn index(table: &'static str, columns: &[&'static str], unique: bool) -> IndexCreateStatement {
    let mut index = Index::create().name(format!("{table}_{}", columns.join("_"))).table(Alias::new(table)).to_owned();
    for column in columns {
        index.col(Alias::new(*column));
    }
    if unique {
        index.unique();
    }
    index
}
