//! What happened, who did it, and from where. Rows are only added; a chain of hashes is laid over them afterwards.

use sea_orm_migration::prelude::*;

use crate::{index, number, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let events = Table::create()
            .table(Alias::new("audit_events"))
            .col(uuid("id").primary_key())
            .col(number("at"))
            .col(text("event"))
            .col(text("severity"))
            .col(text("actor_kind"))
            .col(text("actor_id").null())
            .col(text("target").null())
            .col(text("service").null())
            .col(text("provider").null())
            .col(text("ip").null())
            .col(text("user_agent").null())
            .col(text("reference").null())
            .col(text("details"))
            .col(number("seq").null())
            .col(text("previous").null())
            .col(text("hash").null())
            .to_owned();
        manager.create_table(events).await?;
        manager.create_index(index("audit_events", &["seq"], true)).await?;
        manager.create_index(index("audit_events", &["at"], false)).await?;
        manager.create_index(index("audit_events", &["target", "at"], false)).await?;
        manager.create_index(index("audit_events", &["actor_id", "at"], false)).await?;
        manager.create_index(index("audit_events", &["reference"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Alias::new("audit_events")).to_owned()).await
    }
}
