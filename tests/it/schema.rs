//! The schema goes up, down and up again, and the entities are what the tables are.

use std::collections::BTreeMap;
use std::sync::Arc;

use migration::{Migrator, MigratorTrait as _};
use sea_orm::{ColumnTrait as _, IdenStatic as _};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, EntityTrait, Iterable, Statement};

use super::stage::clock::ManualClock;
use super::stage::database::Empty;
use crate::store::Store;
use crate::store::entity;

async fn open(place: &Empty) -> Store {
    Store::connect(&place.settings, Arc::new(ManualClock::new())).await.unwrap()
}

/// Column → whether it may be null.
async fn columns(db: &DatabaseConnection, table: &str) -> BTreeMap<String, bool> {
    let backend = db.get_database_backend();
    let question = match backend {
        DbBackend::Postgres => format!(
            "select column_name::text as name, (case is_nullable when 'YES' then 0 else 1 end)::bigint as required, 0::bigint as pk \
             from information_schema.columns where table_schema = 'public' and table_name = '{table}'"
        ),
        _ => format!("select name, \"notnull\" as required, pk from pragma_table_info('{table}')"),
    };
    let rows = db.query_all_raw(Statement::from_string(backend, question)).await.unwrap();
    let of = |row: &sea_orm::QueryResult| {
        let number =
            |name: &str| row.try_get::<i64>("", name).or_else(|_| row.try_get::<i32>("", name).map(i64::from)).unwrap();
        (row.try_get("", "name").unwrap(), number("required") == 0 && number("pk") == 0)
    };
    rows.iter().map(of).collect()
}

async fn matches<E: EntityTrait>(db: &DatabaseConnection, _: E) {
    let table = E::default().table_name().to_owned();
    let said: BTreeMap<String, bool> =
        E::Column::iter().map(|column| (column.as_str().to_owned(), column.def().is_null())).collect();
    assert_eq!(columns(db, &table).await, said, "{table}");
    E::find().all(db).await.unwrap();
}

#[expect(clippy::cognitive_complexity, reason = "a list")]
async fn all_match(db: &DatabaseConnection) {
    matches(db, entity::user::Entity).await;
    matches(db, entity::address::Entity).await;
    matches(db, entity::identity::Entity).await;
    matches(db, entity::identity_facts::Entity).await;
    matches(db, entity::role_origin::Entity).await;
    matches(db, entity::invitation::Entity).await;
    matches(db, entity::password::Entity).await;
    matches(db, entity::session::Entity).await;
    matches(db, entity::spent::Entity).await;
    matches(db, entity::rate_limit::Entity).await;
    matches(db, entity::signing_key::Entity).await;
    matches(db, entity::fact::Entity).await;
    matches(db, entity::outbox::Entity).await;
    matches(db, entity::totp::Entity).await;
    matches(db, entity::recovery_code::Entity).await;
    matches(db, entity::passkey::Entity).await;
    matches(db, entity::latest::Entity).await;
    matches(db, entity::alias::Entity).await;
    matches(db, entity::audit_event::Entity).await;
    matches(db, entity::ban::Entity).await;
    matches(db, entity::shown_error::Entity).await;
    matches(db, entity::api_key::Entity).await;
    matches(db, entity::service_session::Entity).await;
    matches(db, entity::idempotency::Entity).await;
    matches(db, entity::import::Entity).await;
    matches(db, entity::merge::Entity).await;
    matches(db, entity::shadow_difference::Entity).await;
    matches(db, entity::shadow_count::Entity).await;
    matches(db, entity::permission_record::Entity).await;
}

#[tokio::test]
async fn the_schema_goes_up_and_down_and_up_again() {
    let place = Empty::new().await;
    let store = open(&place).await;
    assert_eq!(store.pending_migrations().await.unwrap().len(), Migrator::migrations().len());

    store.migrate().await.unwrap();
    all_match(store.write()).await;
    store.migrate().await.unwrap();
    assert_eq!(store.pending_migrations().await.unwrap().len(), 0);

    for step in 0..Migrator::migrations().len() {
        Migrator::down(store.write(), Some(1)).await.unwrap();
        assert_eq!(store.pending_migrations().await.unwrap().len(), step + 1);
    }
    assert!(columns(store.write(), "users").await.is_empty());
    store.migrate().await.unwrap();
    all_match(store.write()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_may_bring_the_schema_up_at_once() {
    let place = Empty::new().await;
    let stores = [open(&place).await, open(&place).await, open(&place).await];

    let tasks: Vec<_> =
        stores.iter().cloned().map(|store| tokio::spawn(async move { store.migrate().await })).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    all_match(stores[0].write()).await;
}
