//! What is forgotten of a chain's answers before its time, in one process and in all.

use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};
use time::Duration;
use tokio::sync::Semaphore;

use super::{Act, Scripted, ada, allow, chain, names, policy, question, service, stage};
use crate::domain::audit::By;
use crate::domain::user::Username;
use crate::it::api_keys::add;
use crate::it::stage::script::SHOP_SECRET;
use crate::it::stage::{Reply, Stage, set_roles};
use crate::permission::{OnError, ProviderPolicy};
use crate::store::api_keys::Owner;
use crate::store::audit::search::Filter;
use crate::store::entity::invalidation;
use crate::store::invalidations::Invalidation;
use crate::store::users::NewUser;

#[tokio::test]
async fn only_what_is_meant_is_forgotten() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, from_ref(&provider));
    let (ada, bob, wiki, shop) = (ada(), ada(), service("wiki", &["a"]), service("shop", &["a"]));
    let all = [question(&wiki, &ada), question(&wiki, &bob), question(&shop, &ada), question(&shop, &bob)];
    let asked = async || {
        let before = provider.calls();
        let mut again = Vec::new();
        for question in &all {
            let so_far = provider.calls();
            chain.decide(question).await.unwrap();
            again.push(provider.calls() > so_far);
        }
        assert!(provider.calls() <= before + 4);
        again
    };
    assert_eq!(asked().await, [true; 4]);
    assert_eq!(asked().await, [false; 4]);

    state.forget(Some("wiki"), Some(ada.id));
    assert_eq!(asked().await, [true, false, false, false]);
    state.forget(Some("shop"), None);
    assert_eq!(asked().await, [false, false, true, true]);
    state.forget(None, Some(bob.id));
    assert_eq!(asked().await, [false, true, false, true]);
    state.forget(None, None);
    assert_eq!(asked().await, [true; 4]);
    assert_eq!(asked().await, [false; 4]);
}

#[tokio::test]
async fn what_was_kept_for_failures_is_forgotten_too() {
    let (clock, state) = stage();
    let keeps = ProviderPolicy { on_error: OnError::Stale, ..policy() };
    let provider = Scripted::new(keeps, Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, from_ref(&provider));
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    chain.decide(&question(&wiki, &user)).await.unwrap();
    provider.act(Act::Fail);
    clock.advance(Duration::seconds(61));
    assert!(chain.decide(&question(&wiki, &user)).await.unwrap().is_stale);

    state.forget(Some("wiki"), Some(user.id));

    chain.decide(&question(&wiki, &user)).await.unwrap_err();
}

#[tokio::test]
async fn an_answer_to_a_question_from_before_is_not_remembered_after() {
    let (clock, state) = stage();
    let gate = Arc::new(Semaphore::new(0));
    let provider = Scripted::new(policy(), Act::Await(gate.clone(), allow(&["wiki:read"])));
    let chain = Arc::new(chain(&clock, &state, from_ref(&provider)));
    let user = ada();
    let (asking, asked) = (chain.clone(), user.clone());
    let flight = tokio::spawn(async move { asking.decide(&question(&service("wiki", &["a"]), &asked)).await });
    while provider.calls() == 0 {
        tokio::task::yield_now().await;
    }

    state.forget(Some("wiki"), Some(user.id));
    let (asking, asked) = (chain.clone(), user.clone());
    let after = tokio::spawn(async move { asking.decide(&question(&service("wiki", &["a"]), &asked)).await });
    while provider.calls() == 1 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(10);

    assert_eq!(names(&flight.await.unwrap().unwrap()), ["wiki:read"]);
    after.await.unwrap().unwrap();
    assert_eq!(provider.calls(), 2, "who asks after that is not answered by a question from before");
    chain.decide(&question(&service("wiki", &["a"]), &user)).await.unwrap();
    assert_eq!(provider.calls(), 2);
}

const FAR: &str = r#"
[permissions.far]
kind = "http"
url = "https://permissions.test/ask"
secret = "a secret of 16 bytes or more"
[services.shop]
permissions = ["far"]
[services.wiki]
permissions = ["far"]
"#;

