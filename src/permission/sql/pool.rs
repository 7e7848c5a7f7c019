//! Connections that only read: made when they are needed, few, and never kept longer than the deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, TryStreamExt};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ColumnIndex, ConnectOptions as _, Decode, Encode, Row, Type};

use crate::domain::permission::{MOST_NAMES, is_name};
use crate::permission::PermissionError;

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// The connections to one database.
pub enum Pool {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

/// What is bound to a place.
pub enum Value {
    Text(Option<String>),
    Flag(bool),
}

impl Pool {
    /// Connections whose transactions may only read, and whose statements end at the deadline.
    pub fn postgres(options: PgConnectOptions, size: u32, timeout: Duration) -> Self {
        let milliseconds = timeout.as_millis().to_string();
        let options = options
            .application_name("countersign")
            .options([("default_transaction_read_only", "on"), ("statement_timeout", &milliseconds)])
            .disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(size).acquire_timeout(timeout);
        Self::Postgres(pool.connect_lazy_with(options))
    }

    /// Connections to a file that they cannot write.
    pub fn sqlite(options: SqliteConnectOptions, size: u32, timeout: Duration) -> Self {
        let options = options
            .read_only(true)
            .create_if_missing(false)
            .busy_timeout(timeout)
            .pragma("query_only", "on")
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(size).acquire_timeout(timeout);
        Self::Sqlite(pool.connect_lazy_with(options))
    }

    /// The rows of the query, at most one more than there may be: each a permission name, and whether it is allowed.
    pub async fn rows(
        &self,
        text: &str,
        values: Vec<Value>,
        until: Instant,
    ) -> Result<Vec<(String, bool)>, PermissionError> {
        let text = AssertSqlSafe(text.to_owned());
        match self {
            Self::Postgres(pool) => {
                let mut connection = pool.acquire().await.map_err(|error| failed(&error))?;
                let query = bound(sqlx::query(text).persistent(false), values);
                collect(query.fetch(&mut *connection)).await
            }
            Self::Sqlite(pool) => {
                let mut connection = pool.acquire().await.map_err(|error| failed(&error))?;
                // A query that nobody waits for any more would go on counting, and keep its connection from the next.
                let wanted = Arc::new(());
                let asked = Arc::downgrade(&wanted);
                connection
                    .lock_handle()
                    .await
                    .map_err(|error| failed(&error))?
                    .set_progress_handler(STEPS, move || Instant::now() < until && asked.strong_count() > 0);
                // A connection learns only from a statement that runs that tables have changed; the query's columns would have the
                // names that they had before.
                let look = sqlx::query("select 1 from sqlite_schema limit 1").persistent(false);
                look.fetch_optional(&mut *connection).await.map_err(|error| failed(&error))?;
                let query = bound(sqlx::query(text).persistent(false), values);
                collect(query.fetch(&mut *connection)).await
            }
        }
    }
}

fn bound<D: sqlx::Database>(mut query: Query<'_, D, D::Arguments>, values: Vec<Value>) -> Query<'_, D, D::Arguments>
where
    for<'v> Option<String>: Encode<'v, D> + Type<D>,
    for<'v> bool: Encode<'v, D> + Type<D>,
{
    for value in values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Flag(flag) => query.bind(flag),
        };
    }
    query
}

async fn collect<R>(
    mut rows: impl Stream<Item = sqlx::Result<R>> + Unpin,
) -> Result<Vec<(String, bool)>, PermissionError>
where
    R: Row,
    for<'n> &'n str: ColumnIndex<R>,
    for<'v> String: Decode<'v, R::Database> + Type<R::Database>,
    for<'v> bool: Decode<'v, R::Database> + Type<R::Database>,
    for<'v> i16: Decode<'v, R::Database> + Type<R::Database>,
    for<'v> i32: Decode<'v, R::Database> + Type<R::Database>,
    for<'v> i64: Decode<'v, R::Database> + Type<R::Database>,
{
    let mut found = Vec::new();
    while found.len() <= MOST_NAMES
        && let Some(row) = rows.try_next().await.map_err(|error| failed(&error))?
    {
        let name = row.try_get::<Option<String>, _>("permission").map_err(|error| match error {
            sqlx::Error::ColumnNotFound(_) => unusable("the query has no column `permission`"),
            _ => unusable(NOT_TEXT),
        })?;
        let allowed =
            allowed(&row).ok_or_else(|| unusable("`allowed` holds something that is neither true nor false"))?;
        // The first that is none ends it: five hundred of them may be large.
        let name = name.ok_or_else(|| unusable(NOT_TEXT))?;
        if !is_name(&name) {
            return Err(unusable("`permission` holds something that is not a permission name"));
        }
        found.push((name, allowed));
    }
    Ok(found)
}

const NOT_TEXT: &str = "`permission` holds something that is not text";

/// `true` without such a column; `None` if it is neither true nor false.
fn allowed<R>(row: &R) -> Option<bool>
where
    R: Row,
    for<'n> &'n str: ColumnIndex<R>,
    for<'v> bool: Decode<'v, R::Database> + Type<R::Database>,
    for<'v> i16: Decode<'v, R::Database> + Type<R::Database>,
    for<'v> i32: Decode<'v, R::Database> + Type<R::Database>,
    for<'v> i64: Decode<'v, R::Database> + Type<R::Database>,
{
    let number = match row.try_get::<Option<i64>, _>("allowed") {
        Ok(number) => number?,
        Err(sqlx::Error::ColumnNotFound(_)) => return Some(true),
        Err(_) => {
            let short = || row.try_get::<Option<i16>, _>("allowed").map(|number| number.map(i64::from));
            match row.try_get::<Option<i32>, _>("allowed").map(|number| number.map(i64::from)).or_else(|_| short()) {
                Ok(number) => number?,
                Err(_) => return row.try_get::<Option<bool>, _>("allowed").ok()?,
            }
        }
    };
    match number {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// What went wrong, without the address and without data: only the words about the text of the query are repeated.
fn failed(error: &sqlx::Error) -> PermissionError {
    let unreachable = |what: &str| PermissionError::Unreachable(what.into());
    let refused = match error {
        sqlx::Error::Database(refused) => refused,
        sqlx::Error::PoolTimedOut => return unreachable("no connection to the database was free in time"),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            return unreachable("the database cannot be reached");
        }
        _ => return unusable("the database said something unexpected"),
    };
    let code = refused.code().unwrap_or_default();
    match code.as_ref() {
        // SQLite: interrupted. PostgreSQL: cancelled by the time limit.
        "9" | "57014" => unreachable("the database did not answer in time"),
        // SQLite: busy, locked, cannot be opened. PostgreSQL: cannot connect, not let in, shutting down, too many.
        "5" | "6" | "14" => unreachable("the file cannot be read"),
        code if ["08", "28", "3D", "53", "57"].iter().any(|class| code.starts_with(class)) => {
            PermissionError::Unreachable(format!("the database does not let us in ({code})"))
        }
        // What is wrong with the query's own words: there are no values in it.
        "1" => unusable(&format!("the query is refused: {}", refused.message())),
        code if code.starts_with("42") => unusable(&format!("the query is refused ({code}): {}", refused.message())),
        code => unusable(&format!("the query failed (code {code})")),
    }
}

fn unusable(what: &str) -> PermissionError {
    PermissionError::Unusable(what.into())
}
