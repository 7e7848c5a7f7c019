//! Sessions: how long they last, whose they are, and that what is over stays over.

use sea_orm::EntityTrait as _;
use time::Duration;
use tower_sessions::SessionStore as _;
use tower_sessions::session::Id;

use super::stage::{Browser, House, Stage};
use crate::store::entity::session;
use crate::store::sessions::Sessions;

const SHORT: &str = "[session]\nidle_timeout = \"2h\"\nabsolute_timeout = \"5h\"";
const COOKIE: &str = "__Host-countersign";

async fn is_in(browser: &mut Browser) -> bool {
    browser.open("/account").await;
    assert_eq!(browser.status(), 200);
    browser.at == "/account"
}

fn sessions(house: &House) -> Sessions {
    Sessions::new(house.app.store().clone(), house.app.house.lifetimes.clone())
}

async fn rows(stage: &Stage) -> Vec<session::Model> {
    session::Entity::find().all(stage.app.store().read()).await.unwrap()
}

#[tokio::test]
async fn a_session_nobody_uses_runs_out_on_its_second() {
    let stage = Stage::with(SHORT).await;
    let (mut ada, mut other) = (stage.browser(), stage.browser());
    ada.sign_in().await;
    other.sign_in().await;

    stage.wait(Duration::hours(2) - Duration::SECOND);
    assert!(is_in(&mut ada).await);
    stage.wait(Duration::SECOND);
    assert!(!is_in(&mut other).await);
}

#[tokio::test]
async fn a_session_in_use_lasts_until_its_hard_end() {
    let stage = Stage::with(SHORT).await;
    let mut ada = stage.browser();
    ada.sign_in().await;

    for _ in 0..4 {
        stage.wait(Duration::hours(1));
        assert!(is_in(&mut ada).await);
        stage.app.store().write_touched().await.unwrap();
    }
    stage.wait(Duration::hours(1) - Duration::SECOND);
    assert!(is_in(&mut ada).await);
    stage.app.store().write_touched().await.unwrap();
    stage.wait(Duration::SECOND);
    assert!(!is_in(&mut ada).await);
}

#[tokio::test]
async fn use_is_written_down_at_most_once_a_minute_and_seen_by_other_processes() {
    let stage = Stage::with(SHORT).await;
    let twin = stage.twin().await;
    let mut ada = stage.browser();
    ada.sign_in().await;
    let begun = stage.now();
    let seen = async || rows(&stage).await[0].seen_at;

    stage.wait(Duration::seconds(59));
    is_in(&mut ada).await;
    stage.app.store().write_touched().await.unwrap();
    assert_eq!(seen().await, begun);
    stage.wait(Duration::seconds(1));
    is_in(&mut ada).await;
    assert_eq!(seen().await, begun, "a request writes nothing");
    stage.app.store().write_touched().await.unwrap();
    assert_eq!(seen().await, begun + 60);

    stage.wait(Duration::hours(2) - Duration::SECOND);
    assert!(is_in(ada.goes_to(&twin)).await);
}

#[tokio::test]
async fn noting_use_never_turns_a_session_back() {
    let stage = Stage::with(SHORT).await;
    let twin = stage.twin().await;
    let (mut ada, mut bob) = (stage.browser(), stage.browser());
    ada.sign_in().await;
    stage.wait(Duration::minutes(10));
    is_in(&mut ada).await;
    stage.wait(Duration::minutes(10));
    bob.sign_in().await;
    is_in(ada.goes_to(&twin)).await;
    twin.app.store().write_touched().await.unwrap();
    let newest = stage.now();

    stage.app.store().write_touched().await.unwrap();

    assert!(rows(&stage).await.iter().all(|row| row.seen_at == newest));
}

#[tokio::test]
async fn there_is_no_session_before_the_sign_in_and_a_planted_cookie_is_worth_nothing() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login").await;
    assert_eq!(ada.session_cookie(), None);

    let mut mallory = stage.browser();
    stage.upstream_knows("mallory", "mallory@example.org");
    mallory.sign_in().await;
    let of_mallory = mallory.session_cookie().unwrap().to_owned();
    let made_up = Id::default().to_string();
    for planted in [of_mallory.as_str(), made_up.as_str(), "x", ""] {
        stage.upstream_knows("ada-1", "ada@example.org");
        let mut victim = stage.browser();
        victim.cookies.insert(COOKIE.into(), planted.into());
        victim.open("/login/sso").await.come_back().await;
        assert!(victim.sees("ada@example.org"), "{}", victim.body());
        let own = victim.session_cookie().unwrap();
        assert_ne!(own, planted);
        let mut thief = stage.browser();
        thief.cookies.insert(COOKIE.into(), planted.into());
        thief.open("/account").await;
        assert!(!thief.sees("ada@example.org"));
    }
}

