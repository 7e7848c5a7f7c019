//! SeaORM lives here and nowhere else: what the house wants of the database, in its own words.

pub use sea_orm::DatabaseTransaction as Tx;

pub mod addresses;
pub mod api_keys;
pub mod audit;
pub mod bans;
pub mod chain;
pub mod changes;
pub mod entity;
pub mod erasing;
pub mod factors;
pub mod foreign;
pub mod grants;
pub mod idempotency;
pub mod imports;
pub mod invalidations;
pub mod invitations;
pub mod keys;
pub mod latest;
pub mod limits;
pub mod live;
pub mod merges;
pub mod outbox;
pub mod people;
pub mod quotas;
pub mod records;
pub mod roles;
pub mod service_sessions;
pub mod sessions;
pub mod shadows;
pub mod shown;
pub mod spent;
pub mod users;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use migration::{Migrator, MigratorTrait as _};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use time::Duration;

use crate::clock::Clock;
use crate::config::settings;
use crate::domain::id::SessionId;

/// The database. SQLite is written by one connection and read by several; PostgreSQL has one pool for both.
#[derive(Clone)]
pub struct Store {
    read: DatabaseConnection,
    write: DatabaseConnection,
    clock: Arc<dyn Clock>,
    live: Arc<live::Cache>,
    touched: Arc<Mutex<HashMap<SessionId, i64>>>,
}

/// Why the database has no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be asked, or did not understand.
    #[error("the database failed")]
    Database(#[from] DbErr),
    /// It holds something this version does not understand.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
    /// Its schema is older than this program, and `auto_migrate` is off.
    #[error("the database schema is behind by {0} steps; run `countersign migrate up`")]
    Behind(usize),
}

impl StoreError {
    /// Whether a unique key was already taken.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Database(error) if matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))))
    }
}

/// One step of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub is_applied: bool,
}

/// Number of the advisory lock that keeps two processes from migrating at once: "countersg" would not fit.
const MIGRATION_LOCK: i64 = 0x0063_7369_676e;

impl Store {
    /// Connects, without touching the schema.
    pub async fn connect(settings: &settings::Database, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let url = settings.url.reveal();
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let file = rest.trim_start_matches("//").split('?').next().unwrap_or_default();
            if file == ":memory:" {
                let only = Database::connect(options("sqlite::memory:", settings, 1)).await?;
                return Ok(Self::over(only.clone(), only, clock, live::Cache::off()));
            }
            let path = Path::new(file);
            let url = format!("sqlite:{}?mode=rwc", path.display());
            let write = Database::connect(options(&url, settings, 1)).await?;
            let read = Database::connect(options(&url, settings, settings.max_connections)).await?;
            return Ok(Self::over(read, write, clock, live::Cache::of_sqlite(path)));
        }
        let pool = Database::connect(options(url, settings, settings.max_connections)).await?;
        Ok(Self::over(pool.clone(), pool, clock, live::Cache::off()))
    }

    fn over(read: DatabaseConnection, write: DatabaseConnection, clock: Arc<dyn Clock>, live: live::Cache) -> Self {
        Self { read, write, clock, live: Arc::new(live), touched: Arc::default() }
    }

    /// For questions.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// For single statements that change something.
    pub fn write(&self) -> &DatabaseConnection {
        &self.write
    }

    /// For several statements that hold together. On SQLite it takes the write lock at once: a transaction that reads
    /// first and writes later would fail without waiting.
    pub async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.write.begin_with_options(options).await?)
    }

    /// Now, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.read.ping().await?)
    }

    /// Steps of the schema that are not applied yet.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let pending = Migrator::get_pending_migrations(&self.write).await?;
        Ok(pending.iter().map(|step| step.name().to_owned()).collect())
    }

    /// All steps of the schema, oldest first; nothing is changed.
    pub async fn steps(&self) -> Result<Vec<Step>, StoreError> {
        let pending = Migrator::get_pending_migrations_read_only(&self.read).await?;
        let is_pending = |name: &String| pending.iter().any(|step| step.name() == name);
        let names = Migrator::migrations().into_iter().map(|step| step.name().to_owned());
        Ok(names.map(|name| Step { is_applied: !is_pending(&name), name }).collect())
    }

    /// The steps of a database that is not there yet.
    pub fn all_steps() -> Vec<Step> {
        let names = Migrator::migrations().into_iter().map(|step| step.name().to_owned());
        names.map(|name| Step { name, is_applied: false }).collect()
    }

    /// Brings the schema up to date; of several processes one does it and the others wait.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let lock = self.begin().await?;
        if self.write.get_database_backend() == DbBackend::Postgres {
            let take = format!("select pg_advisory_xact_lock({MIGRATION_LOCK})");
            lock.execute_raw(Statement::from_string(DbBackend::Postgres, take)).await?;
        }
        Migrator::up(&lock, None).await?;
        Ok(lock.commit().await?)
    }

    /// Takes what is past its time away; returns how many rows went. A tombstone stays as long as its session would have lived.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let (db, now) = (&self.write, self.now());
        let swept = [
            spent::sweep(db, now).await?,
            sessions::sweep(db, now).await?,
            limits::sweep(db, now).await?,
            latest::sweep(db, now).await?,
            bans::sweep(db, now).await?,
            invitations::sweep(db, now).await?,
            api_keys::sweep(db, now).await?,
            service_sessions::sweep(db, now).await?,
            merges::sweep(db, now).await?,
            idempotency::sweep(db, now).await?,
            quotas::sweep(db, now).await?,
            invalidations::sweep(db, now).await?,
            shadows::sweep(db, now).await?,
            records::sweep(db, now).await?,
        ];
        Ok(swept.iter().sum())
    }
}

fn options(url: &str, settings: &settings::Database, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url.to_owned());
    let busy = std(settings.sqlite_busy_timeout);
    let full = settings.sqlite_synchronous_full;
    options
        .max_connections(connections)
        .min_connections(settings.min_connections.min(connections))
        .acquire_timeout(std(settings.acquire_timeout))
        .connect_timeout(std(settings.acquire_timeout))
        .sqlx_logging(settings.slow_query > Duration::ZERO)
        .sqlx_logging_level(level("off"))
        .sqlx_slow_statements_logging_settings(level("warn"), std(settings.slow_query))
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(if full { SqliteSynchronous::Full } else { SqliteSynchronous::Normal })
                .busy_timeout(busy)
                .foreign_keys(true)
        });
    if url.starts_with("postgres") {
        options.idle_timeout(std(settings.idle_timeout)).statement_timeout(std(settings.statement_timeout));
    } else {
        // The one in-memory connection is the database, and the last of a file's connections takes its index along.
        options.idle_timeout(None).max_lifetime(None);
    }
    options
}

/// A level of the `log` crate, which only `SQLx` speaks.
fn level<L: std::str::FromStr<Err: std::fmt::Debug>>(name: &str) -> L {
    name.parse().expect("there is such a level")
}

fn std(span: Duration) -> std::time::Duration {
    span.try_into().unwrap_or_default()
}
