//! Another program's SQLite file, read only, row by row.

use std::collections::VecDeque;
use std::path::Path;

use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait, Order, Query};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, FromQueryResult, Statement};

use super::StoreError;

/// Rows that are fetched at once.
const FETCHED: u64 = 1000;

/// A table of another program.
pub struct Foreign {
    db: DatabaseConnection,
    table: String,
    columns: Vec<String>,
    last: i64,
    fetched: VecDeque<String>,
}

#[derive(FromQueryResult)]
struct Name {
    name: String,
}

#[derive(FromQueryResult)]
struct Fetched {
    number: i64,
    record: String,
}

#[derive(FromQueryResult)]
struct Counted {
    counted: i64,
}

impl Foreign {
    /// Opens a table of an SQLite file; nothing is ever written there.
    pub async fn open(path: &Path, table: &str) -> Result<Self, StoreError> {
        let mut options = ConnectOptions::new(format!("sqlite:{}?mode=ro", path.display()));
        options.max_connections(1).sqlx_logging(false);
        let db = Database::connect(options).await?;
        let question = "select name from pragma_table_info(?)";
        let question = Statement::from_sql_and_values(DbBackend::Sqlite, question, [table.into()]);
        let columns: Vec<String> =
            Name::find_by_statement(question).all(&db).await?.into_iter().map(|c| c.name).collect();
        if columns.is_empty() {
            return Err(StoreError::Corrupt(format!("the file has no table `{table}`")));
        }
        Ok(Self { db, table: table.to_owned(), columns, last: i64::MIN, fetched: VecDeque::new() })
    }

    /// How many rows there are.
    pub async fn count(&self) -> Result<u64, StoreError> {
        let mut question = Query::select();
        question.from(Alias::new(&self.table)).expr_as(Expr::col(Asterisk).count(), Alias::new("counted"));
        let row = Counted::find_by_statement(self.db.get_database_backend().build(&question)).one(&self.db).await?;
        Ok(row.map_or(0, |row| u64::try_from(row.counted).unwrap_or_default()))
    }

    /// The next row as a JSON object; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        if self.fetched.is_empty() {
            self.fetch().await?;
        }
        Ok(self.fetched.pop_front())
    }

    async fn fetch(&mut self) -> Result<(), StoreError> {
        let row = || Expr::col(Alias::new("rowid"));
        let pairs = self.columns.iter().flat_map(|name| [Expr::value(name.as_str()), Expr::col(Alias::new(name))]);
        let record = sea_orm::sea_query::Func::cust("json_object").args(pairs);
        let mut question = Query::select();
        question
            .from(Alias::new(&self.table))
            .expr_as(row(), Alias::new("number"))
            .expr_as(record, Alias::new("record"))
            .and_where(row().gt(self.last))
            .order_by_expr(row(), Order::Asc)
            .limit(FETCHED);
        let rows = Fetched::find_by_statement(self.db.get_database_backend().build(&question)).all(&self.db).await?;
        if let Some(row) = rows.last() {
            self.last = row.number;
        }
        self.fetched.extend(rows.into_iter().map(|row| row.record));
        Ok(())
    }
}
