//! Where roles come from, and what providers said last of people, as far as rules ask for it.

use sea_orm_migration::prelude::*;

use crate::{index, number, of_identity, of_user, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut key = Index::create();
        for column in ["user_id", "role", "kind", "provider"] {
            key.col(Alias::new(column));
        }
        let origins = Table::create()
            .table(Alias::new("role_origins"))
            .col(uuid("user_id"))
            .col(text("role"))
            .col(text("kind"))
            .col(text("provider"))
            .col(text("rule").null())
            .col(number("since"))
            .primary_key(&mut key)
            .foreign_key(&mut of_user("role_origins"))
            .to_owned();
        manager.create_table(origins).await?;

        let facts =
            of_identity("identity_facts").col(text("sealed")).col(text("rules")).col(number("judged_at")).to_owned();
        manager.create_table(facts).await?;
        manager.create_index(index("identity_facts", &["rules"], false)).await?;
        manager.create_index(index("identity_facts", &["provider", "judged_at"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["identity_facts", "role_origins"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}
