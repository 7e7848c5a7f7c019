//! Databases: a fresh one for each stage, with keys that were made once.

use std::sync::Arc;

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, EntityTrait as _, IntoActiveModel as _};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use url::Url;

use super::clock::ManualClock;
use crate::clock::Clock as _;
use crate::config::settings;
use crate::config::{self, Input};
use crate::keys::Master;
use crate::store::Store;
use crate::store::entity::{audit_event, fact, signing_key, spent};

/// `postgres://superuser@host/postgres`: then every stage gets a database of its own there.
const VARIABLE: &str = "COUNTERSIGN_TEST_DATABASE_URL";

/// Making RSA keys takes its time, and migrating too: it is done once, and copied.
struct Template {
    master: String,
    sqlite: Vec<u8>,
    facts: Vec<fact::Model>,
    spent: Vec<spent::Model>,
    keys: Vec<signing_key::Model>,
}

static TEMPLATE: OnceCell<Template> = OnceCell::const_new();

/// A database of one stage, and its data directory.
pub struct Place {
    dir: TempDir,
    url: String,
    master: &'static str,
    _postgres: Option<Postgres>,
}

/// A database on a server; it goes when this goes.
struct Postgres {
    server: Url,
    name: String,
}

impl Place {
    /// A new database with the schema and the keys in it.
    pub async fn new(clock: Arc<ManualClock>) -> Self {
        let template = TEMPLATE.get_or_init(|| Template::make(clock.clone())).await;
        let dir = tempfile::tempdir().unwrap();
        let Some(server) = server() else {
            std::fs::write(dir.path().join("stage.db"), &template.sqlite).unwrap();
            return Self { dir, url: "sqlite:stage.db".into(), master: &template.master, _postgres: None };
        };
        let name = format!("countersign_{}", uuid::Uuid::now_v7().simple());
        run_on(&server, &format!("create database {name}")).await;
        let postgres = Postgres { server, name };
        let url = postgres.url();
        let store = Store::connect(&settings_of(&url, &dir), clock).await.unwrap();
        store.migrate().await.unwrap();
        let facts = template.facts.iter().cloned().map(fact::Model::into_active_model);
        fact::Entity::insert_many(facts).exec_without_returning(store.write()).await.unwrap();
        let spent = template.spent.iter().cloned().map(spent::Model::into_active_model);
        spent::Entity::insert_many(spent).exec_without_returning(store.write()).await.unwrap();
        let keys = template.keys.iter().cloned().map(signing_key::Model::into_active_model);
        signing_key::Entity::insert_many(keys).exec_without_returning(store.write()).await.unwrap();
        store.write().clone().close().await.unwrap();
        Self { dir, url, master: &template.master, _postgres: Some(postgres) }
    }

    /// What the file does not say itself.
    pub fn overrides(&self) -> Vec<(String, String)> {
        let data_dir = self.dir.path().display().to_string();
        let all = [
            ("COUNTERSIGN__SERVER__DATA_DIR", data_dir.as_str()),
            ("COUNTERSIGN__DATABASE__URL", &self.url),
            ("COUNTERSIGN__SECRETS__MASTER_KEY", self.master),
        ];
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

impl Template {
    async fn make(clock: Arc<ManualClock>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("template.db");
        let settings = settings_of("sqlite:template.db", &dir);
        let store = Store::connect(&settings, clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let text = Master::generate();
        let master = Master::new(&text, &[]).unwrap();
        let policy = crate::app::key_policy(&parsed("sqlite:template.db", &dir));
        crate::store::keys::ensure(store.write(), &master, &policy, clock.now()).await.unwrap();
        // Each test begins with an empty audit trail.
        audit_event::Entity::delete_many().exec(store.write()).await.unwrap();
        let facts = fact::Entity::find().all(store.write()).await.unwrap();
        let spent = spent::Entity::find().all(store.write()).await.unwrap();
        let keys = signing_key::Entity::find().all(store.write()).await.unwrap();
        let (read, write) = (store.read().clone(), store.write().clone());
        drop(store);
        read.close().await.unwrap();
        write.execute_unprepared("pragma wal_checkpoint(truncate)").await.unwrap();
        write.close().await.unwrap();
        Self { master: text, sqlite: std::fs::read(path).unwrap(), facts, spent, keys }
    }
}

/// What the file says about the database at `url`.
pub fn settings_of(url: &str, dir: &TempDir) -> settings::Database {
    parsed(url, dir).database
}

fn parsed(url: &str, dir: &TempDir) -> settings::Settings {
    let data_dir = dir.path().display().to_string();
    let overrides = vec![
        ("COUNTERSIGN__SERVER__DATA_DIR".to_owned(), data_dir),
        ("COUNTERSIGN__DATABASE__URL".to_owned(), url.to_owned()),
    ];
    let world = config::World { env: &|_| None, overrides };
    config::parse(vec![Input::text("providers.toml", "version = 1")], &world).settings
}

/// A fresh, empty database for tests of the store alone.
pub struct Empty {
    pub settings: settings::Database,
    _dir: TempDir,
    _postgres: Option<Postgres>,
}

impl Empty {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let Some(server) = server() else {
            return Self { settings: settings_of("sqlite:empty.db", &dir), _dir: dir, _postgres: None };
        };
        let name = format!("countersign_{}", uuid::Uuid::now_v7().simple());
        run_on(&server, &format!("create database {name}")).await;
        let postgres = Postgres { server, name };
        Self { settings: settings_of(&postgres.url(), &dir), _dir: dir, _postgres: Some(postgres) }
    }
}

/// The server of PostgreSQL that the tests run on, if they do.
#[expect(clippy::disallowed_methods, reason = "the one thing a test takes from the environment")]
pub fn server() -> Option<Url> {
    std::env::var(VARIABLE).ok().filter(|url| !url.is_empty()).map(|url| url.parse().unwrap())
}

async fn run_on(server: &Url, statement: &str) {
    let connection: DatabaseConnection = Database::connect(server.as_str()).await.unwrap();
    connection.execute_unprepared(statement).await.unwrap();
    connection.close().await.unwrap();
}

impl Postgres {
    fn url(&self) -> String {
        let mut url = self.server.clone();
        url.set_path(&self.name);
        url.into()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let drop_it = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run_on(&server, &format!("drop database if exists {name} with (force)")));
        };
        // A runtime cannot be blocked from within another.
        let _ = std::thread::spawn(drop_it).join();
    }
}
