//! A database that falls ill: what the query reads is a view, and the view changes.

use std::path::PathBuf;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::ward::Victim;
use super::{Applies, Broken, Fault, Ill, Way, does, late};

const WELL: &str = "drop view if exists grants; create table if not exists base (permission text, allowed int);
    delete from base; insert into base values ('wiki:read', 1); create view grants as select * from base";
const LOCKED: &str = "locked";
const GONE: &str = "gone";
const OVERWRITTEN: &str = "overwritten";
const NUMBERS: &str = "with recursive n(i) as (select 1 union all select i + 1 from n)";

pub fn applies(fault: Fault) -> Applies {
    match fault {
        Fault::Timeout => late(&[LOCKED]),
        Fault::Failure => failures(),
        Fault::Garbage => does(&[
            "select 'wiki read' as permission, 1 as allowed",
            "select '' as permission, 1 as allowed",
            "select null as permission, 1 as allowed",
            "select 7 as permission, 1 as allowed",
            "select x'ff' as permission, 1 as allowed",
            "select 'wiki:read' as name, 1 as allowed",
            "select 'wiki:read' as permission, null as allowed",
            "select 'wiki:read' as permission, 2 as allowed",
            "select 'wiki:read' as permission, 'yes' as allowed",
            "select * from base union all select 'a' || char(0), 1",
        ]),
        Fault::Oversize => Applies::Suffers(vec![
            Ill::does(format!("{NUMBERS} select 'a:' || i as permission, 1 as allowed from n limit 501")),
            Ill::does("select hex(zeroblob(4000000)) as permission, 1 as allowed"),
        ]),
        // There is no version of rows: columns that nobody knows say nothing.
        Fault::WrongVersion => Applies::Harmless(vec![Ill::does("select *, 2 as version from base")]),
        Fault::Redirect => Applies::NeverOpens(vec![
            broken("https://elsewhere.example/grants.db", "select 'a' as permission"),
            broken("sqlite:grants.db", "attach 'elsewhere.db' as other"),
        ]),
        Fault::EndlessLoop => Applies::Suffers(vec![
            Ill::late(format!("{NUMBERS} select 'a' as permission, 1 as allowed from n where i < 0")),
            Ill::does(format!("{NUMBERS} select 'a:' || i as permission, 1 as allowed from n")),
        ]),
        // The first of them is not a name, so that nobody waits for the others.
        Fault::MemoryBomb => Applies::Suffers(vec![Ill::does(format!(
            "{NUMBERS} select hex(zeroblob(500000)) as permission, 1 as allowed from n where i = 1 or i > 100000000"
        ))]),
        Fault::ReservedClaims => Applies::Harmless(vec![Ill::does(
            "select *, 'usr_1' as sub, '{\"sub\": \"usr_1\"}' as claims, 'admin' as roles from base",
        )]),
        Fault::SlowBody => Applies::Suffers(vec![Ill::late(format!(
            "{NUMBERS} select 'wiki:read' as permission, 1 as allowed union all select 'a', 1 from n where i < 0"
        ))]),
    }
}

fn failures() -> Applies {
    let Applies::Suffers(mut ills) = does(&[GONE, OVERWRITTEN, "select permission, 1 as allowed from nowhere"]) else {
        unreachable!()
    };
    ills.push(Ill::born("with gone as (select 1) delete from base returning permission"));
    ills.push(Ill::born("with gone as (select 1) update base set allowed = 1 returning permission"));
    ills.push(Ill::born("select permission frm base"));
    Applies::Suffers(ills)
}

fn broken(url: &str, query: &str) -> Broken {
    Broken { section: format!("kind = \"sql\"\nurl = \"{url}\"\nquery = \"{query}\""), folder: None }
}

/// A database in a folder of its own.
pub struct File {
    folder: TempDir,
    /// As it was in good health.
    bytes: Vec<u8>,
    lock: Mutex<Option<SqliteConnection>>,
}

impl File {
    pub async fn open() -> Self {
        let mut file = Self { folder: tempfile::tempdir().unwrap(), bytes: Vec::new(), lock: Mutex::default() };
        file.run(WELL).await;
        file.bytes = std::fs::read(file.path()).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("grants.db")
    }

    async fn connection(&self) -> SqliteConnection {
        SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", self.path().display())).await.unwrap()
    }

    async fn run(&self, text: &str) {
        let mut connection = self.connection().await;
        sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

#[async_trait]
impl Victim for File {
    fn section(&self, ill: &Ill) -> String {
        let timeout = ill.deadline.unwrap_or("5s");
        let query = if let Way::Born(query) = ill.way { query } else { "select * from grants" };
        let path = self.path();
        format!("kind = \"sql\"\nurl = \"sqlite:{}\"\nquery = \"{query}\"\ntimeout = \"{timeout}\"", path.display())
    }

    async fn suffers(&self, ill: Option<&Ill>) {
        let Some(Ill { way: Way::Does(act), .. }) = ill else {
            drop(self.lock.lock().await.take());
            if !std::fs::read(self.path()).unwrap().starts_with(b"SQLite") {
                std::fs::write(self.path(), &self.bytes).unwrap();
            }
            return self.run(WELL).await;
        };
        match act.as_str() {
            LOCKED => {
                let mut connection = self.connection().await;
                sqlx::raw_sql("begin exclusive").execute(&mut connection).await.unwrap();
                *self.lock.lock().await = Some(connection);
            }
            GONE => self.run("drop view grants; drop table base").await,
            OVERWRITTEN => std::fs::write(self.path(), vec![b'x'; self.bytes.len()]).unwrap(),
            view => self.run(&format!("drop view grants; create view grants as {view}")).await,
        }
    }
}
