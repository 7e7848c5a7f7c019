//! What still has to be told or mailed.

use sea_orm_migration::prelude::*;

use crate::{index, number, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let outbox = Table::create()
            .table(Alias::new("outbox"))
            .col(uuid("id").primary_key())
            .col(text("channel"))
            .col(text("sealed"))
            .col(number("tries"))
            .col(number("due_at"))
            .col(number("expires_at"))
            .col(number("created_at"))
            .to_owned();
        manager.create_table(outbox).await?;
        manager.create_index(index("outbox", &["due_at"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Alias::new("outbox")).to_owned()).await
    }
}
