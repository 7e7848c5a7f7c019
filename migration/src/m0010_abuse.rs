//! Clients that are shut out, errors that people were shown, and what the audit chain keeps of where somebody came from.

use sea_orm_migration::prelude::*;

use crate::{index, number, text};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Columns that the audit trail gets.
const ADDED: [&str; 2] = ["salt", "origin"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ADDED {
            let mut column = text(column).null().to_owned();
            let events = Table::alter().table(Alias::new("audit_events")).add_column(&mut column).to_owned();
            manager.alter_table(events).await?;
        }
        manager.create_index(index("audit_events", &["event", "at"], false)).await?;

        let bans = Table::create()
            .table(Alias::new("bans"))
            .col(text("client").primary_key())
            .col(number("since"))
            .col(number("until"))
            .to_owned();
        manager.create_table(bans).await?;
        manager.create_index(index("bans", &["until"], false)).await?;

        let errors = Table::create()
            .table(Alias::new("shown_errors"))
            .col(text("reference").primary_key())
            .col(number("at"))
            .col(text("code"))
            .col(number("status"))
            .col(text("route"))
            .col(text("cause"))
            .to_owned();
        manager.create_table(errors).await?;
        manager.create_index(index("shown_errors", &["at"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["shown_errors", "bans"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        let by_event = Index::drop().name("audit_events_event_at").table(Alias::new("audit_events")).to_owned();
        manager.drop_index(by_event).await?;
        for column in ADDED {
            let events = Table::alter().table(Alias::new("audit_events")).drop_column(Alias::new(column)).to_owned();
            manager.alter_table(events).await?;
        }
        Ok(())
    }
}
