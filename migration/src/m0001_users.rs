//! Users and what they sign in with: identities, addresses, passwords.

use sea_orm_migration::prelude::*;

use crate::{index, number, of_user, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let users = Table::create()
            .table(Alias::new("users"))
            .col(uuid("id").primary_key())
            .col(text("username").null())
            .col(text("username_key").null())
            .col(number("username_chosen_at").null())
            .col(text("name").null())
            .col(text("avatar_url").null())
            .col(text("roles"))
            .col(text("groups"))
            .col(number("locked_at").null())
            .col(number("created_at"))
            .col(number("updated_at"))
            .col(number("version"))
            .to_owned();
        manager.create_table(users).await?;
        manager.create_index(index("users", &["username_key"], true)).await?;

        let addresses = Table::create()
            .table(Alias::new("addresses"))
            .col(text("email").primary_key())
            .col(uuid("user_id"))
            .col(number("verified_at").null())
            .col(number("created_at"))
            .foreign_key(&mut of_user("addresses"))
            .to_owned();
        manager.create_table(addresses).await?;
        manager.create_index(index("addresses", &["user_id"], false)).await?;

        let identities = Table::create()
            .table(Alias::new("identities"))
            .col(text("provider"))
            .col(text("realm"))
            .col(text("subject"))
            .col(uuid("user_id"))
            .col(number("linked_at"))
            .col(number("used_at"))
            .primary_key(
                Index::create().col(Alias::new("provider")).col(Alias::new("realm")).col(Alias::new("subject")),
            )
            .foreign_key(&mut of_user("identities"))
            .to_owned();
        manager.create_table(identities).await?;
        manager.create_index(index("identities", &["user_id"], false)).await?;

        let passwords = Table::create()
            .table(Alias::new("passwords"))
            .col(uuid("user_id").primary_key())
            .col(text("hash"))
            .col(number("changed_at"))
            .foreign_key(&mut of_user("passwords"))
            .to_owned();
        manager.create_table(passwords).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["passwords", "identities", "addresses", "users"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}
