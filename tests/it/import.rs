//! Users from files and from the tables of older servers.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::stage::{House, Stage};
use crate::account::import::{Import, Kind, Options, Report, Told};
use crate::account::password::Checked;
use crate::domain::audit::By;
use crate::domain::user::User;
use crate::store::people::Wanted;

/// A folder for files.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// An SQLite file that these statements made.
    async fn sqlite(&self, name: &str, statements: &[&str]) -> PathBuf {
        use sea_orm::ConnectionTrait as _;

        let path = self.0.path().join(name);
        let db = sea_orm::Database::connect(format!("sqlite:{}?mode=rwc", path.display())).await.unwrap();
        for statement in statements {
            db.execute_unprepared(statement).await.unwrap();
        }
        db.close().await.unwrap();
        path
    }
}

fn options(house: &House, kind: Kind) -> Options {
    Options {
        kind,
        dry_run: false,
        resume: false,
        trust_addresses: false,
        rename_roles: Vec::new(),
        roles: house.app.settings.roles.clone(),
        default_roles: vec!["member".into()],
    }
}

/// What came of it, and what was told of lines.
async fn import(house: &House, path: &Path, options: Options) -> (Report, Vec<String>) {
    let mut lines = Vec::new();
    let tell = |told| match told {
        Told::Skipped(line, why) | Told::Noted(line, why) => lines.push(format!("{line}: {why}")),
        Told::Progress(at, of) => assert!(at <= of, "{at} of {of}"),
    };
    let by = By::command();
    let report = Import::new(&house.app.accounts, options, &by, tell).run(path).await.unwrap();
    (report, lines)
}

async fn everybody(house: &House) -> Vec<User> {
    let page = house.app.store().people(&Wanted::default(), None, 1000).await.unwrap();
    page.people.into_iter().map(|person| person.user).collect()
}

async fn called(house: &House, who: &str) -> User {
    house.app.store().user_called(who).await.unwrap().unwrap_or_else(|| panic!("{who}"))
}

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$";

#[tokio::test]
async fn a_table_is_read_with_all_its_columns() {
    let stage = Stage::open().await;
    let hash = stage.app.accounts.hasher().hash("correct horse battery").await.unwrap();
    let text = format!(
        "email,email_verified,username,name,avatar_url,roles,groups,locked,password_hash,created_at,old_id,identities,extra\n\
         Ada@Example.com,yes,Countess,Ada Lovelace,https://x.example/a.png,guest;admin,math,no,\"{hash}\",2015-03-01T12:00:00Z,ada-1,\
         sso|https://sso.test|1815,\"{{\"\"team\"\":1}}\"\n\
         ben@example.com,,,\"Ben, \"\"B\"\"\",ftp://x,,,true,,1000000000,,,\n"
    );
    let shelf = Shelf::new();
    let path = shelf.file("users.csv", &text);

    let (report, lines) = import(&stage, &path, options(&stage, Kind::Csv)).await;

    assert_eq!((report.read, report.made, report.skipped, lines), (2, 2, 0, vec![]));
    let ada = called(&stage, "ada-1").await;
    assert_eq!((ada.username.as_deref(), ada.name.as_deref()), (Some("Countess"), Some("Ada Lovelace")));
    assert_eq!(ada.roles, ["admin", "guest", "member"]);
    assert_eq!(ada.groups, ["math"]);
    assert!(ada.email.as_ref().unwrap().verified && !ada.is_locked());
    assert_eq!(ada.created_at.unix_timestamp(), 1_425_211_200);
    assert_eq!(Value::Object(stage.app.store().extra_of(ada.id).await.unwrap()), json!({ "team": 1 }));
    assert_eq!(stage.app.store().identities(ada.id).await.unwrap()[0].subject.subject, "1815");
    let stored = stage.app.store().password_hash(ada.id).await.unwrap();
    let checked = stage.app.accounts.hasher().check("correct horse battery", stored.as_deref()).await.unwrap();
    assert_eq!(checked, Checked::Right);
    let ben = called(&stage, "ben@example.com").await;
    assert!(ben.is_locked() && !ben.email.as_ref().unwrap().verified);
    assert_eq!((ben.name.as_deref(), ben.avatar_url, ben.username), (Some("Ben, \"B\""), None, None));
}

