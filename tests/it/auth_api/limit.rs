//! `POST /auth/limit`: values and counts.

use std::future::IntoFuture as _;

use axum::Router;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};
use time::Duration;

use crate::it::stage::request::Reply;
use crate::it::stage::script::SHOP_SECRET;
use crate::it::stage::{House, Stage};
use crate::store::entity::quota;

const FAR: &str = r#"
[permissions.far]
kind = "http"
url = "https://permissions.test/ask"
secret = "a secret of 16 bytes or more"
[services.shop]
permissions = ["far"]
[services.other]
permissions = ["far"]
client_secret = "other secret of the other"
"#;

/// A stage on which Ada has these limits; her id.
async fn stage(limits: &Value) -> (Stage, String) {
    let stage = Stage::with(FAR).await;
    let said = json!({ "permissions": [], "limits": limits }).to_string();
    let fallback = move || async move { ([("content-type", "application/json")], said) };
    stage.internet.host("permissions.test", Router::new().fallback(fallback));
    stage.browser().sign_in().await;
    let id = stage.user("ada@example.org").await.id.to_string();
    (stage, id)
}

async fn asks(house: &House, body: &Value) -> Reply {
    house.post("/auth/limit").basic("shop", SHOP_SECRET).json(body).await
}

#[tokio::test]
async fn a_value_is_within_a_limit_or_it_is_not() {
    let (stage, id) = stage(&json!({ "uploads": 100, "ratio": 0.5 })).await;
    let cases = [
        ("uploads", 100.0, true, json!(100.0)),
        ("uploads", 100.5, false, json!(100.0)),
        ("uploads", -1.0, true, json!(100.0)),
        ("ratio", 0.5, true, json!(0.5)),
        ("ratio", 0.6, false, json!(0.5)),
        ("unknown", 0.0, false, Value::Null),
    ];
    for (name, value, allowed, limit) in cases {
        let reply = asks(&stage, &json!({ "user": id, "limit": name, "value": value })).await;
        assert_eq!(reply.json(), json!({ "allowed": allowed, "limit": limit }), "{name} {value}");
    }
    let nobody = asks(&stage, &json!({ "user": "nobody", "limit": "uploads", "value": 1 })).await;
    assert_eq!(nobody.json(), json!({ "allowed": false, "limit": null }));
}

#[tokio::test]
async fn a_person_compares_and_does_not_count() {
    let (stage, id) = stage(&json!({ "uploads": 5 })).await;
    let token = stage.browser().login_token().await;
    let ask = |body: Value| stage.post("/auth/limit").bearer(&token).json(&body);

    assert_eq!(ask(json!({ "service": "shop", "limit": "uploads", "value": 5 })).await.json()["allowed"], true);
    assert_eq!(ask(json!({ "service": "nobody", "limit": "uploads", "value": 5 })).await.json()["allowed"], false);
    for body in [
        json!({ "service": "shop", "limit": "uploads", "window": "1m" }),
        json!({ "service": "shop", "user": id, "key": "k", "most": 5, "window": "1m" }),
    ] {
        assert_eq!(ask(body).await.problem(), "access-denied");
    }
}

#[tokio::test]
async fn in_a_window_as_much_goes_through_as_the_limit_says() {
    let (stage, id) = stage(&json!({ "requests": 3 })).await;
    let one = |count: u32| json!({ "user": id, "limit": "requests", "count": count, "window": "60s" });

    let first = asks(&stage, &one(1)).await.json();
    assert_eq!(first, json!({ "allowed": true, "limit": 3.0, "remaining": 2, "reset_in": 60 }));
    stage.wait(Duration::seconds(59));
    let much = asks(&stage, &one(3)).await.json();
    let refused = json!({ "allowed": false, "limit": 3.0, "remaining": 2, "reset_in": 1, "retry_after": 1 });
    assert_eq!(much, refused, "what is not let through is not counted");
    let rest = asks(&stage, &one(2)).await.json();
    assert_eq!((&rest["allowed"], &rest["remaining"]), (&json!(true), &json!(0)));
    assert_eq!(asks(&stage, &one(1)).await.json()["allowed"], false);
    stage.wait(Duration::SECOND);
    assert_eq!(asks(&stage, &one(3)).await.json()["remaining"], 0);
    stage.wait(Duration::seconds(60));
    assert_eq!(asks(&stage, &one(4)).await.json()["allowed"], false, "more than a window lets through");
    assert_eq!(asks(&stage, &one(1)).await.json()["remaining"], 2);
}

#[tokio::test]
async fn of_parallel_asks_at_two_processes_exactly_the_limit_goes_through() {
    let (stage, id) = stage(&json!({ "requests": 7 })).await;
    let twin = stage.twin().await;
    let body = json!({ "user": id, "limit": "requests", "window": "60s" });

    let asked: Vec<_> = (0..40)
        .map(|nth| {
            let house: &House = if nth % 2 == 0 { &stage } else { &twin };
            tokio::spawn(house.post("/auth/limit").basic("shop", SHOP_SECRET).json(&body).into_future())
        })
        .collect();
    let mut allowed = 0;
    for reply in asked {
        let reply = reply.await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        allowed += usize::from(reply.json()["allowed"] == true);
    }

    assert_eq!(allowed, 7);
}

