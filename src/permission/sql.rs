//! Permissions from a query on another database, which is only read.

mod pool;
pub mod statement;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use async_trait::async_trait;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use self::pool::{Pool, Value};
use self::statement::{Dialect, Parameter, Statement};
use super::common::{config_hash, section};
use super::{Ask, PermissionError, PermissionProvider, ProviderPolicy, Vary, Who};
use crate::config::{Mistake, Secret, Section};
use crate::domain::permission::{Decision, MOST_NAMES, Permissions};
use crate::plugin::Kind;

/// `kind = "sql"`.
pub const KIND: Kind<dyn PermissionProvider> = Kind {
    name: "sql",
    schema: |generator| generator.subschema_for::<SqlPermissions>(),
    open: |section, _| Ok(Arc::new(Sql::open(section, &section.read()?)?)),
};

/// A query that is not one.
const NOT_A_QUERY: &str = "CS-C190";
/// A URL that leads to no database.
const NOT_A_DATABASE: &str = "CS-C191";

section! {
    /// Permissions from a query on another database.
    pub struct SqlPermissions {
        /// `postgres://USER@HOST/NAME` or `sqlite:PATH`; a path is relative to this file.
        url: Secret,
        /// One statement that reads. Its columns are `permission` and, if it also denies, `allowed`. It may name `:user`, `:email`
        /// (only if verified), `:username`, `:roles` and `:groups` (JSON), `:service`, `:machine`, `:provider`, `:mfa`.
        query: String,
        /// Connections at once; `2` where not written.
        #[schemars(range(min = 1, max = 32))]
        pool_size: Option<u32>,
    }
}

/// A query on another database.
pub struct Sql {
    database: Database,
    statement: Statement,
    pool_size: u32,
    policy: ProviderPolicy,
    /// Made at the first question: a section is opened without any network.
    pool: OnceLock<Pool>,
}

/// Where a database is.
enum Database {
    Postgres(PgConnectOptions),
    Sqlite(SqliteConnectOptions),
}

impl Sql {
    /// Checks the address and the query.
    pub fn open(section: &Section, config: &SqlPermissions) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let hash = config_hash("sql", config, &[&config.url]);
        let policy = config.common().policy(section, time::Duration::milliseconds(200), hash);
        let policy = policy.map_err(|wrong| mistakes.push(wrong)).ok();
        let mut mistake = |key: &str, code, message: String| mistakes.push(section.mistake_at(key, code, message));
        let Some(database) = Database::of(section, config.url.reveal()) else {
            let message = "`url` leads to no database: it must be `postgres://USER@HOST/NAME` or `sqlite:PATH`";
            mistake("url", NOT_A_DATABASE, message.into());
            return Err(mistakes);
        };
        let statement = Statement::read(&config.query, database.dialect())
            .map_err(|reason| mistake("query", NOT_A_QUERY, format!("`query`: {reason}")))
            .ok();
        let (Some(mut policy), Some(statement)) = (policy, statement) else { return Err(mistakes) };
        // What the query names is sent, so it belongs to the cache key.
        if statement.parameters.contains(&Parameter::Mfa) && !policy.vary.contains(&Vary::Mfa) {
            policy.vary.push(Vary::Mfa);
        }
        let pool_size = config.pool_size.unwrap_or(2);
        Ok(Self { database, statement, pool_size, policy, pool: OnceLock::new() })
    }

    fn pool(&self) -> &Pool {
        self.pool.get_or_init(|| match &self.database {
            Database::Postgres(options) => Pool::postgres(options.clone(), self.pool_size, self.policy.timeout),
            Database::Sqlite(options) => Pool::sqlite(options.clone(), self.pool_size, self.policy.timeout),
        })
    }
}

impl Database {
    fn of(section: &Section, url: &str) -> Option<Self> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest).split('?').next().filter(|path| !path.is_empty())?;
            let path = section.path_beside(path.as_ref());
            return (!url.contains(":memory:")).then(|| Self::Sqlite(SqliteConnectOptions::new().filename(path)));
        }
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        is_postgres.then(|| url.parse().ok().map(Self::Postgres)).flatten()
    }

    fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }
}

#[async_trait]
impl PermissionProvider for Sql {
    async fn permissions(&self, ask: &Ask<'_>) -> Result<Decision, PermissionError> {
        let values = self.statement.parameters.iter().map(|parameter| value(*parameter, ask)).collect();
        let until = Instant::now() + self.policy.timeout;
        let asked = self.pool().rows(&self.statement.text, values, until);
        let late = || PermissionError::Unreachable("the database did not answer in time".into());
        let rows = tokio::time::timeout_at(until.into(), asked).await.map_err(|_| late())??;
        Ok(Decision { permissions: read(rows)?, ..Decision::default() })
    }

    fn policy(&self) -> &ProviderPolicy {
        &self.policy
    }
}

/// What is bound to a parameter.
fn value(parameter: Parameter, ask: &Ask<'_>) -> Value {
    let (user, machine) = match ask.who {
        Who::Person(user) => (Some(user), None),
        Who::Machine(id) => (None, Some(id)),
    };
    let list = |names: &[String]| serde_json::Value::from(names).to_string();
    Value::Text(match parameter {
        Parameter::Mfa => return Value::Flag(ask.is_multi_factor),
        Parameter::User => user.map(|user| user.id.to_string()),
        Parameter::Email => {
            let address = user.and_then(|user| user.email.as_ref()).filter(|address| address.verified);
            address.map(|address| address.email.to_string())
        }
        Parameter::Username => user.and_then(|user| user.username.clone()),
        Parameter::Roles => user.map(|user| list(&user.roles)),
        Parameter::Groups => user.map(|user| list(&user.groups)),
        Parameter::Service => Some(ask.service.id.clone()),
        Parameter::Machine => machine.map(str::to_owned),
        Parameter::Provider => Some(ask.provider.to_owned()),
    })
}

/// The rows as permissions; of two rows with one name, the denial counts.
fn read(rows: Vec<(String, bool)>) -> Result<Permissions, PermissionError> {
    if rows.len() > MOST_NAMES {
        return Err(PermissionError::Unusable(format!("the query has more than {MOST_NAMES} rows")));
    }
    let mut permissions = Permissions::new();
    for (name, allowed) in rows {
        *permissions.entry(name).or_insert(allowed) &= allowed;
    }
    Ok(permissions)
}
