//! Signing keys, sealed, and small facts the server remembers.

use sea_orm_migration::prelude::*;

use crate::{index, number, text};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = Table::create()
            .table(Alias::new("signing_keys"))
            .col(text("id").primary_key())
            .col(text("algorithm"))
            .col(number("slot"))
            .col(text("sealed"))
            .col(number("created_at"))
            .col(number("signs_from"))
            .col(number("signs_until").null())
            .col(number("drops_at").null())
            .to_owned();
        manager.create_table(keys).await?;
        manager.create_index(index("signing_keys", &["algorithm", "slot"], true)).await?;

        let facts =
            Table::create().table(Alias::new("facts")).col(text("name").primary_key()).col(text("value")).to_owned();
        manager.create_table(facts).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["facts", "signing_keys"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}
