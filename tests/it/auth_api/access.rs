//! `POST /auth/access`: deeds on items.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};
use time::Duration;

use crate::domain::id::UserId;
use crate::it::api_keys::add;
use crate::it::stage::request::Reply;
use crate::it::stage::script::SHOP_SECRET;
use crate::it::stage::{House, Stage, set_roles};
use crate::store::api_keys::Owner;
use crate::store::entity::rate_limit::Entity as RateLimit;

/// A shop whose members read all pages and change their own, whatever else they may.
pub const PAGES: &str = r#"
[permissions.pages]
kind = "static"
roles = { member = ["page:read", "page:edit.own", "page:list.shared"], admin = ["page:*"] }
deny = { guest = ["page:*"] }
[services.shop]
permissions = ["pages"]
[services.wiki]
permissions = ["pages"]
[services.admins]
permissions = ["pages"]
"#;

/// The shop asks.
async fn asks(house: &House, body: Value) -> Reply {
    house.post("/auth/access").basic("shop", SHOP_SECRET).json(&body).await
}

/// Ada, who signed in once, and her login token.
async fn ada(stage: &Stage) -> (UserId, String) {
    let token = stage.browser().login_token().await;
    (stage.user("ada@example.org").await.id, token)
}

fn edit(user: &Value, owner: &str) -> Value {
    json!({ "user": user, "action": "edit", "item": { "type": "page", "owner": owner } })
}

#[tokio::test]
async fn a_service_asks_about_a_deed_and_hears_which_rule_says_so() {
    let stage = Stage::with(PAGES).await;
    let (id, _) = ada(&stage).await;
    let own = id.to_string();

    for user in [own.as_str(), "ada@example.org", "ada"] {
        let reply = asks(&stage, edit(&json!(user), &own)).await;
        assert_eq!(reply.json(), json!({ "allowed": true, "by": "page:edit.own" }), "{user}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    let others = asks(&stage, edit(&json!(own), "usr_0198c7c2f3a47b4e9d0a5f6e7d8c9b0a")).await;
    assert_eq!(others.json(), json!({ "allowed": false, "by": "" }));
}

#[tokio::test]
async fn many_checks_are_answered_in_their_order_and_a_hundred_are_the_most() {
    let stage = Stage::with(PAGES).await;
    let (id, _) = ada(&stage).await;
    let checks = |many: usize| {
        let check = |nth: usize| {
            let action = if nth.is_multiple_of(2) { "read" } else { "delete" };
            json!({ "action": action, "item": { "type": "page", "id": nth.to_string() }, "more": 1 })
        };
        json!({ "user": id.to_string(), "checks": (0..many).map(check).collect::<Vec<_>>(), "unknown": {} })
    };

    let all = asks(&stage, checks(100)).await.json();

    let said: Vec<_> = all["checks"].as_array().unwrap().iter().map(|one| one["allowed"].as_bool().unwrap()).collect();
    assert_eq!(said, (0..100).map(|nth| nth % 2 == 0).collect::<Vec<_>>());
    for (many, seen) in [(101, "these are 101"), (0, "these are 0")] {
        let reply = asks(&stage, checks(many)).await;
        assert_eq!(reply.problem(), "bad-request");
        assert!(reply.body.contains("1 to 100") && reply.body.contains(seen), "{}", reply.body);
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_place() {
    let stage = Stage::with(PAGES).await;
    let item = |item: Value| json!({ "user": null, "checks": [{ "action": "read", "item": item }] });
    let name = |length: usize| "n".repeat(length);
    let wrong = [
        (json!({ "action": "read", "item": { "type": "page" } }), "`user`"),
        (json!({ "user": 7, "action": "read", "item": { "type": "page" } }), "`user`"),
        (json!({ "user": null, "item": { "type": "page" } }), "`action`"),
        (json!({ "user": null, "action": "read" }), "`item`"),
        (json!({ "user": null, "action": "read", "item": "page" }), "`item`"),
        (json!({ "user": null, "checks": {} }), "`checks`"),
        (json!({ "user": null, "checks": [7] }), "`checks[0]`"),
        (json!({ "user": null, "checks": [], "action": "read" }), "and not both"),
        (json!({ "user": null, "action": "edit.own", "item": { "type": "page" } }), "`action`"),
        (json!({ "user": null, "action": "*", "item": { "type": "page" } }), "`action`"),
        (json!({ "user": null, "action": name(65), "item": { "type": "page" } }), "`action`"),
        (item(json!({})), "`checks[0].item.type`"),
        (item(json!({ "type": "page:*" })), "`checks[0].item.type`"),
        (item(json!({ "type": "page", "owner": 1 })), "`checks[0].item.owner`"),
        (item(json!({ "type": "page", "owner": name(257) })), "`checks[0].item.owner`"),
        (item(json!({ "type": "page", "visibility": "own" })), "`checks[0].item.visibility`"),
        (item(json!({ "type": "page", "visibility": name(33) })), "`checks[0].item.visibility`"),
        (item(json!({ "type": "page", "shared_with": "x" })), "`checks[0].item.shared_with`"),
        (item(json!({ "type": "page", "shared_with": [1] })), "`checks[0].item.shared_with[0]`"),
        (item(json!({ "type": "page", "shared_with": vec!["x"; 101] })), "`checks[0].item.shared_with`"),
    ];
    for (body, place) in wrong {
        let reply = asks(&stage, body.clone()).await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "bad-request"), "{body}");
        assert!(reply.json()["detail"].as_str().unwrap().contains(place), "{body} {}", reply.body);
    }
    let longest = json!({
        "type": name(64), "id": name(256), "owner": name(256), "visibility": name(32), "shared_with": vec![name(256); 100],
    });
    assert_eq!(asks(&stage, item(longest)).await.status, 200);
    let twice = r#"{"user":null,"action":"read","action":"edit","item":{"type":"page"}}"#;
    let deep = r#"{"user":null,"action":"read","item":{"type":"page","owner":"a","owner":"b"}}"#;
    for body in [twice, deep, "[]", "null", "{"] {
        let reply =
            stage.post("/auth/access").basic("shop", SHOP_SECRET).body("application/json", body.to_owned()).await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "bad-request"), "{body}");
    }
    let form = stage.post("/auth/access").basic("shop", SHOP_SECRET).form(&[("user", "ada")]).await;
    assert_eq!(form.status, 415);
}

