//! Fills a database for the benchmark and mints login tokens for it; `tests/bench/run` measures the real program.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot set up has failed")]

mod policy;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use sea_orm::ConnectionTrait as _;
use time::Duration;
use uuid::Uuid;

use crate::app::App;
use crate::app::boot::{self, World};
use crate::clock::SystemClock;
use crate::config::{self, Format, Input};
use crate::domain::audit::By;
use crate::domain::id::{SessionId, UserId};
use crate::domain::proof::{Amr, Proof};
use crate::domain::user::User;
use crate::net::Net;
use crate::store::people::{Place, Wanted};

/// Users per transaction.
const CHUNK: u64 = 50_000;
/// First milliseconds of the ids of users and of sessions.
const USERS_FROM: u64 = 0x018b_cfe5_6800;
const SESSIONS_FROM: u64 = 0x0190_0000_0000;

/// `BENCH_CONFIG` is a file whose database is new. It gets `BENCH_USERS` users, with an address, an identity and a session
/// each; `BENCH_TOKENS` tokens of some of them, spread evenly, go to `tokens` beside the file.
#[tokio::test]
#[ignore = "part of the benchmark"]
async fn fill() {
    let (file, users, tokens) = (variable("BENCH_CONFIG"), number("BENCH_USERS"), number("BENCH_TOKENS"));
    let file = Path::new(&file);
    let world = World { clock: Arc::new(SystemClock), net: Net::real(), may_run_programs: true };
    let loaded = boot::load(vec![Input::file(file)], &config::World::none(), &world);
    let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(Format::Human(false))));
    let app = boot::open(loaded, world).await.unwrap().app;
    let db = app.store().write();
    db.execute_unprepared("pragma cache_size = -1000000").await.unwrap();
    for from in (0..users).step_by(CHUNK.try_into().unwrap()) {
        let rows = rows(from, users.min(from + CHUNK), app.store().now());
        let db = app.store().begin().await.unwrap();
        for insert in rows {
            db.execute_unprepared(&insert).await.unwrap();
        }
        db.commit().await.unwrap();
    }
    db.execute_unprepared("pragma wal_checkpoint(truncate)").await.unwrap();

    let ends = app.now() + Duration::days(1);
    let mut text = String::new();
    for nth in (0..users).step_by((users / tokens).max(1).try_into().unwrap()) {
        let token =
            app.login_token(UserId(uuid(USERS_FROM + nth)), SessionId(uuid(SESSIONS_FROM + nth)), ends).unwrap();
        writeln!(text, "{}", token.jwt).unwrap();
    }
    std::fs::write(file.with_file_name("tokens"), text).unwrap();
}

/// `BENCH_CONFIG` is a file that [`fill`] has filled with `BENCH_USERS` users. Prints what somebody's waiting is made of, each in
/// microseconds: the middle of many, spread over all users. Hashing a password takes as long at any size and is left out.
#[tokio::test]
#[ignore = "part of the benchmark"]
async fn scale() {
    let (file, users) = (variable("BENCH_CONFIG"), number("BENCH_USERS"));
    let world = World { clock: Arc::new(SystemClock), net: Net::real(), may_run_programs: true };
    let loaded = boot::load(vec![Input::file(Path::new(&file))], &config::World::none(), &world);
    let app = boot::open(loaded.unwrap_or_else(|_| panic!("{file} has mistakes")), world).await.unwrap().app;
    let store = app.store();
    let nth = |round: u64| (round * 7_919 + 13) % users;
    let email = |round| format!("user{}@example.test", nth(round));

    let mut all: [(&str, Vec<u128>); 5] =
        ["look-up by address", "sign-in", "first page of the list", "a page of the list", "search"]
            .map(|name| (name, Vec::new()));
    for round in 0..ROUNDS {
        let parsed = email(round).parse().unwrap();
        all[0].1.push(took(store.user_by_email(&parsed)).await);
        let user = store.user_by_email(&parsed).await.unwrap().unwrap();
        all[1].1.push(took(sign_in(&app, &user)).await);
        let everybody = Wanted::default();
        all[2].1.push(took(store.people(&everybody, None, PAGE)).await);
        let middle = Some(Place::After(uuid(USERS_FROM + nth(round))));
        all[3].1.push(took(store.people(&everybody, middle, PAGE)).await);
        let wanted = Wanted { search: Some(email(round)), ..Wanted::default() };
        all[4].1.push(took(store.people(&wanted, None, PAGE)).await);
    }
    let mut text = String::new();
    for (name, mut times) in all {
        times.sort_unstable();
        writeln!(text, "{}\t{name}", times[times.len() / 2]).unwrap();
    }
    std::fs::write(Path::new(&file).with_file_name("scale"), text).unwrap();
}

