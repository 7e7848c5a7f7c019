//! `/auth/password/validate`: whether a text would do, and everything that speaks against it.

use serde_json::{Value, json};
use time::Duration;

use crate::it::stage::Stage;

async fn asked(stage: &Stage, wish: &Value) -> Value {
    let reply = stage.post("/auth/password/validate").json(wish).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    serde_json::from_str(&reply.body).unwrap()
}

#[tokio::test]
async fn a_good_one_will_do() {
    let stage = Stage::open().await;

    let found = asked(&stage, &json!({ "password": "purple-elephants-dance-at-noon" })).await;

    assert_eq!(found, json!({ "ok": true, "score": 4, "problems": [] }));
}

#[tokio::test]
async fn everything_that_speaks_against_it_is_said_at_once_and_in_words() {
    let stage = Stage::open().await;
    let wish = json!({ "password": "countess1815", "email": "countess@example.org", "name": "Ada", "username": "ada" });

    let found = asked(&stage, &wish).await;

    assert_eq!(found["ok"], false);
    let codes: Vec<_> = found["problems"].as_array().unwrap().iter().map(|problem| &problem["code"]).collect();
    assert_eq!(codes, ["too_short", "similar", "weak"]);
    assert_eq!(found["problems"][0]["message"], "It needs at least 15 characters; a few words in a row are fine.");
    assert_eq!(found["problems"][1]["message"], "It is too close to your e-mail address.");
    assert!(!found.to_string().contains("countess"), "nothing of it comes back");
}

#[tokio::test]
async fn a_form_is_read_as_well_and_nonsense_is_not() {
    let stage = Stage::open().await;
    let post = || stage.post("/auth/password/validate");

    assert_eq!(post().form(&[("password", "purple-elephants-dance-at-noon")]).await.status, 200);
    assert_eq!(post().form(&[("email", "a@example.org")]).await.status, 400);
    assert_eq!(post().form(&[("password", "a"), ("password", "b")]).await.status, 400);
    assert_eq!(post().json(&json!({ "password": 7 })).await.status, 400);
    assert_eq!(stage.get("/auth/password/validate?password=secret").await.status, 405);
}

#[tokio::test]
async fn the_files_rule_is_the_rule() {
    let stage = Stage::with("[login.password]\nmin_length = 8\nmin_strength = 0\n").await;

    assert_eq!(asked(&stage, &json!({ "password": "xkcd-936" })).await["ok"], true);
    assert_eq!(asked(&stage, &json!({ "password": "xkcd-93" })).await["ok"], false);
    assert_eq!(asked(&stage, &json!({ "password": "password" })).await["ok"], false);
}

#[tokio::test]
async fn a_client_asks_so_often_and_no_more() {
    let stage = Stage::open().await;
    for _ in 0..30 {
        assert_eq!(stage.post("/auth/password/validate").form(&[("password", "x")]).await.status, 200);
    }

    let reply = stage.post("/auth/password/validate").form(&[("password", "x")]).await;
    assert_eq!((reply.status, reply.header("retry-after").is_some()), (429, true));
    let other = stage.post("/auth/password/validate").from("198.51.100.77").form(&[("password", "x")]).await;
    assert_eq!(other.status, 200);
    stage.wait(Duration::SECOND);
    assert_eq!(stage.post("/auth/password/validate").form(&[("password", "x")]).await.status, 200);
}
