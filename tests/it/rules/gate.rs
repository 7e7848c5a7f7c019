//! Whom a provider lets in.

use serde_json::json;

use super::{events, upstream_says};
use crate::it::stage::Stage;

/// Whether somebody with this said of them gets in.
async fn gets_in(keys: &str, claims: &[(&str, serde_json::Value)]) -> bool {
    let stage = Stage::with(&format!("[providers.sso]\n{keys}")).await;
    upstream_says(&stage, "ada", claims);
    let mut browser = stage.browser();
    browser.sign_in().await;
    let is_in = browser.session_cookie().is_some();
    if !is_in {
        assert_eq!(browser.status(), 403);
        assert!(browser.sees("may not be used here") && !browser.sees("department"), "{}", browser.body());
        assert_eq!(events(&stage, "user.login_failed").await.len(), 1);
        let nobody = stage.app.store().user_by_email(&"ada@example.org".parse().unwrap()).await.unwrap();
        assert!(nobody.is_none());
    }
    is_in
}

#[tokio::test]
async fn at_least_one_rule_of_allow_has_to_hold() {
    let keys = "allow = [\"claims.department == 'eng'\", \"'sso:staff' in groups\"]";

    assert!(gets_in(keys, &[("department", json!("eng"))]).await);
    assert!(gets_in(keys, &[("groups", json!(["staff"]))]).await);
    assert!(!gets_in(keys, &[("department", json!("ops"))]).await);
    assert!(!gets_in(keys, &[]).await);
}

#[tokio::test]
async fn a_rule_of_deny_counts_first_and_also_where_it_has_no_answer() {
    let keys = "allow = [\"true\"]\ndeny = [\"claims.department == 'eng'\"]";

    assert!(!gets_in(keys, &[("department", json!("eng"))]).await);
    assert!(gets_in(keys, &[("department", json!("ops"))]).await);
    assert!(!gets_in(keys, &[]).await);
    assert!(gets_in("deny = [\"has(claims.department) && claims.department == 'eng'\"]", &[]).await);
}

#[tokio::test]
async fn who_was_let_in_before_is_held_against_the_rules_again() {
    let stage = Stage::open().await;
    stage.upstream_knows("ada", "ada@example.org");
    stage.browser().sign_in().await;

    stage.reload("[providers.sso]\nallow = [\"email.endsWith('@example.com')\"]").unwrap();
    let mut browser = stage.browser();
    browser.sign_in().await;

    assert!(browser.session_cookie().is_none() && browser.status() == 403);
}
