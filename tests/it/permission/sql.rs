//! Permissions from a query: what is bound, what is only read, and what is no answer.

use std::sync::Arc;
use std::time::Instant;

use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

use super::{ada, mistakes, opened, question, service};
use crate::domain::user::{Address, User};
use crate::it::stage::clock::ManualClock;
use crate::permission::Who;
use crate::permission::chain::{Chain, ChainError, Granted, Question};
use crate::permission::sql::statement::{Dialect, Parameter, Statement};

const TABLE: &str = "create table grants (email text, permission text, allowed int);
    insert into grants values ('ada@example.com', 'wiki:read', 1), ('ada@example.com', 'wiki:delete', 0), ('bob@example.com', 'wiki:root', 1);";

/// A folder with a database in which these statements have run.
async fn database(statements: &'static str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("grants.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    folder
}

fn section(folder: &TempDir, query: &str, more: &str) -> String {
    let path = folder.path().join("grants.db");
    format!("kind = \"sql\"\nurl = \"sqlite:{}\"\nquery = '''{query}'''\n{more}", path.display())
}

fn chain(section: &str) -> Chain {
    let clock = Arc::new(ManualClock::new());
    Chain::new(&opened(clock.clone(), section).unwrap(), Arc::default(), clock)
}

async fn ask(section: &str, user: &User) -> Result<Granted, ChainError> {
    chain(section).decide(&question(&service("wiki", &["a"]), user)).await
}

