//! Several extensions that decide: their order, their time, and whose word counts.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Act, Host, authorize, hook, noted};
use crate::it::stage::Stage;
use crate::it::stage::request::claims_of;

/// A stage on which three are asked about tokens, in this order.
async fn three(more: &str) -> (Stage, [Host; 3]) {
    let hooks: String = ["one", "two", "three"].map(|id| hook(id, "\"token.issuing\"", more)).concat();
    let stage = Stage::with(&hooks).await;
    let hosts = ["one.test", "two.test", "three.test"].map(|name| Host::put(&stage, name));
    (stage, hosts)
}

#[tokio::test]
async fn they_are_asked_in_the_order_of_the_file_and_the_first_no_ends_it() {
    let (stage, [one, two, three]) = three("").await;
    let token = stage.browser().login_token().await;
    two.says(Act::Say(200, r#"{"decision": "deny", "message": "two says no"}"#));
    three.says(Act::Say(500, ""));

    let reply = authorize(&stage, &token).await;

    assert_eq!((reply.status, &reply.json()["detail"]), (403, &json!("two says no")));
    assert_eq!([one, two, three].map(|host| host.asked().len()), [1, 1, 0]);
    assert_eq!(noted(&stage, "hook.denied").await[0]["extension"], "two");
}

#[tokio::test]
async fn a_failure_of_one_is_not_made_good_by_the_yes_of_another() {
    let (stage, [one, _, three]) = three("").await;
    let token = stage.browser().login_token().await;
    one.says(Act::Say(500, ""));

    assert_eq!(authorize(&stage, &token).await.status, 503);
    assert_eq!(three.asked().len(), 0);
}

#[tokio::test]
async fn whoever_is_skipped_does_not_hide_the_no_of_the_next() {
    let (stage, [one, _, three]) = three("on_error = \"skip\"").await;
    let token = stage.browser().login_token().await;
    one.says(Act::Say(500, ""));
    three.says(Act::Say(403, r#"{"message": "three says no"}"#));

    let reply = authorize(&stage, &token).await;

    assert_eq!((reply.status, &reply.json()["detail"]), (403, &json!("three says no")));
}

#[tokio::test]
async fn what_an_earlier_one_claims_a_later_one_does_not_change() {
    let (stage, [one, two, _]) = three("").await;
    let token = stage.browser().login_token().await;
    one.says(Act::Say(200, r#"{"decision": "allow", "claims": {"plan": "free"}}"#));
    two.says(Act::Say(200, r#"{"decision": "allow", "claims": {"plan": "gold", "seats": 2}}"#));

    let claims = claims_of(authorize(&stage, &token).await.json()["token"].as_str().unwrap());

    assert_eq!((&claims["plan"], &claims["seats"]), (&json!("free"), &json!(2)));
}

#[tokio::test]
async fn all_of_them_have_two_seconds_together() {
    let (stage, hosts) = three("on_error = \"skip\"\ntimeout = \"1500ms\"").await;
    let token = stage.browser().login_token().await;
    for host in &hosts {
        host.says(Act::Hang);
    }
    let began = Instant::now();

    let reply = authorize(&stage, &token).await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    let took = began.elapsed();
    assert!((Duration::from_millis(1900)..Duration::from_millis(3500)).contains(&took), "{took:?}");
}
