//! The way back from a provider, as strangers take it.

use super::{answer, users, with_other, yes};
use crate::it::stage::{Browser, Stage};

/// Refused, without a session, and without a word to the upstream.
async fn is_refused(stage: &Stage, browser: &mut Browser, path: &str) {
    let asked = stage.internet.count("/token");
    browser.step_to(path).await;
    assert_eq!(browser.status(), 400, "{path}: {}", browser.body());
    assert_eq!(browser.last.location(), "");
    assert!(browser.session_cookie().is_none());
    assert_eq!(stage.internet.count("/token"), asked, "{path}");
}

#[tokio::test]
async fn a_login_belongs_to_the_browser_it_began_in_and_a_stranger_burns_nothing() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login/sso").await;
    let back = yes(&ada);

    is_refused(&stage, &mut stage.browser(), &back).await;
    let mut eve = stage.browser();
    eve.open("/login/sso").await;
    is_refused(&stage, &mut eve, &back).await;

    assert_eq!(ada.open(&back).await.at, "/account");
    assert_eq!(users(&stage).await, 1);
}

#[tokio::test]
async fn a_state_is_good_once_and_only_as_it_was_made() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login/sso").await;
    let back = yes(&ada);
    let thief = ada.clone();
    let given = crate::it::stage::request::query_of(&back, "state").unwrap();
    for odd in
        [String::new(), given[..20].to_owned(), format!("{given}x"), given.to_lowercase() + "A", "x".repeat(4000)]
    {
        is_refused(&stage, &mut ada, &format!("/login/sso/callback?code=c&state={odd}")).await;
    }
    is_refused(&stage, &mut ada, "/login/sso/callback?code=c").await;
    is_refused(&stage, &mut ada, "/login/sso/callback").await;
    is_refused(&stage, &mut ada, &format!("{back}&state={given}")).await;
    is_refused(&stage, &mut ada, &format!("{back}&code=other")).await;

    assert_eq!(ada.open(&back).await.at, "/account");

    is_refused(&stage, &mut thief.clone(), &back).await;
    assert_eq!(ada.step_to(&back).await.status(), 400);
    assert_eq!(users(&stage).await, 1);
}

#[tokio::test]
async fn no_provider_answers_for_another() {
    let (stage, _other) = with_other("").await;
    let mut ada = stage.browser();
    ada.open("/login/sso").await;
    let back = yes(&ada);

    is_refused(&stage, &mut ada, &back.replace("/sso/", "/other/")).await;
    assert_eq!(ada.step_to(&back.replace("/sso/", "/nobody/")).await.status(), 404);

    assert_eq!(ada.open(&back).await.at, "/account");
}

#[tokio::test]
async fn an_answer_is_a_yes_or_a_no_and_never_both() {
    let stage = Stage::open().await;
    for pairs in [&[("code", "c"), ("error", "access_denied")][..], &[("iss", "https://sso.test")]] {
        let mut ada = stage.browser();
        ada.open("/login/sso").await;
        let back = answer(&ada, pairs);
        is_refused(&stage, &mut ada, &back).await;
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_so_and_a_look_ahead_finishes_nothing() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login/sso").await;
    let back = yes(&ada);
    let (path, query) = back.split_once('?').unwrap();
    for way in [path, "/auth/oauth_callback"] {
        let head = ada.asks("HEAD", &format!("{way}?{query}")).await;
        assert_eq!(head.status, 405, "{way}");
        assert!(head.header("allow").is_some() && head.header("set-cookie").is_none());
        let posted = ada.asks("POST", way).body("application/x-www-form-urlencoded", query.to_owned()).await;
        assert_eq!((posted.status, posted.header("allow")), (405, Some("GET")), "{way}");
        assert_eq!(ada.asks("PUT", &format!("{way}?{query}")).await.status, 405, "{way}");
    }
    assert_eq!(stage.internet.count("/token"), 0);

    assert_eq!(ada.open(&back).await.at, "/account");
}

#[tokio::test]
async fn the_classic_callback_is_another_spelling_of_the_same_way() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login/sso").await;
    let back = yes(&ada).replace("/login/sso/callback", "/auth/oauth_callback");

    assert_eq!(ada.open(&back).await.at, "/account");
    assert_eq!(ada.step_to(&back).await.status(), 400);
}

#[tokio::test]
async fn an_attempt_of_another_kind_is_no_way_back() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login").await.fill_in("#magic-link-email", "ada@example.org").press("#magic-link-submit").await;
    let cookie = ada.cookies.iter().find(|(name, _)| name.contains("-login-")).unwrap().1.clone();
    let given = cookie.split('.').next().unwrap();

    is_refused(&stage, &mut ada, &format!("/login/sso/callback?code=c&state={given}")).await;
    let path = format!("/auth/oauth_callback?code=c&state={given}");
    assert!((400..500).contains(&ada.step_to(&path).await.status()));
    assert!(ada.session_cookie().is_none());
}

#[tokio::test]
async fn nobody_is_sent_where_no_service_expects_them() {
    let stage = Stage::open().await;
    let elsewhere = [
        "https://evil.example/",
        "//evil.example",
        "https://wiki.example.evil.example/",
        "https://closed.example/",
        "javascript:alert(1)",
    ];
    for next in elsewhere {
        let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        for path in [format!("/login?next={query}"), format!("/login/sso?next={query}")] {
            let reply = stage.get(&path).header("accept", "text/html").await;
            assert_eq!((reply.status, reply.location()), (400, ""), "{path}");
            assert!(!reply.body.contains("evil.example"), "{path}");
            assert!(!reply.headers.get_all("set-cookie").iter().any(|line| line.to_str().unwrap().contains("-login-")));
        }
    }
    let twice = stage.get("/login?next=https%3A%2F%2Fwiki.example%2F&next=https%3A%2F%2Fevil.example").await;
    assert_eq!(twice.status, 400);
}

#[tokio::test]
async fn who_is_locked_or_not_wanted_sees_a_page_and_gets_no_session() {
    let stage = Stage::open().await;
    stage.browser().sign_in().await;
    let ada = stage.user("ada@example.org").await;
    stage.lock(ada.id, true).await;
    let mut browser = stage.browser();
    assert_eq!(browser.sign_in().await.status(), 403);
    assert!(browser.session_cookie().is_none());

    let stage = Stage::with("[login]\nsignup = \"closed\"\n").await;
    let mut browser = stage.browser();
    assert_eq!(browser.sign_in().await.status(), 403);
    assert!(browser.session_cookie().is_none());
    assert_eq!(users(&stage).await, 0);
}

#[tokio::test]
async fn a_service_takes_only_the_methods_it_lists() {
    let (stage, _other) = with_other("[services.wiki]\nallowed_providers = [\"other\"]\n").await;
    let next = "next=https%3A%2F%2Fwiki.example%2F";
    let mut ada = stage.browser();

    assert_eq!(ada.open(&format!("/login/sso?{next}")).await.status(), 403);
    ada.open(&format!("/login?{next}")).await;
    assert!(
        ada.has("#idp-other") && !ada.has("#idp-sso") && !ada.has("#password-submit") && !ada.has("#magic-link-submit")
    );

    ada.sign_in().await;
    ada.open(&format!("/login?{next}")).await;
    assert_eq!(ada.status(), 200, "a session by another method does not count there: {}", ada.at);
}
