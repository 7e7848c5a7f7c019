//! `POST /auth/logout`.

use axum::Router;
use serde_json::json;

use crate::it::stage::{House, ORIGIN, Stage};

async fn is_signed_in(house: &House, token: &str) -> bool {
    house.get("/auth/check").bearer(token).await.json()["authenticated"] == true
}

const HOOK: &str = r#"
[extensions.crm]
kind = "webhook"
events = ["user.logout"]
url = "https://crm.test/hook"
secret = "a secret of 16 bytes or more"
"#;

#[tokio::test]
async fn a_token_logs_out_everywhere_at_once_and_those_who_listen_are_told() {
    let stage = Stage::with(HOOK).await;
    let twin = stage.twin().await;
    stage.internet.host("crm.test", Router::new().fallback(async || ""));
    let mut ada = stage.browser();
    let token = ada.login_token().await;
    let mut other = stage.browser();
    let other_token = other.login_token().await;
    assert!(is_signed_in(&twin, &token).await);

    let reply = stage.post("/auth/logout").bearer(&token).await;

    assert_eq!((reply.status, reply.json()), (200, json!({ "success": true })));
    assert!(!is_signed_in(&stage, &token).await && !is_signed_in(&twin, &token).await);
    for house in [&*stage, &twin] {
        assert_eq!(ada.goes_to(house).open("/account").await.at, "/login");
    }
    assert!(is_signed_in(&twin, &other_token).await, "only this session ended");
    stage.letters().await;
    assert_eq!(stage.internet.count("crm.test/hook"), 1);

    assert_eq!(stage.post("/auth/logout").bearer(&token).await.json(), json!({ "success": true }));
    stage.letters().await;
    assert_eq!(stage.internet.count("crm.test/hook"), 1, "nothing ended the second time");
}

#[tokio::test]
async fn the_cookie_logs_out_too_but_only_from_our_own_pages() {
    let stage = Stage::with(HOOK).await;
    stage.internet.host("crm.test", Router::new().fallback(async || ""));
    let mut ada = stage.browser();
    let token = ada.login_token().await;
    let ask = || ada.asks("POST", "/auth/logout");

    for (what, foreign) in [
        ("origin", ask().header("origin", "https://evil.example")),
        ("metadata", ask().header("sec-fetch-site", "cross-site")),
        ("sibling", ask().header("origin", ORIGIN).header("sec-fetch-site", "same-site")),
        ("null", ask().header("origin", "null")),
        ("look-alike", ask().header("origin", "https://auth.example.evil.example")),
    ] {
        let reply = foreign.await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (403, None), "{what}");
        assert!(is_signed_in(&stage, &token).await);
    }
    let reply = ask().header("origin", ORIGIN).header("sec-fetch-site", "same-origin").await;
    assert_eq!((reply.status, reply.json()), (200, json!({ "success": true })));
    assert!(!is_signed_in(&stage, &token).await);
    stage.letters().await;
    assert_eq!(stage.internet.count("crm.test/hook"), 1);
}

#[tokio::test]
async fn a_bad_token_is_not_rescued_by_a_good_cookie() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    let token = ada.login_token().await;

    let reply = ada.asks("POST", "/auth/logout").header("sec-fetch-site", "same-origin").bearer("bad").await;

    assert_eq!(reply.json(), json!({ "success": true }));
    assert!(is_signed_in(&stage, &token).await);
}

#[tokio::test]
async fn nobody_can_log_out_too_and_nobody_by_get() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;

    assert_eq!(stage.post("/auth/logout").await.json(), json!({ "success": true }));
    let get = stage.get(&format!("/auth/logout?jwt={token}")).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    assert!(is_signed_in(&stage, &token).await);
    stage.post("/auth/logout").form(&[("jwt", &token)]).await;
    assert!(!is_signed_in(&stage, &token).await);
}

#[tokio::test]
async fn a_token_in_the_query_logs_out_like_anywhere_else() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;

    stage.post(&format!("/auth/logout?jwt={token}")).await;

    assert!(!is_signed_in(&stage, &token).await);
}
