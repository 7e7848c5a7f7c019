//! Usernames that look alike, the main one of several addresses, invitations.

use std::collections::HashSet;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, Statement};
use unicode_normalization::UnicodeNormalization;

use crate::{index, number, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add(manager, "users", text("username_skeleton").null()).await?;
        add(manager, "users", number("name_chosen_at").null()).await?;
        fill_skeletons(manager).await?;
        manager.create_index(index("users", &["username_skeleton"], true)).await?;
        manager.create_index(index("users", &["deletes_at"], false)).await?;

        add(manager, "addresses", number("main").default(1)).await?;
        let db = manager.get_connection();
        db.execute_unprepared(ONE_MAIN).await?;
        // Of several processes, one makes an address the main one.
        db.execute_unprepared("create unique index addresses_main on addresses (user_id) where main = 1").await?;

        let invitations = Table::create()
            .table(Alias::new("invitations"))
            .col(uuid("id").primary_key())
            .col(text("token_hash"))
            .col(text("email"))
            .col(text("roles"))
            .col(text("service").null())
            .col(uuid("invited_by").null())
            .col(number("created_at"))
            .col(number("expires_at"))
            .col(number("accepted_at").null())
            .col(number("revoked_at").null())
            .to_owned();
        manager.create_table(invitations).await?;
        manager.create_index(index("invitations", &["token_hash"], true)).await?;
        manager.create_index(index("invitations", &["email"], false)).await?;
        manager.create_index(index("invitations", &["expires_at"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Alias::new("invitations")).to_owned()).await?;
        for (table, name) in
            [("addresses", "addresses_main"), ("users", "users_deletes_at"), ("users", "users_username_skeleton")]
        {
            manager.drop_index(Index::drop().name(name).table(Alias::new(table)).to_owned()).await?;
        }
        for (table, column) in [("addresses", "main"), ("users", "name_chosen_at"), ("users", "username_skeleton")] {
            let drop = Table::alter().table(Alias::new(table)).drop_column(Alias::new(column)).to_owned();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}

/// Of several addresses, the oldest is the main one.
const ONE_MAIN: &str = "update addresses set main = 0 where exists (select 1 from addresses as older \
     where older.user_id = addresses.user_id and (older.created_at < addresses.created_at \
     or (older.created_at = addresses.created_at and older.email < addresses.email)))";

async fn add(manager: &SchemaManager<'_>, table: &'static str, column: &mut ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(Alias::new(table)).add_column(column).to_owned()).await
}

/// Gives each username its skeleton; of several that look alike, only the oldest has one.
async fn fill_skeletons(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let backend = db.get_database_backend();
    let all =
        "select username, username_key from users where username_key is not null order by created_at, username_key";
    let rows = db.query_all_raw(Statement::from_string(backend, all)).await?;
    let mut seen = HashSet::new();
    for row in rows {
        let key: String = row.try_get("", "username_key")?;
        let skeleton = skeleton(&row.try_get::<String>("", "username")?);
        if seen.insert(skeleton.clone()) {
            let update = Query::update()
                .table(Alias::new("users"))
                .value(Alias::new("username_skeleton"), skeleton)
                .and_where(Expr::col(Alias::new("username_key")).eq(key))
                .to_owned();
            db.execute(&update).await?;
        }
    }
    Ok(())
}

/// The skeleton as this step knew it (UTS 39 §4); the program's own may change.
fn skeleton(text: &str) -> String {
    let prototypes = |text: &str| -> String { unicode_security::skeleton(text).collect() };
    folded(&prototypes(&folded(&prototypes(text))))
}

fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}
