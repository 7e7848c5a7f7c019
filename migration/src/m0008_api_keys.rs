//! API keys of people and services, and the sessions that services keep here.

use sea_orm_migration::prelude::*;

use crate::{index, number, of_user, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = Table::create()
            .table(Alias::new("api_keys"))
            .col(uuid("id").primary_key())
            .col(text("prefix"))
            .col(text("hash"))
            .col(uuid("user_id").null())
            .col(text("service").null())
            .col(text("name"))
            .col(text("scopes"))
            .col(text("networks"))
            .col(number("created_at"))
            .col(number("expires_at"))
            .col(number("used_at").null())
            .col(number("revoked_at").null())
            .col(uuid("family"))
            .col(text("refresh_hash").null())
            .col(number("refresh_until").null())
            .col(number("rotated_at").null())
            .col(number("kept_until"))
            .foreign_key(&mut of_user("api_keys"))
            .to_owned();
        manager.create_table(keys).await?;
        manager.create_index(index("api_keys", &["prefix"], true)).await?;
        manager.create_index(index("api_keys", &["user_id"], false)).await?;
        manager.create_index(index("api_keys", &["service"], false)).await?;
        manager.create_index(index("api_keys", &["family"], false)).await?;
        manager.create_index(index("api_keys", &["kept_until"], false)).await?;

        let sessions = Table::create()
            .table(Alias::new("service_sessions"))
            .col(uuid("id").primary_key())
            .col(text("service"))
            .col(text("token_hash"))
            .col(uuid("user_id").null())
            .col(text("amr"))
            .col(text("data"))
            .col(text("ip").null())
            .col(text("user_agent").null())
            .col(number("created_at"))
            .col(number("proven_at").null())
            .col(number("seen_at"))
            .col(number("expires_at"))
            .col(number("ended_at").null())
            .foreign_key(&mut of_user("service_sessions"))
            .to_owned();
        manager.create_table(sessions).await?;
        manager.create_index(index("service_sessions", &["token_hash"], true)).await?;
        manager.create_index(index("service_sessions", &["user_id", "service"], false)).await?;
        manager.create_index(index("service_sessions", &["expires_at"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["service_sessions", "api_keys"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}
