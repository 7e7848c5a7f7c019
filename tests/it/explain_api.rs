//! `GET /api/v1/permissions/explain`: who may ask, and what is refused.

use axum::Json;
use axum::routing::post;
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use super::api_keys::add;
use super::stage::{House, Reply, Stage};
use crate::clock::Clock as _;
use crate::domain::audit::By;
use crate::store::api_keys::Owner;
use crate::store::users::NewUser;

async fn stage() -> (Stage, String) {
    let stage = Stage::open().await;
    let email = "ada@example.com".parse().unwrap();
    let roles = vec!["member".to_owned()];
    let new = NewUser { name: Some("Ada".into()), email: Some((email, true)), roles, ..NewUser::default() };
    stage.app.accounts.add(new, None, &By::command()).await.unwrap();
    let key = add(&stage, &Owner::Service("wiki".into()), &["permissions:read"]).await.key.reveal().to_owned();
    (stage, key)
}

async fn ask(house: &House, key: &str, query: &str) -> Reply {
    house.get(&format!("/api/v1/permissions/explain{query}")).bearer(key).await
}

#[tokio::test]
async fn what_cannot_be_explained_is_a_problem() {
    let (stage, key) = stage().await;
    for (query, status, problem) in [
        ("", 400, "bad-request"),
        ("?service=wiki", 400, "bad-request"),
        ("?user=ada@example.com", 400, "bad-request"),
        ("?service=wiki&user=ada@example.com&user=ada@example.com", 400, "bad-request"),
        ("?service=wiki&user=ada@example.com&mfa=perhaps", 400, "bad-request"),
        ("?service=wiki&user=ada@example.com&permission=No!", 400, "bad-request"),
        ("?service=wiki&user=ada@example.com&permission=", 400, "bad-request"),
        ("?service=wiki&user=ada@example.com&role=king", 400, "bad-request"),
        ("?service=wikki&user=ada@example.com", 404, "service-unknown"),
        ("?service=wiki&user=ben@example.com", 404, "not-found"),
    ] {
        let reply = ask(&stage, &key, query).await;
        assert_eq!((reply.status, reply.problem().as_str()), (status, problem), "{query}");
    }
}

#[tokio::test]
async fn the_answer_says_all_but_the_token() {
    let (stage, key) = stage().await;

    let reply = ask(&stage, &key, "?service=wiki&user=ada@example.com&permission=wiki:write").await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let told = reply.json();
    assert_eq!(told["permission"]["is_granted"], false);
    assert_eq!(told["granted"]["permissions"], json!({ "wiki:read": true }));
    assert_eq!((&told["steps"][0]["kind"], &told["payload"]["aud"]), (&"static".into(), &"wiki".into()));
    assert_eq!(told["revocation_delay"], 900);
    assert_eq!(told["revocation"], "Works after 15 min at worst: a token lives 15 min.");
    assert!(told["size"].as_u64().unwrap() > 300 && told.get("token").is_none() && !reply.body.contains("eyJ"));

    let refused = ask(&stage, &key, "?service=admins&user=ada@example.com").await.json();
    assert!(refused["refusal"].as_str().unwrap().contains("admin"), "{refused}");
    let assumed = ask(&stage, &key, "?service=admins&user=ada@example.com&role=admin").await.json();
    let listed = ask(&stage, &key, "?service=admins&user=ada@example.com&role=%20admin%20,,").await.json();
    assert_eq!(listed["roles"], assumed["roles"]);
    let none = ask(&stage, &key, "?service=admins&user=ada@example.com&role=").await.json();
    assert_eq!(none["roles"], refused["roles"]);
    assert!(assumed.get("refusal").is_none() && assumed["payload"]["roles"] == json!(["admin", "member"]), "{assumed}");
    let off = ask(&stage, &key, "?service=closed&user=ada@example.com").await;
    assert!(off.status == 200 && off.json()["refusal"] == "the service is not enabled", "{}", off.body);
}

const BILLING: &str = r#"
[permissions.billing]
kind = "http"
url = "https://billing.test/ask"
secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
[services.wiki]
permissions = ["house", "billing"]
"#;

#[tokio::test]
async fn what_is_remembered_of_them_is_said_and_explaining_remembers_nothing() {
    let stage = Stage::with(BILLING).await;
    let answer = async || Json(json!({ "permissions": {} }));
    stage.internet.host("billing.test", axum::Router::new().route("/ask", post(answer)));
    let key = add(&stage, &Owner::Service("wiki".into()), &["permissions:read"]).await.key.reveal().to_owned();
    let token = stage.browser().login_token().await;
    let whoever = stage.get("/auth/authorize?service=shop").bearer(&token).await.json()["userid"].clone();
    let path = format!("?service=wiki&user={}", whoever.as_str().unwrap());
    let kept = async || ask(&stage, &key, &path).await.json()["steps"][1]["remembered_until"].clone();
    assert_eq!((kept().await, kept().await), (Value::Null, Value::Null));

    assert_eq!(stage.get("/auth/authorize?service=wiki").bearer(&token).await.status, 200);

    let until = stage.clock.now() + Duration::seconds(60);
    assert_eq!(kept().await, until.format(&Rfc3339).unwrap());
    assert!(ask(&stage, &key, &path).await.json()["steps"][0].get("remembered_until").is_none());
    stage.wait(Duration::seconds(60));
    assert_eq!(kept().await, Value::Null, "looking does not make it last");
}

#[tokio::test]
async fn every_service_is_listed_with_how_soon_taking_something_away_works() {
    let stage = Stage::with(BILLING).await;
    let key = add(&stage, &Owner::Service("wiki".into()), &["permissions:read"]).await.key.reveal().to_owned();

    let told = stage.get("/api/v1/services").bearer(&key).await.json();

    let services = told["services"].as_array().unwrap();
    assert_eq!(services.len(), stage.app.settings.services.len());
    let wiki = services.iter().find(|service| service["service"] == "wiki").unwrap();
    assert_eq!((&wiki["enabled"], &wiki["permissions"]), (&json!(true), &json!(["house", "billing"])));
    assert_eq!(wiki["revocation_delay"], 960);
    let sentence = "Works after 16 min at worst: a token lives 15 min, an answer is remembered for 1 min.";
    assert_eq!(wiki["revocation"], sentence);
    let closed = services.iter().find(|service| service["service"] == "closed").unwrap();
    assert_eq!(closed["enabled"], false);
}