#[tokio::test]
async fn a_person_asks_about_themselves_and_is_not_told_why() {
    let stage = Stage::with(PAGES).await;
    let (id, token) = ada(&stage).await;
    let body = |service: &str| json!({ "service": service, "action": "edit", "item": { "type": "page", "owner": id.to_string() } });
    let ask = |body: Value| stage.post("/auth/access").bearer(&token).json(&body);

    assert_eq!(ask(body("wiki")).await.json(), json!({ "allowed": true }));
    assert_eq!(
        stage.post("/auth/access").header("auth-token", &token).json(&body("wiki")).await.json(),
        json!({ "allowed": true })
    );
    for nowhere in ["nobody", "closed", "admins"] {
        assert_eq!(ask(body(nowhere)).await.json(), json!({ "allowed": false }), "{nowhere}");
    }
    let mut own = body("wiki");
    own["user"] = id.to_string().into();
    assert_eq!(ask(own.clone()).await.status, 200);
    own["user"] = "ada".into();
    assert_eq!(ask(own).await.problem(), "access-denied");
    let mut nowhere = body("wiki");
    nowhere["service"] = Value::Null;
    assert_eq!(ask(nowhere).await.problem(), "bad-request");
    for bad in ["garbage", "undefined"] {
        assert_eq!(stage.post("/auth/access").bearer(bad).json(&body("wiki")).await.problem(), "login-required");
    }
    assert_eq!(stage.post("/auth/access").json(&body("wiki")).await.problem(), "login-required");
    stage.post("/auth/logout").bearer(&token).await;
    assert_eq!(ask(body("wiki")).await.problem(), "login-required");
}