/// A stage with a provider that counts how often it is asked, and Ada's login token.
async fn far() -> (Stage, Arc<AtomicUsize>, String) {
    let stage = Stage::with(FAR).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let fallback = move || async move {
        counted.fetch_add(1, Ordering::SeqCst);
        ([("content-type", "application/json")], r#"{"permissions":["page:read"],"cache_ttl":3600}"#)
    };
    stage.internet.host("permissions.test", Router::new().fallback(fallback));
    let token = stage.browser().login_token().await;
    (stage, calls, token)
}

async fn invalidates(stage: &Stage, body: Value) -> Reply {
    stage.post("/api/v1/permissions/invalidate").basic("shop", SHOP_SECRET).json(&body).await
}

#[tokio::test]
async fn a_services_word_counts_here_at_once_and_in_other_processes_when_they_look() {
    let (stage, calls, token) = far().await;
    let twin = stage.twin().await;
    let asked = async |house: &crate::it::stage::House, service: &str| {
        let before = calls.load(Ordering::SeqCst);
        assert_eq!(house.get(&format!("/auth/authorize?service={service}")).bearer(&token).await.status, 200);
        calls.load(Ordering::SeqCst) - before
    };
    for house in [&*stage, &twin] {
        assert_eq!((asked(house, "shop").await, asked(house, "wiki").await), (1, 1));
        assert_eq!((asked(house, "shop").await, asked(house, "wiki").await), (0, 0));
        house.app.carry_out_invalidations().await.unwrap();
    }

    for user in [json!("ada"), Value::Null] {
        let reply = invalidates(&stage, json!({ "user": user })).await;
        assert_eq!((reply.status, reply.body.as_str()), (204, ""));
        assert_eq!((asked(&stage, "shop").await, asked(&stage, "wiki").await), (1, 0));
        assert_eq!(asked(&twin, "shop").await, 0, "it has not looked yet");
        twin.app.carry_out_invalidations().await.unwrap();
        assert_eq!((asked(&twin, "shop").await, asked(&twin, "wiki").await), (1, 0));
        twin.app.carry_out_invalidations().await.unwrap();
        assert_eq!(asked(&twin, "shop").await, 0, "once is enough");
        stage.app.carry_out_invalidations().await.unwrap();
        asked(&stage, "shop").await;
    }
    stage.wait(Duration::seconds(61));
    asked(&twin, "wiki").await;
    assert_eq!(asked(&twin, "wiki").await, 0);
    twin.app.carry_out_invalidations().await.unwrap();
    assert_eq!(asked(&twin, "wiki").await, 1, "whoever did not look for a minute forgets everything");
}

#[tokio::test]
async fn nobody_has_anothers_answers_forgotten() {
    let (stage, calls, token) = far().await;
    let ada = stage.user("ada@example.org").await.id;
    let asked = async || {
        let before = calls.load(Ordering::SeqCst);
        stage.get("/auth/authorize?service=shop").bearer(&token).await;
        calls.load(Ordering::SeqCst) - before
    };
    assert_eq!(asked().await, 1);
    let key = async |owner: Owner, scope: &str| add(&stage, &owner, &[scope]).await.key.reveal().to_owned();
    let ask = |key: &str, body: Value| stage.post("/api/v1/permissions/invalidate").bearer(key).json(&body);
    let wiki = key(Owner::Service("wiki".into()), "permissions").await;
    let sessions = key(Owner::Service("shop".into()), "sessions").await;
    let member = key(Owner::User(ada), "authorize").await;

    assert_eq!(ask(&wiki, json!({})).await.status, 204);
    assert_eq!(ask(&wiki, json!({ "service": "shop" })).await.problem(), "access-denied");
    assert_eq!(ask(&sessions, json!({})).await.problem(), "scope-missing");
    assert_eq!(ask(&member, json!({})).await.problem(), "scope-missing");
    assert_eq!(ask(&token, json!({})).await.problem(), "api-key-refused");
    assert_eq!(stage.post("/api/v1/permissions/invalidate").json(&json!({})).await.problem(), "invalid-client");
    for wrong in [json!({ "user": 7 }), json!([]), json!({ "user": "n".repeat(321) })] {
        assert_eq!(invalidates(&stage, wrong).await.problem(), "bad-request");
    }
    assert_eq!(asked().await, 0);

    set_roles(stage.app.store(), ada, &["admin", "member"]).await;
    assert_eq!(asked().await, 1, "another version of the user");
    let admin = key(Owner::User(ada), "permissions").await;
    assert_eq!(ask(&admin, json!({ "service": "nobody" })).await.problem(), "service-unknown");
    assert_eq!(ask(&admin, json!({ "service": "wiki" })).await.status, 204);
    assert_eq!(asked().await, 0);
    for body in [json!({ "service": "shop" }), json!({}), json!({ "user": "ada" })] {
        assert_eq!(ask(&admin, body).await.status, 204);
        assert_eq!(asked().await, 1);
    }
}

#[tokio::test]
async fn a_user_whom_nobody_knows_is_not_found_and_a_merged_account_is_the_one_it_went_on_in() {
    let (stage, calls, token) = far().await;
    let ada = stage.user("ada@example.org").await.id;
    let asked = async || {
        let before = calls.load(Ordering::SeqCst);
        stage.get("/auth/authorize?service=shop").bearer(&token).await;
        calls.load(Ordering::SeqCst) - before
    };
    let made = async |name: &str, is_proven: bool| {
        let email = Some((format!("{name}@example.com").parse().unwrap(), is_proven));
        let new = NewUser { username: Username::new(name), email, ..NewUser::default() };
        stage.app.accounts.add(new, None, &By::command()).await.unwrap().id
    };
    let (old, _) = (made("old", true).await, made("eve", false).await);
    set_roles(stage.app.store(), ada, &["admin", "member"]).await;
    let admin = add(&stage, &Owner::User(ada), &["permissions", "users:write"]).await.key.reveal().to_owned();
    let post = |path: String, body: Value| stage.post(&path).bearer(&admin).json(&body);
    let merged = post(format!("/api/v1/users/{old}/merge"), json!({ "into": ada.to_string() })).await;
    assert_eq!(merged.status, 200, "{}", merged.body);
    asked().await;

    for nobody in ["nobody", "nobody@example.com", "eve@example.com", "usr_0198c7c2f3a47b4e9d0a5f6e7d8c9b0a"] {
        let body = json!({ "user": nobody });
        let by_admin = post("/api/v1/permissions/invalidate".into(), body.clone()).await;
        for reply in [invalidates(&stage, body).await, by_admin] {
            assert_eq!((reply.status, reply.problem().as_str()), (404, "not-found"), "{nobody}");
        }
        assert_eq!(asked().await, 0, "{nobody}");
    }
    assert_eq!(invalidates(&stage, json!({ "user": "eve" })).await.status, 204);
    assert_eq!(asked().await, 0);
    for who in [old.to_string(), ada.to_string()] {
        assert_eq!(invalidates(&stage, json!({ "user": who })).await.status, 204, "{who}");
        assert_eq!(asked().await, 1, "{who}");
    }
}

#[tokio::test]
async fn it_is_written_down_counted_and_swept() {
    let (stage, _, _) = far().await;
    let ada = stage.user("ada@example.org").await.id;
    let most = stage.app.settings.rate_limit.token_client.burst;
    for _ in 0..most {
        assert_eq!(invalidates(&stage, json!({ "user": "ada" })).await.status, 204);
    }
    assert_eq!(invalidates(&stage, json!({ "user": "ada" })).await.status, 429);
    let filter = Filter { events: vec!["permission.invalidated".into()], ..Filter::default() };
    let events = stage.app.store().audit(&filter, None, 1000).await.unwrap().events;
    assert_eq!(events.len(), most as usize);
    let one = &events[0];
    assert_eq!((one.actor_kind.as_str(), one.service.as_deref()), ("service", Some("shop")));
    assert_eq!(one.target, Some(ada.to_string()));

    let all = Invalidation { service: None, user: None };
    stage.app.invalidate(&all, &By::command()).await.unwrap();
    let store = stage.app.store();
    let left = async || invalidation::Entity::find().all(store.read()).await.unwrap().len();
    stage.wait(Duration::seconds(120));
    store.sweep().await.unwrap();
    assert_eq!(left().await, most as usize + 1);
    stage.wait(Duration::SECOND);
    store.sweep().await.unwrap();
    assert_eq!(left().await, 0);
}
