//! What providers granted to be asked with again, sealed, and when they said last what they say of people.

use sea_orm_migration::prelude::*;

use crate::{index, number, of_identity, text};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let grants =
            of_identity("grants").col(text("sealed")).col(number("ask_at")).col(number("busy_until")).to_owned();
        manager.create_table(grants).await?;
        manager.create_index(index("grants", &["ask_at"], false)).await?;

        let said_at = number("said_at").default(0).to_owned();
        let facts = Table::alter().table(Alias::new("identity_facts")).add_column(said_at).to_owned();
        manager.alter_table(facts).await?;
        // Until now it was said whenever the identity was used.
        let same = "i.provider = identity_facts.provider AND i.realm = identity_facts.realm AND i.subject = identity_facts.subject";
        let fill = format!("UPDATE identity_facts SET said_at = (SELECT i.used_at FROM identities i WHERE {same})");
        manager.get_connection().execute_unprepared(&fill).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let facts = Table::alter().table(Alias::new("identity_facts")).drop_column(Alias::new("said_at")).to_owned();
        manager.alter_table(facts).await?;
        manager.drop_table(Table::drop().table(Alias::new("grants")).to_owned()).await
    }
}
