//! Extensions are told of what happened, and of nothing that did not.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use time::Duration;

use super::{SECRET, leaves, types, with_password};
use crate::it::stage::{House, Stage};
use crate::store::outbox::Lane;

const HOOK: &str = r#"
[extensions.crm]
kind = "webhook"
events = ["*"]
url = "https://hook.test/told"
secret = { env = "HOOK_SECRET_OF_SOME_LENGTH" }
"#;

type Heard = Arc<Mutex<Vec<(String, String)>>>;

/// A listener that hears ids and types.
fn listener(stage: &Stage, status: StatusCode) -> Heard {
    let heard = Heard::default();
    let ears = heard.clone();
    let hear = async move |headers: HeaderMap, body: Bytes| {
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        ears.lock().unwrap().push((id, told["type"].as_str().unwrap().to_owned()));
        status
    };
    stage.internet.host("hook.test", Router::new().fallback(hear));
    heard
}

async fn deliver(house: &House) {
    house.app.deliver_due(Lane::Tellings).await.unwrap();
}

fn kinds(heard: &Heard) -> Vec<String> {
    let mut kinds: Vec<_> = heard.lock().unwrap().iter().map(|(_, kind)| kind.clone()).collect();
    kinds.sort();
    kinds
}

#[tokio::test]
async fn coming_new_coming_again_and_leaving_are_told() {
    let stage = Stage::with(HOOK).await;
    let heard = listener(&stage, StatusCode::NO_CONTENT);
    let mut ada = stage.browser();
    ada.sign_in().await;
    deliver(&stage).await;
    assert_eq!(kinds(&heard), ["user.created", "user.login"]);

    heard.lock().unwrap().clear();
    stage.browser().sign_in().await;
    deliver(&stage).await;
    assert_eq!(kinds(&heard), ["user.login"]);

    heard.lock().unwrap().clear();
    leaves(&mut ada, "everywhere").await;
    deliver(&stage).await;
    assert_eq!(kinds(&heard), ["user.logout"]);
}

#[tokio::test]
async fn what_did_not_happen_is_not_told() {
    let stage = Stage::with(&format!("{HOOK}[login]\nsignup = \"closed\"\n")).await;
    let user = with_password(&stage, "ada").await;
    let heard = listener(&stage, StatusCode::NO_CONTENT);
    deliver(&stage).await;
    heard.lock().unwrap().clear();

    types(&mut stage.browser(), "ada", "wrong").await;
    stage.upstream_knows("new", "new@example.org");
    stage.browser().sign_in().await;
    stage.lock(user.id, true).await;
    types(&mut stage.browser(), "ada", SECRET).await;
    stage.browser().open("/login/sso").await;
    stage.browser().open("/logout").await;
    deliver(&stage).await;

    assert_eq!(kinds(&heard), [""; 0]);
}

#[tokio::test]
async fn a_listener_that_fails_breaks_nobodys_login_and_is_told_later() {
    let stage = Stage::with(HOOK).await;
    let mut ada = stage.browser();
    assert_eq!(ada.sign_in().await.at, "/account");
    deliver(&stage).await;
    let angry = listener(&stage, StatusCode::INTERNAL_SERVER_ERROR);
    stage.wait(Duration::seconds(5));
    deliver(&stage).await;
    assert_eq!(angry.lock().unwrap().len(), 2);
    assert_eq!(stage.browser().sign_in().await.at, "/account");

    let heard = listener(&stage, StatusCode::OK);
    stage.wait(Duration::HOUR);
    deliver(&stage).await;

    assert_eq!(kinds(&heard), ["user.created", "user.login", "user.login"]);
    let ids = |heard: &Heard| {
        heard.lock().unwrap().iter().map(|(id, _)| id.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    assert!(ids(&heard).is_superset(&ids(&angry)), "every try has the same name");
}

#[tokio::test]
async fn who_takes_over_after_a_kill_tells_what_was_left() {
    let stage = Stage::with(HOOK).await;
    stage.browser().sign_in().await;
    let db = stage.app.store().write();
    let lease = crate::extension::delivery::LEASE;
    let lost = crate::store::outbox::claim(db, Lane::Tellings, stage.app.now(), 10, lease).await.unwrap();
    assert_eq!(lost.len(), 2);
    let heard = listener(&stage, StatusCode::OK);
    let next = stage.twin().await;

    deliver(&next).await;
    assert!(heard.lock().unwrap().is_empty(), "somebody may still be at it");
    stage.wait(lease);
    deliver(&next).await;
    deliver(&stage).await;

    assert_eq!(kinds(&heard), ["user.created", "user.login"]);
    let names: Vec<_> = heard.lock().unwrap().iter().map(|(id, _)| id.clone()).collect();
    assert!(lost.iter().all(|parcel| {
        names.iter().any(|name| name.contains(&parcel.id.simple().to_string()) || name.contains(&parcel.id.to_string()))
    }));
}
