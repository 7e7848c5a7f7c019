//! How often somebody may guess.

use time::Duration;

use super::{SECRET, at_once, csrf, types, with_password};
use crate::it::stage::Stage;

/// Types it in a new browser at this address.
async fn tries(stage: &Stage, ip: &str, name: &str, password: &str) -> u16 {
    let mut browser = stage.browser();
    browser.moves_to(ip);
    types(&mut browser, name, password).await
}

#[tokio::test]
async fn an_account_has_one_limit_however_it_is_called_and_wherever_from() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    with_password(&stage, "bob").await;
    for (n, name) in ["ada@example.org", "ADA@example.org", " ada@EXAMPLE.org.", "ada", "ADA"].into_iter().enumerate() {
        assert_eq!(tries(&stage, &format!("198.51.100.{n}"), name, "wrong").await, 401, "{name}");
    }

    for name in ["ada", "Ada@example.org"] {
        assert_eq!(tries(&stage, "203.0.113.1", name, SECRET).await, 429, "even the right one: {name}");
    }
    assert_eq!(tries(&stage, "203.0.113.1", "bob", SECRET).await, 303, "others are not in the way");

    stage.wait(Duration::seconds(89));
    assert_eq!(tries(&stage, "203.0.113.2", "ada", SECRET).await, 429);
    stage.wait(Duration::SECOND);
    assert_eq!(tries(&stage, "203.0.113.2", "ada", SECRET).await, 303);
}

#[tokio::test]
async fn a_name_that_nobody_has_is_limited_just_so() {
    let stage = Stage::open().await;
    for n in 0..5 {
        assert_eq!(tries(&stage, &format!("198.51.100.{n}"), "nobody@example.org", "wrong").await, 401);
    }

    assert_eq!(tries(&stage, "203.0.113.1", "NOBODY@example.org", "wrong").await, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_the_same_moment_on_two_servers_count_together() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    ada.open("/login").await;
    let own = csrf(&ada, "#password-submit");
    let mut there = ada.clone();
    there.goes_to(&twin);

    let asks = (0..14).map(|n| {
        let browser = if n % 2 == 0 { &ada } else { &there };
        let fields = [("csrf", own.as_str()), ("email", "ada"), ("password", "wrong")];
        browser.asks("POST", "/login/password").from(&format!("198.51.100.{n}")).form(&fields)
    });
    let replies = at_once(asks.collect()).await;

    assert_eq!(replies.iter().filter(|reply| reply.status == 401).count(), 5);
    let told: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
    assert_eq!(told.len(), 9);
    assert!(told.iter().all(|reply| reply.header("retry-after").is_some()));
}

#[tokio::test]
async fn a_client_has_a_limit_whoever_it_tries_to_be_and_a_household_is_one_client() {
    for addresses in [["198.51.100.7"; 11], std::array::from_fn(|n| ["2001:db8::1", "2001:db8::ffff:2"][n % 2])] {
        let stage = Stage::open().await;
        with_password(&stage, "ada").await;
        for (n, ip) in addresses[..10].iter().enumerate() {
            assert_eq!(tries(&stage, ip, &format!("user{n}"), "wrong").await, 401, "{n}");
        }

        assert_eq!(tries(&stage, addresses[10], "ada", SECRET).await, 429);
        assert_eq!(tries(&stage, "203.0.113.1", "ada", SECRET).await, 303);
        assert_eq!(tries(&stage, "2001:db8:0:1::1", "ada", SECRET).await, 303);
    }
}

#[tokio::test]
async fn who_knows_the_password_is_not_counted() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    for _ in 0..12 {
        assert_eq!(tries(&stage, "198.51.100.7", "ada", SECRET).await, 303);
    }
}

#[tokio::test]
async fn an_exempt_client_is_not_counted_and_forgives_nobody() {
    let stage = Stage::with("[rate_limit]\nexempt = [\"203.0.113.0/24\"]\n").await;
    with_password(&stage, "ada").await;
    for _ in 0..12 {
        assert_eq!(tries(&stage, "203.0.113.9", "ada", "wrong").await, 401);
    }
    for n in 0..5 {
        assert_eq!(tries(&stage, &format!("198.51.100.{n}"), "ada", "wrong").await, 401);
    }
    assert_eq!(tries(&stage, "203.0.113.9", "ada", SECRET).await, 303);

    assert_eq!(tries(&stage, "198.51.100.99", "ada", SECRET).await, 429);
}

#[tokio::test]
async fn only_a_trusted_proxy_says_who_the_client_is() {
    let header = [("x-forwarded-for", ""), ("x-real-ip", ""), ("forwarded", "for="), ("cf-connecting-ip", "")];
    for (trusted, last) in [(false, 429), (true, 401)] {
        let keys = if trusted { "[server]\ntrusted_proxies = [\"192.0.2.0/24\"]\n" } else { "" };
        let stage = Stage::with(keys).await;
        let mut browser = stage.browser();
        browser.open("/login").await;
        let own = csrf(&browser, "#password-submit");
        let mut status = 0;
        for n in 0..11 {
            let fields = [("csrf", own.as_str()), ("email", &format!("user{n}")), ("password", "wrong")];
            let mut ask = browser.asks("POST", "/login/password").form(&fields);
            for (name, before) in header {
                ask = ask.header(name, &format!("{before}198.51.100.{n}"));
            }
            status = ask.await.status;
        }
        assert_eq!(status, last, "trusted: {trusted}");
    }
}

#[tokio::test]
async fn behind_a_proxy_only_the_nearest_stranger_counts() {
    let stage = Stage::with("[server]\ntrusted_proxies = [\"192.0.2.0/24\"]\n").await;
    let mut browser = stage.browser();
    browser.open("/login").await;
    let own = csrf(&browser, "#password-submit");
    let mut status = 0;
    for n in 0..11 {
        let fields = [("csrf", own.as_str()), ("email", &format!("user{n}")), ("password", "wrong")];
        let chain = format!("10.9.8.{n}, 198.51.100.7, 192.0.2.3");
        let ask = browser.asks("POST", "/login/password").form(&fields).header("x-forwarded-for", &chain);
        status = ask.await.status;
    }
    assert_eq!(status, 429);
}
