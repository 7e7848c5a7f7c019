//! The mailed link: asked for, opened, typed, once and on time.

use time::Duration;

use super::{at_once, csrf, sessions_in, users};
use crate::it::stage::{Browser, Stage};
use crate::mail::Mail;

pub async fn asks_for_link(browser: &mut Browser, email: &str) {
    browser.open("/login").await.fill_in("#magic-link-email", email).press("#magic-link-submit").await;
}

pub fn link_in(letter: &Mail) -> String {
    let link = letter.text.split_whitespace().find(|word| word.starts_with("https://auth.example/"));
    link.unwrap().trim_start_matches("https://auth.example").to_owned()
}

pub fn code_in(letter: &Mail) -> String {
    letter.subject.rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_link_signs_in_when_a_person_says_so_and_makes_the_account_then() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "Bob@Example.org").await;
    assert_eq!(bob.at, "/login/check-mail");
    assert_eq!(users(&stage).await, 0);
    let link = link_in(&stage.letter_to("bob@example.org").await.unwrap());

    bob.open(&link).await;
    assert!(bob.sees("bob@example.org") && !bob.has("#other-browser"));
    assert_eq!(users(&stage).await, 0);
    bob.press("#confirm").await;

    assert_eq!(bob.at, "/account");
    assert!(stage.user("bob@example.org").await.email.unwrap().verified);
    assert!(!bob.cookies.keys().any(|name| name.contains("-login-")));
}

#[tokio::test]
async fn scanners_that_open_the_link_change_nothing() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let link = link_in(&stage.letter_to("bob@example.org").await.unwrap());

    for method in ["GET", "HEAD", "GET", "OPTIONS"] {
        for _ in 0..10 {
            let reply =
                stage.ask(method, &link).header("sec-purpose", "prefetch").header("user-agent", "Scanner").await;
            assert!(reply.status == 200 || method == "OPTIONS", "{method} {}", reply.status);
            assert_eq!(sessions_in(&[reply]), 0);
        }
    }
    assert_eq!(users(&stage).await, 0);

    bob.open(&link).await;
    let page = bob.body().to_lowercase();
    assert!(!page.contains("<script") && !page.contains("http-equiv") && !page.contains("autofocus"));
    assert_eq!(bob.press("#confirm").await.at, "/account");
}

#[tokio::test]
async fn a_link_is_good_once() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let link = link_in(&stage.letter_to("bob@example.org").await.unwrap());
    let mut there = stage.browser();
    there.open(&link).await;
    bob.open(&link).await.press("#confirm").await;

    assert_eq!(there.press_only("#confirm").await.status(), 400);
    assert_eq!(stage.browser().open(&link).await.status(), 400);
    assert!(there.session_cookie().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_confirm_at_once_on_two_servers_one_comes_in() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let link = link_in(&stage.letter_to("bob@example.org").await.unwrap());
    bob.open(&link).await;
    let fields = bob.fields("#confirm");
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut there = bob.clone();
    there.goes_to(&twin);

    let asks = (0..12).map(|n| if n % 2 == 0 { &bob } else { &there }.asks("POST", "/login/magic-link").form(&fields));
    let replies = at_once(asks.collect()).await;

    assert_eq!(sessions_in(&replies), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 400).count(), 11);
    assert_eq!(users(&stage).await, 1);
}

#[tokio::test]
async fn a_link_lives_ten_minutes() {
    for (seconds, status) in [(599, 200), (600, 400)] {
        let stage = Stage::open().await;
        let mut bob = stage.browser();
        asks_for_link(&mut bob, "bob@example.org").await;
        let link = link_in(&stage.letter_to("bob@example.org").await.unwrap());
        bob.open(&link).await;
        stage.wait(Duration::seconds(seconds));

        assert_eq!(bob.press("#confirm").await.status(), status, "{seconds}");
        assert_eq!(bob.session_cookie().is_some(), status == 200);
    }
}

#[tokio::test]
async fn a_link_opened_elsewhere_says_so_and_the_code_works_where_it_was_asked_for() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let letter = stage.letter_to("bob@example.org").await.unwrap();
    let mut phone = stage.browser();
    phone.open(&link_in(&letter)).await;
    assert!(phone.has("#other-browser") && phone.has("#confirm"));

    let code = code_in(&letter);
    let spaced = format!(" {} {}", &code[..3], &code[3..]);
    bob.fill_in("#code", &spaced).press("#code-submit").await;

    assert_eq!(bob.at, "/account", "{}", bob.body());
    assert_eq!(phone.press_only("#confirm").await.status(), 400, "the code has used the link up");
}

#[tokio::test]
async fn where_it_must_be_the_same_browser_it_must() {
    let stage = Stage::with("[login.magic_link]\nsame_browser = \"require\"\n").await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let link = link_in(&stage.letter_to("bob@example.org").await.unwrap());
    let mut phone = stage.browser();
    phone.open(&link).await;
    let csrf = {
        let mut other = stage.browser();
        other.open("/login").await;
        phone.cookies = other.cookies.clone();
        csrf(&other, "#password-submit")
    };
    let token = link.split_once("token=").unwrap().1.to_owned();

    phone.post("/login/magic-link", &[("csrf", &csrf), ("token", &token)]).await;
    assert_eq!(phone.status(), 400);
    assert!(phone.session_cookie().is_none());

    assert_eq!(bob.open(&link).await.press("#confirm").await.at, "/account");
}

#[tokio::test]
async fn the_way_on_is_the_one_that_was_asked_for() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    bob.open("/login?next=https%3A%2F%2Fwiki.example%2Fa%3Fb").await;
    bob.fill_in("#magic-link-email", "bob@example.org").press("#magic-link-submit").await;
    let link = link_in(&stage.letter_to("bob@example.org").await.unwrap());

    bob.open(&format!("{link}&next=https%3A%2F%2Fevil.example")).await.press("#confirm").await;

    assert!(bob.at.starts_with("https://wiki.example/a?b&jwt="), "{}", bob.at);
}

#[tokio::test]
async fn a_newer_letter_ends_the_older_one() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let first = link_in(&stage.letter_to("bob@example.org").await.unwrap());
    stage.wait(Duration::seconds(30));
    bob.open("/login/check-mail").await.press("#resend-submit").await;
    let second = link_in(&stage.letter_to("bob@example.org").await.unwrap());
    assert_ne!(first, second);

    assert_eq!(bob.open(&first).await.status(), 400);
    assert_eq!(bob.open(&second).await.press("#confirm").await.at, "/account");
}

#[tokio::test]
async fn another_letter_is_sent_after_half_a_minute_and_not_before() {
    for (seconds, letters) in [(29, 1), (30, 2)] {
        let stage = Stage::open().await;
        let mut bob = stage.browser();
        asks_for_link(&mut bob, "bob@example.org").await;
        stage.wait(Duration::seconds(seconds));

        asks_for_link(&mut bob, "BOB@example.org").await;

        assert_eq!(bob.at, "/login/check-mail");
        assert_eq!(stage.letters().await.len(), letters, "{seconds}");
    }
}