#[tokio::test]
async fn a_key_opens_it_only_with_its_scope_and_a_service_asks_only_about_itself() {
    let stage = Stage::with(PAGES).await;
    let (id, _) = ada(&stage).await;
    let key = async |owner: Owner, scope: &str| add(&stage, &owner, &[scope]).await.key.reveal().to_owned();
    let service = key(Owner::Service("wiki".into()), "permissions").await;
    let sessions = key(Owner::Service("wiki".into()), "sessions").await;
    let mine = key(Owner::User(id), "authorize:wiki").await;
    let ask = |key: &str, body: &Value| stage.post("/auth/access").bearer(key).json(body);
    let read =
        |service: Value| json!({ "user": "ada", "service": service, "action": "read", "item": { "type": "page" } });

    assert_eq!(ask(&service, &read(Value::Null)).await.json(), json!({ "allowed": true, "by": "page:read" }));
    assert_eq!(ask(&service, &read("wiki".into())).await.status, 200);
    assert_eq!(ask(&service, &read("shop".into())).await.problem(), "access-denied");
    assert_eq!(ask(&sessions, &read(Value::Null)).await.problem(), "scope-missing");
    let own = |service: &str| json!({ "service": service, "action": "read", "item": { "type": "page" } });
    assert_eq!(ask(&mine, &own("wiki")).await.json(), json!({ "allowed": true }));
    assert_eq!(ask(&mine, &own("shop")).await.problem(), "scope-missing");
    assert_eq!(ask("cs_wrong", &own("wiki")).await.problem(), "api-key-refused");
    let wrong = stage.post("/auth/access").basic("shop", "wrong").json(&read(Value::Null)).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (401, "invalid-client"));
    let address = stage.post(&format!("/auth/access?jwt={service}")).json(&read(Value::Null)).await;
    assert_eq!(address.problem(), "bad-request");
}

#[tokio::test]
async fn nobody_gets_a_yes_who_would_get_no_token() {
    let stage = Stage::with(PAGES).await;
    let (id, _) = ada(&stage).await;
    let read = |user: &str| json!({ "user": user, "action": "read", "item": { "type": "page" } });
    let denied = json!({ "allowed": false, "by": "there would be no token for this service" });
    assert_eq!(asks(&stage, read("ada")).await.json()["allowed"], true);

    assert_eq!(asks(&stage, read("nobody")).await.json(), denied);
    assert_eq!(asks(&stage, read("usr_0198c7c2f3a47b4e9d0a5f6e7d8c9b0a")).await.json(), denied);
    stage.lock(id, true).await;
    assert_eq!(asks(&stage, read("ada")).await.json(), denied);
    stage.lock(id, false).await;
    stage.reload("[services.shop]\nallowed_roles = [\"admin\"]").unwrap();
    assert_eq!(asks(&stage, read("ada")).await.json(), denied);
    set_roles(stage.app.store(), id, &["admin"]).await;
    assert_eq!(asks(&stage, read("ada")).await.json()["allowed"], true);
    stage
        .reload("[services.shop]\nrequire_mfa = true\nmax_auth_age = \"1m\"\nallowed_providers = [\"passkey\"]")
        .unwrap();
    stage.wait(Duration::DAY);
    assert_eq!(asks(&stage, read("ada")).await.json()["allowed"], true, "the service vouches for the sign-in");
    stage.reload("[services.shop]\nenabled = false").unwrap();
    assert_eq!(asks(&stage, read("ada")).await.problem(), "invalid-client");
}

#[tokio::test]
async fn a_deny_wins_and_a_service_may_ask_about_itself() {
    let stage = Stage::with(PAGES).await;
    let (id, _) = ada(&stage).await;
    let own = id.to_string();
    set_roles(stage.app.store(), id, &["member", "guest"]).await;
    assert_eq!(asks(&stage, edit(&json!(own), &own)).await.json(), json!({ "allowed": false, "by": "page:*" }));

    stage.reload("[permissions.pages]\nservices = { shop = [\"page:read\"] }").unwrap();
    let read = json!({ "user": null, "action": "read", "item": { "type": "page" } });
    assert_eq!(asks(&stage, read).await.json(), json!({ "allowed": true, "by": "page:read" }));
    assert_eq!(asks(&stage, edit(&Value::Null, &own)).await.json()["allowed"], false);
}

