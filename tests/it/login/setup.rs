//! The link that makes an administrator.

use time::Duration;

use super::{at_once, csrf, sessions_in, users};
use crate::app::Minted::{self, AtStart, ByCommand};
use crate::it::stage::{Browser, Stage};

fn link(stage: &Stage, minted: Minted) -> String {
    stage.app.admin_link(minted).trim_start_matches("https://auth.example").to_owned()
}

async fn fills_in(browser: &mut Browser, link: &str, email: &str) -> u16 {
    if browser.open(link).await.status() != 200 {
        return browser.status();
    }
    browser.fill_in("#email", email).fill_in("#name", "Root").fill_in("#password", super::SECRET);
    browser.press_only("#setup-submit").await.status()
}

#[tokio::test]
async fn the_holder_becomes_an_administrator_once() {
    let stage = Stage::open().await;
    let link = link(&stage, AtStart);
    for method in ["GET", "HEAD", "OPTIONS"] {
        for _ in 0..5 {
            stage.ask(method, &link).await;
        }
    }
    assert_eq!(users(&stage).await, 0);

    let mut root = stage.browser();
    assert_eq!(fills_in(&mut root, &link, "root@example.org").await, 303);

    assert!(root.session_cookie().is_some());
    let user = stage.user("root@example.org").await;
    assert_eq!(user.roles, ["admin", "member"]);
    assert_eq!(fills_in(&mut stage.browser(), &link, "eve@example.org").await, 410);
    assert_eq!(users(&stage).await, 1);
}

#[tokio::test]
async fn links_of_the_start_are_void_when_there_is_an_administrator_and_asked_for_ones_are_not() {
    let stage = Stage::open().await;
    let (first, second, asked) = (link(&stage, AtStart), link(&stage, AtStart), link(&stage, ByCommand));
    assert_eq!(fills_in(&mut stage.browser(), &first, "one@example.org").await, 303);

    assert_eq!(fills_in(&mut stage.browser(), &second, "two@example.org").await, 410);
    assert_eq!(fills_in(&mut stage.browser(), &link(&stage, AtStart), "two@example.org").await, 410);
    assert_eq!(fills_in(&mut stage.browser(), &asked, "three@example.org").await, 303);
    assert_eq!(fills_in(&mut stage.browser(), &asked, "four@example.org").await, 410);
    assert_eq!(users(&stage).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_links_used_at_once_on_two_servers_one_makes_the_first_administrator() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let mut here = stage.browser();
    let own = {
        here.open("/login").await;
        csrf(&here, "#password-submit")
    };
    let mut there = here.clone();
    there.goes_to(&twin);

    let links: Vec<_> = (0..8).map(|_| link(&stage, AtStart)).collect();
    let asks = links.iter().enumerate().map(|(n, link)| {
        let browser = if n % 2 == 0 { &here } else { &there };
        let email = format!("root{n}@example.org");
        let fields = [("csrf", own.as_str()), ("email", &email), ("name", "R"), ("password", super::SECRET)];
        browser.asks("POST", link).form(&fields)
    });
    let replies = at_once(asks.collect()).await;

    assert_eq!(sessions_in(&replies), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 410).count(), 7);
    assert_eq!(users(&stage).await, 1);
}

#[tokio::test]
async fn a_link_has_its_time() {
    let stage = Stage::open().await;
    let ttl = stage.app.settings.admin.setup_link_ttl;
    let (late, last) = (link(&stage, ByCommand), link(&stage, ByCommand));
    stage.wait(ttl - Duration::SECOND);
    assert_eq!(fills_in(&mut stage.browser(), &last, "one@example.org").await, 303);
    stage.wait(Duration::SECOND);
    assert_eq!(fills_in(&mut stage.browser(), &late, "two@example.org").await, 410);
}

#[tokio::test]
async fn a_mistake_does_not_use_the_link_up() {
    let stage = Stage::open().await;
    let link = link(&stage, AtStart);
    let mut root = stage.browser();
    root.open(&link)
        .await
        .fill_in("#email", "no address")
        .fill_in("#password", super::SECRET)
        .press("#setup-submit")
        .await;
    assert_eq!(root.status(), 400);
    root.open(&link)
        .await
        .fill_in("#email", "root@example.org")
        .fill_in("#password", "short")
        .press("#setup-submit")
        .await;
    assert_eq!(root.status(), 400);
    assert!(!root.body().contains("value=\"short\""));
    let fields = [("csrf", "x"), ("email", "root@example.org"), ("name", "R"), ("password", super::SECRET)];
    assert_eq!(root.post(&link, &fields).await.status(), 403);

    assert_eq!(fills_in(&mut root, &link, "root@example.org").await, 303);
}
