//! Second factors, passkeys, the newest of mailed links, old names of users, and how a session was proven.

use sea_orm_migration::prelude::*;

use crate::{index, number, of_user, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Columns that tables of earlier steps get, in the order they are added.
fn added() -> Vec<(&'static str, ColumnDef)> {
    vec![
        ("users", text("extra").null().to_owned()),
        ("users", number("deletes_at").null().to_owned()),
        ("users", text("terms_accepted").null().to_owned()),
        ("sessions", text("amr").default("[]").to_owned()),
        ("sessions", number("remembered").default(0).to_owned()),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in added() {
            let mut column = column;
            manager.alter_table(Table::alter().table(Alias::new(table)).add_column(&mut column).to_owned()).await?;
        }

        let totp = Table::create()
            .table(Alias::new("totp"))
            .col(uuid("user_id").primary_key())
            .col(text("sealed"))
            .col(number("last_step"))
            .col(number("created_at"))
            .col(number("confirmed_at").null())
            .foreign_key(&mut of_user("totp"))
            .to_owned();
        manager.create_table(totp).await?;

        let codes = Table::create()
            .table(Alias::new("recovery_codes"))
            .col(uuid("user_id"))
            .col(text("hash"))
            .col(number("created_at"))
            .col(number("used_at").null())
            .primary_key(Index::create().col(Alias::new("user_id")).col(Alias::new("hash")))
            .foreign_key(&mut of_user("recovery_codes"))
            .to_owned();
        manager.create_table(codes).await?;

        let passkeys = Table::create()
            .table(Alias::new("passkeys"))
            .col(text("id").primary_key())
            .col(uuid("user_id"))
            .col(text("name"))
            .col(text("credential"))
            .col(text("aaguid").null())
            .col(number("synced"))
            .col(number("created_at"))
            .col(number("used_at").null())
            .foreign_key(&mut of_user("passkeys"))
            .to_owned();
        manager.create_table(passkeys).await?;
        manager.create_index(index("passkeys", &["user_id"], false)).await?;

        let latest = Table::create()
            .table(Alias::new("latest"))
            .col(text("key").primary_key())
            .col(text("id"))
            .col(number("expires_at"))
            .to_owned();
        manager.create_table(latest).await?;
        manager.create_index(index("latest", &["expires_at"], false)).await?;

        let aliases = Table::create()
            .table(Alias::new("aliases"))
            .col(text("alias").primary_key())
            .col(uuid("user_id"))
            .foreign_key(&mut of_user("aliases"))
            .to_owned();
        manager.create_table(aliases).await?;
        manager.create_index(index("aliases", &["user_id"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["aliases", "latest", "passkeys", "recovery_codes", "totp"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        for (table, column) in added() {
            let name = Alias::new(column.get_column_name());
            manager.alter_table(Table::alter().table(Alias::new(table)).drop_column(name).to_owned()).await?;
        }
        Ok(())
    }
}
