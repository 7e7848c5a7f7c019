//! Who may enter a service, what is missing of those who may not, and what its tokens say.

use serde_json::json;

use super::{events, upstream_says};
use crate::it::stage::request::claims_of;
use crate::it::stage::{Stage, set_roles};

const ENG: &str = "[services.wiki]\naccess = [\"service == 'wiki'\", \"claims.department == 'eng'\"]\n";

#[tokio::test]
async fn who_does_not_fulfil_a_rule_gets_no_token_and_is_told_which_by_number() {
    let stage = Stage::with(ENG).await;
    upstream_says(&stage, "ada", &[("department", json!("ops"))]);
    let mut browser = stage.browser();
    let at = browser.sign_in_to("https://shop.example/back").await;
    assert!(at.starts_with("https://shop.example/back?code="), "{at}");
    browser.sign_in_to("https://frag.example/x").await;
    let token = browser.at.split("jwt=").nth(1).unwrap().to_owned();

    let reply = stage.get("/auth/authorize?service=wiki").bearer(&token).await;

    assert_eq!((reply.status, reply.problem().as_str()), (403, "access-denied"));
    assert_eq!(reply.json()["missing"], json!([{ "what": "rule", "rule": 1 }]));
    assert!(!reply.json().to_string().contains("department"));
    assert_eq!(events(&stage, "permission.denied").await, [json!({ "missing": [{ "what": "rule", "rule": 1 }] })]);
    assert_eq!(stage.get("/auth/authorize?service=frag").bearer(&token).await.status, 200);
}

#[tokio::test]
async fn on_the_way_to_a_service_they_are_told_what_is_missing_instead_of_going_there() {
    let stage = Stage::with(ENG).await;
    upstream_says(&stage, "ada", &[("department", json!("ops"))]);
    let mut browser = stage.browser();

    browser.sign_in_to("https://wiki.example/page").await;

    assert_eq!(browser.status(), 403);
    assert!(browser.at.contains("/login/no-access"), "{}", browser.at);
    assert!(browser.sees("You cannot use Team wiki yet"), "{}", browser.body());
    assert!(!browser.sees("department") && !browser.body().contains("jwt="));
    stage.app.house.shown.write(stage.app.store()).await.unwrap();

    stage.reload("[services.wiki]\naccess = []").unwrap();
    let again = browser.at.clone();
    browser.open(&again).await;
    assert!(browser.at.starts_with("https://wiki.example/page?jwt="), "{}", browser.at);
}

#[tokio::test]
async fn a_missing_role_is_told_too_and_the_way_is_free_once_it_is_there() {
    let stage = Stage::open().await;
    stage.upstream_knows("ada", "ada@example.org");
    let mut browser = stage.browser();

    browser.sign_in_to("https://admins.example/x").await;

    assert_eq!(browser.status(), 403);
    assert!(
        browser.sees("Your account does not have a role that this service asks for. Whoever"),
        "{}",
        browser.body()
    );
    set_roles(stage.app.store(), stage.user("ada@example.org").await.id, &["admin"]).await;
    browser.open("/login?next=https://admins.example/x").await;
    assert!(browser.at.starts_with("https://admins.example/x?jwt="), "{}", browser.at);
}

#[tokio::test]
async fn the_page_is_for_who_is_signed_in_and_lacks_something() {
    let stage = Stage::open().await;
    let mut stranger = stage.browser();

    stranger.open("/login/no-access?next=https://wiki.example/").await;
    assert!(stranger.has("#idp-sso"), "{}", stranger.body());
    stranger.open("/login/no-access?next=https://evil.example/").await;
    assert_eq!(stranger.status(), 400);
    stranger.sign_in().await.open("/login/no-access?next=https://wiki.example/").await;
    assert!(stranger.at.starts_with("https://wiki.example/?jwt="), "{}", stranger.at);
}

#[tokio::test]
async fn a_rule_that_asks_for_a_second_factor_leads_to_one() {
    let stage = Stage::with("[services.wiki]\naccess = [\"mfa || 'admin' in roles\"]").await;
    stage.upstream_knows("ada", "ada@example.org");
    let mut browser = stage.browser();

    browser.sign_in_to("https://wiki.example/").await;
    assert!(browser.at.contains("/login/enrol"), "{}", browser.at);

    stage.reload("[services.wiki]\naccess = [\"mfa && 'admin' in roles\"]").unwrap();
    browser.sign_in_to("https://wiki.example/").await;
    assert!(browser.at.contains("/login/no-access"), "{}", browser.at);

    stage.reload("[services.wiki]\naccess = [\"mfa || 'admin' in roles\"]").unwrap();
    stage.upstream_knows("bob", "bob@example.org");
    let mut other = stage.browser();
    other.sign_in().await;
    set_roles(stage.app.store(), stage.user("bob@example.org").await.id, &["admin"]).await;
    other.open("/login?next=https://wiki.example/").await;
    assert!(other.at.starts_with("https://wiki.example/?jwt="), "{}", other.at);
}

#[tokio::test]
async fn a_service_adds_claims_of_its_own() {
    let keys = r#"
[services.wiki.claims]
tenant = { const = "acme" }
department = "department"
city = "address.locality"
is_eng = { expr = "claims.department == 'eng' && 'member' in roles" }
absent = { expr = "claims.nothing" }
gone = "nothing"
long = "long"
"#;
    let stage = Stage::with(keys).await;
    let address = json!({ "locality": "Berlin" });
    let long = json!("x".repeat(2000));
    upstream_says(&stage, "ada", &[("department", json!("eng")), ("address", address), ("long", long)]);

    let token = stage.browser().login_token().await;
    let reply = stage.get("/auth/authorize?service=wiki").bearer(&token).await.json();

    let claims = claims_of(reply["token"].as_str().unwrap());
    assert_eq!(claims["tenant"], "acme");
    assert_eq!(claims["department"], "eng");
    assert_eq!(claims["city"], "Berlin");
    assert_eq!(claims["is_eng"], true);
    for name in ["absent", "gone", "long"] {
        assert!(claims.get(name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn several_things_can_be_missing_at_once() {
    let keys = "[services.frag]\nallowed_roles = [\"admin\"]\nrequire_mfa = true\naccess = [\"false\"]\n";
    let stage = Stage::with(keys).await;
    let token = stage.browser().login_token().await;

    let reply = stage.get("/auth/authorize?service=frag").bearer(&token).await.json();

    let missing = json!([
        { "what": "role", "one_of": ["admin"] }, { "what": "second-factor" }, { "what": "rule", "rule": 0 }
    ]);
    assert_eq!(reply["missing"], missing);
    assert_eq!(reply["detail"], "Your account does not have a role that this service asks for.");
}