#[tokio::test]
async fn rows_that_cannot_be_users_are_told_with_line_and_reason() {
    let stage = Stage::open().await;
    let text = "email,username,old_id,roles,password_hash,email_verified,created_at\n\
        nobody,,,,,,\n\
        ,,,,,,\n\
        a@example.com,x,,,,perhaps,\n\
        b@example.com,,,,,,yesterday\n\
        c@example.com,,,boss,plain-text,,\n\
        C@Example.com,,,,,,\n\
        d@example.com,admin,,,,,\n\
        e@example.com,grace,one,,,,\n\
        f@example.com,Grace,one,,,,\n\
        g@example.com,GRACE,,,,,\n\
        h@example.com,,x@y.example,,,,\n\
        i@example.com,too,few\n";
    let shelf = Shelf::new();
    let path = shelf.file("users.csv", text);
    let dry = Options { dry_run: true, ..options(&stage, Kind::Csv) };
    let expected = [
        "2: `email` is not an e-mail address",
        "3: it has neither an address nor a username nor an old id",
        "4: `email_verified` is neither true nor false",
        "5: `created_at` is not a time",
        "12: `old_id` looks like an address or an id of this server",
        "13: it is not a line of this table",
        "6: there is no role `boss` here: they do not have it",
        "6: the password hash is of an unknown kind: they have no password",
        "7: line 6 has the same address",
        "8: the username `admin` is taken or may not be one here: it becomes `admin-1`",
        "10: line 9 has the same old id or identity",
        "11: the username `GRACE` is taken or may not be one here: it becomes `GRACE-2`",
    ];

    let (rehearsed, told) = import(&stage, &path, dry).await;
    assert_eq!(told, expected);
    assert!(everybody(&stage).await.is_empty(), "a dry run makes nobody");
    let (report, told) = import(&stage, &path, options(&stage, Kind::Csv)).await;

    assert_eq!((told, &report), (expected.map(str::to_owned).to_vec(), &rehearsed));
    assert_eq!((report.read, report.made, report.skipped, report.noted), (12, 4, 8, 3));
    assert_eq!(report.reasons["an earlier line has the same address"], 1);
    assert_eq!(everybody(&stage).await.len(), 4);
}

#[tokio::test]
async fn a_second_run_makes_no_doubles_and_a_resumed_one_goes_on() {
    let stage = Stage::open().await;
    let row = |number: usize| format!("user{number}@example.com,u{number},old{number}\n");
    let text: String = std::iter::once("email,username,old_id\n".to_owned()).chain((0..1203).map(row)).collect();
    let shelf = Shelf::new();
    let path = shelf.file("users.csv", &text);

    let (first, _) = import(&stage, &path, options(&stage, Kind::Csv)).await;
    let (second, _) = import(&stage, &path, options(&stage, Kind::Csv)).await;
    let (resumed, _) = import(&stage, &path, Options { resume: true, ..options(&stage, Kind::Csv) }).await;

    assert_eq!((first.made, first.earlier), (1203, None));
    assert_eq!((second.made, second.skipped, second.earlier), (0, 1203, Some(1204)));
    assert_eq!((resumed.read, resumed.began_after), (0, 1204));
    let (grown, _) = import(&stage, &shelf.file("users.csv", &(text + &row(1203))), options(&stage, Kind::Csv)).await;
    assert_eq!((grown.made, grown.earlier), (1, None), "another content is another file");
}

#[tokio::test]
async fn json_comes_as_lines_or_as_a_list() {
    let stage = Stage::open().await;
    let shelf = Shelf::new();
    let one = json!({ "email": "ada@example.com", "email_verified": true, "roles": ["guest"], "extra": { "a": [1] },
        "identities": [{ "provider": "sso", "realm": "https://sso.test", "subject": "1" }] });
    let two = json!({ "username": "ben", "old_id": 7 });
    let lines = shelf.file("users.jsonl", &format!("\u{feff}{one}\n\n{two}\nnonsense\n"));
    let list = shelf.file("users.json", &json!([one, two, 5, { "email": "cy@example.com" }]).to_string());

    let (report, told) = import(&stage, &lines, options(&stage, Kind::Json)).await;
    assert_eq!((report.made, told), (2, vec!["4: it is not a JSON object".to_owned()]));
    assert_eq!(called(&stage, "ada@example.com").await.roles, ["guest", "member"]);
    assert_eq!(called(&stage, "7").await.username.as_deref(), Some("ben"));
    let (report, told) = import(&stage, &list, options(&stage, Kind::Json)).await;
    assert_eq!((report.made, report.skipped), (1, 3));
    assert!(told.contains(&"3: it is not a JSON object".to_owned()), "{told:?}");
}

#[tokio::test]
async fn users_of_datahq_keep_their_names_and_are_found_by_their_old_ids() {
    let stage = Stage::open().await;
    let shelf = Shelf::new();
    let (ada, ben) = ("0cc175b9c0f1b6a831c399e269772661", "92eb5ffee6ae2fec3ad71c777531578f");
    let path = shelf
        .sqlite(
            "dh.db",
            &[
                "create table users (id varchar(128) primary key, provider_id varchar(128), username varchar, name varchar, \
                 email varchar, avatar_url varchar(512), join_date timestamp)",
                &format!(
                    "insert into users values ('{ada}', 'google:1', 'ada', 'Ada', 'ada@example.com', 'https://x.example/a', \
                     '2018-05-06 07:08:09.123456'), ('{ben}', 'github:2', 'ben', null, 'ben@example.com', null, null)"
                ),
            ],
        )
        .await;
    // Ben came here before the cut-over, and has proven his address.
    stage.upstream_knows("ben", "ben@example.com");
    stage.browser().sign_in().await;
    let here = called(&stage, "ben@example.com").await;

    let (report, told) = import(&stage, &path, options(&stage, Kind::Datahq)).await;

    let doubted = "2: somebody has the address, and nobody proved it there: see --trust-addresses";
    assert_eq!((report.made, report.joined, told), (1, 0, vec![doubted.to_owned()]));
    let found = called(&stage, ada).await;
    assert_eq!((found.username.as_deref(), found.created_at.unix_timestamp()), (Some("ada"), 1_525_590_489));
    assert!(!found.email.unwrap().verified, "nobody there has proven an address");
    assert_eq!(stage.app.store().extra_of(found.id).await.unwrap()["provider_id"], "google:1");
    let trusting = Options { trust_addresses: true, ..options(&stage, Kind::Datahq) };
    let (report, _) = import(&stage, &path, trusting).await;
    assert_eq!((report.made, report.joined), (0, 1));
    assert_eq!(called(&stage, ben).await.id, here.id);
    let (again, _) = import(&stage, &path, options(&stage, Kind::Datahq)).await;
    assert_eq!((again.made, again.joined, again.skipped), (0, 0, 2));
}

