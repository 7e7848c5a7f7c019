//! Who fails too often is shut out for a time, everywhere and by every process; errors that people see are kept, within bounds.

use sea_orm::EntityTrait as _;
use time::Duration;

use super::stage::{House, Stage};
use crate::jobs;
use crate::store::audit::search::Filter;
use crate::store::entity::{rate_limit, shown_error};
use crate::store::limits::{self, Pass};
use crate::store::shown::{ErrorBook, Shown};

const RULE: &str = "[rate_limit]\nban = { after = 3, per = \"10m\", for = \"1h\" }\nexempt = [\"198.51.100.9/32\"]";

/// A wrong password from this address.
async fn fails(house: &House, ip: &str) -> u16 {
    let mut browser = house.browser();
    browser.moves_to(ip);
    browser.open("/login").await;
    if browser.status() != 200 {
        return browser.status();
    }
    browser.fill_in("#email", "ada@example.org").fill_in("#password", "wrong").press("#password-submit").await.status()
}

/// How often it was written down that a client was shut out.
async fn banned(house: &House) -> usize {
    let filter = Filter { events: vec!["security.ban".into()], ..Filter::default() };
    house.app.store().audit(&filter, None, 100).await.unwrap().events.len()
}

#[tokio::test]
async fn who_fails_too_often_is_refused_everywhere_until_the_time_is_over() {
    let stage = Stage::with(RULE).await;
    for _ in 0..3 {
        assert_eq!(fails(&stage, "192.0.2.66").await, 401);
    }

    let mut browser = stage.browser();
    browser.moves_to("192.0.2.66").open("/login").await;
    assert_eq!((browser.status(), browser.last.header("retry-after")), (429, Some("3600")));
    assert!(browser.sees("Too many failed tries"), "{}", browser.body());
    for path in ["/auth/check", "/auth/authorize?service=wiki", "/.well-known/jwks.json", "/account"] {
        let reply = stage.get(path).from("192.0.2.66").await;
        assert_eq!((reply.status, reply.problem().as_str()), (429, "banned"), "{path}");
    }
    assert_eq!(stage.get("/health/ready").from("192.0.2.66").await.status, 200);
    assert_eq!(fails(&stage, "192.0.2.67").await, 401, "others are not in the way");
    assert_eq!(banned(&stage).await, 1);

    stage.wait(Duration::HOUR - Duration::SECOND);
    assert_eq!(fails(&stage, "192.0.2.66").await, 429);
    stage.wait(Duration::SECOND);
    assert_eq!(fails(&stage, "192.0.2.66").await, 401);
}

#[tokio::test]
async fn wrong_secrets_of_services_and_wrong_codes_count_and_being_nobody_does_not() {
    let stage = Stage::with(RULE).await;
    for _ in 0..5 {
        assert_eq!(stage.get("/auth/check").from("192.0.2.66").await.status, 200);
        assert_eq!(stage.post("/auth/logout").from("192.0.2.66").await.status, 200);
    }
    let wrong =
        |secret: &str| stage.post("/auth/token").from("192.0.2.66").basic("shop", secret).form(&[("code", "x.y")]);
    assert_eq!(wrong("wrong").await.status, 401);
    assert_eq!(wrong(super::stage::script::SHOP_SECRET).await.problem(), "code-spent");
    assert_eq!(wrong("wrong").await.status, 401);
    assert_eq!(wrong("wrong").await.status, 429);
}

#[tokio::test]
async fn a_network_of_addresses_is_one_client_and_an_exempt_one_is_none() {
    let stage = Stage::with(RULE).await;
    for host in ["1", "2", "ffff:1:2:3"] {
        let host = if host.contains(':') { format!("2001:db8:0:7:{host}") } else { format!("2001:db8:0:7::{host}") };
        assert_eq!(fails(&stage, &host).await, 401);
    }
    assert_eq!(fails(&stage, "2001:db8:0:7::9").await, 429);
    assert_eq!(fails(&stage, "2001:db8:0:8::9").await, 401);
    for _ in 0..4 {
        // The limit of the account is another matter.
        stage.wait(Duration::minutes(5));
        assert_eq!(fails(&stage, "198.51.100.9").await, 401);
    }
}