#[tokio::test]
async fn named_limits_are_each_services_own_and_keys_are_shared() {
    let (stage, id) = stage(&json!({ "requests": 1 })).await;
    let other = |body: Value| stage.post("/auth/limit").basic("other", "other secret of the other").json(&body);
    let named = json!({ "user": id, "limit": "requests", "window": "1m" });
    assert_eq!(asks(&stage, &named).await.json()["allowed"], true);
    assert_eq!(asks(&stage, &named).await.json()["allowed"], false);
    assert_eq!(other(named).await.json()["allowed"], true);

    let shared = |user: Value| json!({ "user": user, "key": "export", "most": 2, "window": "1h" });
    assert_eq!(asks(&stage, &shared(json!(id))).await.json()["remaining"], 1);
    assert_eq!(other(shared(json!(id))).await.json()["remaining"], 0);
    assert_eq!(asks(&stage, &shared(json!(id))).await.json()["allowed"], false);
    assert_eq!(
        asks(&stage, &shared(Value::Null)).await.json()["remaining"],
        1,
        "another window for nobody in particular"
    );
    let nobody = asks(&stage, &shared(json!("nobody"))).await.json();
    assert_eq!(nobody, json!({ "allowed": false, "limit": null, "remaining": 0, "reset_in": 0 }));
}

#[tokio::test]
async fn what_nothing_limits_is_not_let_through_and_what_is_over_is_swept() {
    let (stage, id) = stage(&json!({ "none": 0, "less": -3, "half": 1.5 })).await;
    let count = |name: &str| json!({ "user": id, "limit": name, "window": "1m" });
    for name in ["none", "less", "unknown"] {
        assert_eq!(asks(&stage, &count(name)).await.json()["allowed"], false, "{name}");
    }
    assert_eq!(asks(&stage, &count("half")).await.json()["remaining"], 0);
    assert_eq!(asks(&stage, &count("half")).await.json()["allowed"], false);

    stage.wait(Duration::seconds(59));
    let store = stage.app.store();
    let left = async || quota::Entity::find().all(store.read()).await.unwrap().len();
    store.sweep().await.unwrap();
    assert_eq!(left().await, 1);
    stage.wait(Duration::SECOND);
    store.sweep().await.unwrap();
    assert_eq!(left().await, 0);
}

#[tokio::test]
async fn both_sides_of_every_range_of_a_question_about_limits() {
    let (stage, id) = stage(&json!({ "requests": 100_000 })).await;
    let with = |more: Value| {
        let mut body = json!({ "user": id });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for good in [
        json!({ "limit": "requests", "count": 1000, "window": "1s" }),
        json!({ "limit": "requests", "count": 1, "window": "31d" }),
        json!({ "key": "k".repeat(128), "most": 1, "window": "2000ms" }),
        json!({ "key": "k", "most": 1_000_000_000, "window": "1h" }),
    ] {
        assert_eq!(asks(&stage, &with(good.clone())).await.status, 200, "{good}");
    }
    for (bad, place) in [
        (json!({ "limit": "requests", "count": 1001, "window": "1s" }), "`count`"),
        (json!({ "limit": "requests", "count": 0, "window": "1s" }), "`count`"),
        (json!({ "limit": "requests", "count": 1.5, "window": "1s" }), "`count`"),
        (json!({ "limit": "requests", "count": "1", "window": "1s" }), "`count`"),
        (json!({ "limit": "requests", "window": "0s" }), "`window`"),
        (json!({ "limit": "requests", "window": "1500ms" }), "`window`"),
        (json!({ "limit": "requests", "window": "32d" }), "`window`"),
        (json!({ "limit": "requests", "window": 60 }), "`window`"),
        (json!({ "limit": "requests" }), "`window`"),
        (json!({ "limit": "a b", "value": 1 }), "`limit`"),
        (json!({ "limit": "requests", "value": "1" }), "`value`"),
        (json!({ "limit": "requests", "value": 1, "window": "1s" }), "and not both"),
        (json!({ "key": "k".repeat(129), "most": 1, "window": "1s" }), "`key`"),
        (json!({ "key": "k", "most": 0, "window": "1s" }), "`most`"),
        (json!({ "key": "k", "most": 1_000_000_001, "window": "1s" }), "`most`"),
        (json!({ "key": "k", "window": "1s" }), "`key` and `most`"),
        (json!({ "limit": "requests", "key": "k", "most": 1, "window": "1s" }), "`key` and `most`"),
        (json!({}), "`key` and `most`"),
    ] {
        let reply = asks(&stage, &with(bad.clone())).await;
        assert_eq!(reply.problem(), "bad-request", "{bad} {}", reply.body);
        assert!(reply.json()["detail"].as_str().unwrap().contains(place), "{bad} {}", reply.body);
    }
}
