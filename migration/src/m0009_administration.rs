//! What administration needs: lists that stay quick at a million users, merges that can be undone, keys that make a POST safe to
//! repeat, and how far an import came.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::{index, number, of_user, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// What users get: when they last signed in, and in whom they went on if their account was merged.
fn added() -> [ColumnDef; 2] {
    [number("signed_in_at").null().to_owned(), uuid("merged_into").null().to_owned()]
}

/// Indexes that no builder can say: over a part of the rows, over an expression, or in the order of bytes, in which a prefix is a
/// range. SQLite orders by bytes of its own accord.
fn indexes(backend: DbBackend) -> Vec<String> {
    let bytes = if backend == DbBackend::Postgres { " collate \"C\"" } else { "" };
    let at = if backend == DbBackend::Postgres { "strpos" } else { "instr" };
    let mut all = vec![
        format!("create index users_name_begins on users ((lower(name)){bytes}, id)"),
        format!("create index users_name_goes_on on users ((lower(substr(name, {at}(name, ' ') + 1))){bytes}, id)"),
        "create index users_locked on users (id) where locked_at is not null".to_owned(),
        "create index users_never_signed_in on users (id) where signed_in_at is null".to_owned(),
        "create index users_merged on users (id) where merged_into is not null".to_owned(),
        "create index addresses_unverified on addresses (user_id) where verified_at is null".to_owned(),
    ];
    if backend == DbBackend::Postgres {
        all.push("create index users_username_begins on users (username_key collate \"C\", id)".to_owned());
        all.push("create index addresses_email_begins on addresses (email collate \"C\", user_id)".to_owned());
    }
    all
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for mut column in added() {
            manager.alter_table(Table::alter().table(Alias::new("users")).add_column(&mut column).to_owned()).await?;
        }
        manager.create_index(index("users", &["roles", "id"], false)).await?;
        manager.create_index(index("identities", &["provider", "user_id"], false)).await?;
        for statement in indexes(manager.get_database_backend()) {
            manager.get_connection().execute_unprepared(&statement).await?;
        }

        let merges = Table::create()
            .table(Alias::new("merges"))
            .col(uuid("id").primary_key())
            .col(uuid("gone"))
            .col(uuid("user_id"))
            .col(text("sealed"))
            .col(number("created_at"))
            .col(number("undo_until"))
            .foreign_key(&mut of_user("merges"))
            .to_owned();
        manager.create_table(merges).await?;
        manager.create_index(index("merges", &["user_id"], false)).await?;
        manager.create_index(index("merges", &["undo_until"], false)).await?;

        let idempotency = Table::create()
            .table(Alias::new("idempotency"))
            .col(text("caller"))
            .col(text("key"))
            .col(text("request"))
            .col(number("status").null())
            .col(text("sealed").null())
            .col(number("created_at"))
            .col(number("expires_at"))
            .primary_key(Index::create().col(Alias::new("caller")).col(Alias::new("key")))
            .to_owned();
        manager.create_table(idempotency).await?;
        manager.create_index(index("idempotency", &["expires_at"], false)).await?;

        let imports = Table::create()
            .table(Alias::new("imports"))
            .col(text("file").primary_key())
            .col(number("line"))
            .col(number("made"))
            .col(number("updated_at"))
            .to_owned();
        manager.create_table(imports).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["imports", "idempotency", "merges"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        let mut names = vec![
            "users_name_begins",
            "users_name_goes_on",
            "users_locked",
            "users_never_signed_in",
            "users_merged",
            "addresses_unverified",
            "users_roles_id",
            "identities_provider_user_id",
        ];
        if manager.get_database_backend() == DbBackend::Postgres {
            names.extend(["users_username_begins", "addresses_email_begins"]);
        }
        for name in names {
            manager.get_connection().execute_unprepared(&format!("drop index {name}")).await?;
        }
        for column in ["merged_into", "signed_in_at"] {
            let column = Alias::new(column);
            manager.alter_table(Table::alter().table(Alias::new("users")).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