#[tokio::test]
async fn a_sign_in_changes_the_cookie_and_ends_what_was_there() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.sign_in().await;
    let mut thief = ada.clone();
    let first = ada.session_cookie().unwrap().to_owned();

    ada.sign_in_to("https://wiki.example/").await;

    assert_ne!(ada.session_cookie(), Some(first.as_str()));
    assert!(is_in(&mut ada).await);
    assert!(!is_in(&mut thief).await);
    assert!(rows(&stage).await.iter().all(|row| !row.token_hash.contains(&first) && !row.data.contains(&first)));
}

#[tokio::test]
async fn a_session_that_ended_cannot_be_saved_again() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.sign_in().await;
    let id: Id = ada.session_cookie().unwrap().parse().unwrap();
    let store = sessions(&stage);
    let record = store.load(&id).await.unwrap().unwrap();

    store.delete(&id).await.unwrap();
    store.save(&record).await.unwrap();

    assert!(store.load(&id).await.unwrap().is_none());
    assert!(!is_in(&mut ada).await);
    let row = rows(&stage).await.remove(0);
    assert_eq!((row.ended_at, row.data.as_str()), (Some(stage.now()), "{}"), "a tombstone says only that it was");
}

#[tokio::test]
async fn a_tombstone_stays_as_long_as_its_session_would_have_lived() {
    let stage = Stage::with(SHORT).await;
    let mut ada = stage.browser();
    ada.sign_in().await;
    ada.open("/logout").await.press("#logout-confirm").await;

    stage.wait(Duration::hours(5) - Duration::SECOND);
    stage.app.store().sweep().await.unwrap();
    assert_eq!(rows(&stage).await.len(), 1);
    stage.wait(Duration::seconds(2));
    stage.app.store().sweep().await.unwrap();
    assert_eq!(rows(&stage).await.len(), 0);
}

#[tokio::test]
async fn the_oldest_of_too_many_sessions_ends() {
    let stage = Stage::with("[session]\nmax_per_user = 2").await;
    let mut browsers = [stage.browser(), stage.browser(), stage.browser()];
    for (number, browser) in browsers.iter_mut().enumerate() {
        browser.sign_in().await;
        if number == 1 {
            stage.upstream_knows("bob", "bob@example.org");
            stage.browser().sign_in().await;
            stage.upstream_knows("ada-1", "ada@example.org");
        }
        stage.wait(Duration::seconds(1));
    }

    let mut alive = Vec::new();
    for browser in &mut browsers {
        alive.push(is_in(browser).await);
    }
    assert_eq!(alive, [false, true, true]);
}

#[tokio::test]
async fn a_lock_ends_every_session_in_every_process_at_once() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let (mut here, mut there) = (stage.browser(), stage.browser());
    here.sign_in().await;
    there.sign_in().await;
    assert!(is_in(&mut here).await && is_in(there.goes_to(&twin)).await);
    let user = stage.user("ada@example.org").await.id;

    twin.set_locked(user, true).await;

    assert!(!is_in(&mut here).await && !is_in(&mut there).await);
    let mut again = stage.browser();
    again.sign_in().await;
    assert_eq!(again.status(), 403);
    assert_eq!(again.session_cookie(), None);
}

#[tokio::test]
async fn a_lock_written_by_hand_counts_at_once_too() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let mut ada = stage.browser();
    let token = ada.login_token().await;
    let user = stage.user("ada@example.org").await.id;
    let is_known = async || stage.get("/auth/check").bearer(&token).await.json()["authenticated"] == true;
    assert!(is_known().await && is_known().await);

    twin.lock(user, true).await;
    assert!(!is_known().await && !is_in(&mut ada).await);
    twin.lock(user, false).await;
    assert!(is_known().await);
}

#[tokio::test]
async fn what_another_process_changes_is_seen_by_the_next_request() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let token = stage.browser().login_token().await;
    let user = stage.user("ada@example.org").await.id;
    let roles = async || {
        let reply = stage.get("/auth/authorize?service=wiki").bearer(&token).await;
        super::stage::request::claims_of(reply.json()["token"].as_str().unwrap())["roles"].clone()
    };
    for round in 0..5 {
        let role = format!("role-{round}");
        super::stage::set_roles(twin.app.store(), user, &[&role]).await;
        assert_eq!(roles().await, serde_json::json!([role]));
    }
}

#[tokio::test]
async fn the_session_cookie_is_for_us_alone() {
    let stage = Stage::with("[session]\nremember_me = \"always\"").await;
    let mut ada = stage.browser();
    ada.open("/login").await.press("#idp-sso").await;
    let back = ada.way_back();
    ada.step_to(&back).await;

    let cookies: Vec<_> =
        ada.last.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned()).collect();
    let line = cookies.iter().find(|line| line.starts_with(&format!("{COOKIE}="))).unwrap();
    for word in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age="] {
        assert!(line.contains(word), "{line}");
    }
    assert!(!line.contains("Domain"));
}