/// Why there is no answer.
async fn refusal(section: &str) -> String {
    ask(section, &ada()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn rows_are_grants_and_denials() {
    let folder = database(TABLE).await;
    let with = "select permission, allowed from grants where email = :email";
    let without = "select permission from grants where email = :email and allowed";

    let granted = ask(&section(&folder, with, ""), &ada()).await.unwrap();
    assert_eq!(granted.permissions, [("wiki:read".into(), true), ("wiki:delete".into(), false)].into());
    let granted = ask(&section(&folder, without, ""), &ada()).await.unwrap();
    assert_eq!(granted.permissions, [("wiki:read".into(), true)].into());
    let granted = ask(&section(&folder, "select permission from grants where 0", ""), &ada()).await.unwrap();
    assert_eq!(granted, Granted::default());
}

#[tokio::test]
async fn of_two_rows_with_one_name_the_denial_counts() {
    let folder = database(TABLE).await;
    for rows in ["('a:b', true), ('a:b', false)", "('a:b', 0), ('a:b', 1)"] {
        let query = format!("with q(permission, allowed) as (values {rows}) select * from q");
        let granted = ask(&section(&folder, &query, ""), &ada()).await.unwrap();
        assert_eq!(granted.permissions, [("a:b".into(), false)].into(), "{rows}");
    }
}

#[tokio::test]
async fn an_address_is_bound_only_if_it_is_verified() {
    let folder = database(TABLE).await;
    let section = section(&folder, "select 'mail:none' as permission where :email is null", "");
    let address = |verified| Some(Address { email: "ada@example.com".parse().unwrap(), verified });

    for (email, is_null) in [(address(true), false), (address(false), true), (None, true)] {
        let granted = ask(&section, &User { email, ..ada() }).await.unwrap();
        assert_eq!(!granted.permissions.is_empty(), is_null);
    }
}

#[tokio::test]
async fn every_parameter_has_its_value_and_a_machine_has_no_user() {
    let folder = database(TABLE).await;
    let user = User { username: Some("o'ada; drop table grants --".into()), ..ada() };
    let of_person = format!(
        "select 'ok' as permission where :user = '{}' and :username = 'o''ada; drop table grants --' and :roles = '[\"member\"]'
            and :groups = '[\"github:acme/core\"]' and :service = 'wiki' and :machine is null and :provider = 'github' and :mfa = 1",
        user.id
    );
    let of_machine = "select 'ok' as permission where :machine = 'robot' and :service = 'wiki' and :mfa = 0
        and coalesce(:user, :email, :username, :roles, :groups) is null";
    let wiki = service("wiki", &["a"]);

    let person = Question { is_multi_factor: true, ..question(&wiki, &user) };
    assert_eq!(chain(&section(&folder, &of_person, "")).decide(&person).await.unwrap().permissions.len(), 1);
    let machine = Question { who: Who::Machine("robot"), ..question(&wiki, &user) };
    assert_eq!(chain(&section(&folder, of_machine, "")).decide(&machine).await.unwrap().permissions.len(), 1);
}

#[tokio::test]
async fn an_answer_that_names_the_second_factor_is_kept_apart() {
    let folder = database(TABLE).await;
    let chain = chain(&section(&folder, "select 'wiki:pay' as permission where :mfa", ""));
    let (wiki, user) = (service("wiki", &["a"]), ada());
    for is_multi_factor in [false, true, false] {
        let granted = chain.decide(&Question { is_multi_factor, ..question(&wiki, &user) }).await.unwrap();
        assert_eq!(granted.permissions.len(), usize::from(is_multi_factor));
    }
}

#[tokio::test]
async fn nothing_is_written() {
    let folder = database(TABLE).await;
    let write = "with gone as (select 1) delete from grants returning permission";
    assert!(refusal(&section(&folder, write, "")).await.contains("its answer is not to be used"));
    let kept = ask(&section(&folder, "select permission from grants where email = :email", ""), &ada()).await.unwrap();
    assert_eq!(kept.permissions.len(), 2);

    let nobody = tempfile::tempdir().unwrap();
    assert!(refusal(&section(&nobody, "select 'a' as permission", "")).await.contains("the file cannot be read"));
    assert_eq!(std::fs::read_dir(nobody.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_ended_and_frees_its_connection() {
    let folder = database(TABLE).await;
    let endless =
        "with recursive n(i) as (select 1 union all select i + 1 from n) select 'a' as permission from n where i < 0 or
        (:username = 'bob' and i = 1)";
    let more = "pool_size = 1\ntimeout = \"150ms\"\nbreaker = { failures = 100 }";
    let section = section(&folder, &format!("{endless} limit iif(:username = 'bob', 1, -1)"), more);
    let chain = chain(&section);
    let wiki = service("wiki", &["a"]);

    let began = Instant::now();
    let refused = chain.decide(&question(&wiki, &ada())).await.unwrap_err();
    assert!(matches!(refused, ChainError::Unavailable { .. }) && began.elapsed().as_millis() < 1000, "{refused}");

    let bob = User { username: Some("bob".into()), ..ada() };
    assert_eq!(chain.decide(&question(&wiki, &bob)).await.unwrap().permissions.len(), 1);
}

#[tokio::test]
async fn what_is_no_answer_is_no_token_and_is_not_repeated() {
    let folder = database(TABLE).await;
    for (query, said) in [
        ("select 'wiki read' as permission", "not a permission name"),
        ("select '' as permission", "not a permission name"),
        ("select null as permission", "not text"),
        ("select 77012 as permission", "not text"),
        ("select x'ff' as permission", "not text"),
        ("select 'a' as name", "no column `permission`"),
        ("select 'a' as permission, null as allowed", "neither true nor false"),
        ("select 'a' as permission, 77012 as allowed", "neither true nor false"),
        ("select 'a' as permission, 'yes77012' as allowed", "neither true nor false"),
        ("select permission from nowhere", "no such table: nowhere"),
        ("select permission frm grants", "syntax error"),
        (
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 501) select 'a:' || i as permission from n",
            "more than 500 rows",
        ),
    ] {
        let refused = refusal(&section(&folder, query, "timeout = \"5s\"")).await;
        assert!(refused.contains(said), "{query}: {refused}");
        assert!(!refused.contains("77012") && !refused.contains("grants.db"), "{refused}");
    }
    let most = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 500) select 'a:' || i as permission from n";
    assert_eq!(ask(&section(&folder, most, "timeout = \"5s\""), &ada()).await.unwrap().permissions.len(), 500);
}

#[tokio::test]
async fn postgres_is_asked_the_same_way_and_only_read() {
    let Some(url) = crate::it::stage::database::server() else { return };
    let section = |query: &str, more: &str| format!("kind = \"sql\"\nurl = \"{url}\"\nquery = '''{query}'''\n{more}");
    let good =
        "select p as permission, a as allowed from (values ('wiki:read', true), ('wiki:delete', false)) as t(p, a)
        where :email = 'ada@example.com' and :roles::jsonb ? 'member' and not :mfa and :user::text like $$usr_%$$";
    let granted = ask(&section(good, "timeout = \"5s\""), &ada()).await.unwrap();
    assert_eq!(granted.permissions, [("wiki:read".into(), true), ("wiki:delete".into(), false)].into());

    for (query, said) in [
        ("with q as (select nextval('nowhere')) select 'a' as permission from q", "42P01"),
        ("select 'a' as permission from pg_sleep(60)", "did not answer in time"),
        ("select 'a' as permission, 2::int4 as allowed", "neither true nor false"),
        ("with q as (delete from pg_description where false returning 1) select 'a' as permission from q", "25006"),
    ] {
        let refused = refusal(&section(query, "timeout = \"1s\"")).await;
        assert!(refused.contains(said), "{query}: {refused}");
    }
}

#[tokio::test]
async fn a_database_that_nobody_serves_is_no_token_and_its_address_stays_ours() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    for url in [format!("postgres://ada:s3cr3t@{silent}/x"), "postgres://ada:s3cr3t@127.0.0.1:1/x".into()] {
        let text =
            format!("kind = \"sql\"\nurl = \"{url}\"\nquery = \"select 'a' as permission\"\ntimeout = \"100ms\"");
        let refused = refusal(&text).await;
        assert!(
            refused.contains("cannot be reached") && !refused.contains("s3cr3t") && !refused.contains("127.0"),
            "{refused}"
        );
    }
}

fn read(dialect: Dialect, query: &str) -> Result<String, String> {
    Statement::read(query, dialect).map(|statement| statement.text)
}

#[test]
fn names_become_places_and_nothing_else_does() {
    use Dialect::{Postgres, Sqlite};
    for (dialect, query, text) in [
        (Postgres, "select :email, :user, :email", "select $1, $2, $1"),
        (Sqlite, "select :email, :user, :email", "select ?1, ?2, ?1"),
        (Postgres, "select ':email', \":user\" from t where a=:email", "select ':email', \":user\" from t where a=$1"),
        (Postgres, "select 'it''s :email' || :user", "select 'it''s :email' || $1"),
        (Postgres, r"select e'\' :email', E'\\', :user", r"select e'\' :email', E'\\', $1"),
        (Sqlite, r"select 'a\', :user, ':email'", r"select 'a\', ?1, ':email'"),
        (Postgres, "select $$ :email $$, $a$ :user $$ $a$, :mfa", "select $$ :email $$, $a$ :user $$ $a$, $1"),
        (Postgres, "select a$b$c, :mfa, d$b$ from t", "select a$b$c, $1, d$b$ from t"),
        (Postgres, "select :user::text, x::email, a[1:2], a := 1", "select $1::text, x::email, a[1:2], a := 1"),
        (Postgres, "select :roles::jsonb ? 'a'", "select $1::jsonb ? 'a'"),
        (Postgres, "select 1 -- :email\n, :user", "select 1 -- :email\n, $1"),
        (Postgres, "select /* :email /* :user */ :mfa */ :service", "select /* :email /* :user */ :mfa */ $1"),
        (Sqlite, "select /* /* :email */ :service -- :user", "select /* /* :email */ ?1 -- :user"),
        (Sqlite, "select [:email], `:user`, :mfa", "select [:email], `:user`, ?1"),
        (Postgres, "WITH x AS (select 1) select :machine ; -- end\n ;", "WITH x AS (select 1) select $1  -- end\n "),
        (Postgres, "-- first\n (select :user)", "-- first\n (select $1)"),
        (Postgres, "values (:username, 'é', :groups, :provider)", "values ($1, 'é', $2, $3)"),
        (Postgres, "select é:email", "select é$1"),
    ] {
        assert_eq!(read(dialect, query).as_deref(), Ok(text), "{query}");
    }
    let order = Statement::read("select :mfa, :email, :mfa, :roles", Sqlite).unwrap().parameters;
    assert_eq!(order, [Parameter::Mfa, Parameter::Email, Parameter::Roles]);
}

#[test]
fn what_is_no_query_is_found_when_the_file_is_read() {
    use Dialect::{Postgres, Sqlite};
    for (dialect, query, said) in [
        (Postgres, "select :mail", "there is no parameter `:mail`; there are `:user`, `:email`"),
        (Postgres, "select :Email", "there is no parameter `:Email`"),
        (Postgres, "select $1", "write a name"),
        (Postgres, "select $", "write a name"),
        (Sqlite, "select ?", "write a name"),
        (Sqlite, "select @email", "write a name"),
        (Sqlite, "select $email", "write a name"),
        (Postgres, "select 1; select 2", "only one statement"),
        (Postgres, "select 1; :email", "only one statement"),
        (Sqlite, "select 1; delete from t", "only one statement"),
        (Postgres, "delete from t", "must begin with"),
        (Postgres, "", "must begin with"),
        (Postgres, "-- select", "must begin with"),
        (Sqlite, "attach 'x' as y", "must begin with"),
        (Sqlite, "pragma query_only = off", "must begin with"),
        (Postgres, "select 'a", "not closed"),
        (Postgres, "select \"a", "not closed"),
        (Postgres, r"select e'a\'", "not closed"),
        (Postgres, "select /* a /* b */", "not closed"),
        (Postgres, "select $a$ b $$", "`$a$` is missing"),
        (Sqlite, "select [a", "`]` is missing"),
    ] {
        let found = read(dialect, query);
        assert!(found.as_ref().is_err_and(|reason| reason.contains(said)), "{query}: {found:?}");
    }
}

#[test]
fn a_section_that_cannot_work_stops_the_start() {
    let section = |url: &str, query: &str, more: &str| {
        mistakes(&format!("kind = \"sql\"\nurl = \"{url}\"\nquery = \"{query}\"\n{more}"))
    };
    for url in [
        "sqlite:grants.db",
        "sqlite:///var/grants.db",
        "postgres://reader@127.0.0.1/x",
        "postgresql://h/x?sslmode=require",
    ] {
        assert_eq!(section(url, "select 1", ""), [""; 0], "{url}");
    }
    for url in [
        "mysql://s3cr3t@h/x",
        "sqlite:",
        "sqlite::memory:",
        "s3cr3t",
        "postgres://s3cr3t:x@h:99999/x",
        "postgres://h/x?sslmode=s3cr3t",
    ] {
        let found = section(url, "select 1", "");
        assert!(
            found.len() == 1 && found[0].starts_with("CS-C191 ") && !found[0].contains("s3cr3t"),
            "{url}: {found:?}"
        );
    }
    for query in ["select :mail", "drop table t"] {
        let found = section("sqlite:a.db", query, "");
        assert!(found.len() == 1 && found[0].starts_with("CS-C190 "), "{query}: {found:?}");
    }
    for more in ["pool_size = 0", "pool_size = 33", "timeout = \"11s\"", "rows = 1"] {
        assert_eq!(section("sqlite:a.db", "select 1", more).len(), 1, "{more}");
    }
    for more in ["pool_size = 1", "pool_size = 32"] {
        assert_eq!(section("sqlite:a.db", "select 1", more), [""; 0], "{more}");
    }
}