#[tokio::test]
async fn users_of_authnzerver_keep_hashes_locks_and_roles() {
    let stage = Stage::open().await;
    let shelf = Shelf::new();
    let hash = format!("{HASH}AAAAAAAAAAAAAAAAAAAAAA");
    let text = format!(
        "user_id,system_id,full_name,password,email,email_verified,is_active,created_on,user_role,extra_info\n\
         1,root-1,Root,\"{hash}\",root@example.com,1,1,2020-01-01 00:00:00,superuser,\n\
         2,anon,Anonymous,x,anon@localhost.example,1,1,2020-01-01 00:00:00,anonymous,\n\
         3,dummy,Dummy,x,dummy@localhost.example,0,0,2020-01-01 00:00:00,locked,\n\
         4,eve-4,Eve,\"{hash}\",eve@example.com,1,0,2020-01-01 00:00:00,locked,\"{{\"\"previous_user_roles\"\":[\"\"guest\"\"],\"\"x\"\":1}}\"\n\
         5,zoe-5,Zoe,\"{hash}\",zoe@example.com,0,1,2020-01-01 00:00:00,authenticated,\n"
    );
    let path = shelf.file("users.csv", &text);
    let how =
        Options { rename_roles: vec![("superuser".into(), "admin".into())], ..options(&stage, Kind::Authnzerver) };

    let (report, told) = import(&stage, &path, how).await;

    assert_eq!((report.made, report.skipped), (3, 2), "{told:?}");
    assert_eq!(called(&stage, "root-1").await.roles, ["admin", "member"]);
    let eve = called(&stage, "eve-4").await;
    assert!(eve.is_locked());
    assert_eq!(eve.roles, ["guest", "member"], "the role they had is there when they are unlocked");
    assert_eq!(Value::Object(stage.app.store().extra_of(eve.id).await.unwrap()), json!({ "x": 1 }));
    let zoe = called(&stage, "zoe-5").await;
    assert_eq!((zoe.roles.as_slice(), zoe.email.unwrap().verified), (&["member".to_owned()][..], false));
    assert_eq!(stage.app.store().password_hash(zoe.id).await.unwrap(), Some(hash));
}

#[tokio::test]
async fn users_of_clearskies_come_as_json() {
    let stage = Stage::open().await;
    let shelf = Shelf::new();
    let text = json!([
        { "id": "u-1", "username": "ada@example.com", "password": "plain", "role": "guest", "organization_id": "o-1",
          "reset_key": "secret" },
        { "id": "u-2", "username": "ben", "email": "ben@example.com", "name": "Ben" },
    ]);
    let path = shelf.file("users.json", &text.to_string());

    let (report, told) = import(&stage, &path, options(&stage, Kind::Clearskies)).await;

    assert_eq!(report.made, 2, "{told:?}");
    let ada = called(&stage, "u-1").await;
    assert_eq!(ada.email.unwrap().email.as_str(), "ada@example.com");
    assert_eq!(Value::Object(stage.app.store().extra_of(ada.id).await.unwrap()), json!({ "organization_id": "o-1" }));
    assert_eq!(stage.app.store().password_hash(ada.id).await.unwrap(), None);
    assert_eq!(called(&stage, "u-2").await.username.as_deref(), Some("ben"));
}

#[tokio::test]
async fn a_file_that_is_something_else_is_refused_whole() {
    let stage = Stage::open().await;
    let shelf = Shelf::new();
    let by = By::command();
    let sqlite = shelf.sqlite("other.db", &["create table people (id integer)"]).await;
    for (path, kind) in [
        (shelf.file("a.csv", "first,second\n1,2\n"), Kind::Csv),
        (shelf.file("b.csv", ""), Kind::Csv),
        (shelf.file("c.json", "[1,"), Kind::Json),
        (sqlite.clone(), Kind::Csv),
        (sqlite, Kind::Datahq),
        (shelf.0.path().join("nothing"), Kind::Csv),
    ] {
        let done = Import::new(&stage.app.accounts, options(&stage, kind), &by, |_| {}).run(&path).await;
        assert!(done.is_err(), "{}", path.display());
    }
}
