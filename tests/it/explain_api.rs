//! `GET /api/v1/permissions/explain`: who may ask, and what is refused.

use serde_json::json;

use super::api_keys::add;
use super::stage::{House, Reply, Stage};
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

#[tokio::test]
async fn every_service_is_listed_with_how_soon_taking_something_away_works() {
    let billing = "[permissions.billing]\nkind = \"http\"\nurl = \"https://billing.test/ask\"\n\
                   secret = \"whsec_MDEyMzQ1Njc4OWFiY2RlZg==\"\n[services.wiki]\npermissions = [\"house\", \"billing\"]";
    let stage = Stage::with(billing).await;
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