/// How often each is measured.
const ROUNDS: u64 = 400;
/// Users of a page.
const PAGE: usize = 50;

/// What a sign-in asks of the database.
async fn sign_in(app: &App, user: &User) {
    let called = app.accounts.called(user.email.as_ref().unwrap().email.as_str()).await.unwrap().unwrap();
    app.store().password_hash(called.id).await.unwrap();
    app.accounts.signed_in(&called, &Proof::of("password", Amr::Pwd), None, &By::system()).await.unwrap();
}

async fn took<T>(work: impl Future<Output = T>) -> u128 {
    let begun = std::time::Instant::now();
    work.await;
    begun.elapsed().as_micros()
}

/// One statement a table, for the users `from` to `to`.
fn rows(from: u64, to: u64, now: i64) -> [String; 4] {
    let insert = |into: &str, values: &str| {
        format!(
            "with recursive n(i) as (select {from} union all select i + 1 from n where i + 1 < {to}) \
             insert into {into} select {values} from n"
        )
    };
    let (user, session) = (id_of(USERS_FROM), id_of(SESSIONS_FROM));
    let ends = now + Duration::days(30).whole_seconds();
    [
        insert(
            "users (id, username, username_key, name, roles, groups, created_at, updated_at, version)",
            &format!("{user}, 'user' || i, 'user' || i, 'User ' || i, '[\"member\"]', '[]', {now}, {now}, 1"),
        ),
        insert(
            "addresses (email, user_id, verified_at, created_at)",
            &format!("'user' || i || '@example.test', {user}, {now}, {now}"),
        ),
        insert(
            "identities (provider, realm, subject, user_id, linked_at, used_at)",
            &format!("'people', '', 'user' || i, {user}, {now}, {now}"),
        ),
        insert(
            "sessions (id, token_hash, user_id, method, data, created_at, seen_at, expires_at)",
            &format!("{session}, hex(randomblob(32)), {user}, 'people', '{{}}', {now}, {now}, {ends}"),
        ),
    ]
}

/// The same as [`uuid`], in SQL.
fn id_of(from: u64) -> String {
    format!("unhex(printf('%012x70008%015x', {from} + i, {from} + i))")
}

fn uuid(at: u64) -> Uuid {
    Uuid::try_parse(&format!("{at:012x}70008{at:015x}")).unwrap()
}

fn number(name: &str) -> u64 {
    variable(name).parse().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "tests/bench/run tells it what to make")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run tests/bench/run"))
}

/// `BENCH_CONFIG` is a file whose database is new: `BENCH_USERS` users are imported from a CSV file beside it, with an address, a
/// username and an old id each; it says how many a second. At least 2,000 are wanted of a release build.
#[tokio::test]
#[ignore = "part of the benchmark"]
async fn import() {
    use crate::account::import::{Import, Kind, Options};
    use crate::domain::audit::By;

    let (file, users) = (variable("BENCH_CONFIG"), number("BENCH_USERS"));
    let file = Path::new(&file);
    let world = World { clock: Arc::new(SystemClock), net: Net::real(), may_run_programs: true };
    let loaded = boot::load(vec![Input::file(file)], &config::World::none(), &world);
    let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(Format::Human(false))));
    let app = boot::open(loaded, world).await.unwrap().app;
    let mut text = "email,email_verified,username,name,old_id\n".to_owned();
    for number in 0..users {
        writeln!(text, "user{number}@import.test,true,import{number},User {number},old-{number}").unwrap();
    }
    let csv = file.with_file_name("users.csv");
    std::fs::write(&csv, text).unwrap();
    let options = Options {
        kind: Kind::Csv,
        dry_run: false,
        resume: false,
        trust_addresses: false,
        rename_roles: Vec::new(),
        roles: app.settings.roles.clone(),
        default_roles: app.settings.login.default_roles.clone(),
    };
    let (by, begin) = (By::command(), std::time::Instant::now());
    let report = Import::new(&app.accounts, options, &by, |_| {}).run(&csv).await.unwrap();
    assert_eq!(report.made, users);
    let seconds = begin.elapsed().as_secs_f64();
    let rate = f64::from(u32::try_from(users).unwrap()) / seconds;
    std::fs::write(file.with_file_name("import"), format!("{users} users in {seconds:.1} s: {rate:.0} a second\n"))
        .unwrap();
}