#[tokio::test]
async fn failures_that_lie_apart_shut_nobody_out() {
    let stage = Stage::with(RULE).await;
    for _ in 0..8 {
        assert_eq!(fails(&stage, "192.0.2.66").await, 401);
        stage.wait(Duration::minutes(4));
    }
    assert_eq!(banned(&stage).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_count_together_shut_out_once_and_a_restart_changes_nothing() {
    let stage = Stage::with(RULE).await;
    let twin = stage.twin().await;
    assert_eq!(fails(&stage, "192.0.2.66").await, 401);
    let work = (0..6).map(|nth| {
        let house = if nth % 2 == 0 { (*stage).clone() } else { twin.clone() };
        tokio::spawn(async move {
            house.post("/auth/token").from("192.0.2.66").basic("shop", "x").form(&[("code", "x")]).await
        })
    });
    for done in work.collect::<Vec<_>>() {
        assert!([401, 429].contains(&done.await.unwrap().status));
    }
    assert_eq!(banned(&stage).await, 1);

    jobs::watch(&twin.app).await.unwrap();
    assert_eq!(fails(&twin, "192.0.2.66").await, 429);
    let third = stage.twin().await;
    jobs::watch(&third.app).await.unwrap();
    assert_eq!(fails(&third, "192.0.2.66").await, 429, "it lies in the database");
}

#[tokio::test]
async fn without_the_key_nobody_is_shut_out() {
    let stage = Stage::open().await;
    for _ in 0..5 {
        stage.wait(Duration::minutes(5));
        assert_eq!(fails(&stage, "192.0.2.66").await, 401);
    }
    assert_eq!(banned(&stage).await, 0);
}

#[tokio::test]
async fn attempts_are_refused_while_they_cannot_be_counted() {
    use sea_orm::ConnectionTrait as _;
    let stage = Stage::open().await;
    let mut browser = stage.browser();
    browser.open("/login").await;
    stage.app.store().write().execute_unprepared("alter table rate_limits rename to gone").await.unwrap();

    browser.fill_in("#email", "ada@example.org").fill_in("#password", "any").press("#password-submit").await;

    assert_eq!(browser.status(), 503);
    assert!(browser.last.header("retry-after").is_some());
}

#[tokio::test]
async fn counted_keys_are_rows_that_go_again_and_no_memory() {
    let stage = Stage::open().await;
    let rate = crate::config::Rate { limit: 10, per: crate::config::Span(Duration::MINUTE), burst: 5 };
    let db = stage.app.store().begin().await.unwrap();
    for key in 0..2_000 {
        assert_eq!(limits::count(&db, &format!("key {key}"), rate, stage.now()).await.unwrap(), Pass::Free);
    }
    db.commit().await.unwrap();

    stage.wait(Duration::minutes(1));
    stage.app.store().sweep().await.unwrap();
    assert_eq!(rate_limit::Entity::find().all(stage.app.store().read()).await.unwrap().len(), 0);
}

async fn kept(house: &House) -> Vec<shown_error::Model> {
    jobs::watch(&house.app).await.unwrap();
    shown_error::Entity::find().all(house.app.store().read()).await.unwrap()
}

#[tokio::test]
async fn the_reference_on_an_error_page_is_kept_with_the_route_and_without_what_was_asked() {
    let stage = Stage::open().await;
    let mut browser = stage.browser();
    browser.open("/setup/a-secret-of-a-link?token=another").await;
    assert!(browser.status() >= 400);

    let kept = kept(&stage).await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(browser.body().contains(&kept[0].reference));
    assert_eq!(Some(kept[0].reference.as_str()), browser.last.header("x-request-id"));
    assert_eq!((kept[0].status, kept[0].route.as_str()), (i64::from(browser.status()), "/setup/{token}"));
    assert!(!format!("{kept:?}").contains("secret"), "{kept:?}");
}

#[tokio::test]
async fn strangers_cannot_fill_the_disk_with_errors() {
    let stage = Stage::open().await;
    for _ in 0..30 {
        stage.get("/nowhere").header("accept", "text/html").from("192.0.2.66").await;
    }
    assert_eq!(kept(&stage).await.len(), 10, "of one client in a minute");
    stage.wait(Duration::MINUTE);
    stage.get("/nowhere").header("accept", "text/html").from("192.0.2.66").await;
    assert_eq!(kept(&stage).await.len(), 11);

    let book = ErrorBook::default();
    let shown = |nth: u32| Shown {
        reference: format!("{nth}"),
        at: 0,
        code: String::new(),
        status: 404,
        route: String::new(),
        cause: "x".repeat(10_000),
    };
    let noted = (0..3_000).filter(|nth| book.note(Some(std::net::Ipv4Addr::from_bits(*nth).into()), shown(*nth)));
    assert_eq!(noted.count(), 1_000, "of many clients until they are written");
    assert_eq!(book.write(stage.app.store()).await.unwrap(), 1_000);
    assert!(kept(&stage).await.iter().all(|row| row.cause.len() <= 500));
}
