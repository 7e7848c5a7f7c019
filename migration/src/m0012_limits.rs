//! What services have counted for them, and answers of permission providers that are to be forgotten by every process.

use sea_orm_migration::prelude::*;

use crate::{index, number, text};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let quotas = Table::create()
            .table(Alias::new("quotas"))
            .col(text("key").primary_key())
            .col(number("used"))
            .col(number("ends_at"))
            .to_owned();
        manager.create_table(quotas).await?;
        manager.create_index(index("quotas", &["ends_at"], false)).await?;

        let invalidations = Table::create()
            .table(Alias::new("invalidations"))
            .col(text("id").primary_key())
            .col(text("service").null())
            .col(ColumnDef::new(Alias::new("user_id")).uuid().null())
            .col(number("at"))
            .to_owned();
        manager.create_table(invalidations).await?;
        manager.create_index(index("invalidations", &["at"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["invalidations", "quotas"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}
