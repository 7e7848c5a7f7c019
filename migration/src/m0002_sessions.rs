//! Finished logins, spent one-time values, and counted attempts.

use sea_orm_migration::prelude::*;

use crate::{index, number, of_user, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sessions = Table::create()
            .table(Alias::new("sessions"))
            .col(uuid("id").primary_key())
            .col(text("token_hash"))
            .col(uuid("user_id"))
            .col(text("method"))
            .col(text("data"))
            .col(number("created_at"))
            .col(number("seen_at"))
            .col(number("expires_at"))
            .col(number("ended_at").null())
            .col(text("user_agent").null())
            .col(text("ip").null())
            .foreign_key(&mut of_user("sessions"))
            .to_owned();
        manager.create_table(sessions).await?;
        manager.create_index(index("sessions", &["token_hash"], true)).await?;
        manager.create_index(index("sessions", &["user_id"], false)).await?;
        manager.create_index(index("sessions", &["expires_at"], false)).await?;

        let spent = Table::create()
            .table(Alias::new("spent"))
            .col(text("id").primary_key())
            .col(number("expires_at"))
            .to_owned();
        manager.create_table(spent).await?;
        manager.create_index(index("spent", &["expires_at"], false)).await?;

        let limits = Table::create()
            .table(Alias::new("rate_limits"))
            .col(text("key").primary_key())
            .col(number("free_at"))
            .to_owned();
        manager.create_table(limits).await?;
        manager.create_index(index("rate_limits", &["free_at"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["rate_limits", "spent", "sessions"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}
