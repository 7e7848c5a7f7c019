//! What observing permission providers would change, how often they agreed, and what providers were asked lately.

use sea_orm_migration::prelude::*;

use crate::{index, number, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut key = Index::create();
        for column in ["provider", "service", "who", "permission"] {
            key.col(Alias::new(column));
        }
        let differences = Table::create()
            .table(Alias::new("shadow_differences"))
            .col(text("provider"))
            .col(text("service"))
            .col(text("who"))
            .col(text("permission"))
            .col(text("was"))
            .col(text("would"))
            .col(number("first_at"))
            .col(number("last_at"))
            .col(number("times"))
            .primary_key(&mut key)
            .to_owned();
        manager.create_table(differences).await?;
        manager.create_index(index("shadow_differences", &["provider", "last_at"], false)).await?;
        manager.create_index(index("shadow_differences", &["who"], false)).await?;

        let counts = Table::create()
            .table(Alias::new("shadow_counts"))
            .col(text("provider").primary_key())
            .col(number("asked"))
            .col(number("agreed"))
            .col(number("differed"))
            .col(number("failed"))
            .col(number("since"))
            .to_owned();
        manager.create_table(counts).await?;

        manager.create_table(asked()).await?;
        manager.create_index(index("permission_records", &["provider", "id"], false)).await?;
        manager.create_index(index("permission_records", &["who"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["permission_records", "shadow_counts", "shadow_differences"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}

fn asked() -> TableCreateStatement {
    Table::create()
        .table(Alias::new("permission_records"))
        .col(uuid("id").primary_key())
        .col(text("provider"))
        .col(text("service"))
        .col(text("who"))
        .col(number("is_machine"))
        .col(text("method"))
        .col(number("is_multi_factor"))
        .col(text("previous"))
        .col(text("verdict"))
        .col(text("permissions"))
        .col(text("limits"))
        .col(text("request").null())
        .col(number("at"))
        .to_owned()
}