#[tokio::test]
async fn a_provider_is_asked_once_for_all_checks_and_its_failure_is_a_failure() {
    let stage = Stage::with(
        r#"
        [permissions.far]
        kind = "http"
        url = "https://permissions.test/ask"
        secret = "a secret of 16 bytes or more"
        cache_ttl = "0s"
        [services.shop]
        permissions = ["far"]
        "#,
    )
    .await;
    let (id, _) = ada(&stage).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let fallback = move || async move {
        counted.fetch_add(1, Ordering::SeqCst);
        ([("content-type", "application/json")], r#"{"permissions":["page:read"]}"#)
    };
    stage.internet.host("permissions.test", Router::new().fallback(fallback));
    let read = json!({ "action": "read", "item": { "type": "page" } });
    let body = json!({ "user": id.to_string(), "checks": vec![read; 100] });

    let all = asks(&stage, body.clone()).await.json();

    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(all["checks"].as_array().unwrap().iter().all(|one| one["allowed"] == true));
    stage.internet.take_down("permissions.test");
    let failed = asks(&stage, body).await;
    assert_eq!((failed.status, failed.problem().as_str()), (503, "permission-provider-failed"));
    assert!(failed.header("retry-after").is_some());
}

#[tokio::test]
async fn questions_are_counted_by_who_asks_them_and_without_a_write() {
    let rates =
        "token_client = { limit = 60, per = \"1m\", burst = 3 }\napi_key = { limit = 60, per = \"1m\", burst = 2 }";
    let stage = Stage::with(&format!("{PAGES}\n[rate_limit]\n{rates}")).await;
    let (id, token) = ada(&stage).await;
    let wiki = add(&stage, &Owner::Service("wiki".into()), &["permissions"]).await.key.reveal().to_owned();
    let own = add(&stage, &Owner::User(id), &["authorize"]).await.key.reveal().to_owned();
    let deed = json!({ "user": null, "service": "shop", "action": "read", "item": { "type": "page" } });
    let value = json!({ "user": null, "service": "shop", "limit": "size", "value": 1 });
    let mine = |body: &Value| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove("user");
        body
    };
    let shop = async |path: &str, body: &Value| stage.post(path).basic("shop", SHOP_SECRET).json(body).await;
    let person = async |token: &str, path: &str, body: &Value| stage.post(path).bearer(token).json(&mine(body)).await;
    let rows = async || RateLimit::find().all(stage.app.store().read()).await.unwrap().len();
    let before = rows().await;

    for (path, body) in [("/auth/access", &deed), ("/auth/limit", &value), ("/auth/access", &deed)] {
        assert_eq!(shop(path, body).await.status, 200, "{path}");
    }
    for (path, body) in [("/auth/access", &deed), ("/auth/limit", &value)] {
        let refused = shop(path, body).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")), "{path}");
    }
    let other = json!({ "user": null, "action": "read", "item": { "type": "page" } });
    assert_eq!(stage.post("/auth/access").bearer(&wiki).json(&other).await.status, 200, "each has its own count");
    assert_eq!(person(&token, "/auth/access", &deed).await.status, 200);
    assert_eq!(person(&own, "/auth/limit", &value).await.status, 200);
    for token in [&token, &own] {
        let refused = person(token, "/auth/access", &deed).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")), "one person, one count");
    }
    assert_eq!(rows().await, before);

    stage.wait(Duration::SECOND);
    assert_eq!(shop("/auth/limit", &value).await.status, 200);
    assert_eq!(person(&own, "/auth/access", &deed).await.status, 200);
    assert_eq!(shop("/auth/access", &deed).await.status, 429);
}

#[tokio::test]
async fn a_thousand_users_are_the_most_that_one_request_names() {
    let stage = Stage::with(PAGES).await;
    let name = |nth: usize| format!("usr_0198c7c2f3a47b4e9d0a5f6e{nth:08x}");
    let check = |from: usize, many: usize| {
        let names: Vec<_> = (from..from + many).map(name).collect();
        json!({ "action": "read", "item": { "type": "page", "owner": name(0), "shared_with": names } })
    };
    let mut checks: Vec<_> = (0..10).map(|nth| check(nth * 100, 100)).collect();

    let all = asks(&stage, json!({ "user": null, "checks": checks })).await;
    checks.push(check(1000, 1));
    let refused = asks(&stage, json!({ "user": null, "checks": checks })).await;

    assert_eq!(all.status, 200, "{}", all.body);
    assert_eq!((refused.status, refused.problem().as_str()), (400, "bad-request"));
    assert!(refused.body.contains("at most 1000 users together; these are 1001"), "{}", refused.body);
}
