//! Sessions that services keep here for their own front ends.

use serde_json::{Value, json};
use time::Duration;

use super::api_keys::{add, service};
use super::stage::request::Reply;
use super::stage::script::SHOP_SECRET;
use super::stage::{House, Stage};
use crate::domain::audit::By;
use crate::store::users::NewUser;

const PASSWORD: &str = "Tr0mbone-under-the-bridge";
const OTHER: &str = "[services.other]\nclient_secret = \"other secret of the other\"";

async fn with_bob(stage: &Stage) {
    let new = NewUser {
        email: Some(("bob@example.org".parse().unwrap(), true)),
        username: crate::domain::user::Username::new("bob"),
        name: Some("Bob".into()),
        roles: vec!["member".into()],
        ..NewUser::default()
    };
    stage.app.accounts.add(new, Some(PASSWORD), &By::command()).await.unwrap();
}

/// The shop asks.
async fn asks(house: &House, path: &str, body: Value) -> Reply {
    house.post(&format!("/api/v1/{path}")).basic("shop", SHOP_SECRET).json(&body).await
}

/// A session of Bob in the shop; its token.
async fn begin(house: &House) -> String {
    let reply = asks(house, "sessions", json!({ "name": "bob", "password": PASSWORD, "ip": "198.51.100.7" })).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()["token"].as_str().unwrap().to_owned()
}

async fn is_there(house: &House, token: &str) -> bool {
    asks(house, "sessions/lookup", json!({ "token": token })).await.status == 200
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.problem())
}

fn gone() -> (u16, String) {
    (404, "not-found".into())
}

#[tokio::test]
async fn a_service_begins_looks_up_and_ends_a_session() {
    let stage = Stage::open().await;
    with_bob(&stage).await;
    let body = json!({
        "name": "bob@example.org", "password": PASSWORD, "ip": "198.51.100.7", "user_agent": "Shop/1", "lifetime": 3600,
        "data": { "cart": [1, 2] },
    });

    let made = asks(&stage, "sessions", body).await;

    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let found = asks(&stage, "sessions/lookup", json!({ "token": token })).await.json();
    let user = stage.user("bob@example.org").await;
    assert_eq!(found["user"]["id"], user.id.to_string());
    assert_eq!(
        (&found["user"]["email"], &found["user"]["email_verified"], &found["user"]["roles"]),
        (&json!("bob@example.org"), &json!(true), &json!(["member"]))
    );
    assert_eq!(
        (&found["amr"], &found["data"], &found["ip"], &found["user_agent"]),
        (&json!(["pwd"]), &json!({ "cart": [1, 2] }), &json!("198.51.100.7"), &json!("Shop/1"))
    );
    assert!(found.get("token").is_none());
    assert_eq!(asks(&stage, "sessions/end", json!({ "token": token })).await.json(), json!({ "ended": 1 }));
    assert_eq!(refused(&asks(&stage, "sessions/lookup", json!({ "token": token })).await), gone());
    assert_eq!(refused(&asks(&stage, "sessions/end", json!({ "token": token })).await), gone());
}

#[tokio::test]
async fn a_session_has_its_time_and_is_over_when_nobody_uses_it() {
    let stage = Stage::with("[session]\nabsolute_timeout = \"4h\"\nidle_timeout = \"1h\"").await;
    with_bob(&stage).await;
    let (idle, used) = (begin(&stage).await, begin(&stage).await);
    let short = asks(&stage, "sessions", json!({ "lifetime": 60 })).await.json()["token"].as_str().unwrap().to_owned();

    stage.wait(Duration::seconds(59));
    assert!(is_there(&stage, &short).await);
    stage.wait(Duration::SECOND);
    assert!(!is_there(&stage, &short).await);
    for _ in 0..4 {
        assert!(is_there(&stage, &used).await);
        stage.wait(Duration::minutes(59));
    }
    assert!(!is_there(&stage, &idle).await);
    assert!(is_there(&stage, &used).await);
    stage.wait(Duration::minutes(3) - Duration::SECOND);
    assert!(is_there(&stage, &used).await, "used all the time");
    stage.wait(Duration::SECOND);
    assert!(!is_there(&stage, &used).await, "the hard end");
    for lifetime in [0, 59, 4 * 3600 + 1] {
        assert_eq!(
            refused(&asks(&stage, "sessions", json!({ "lifetime": lifetime })).await),
            (400, "bad-request".into())
        );
    }
    assert_eq!(asks(&stage, "sessions", json!({ "lifetime": 4 * 3600 })).await.status, 201);
}

#[tokio::test]
async fn an_anonymous_session_becomes_somebodys_under_another_token() {
    let stage = Stage::open().await;
    with_bob(&stage).await;
    let before = asks(&stage, "sessions", json!({ "data": { "cart": 1 } })).await.json();
    assert_eq!((&before["user"], &before["amr"], &before["proven_at"]), (&json!(null), &json!([]), &json!(null)));
    let old = before["token"].as_str().unwrap();

    let wrong = asks(&stage, "sessions", json!({ "name": "bob", "password": "wrong", "replaces": old })).await;
    assert_eq!(refused(&wrong), (403, "person-refused".into()));
    assert!(is_there(&stage, old).await);
    let after = asks(&stage, "sessions", json!({ "name": "bob", "password": PASSWORD, "replaces": old })).await.json();

    assert_ne!(after["token"], before["token"]);
    assert_eq!(after["user"]["username"], "bob");
    assert!(!is_there(&stage, old).await);
}

#[tokio::test]
async fn attached_json_is_merged_and_bounded() {
    let stage = Stage::open().await;
    let token =
        asks(&stage, "sessions", json!({ "data": { "a": { "x": 1, "y": 2 }, "b": 1 } })).await.json()["token"].clone();
    let attach = async |data: Value| asks(&stage, "sessions/data", json!({ "token": token, "data": data })).await;

    assert_eq!(
        attach(json!({ "a": { "x": null, "z": 3 }, "b": null, "c": [null] })).await.json()["data"],
        json!({ "a": { "y": 2, "z": 3 }, "c": [null] })
    );
    assert_eq!(attach(json!({ "a": 1 })).await.json()["data"], json!({ "a": 1, "c": [null] }));
    assert_eq!(attach(json!({ "a": { "b": { "c": null } } })).await.json()["data"]["a"], json!({ "b": {} }));
    let reply = attach(json!({ "big": "x".repeat(4096) })).await;
    assert_eq!(refused(&reply), (413, "payload-too-large".into()));
    assert_eq!(attach(json!({ "a": null, "c": null })).await.json()["data"], json!({}), "nothing of it was kept");
    let most = "x".repeat(4096 - "{\"big\":\"\"}".len());
    assert_eq!(attach(json!({ "big": most })).await.status, 200);
    assert_eq!(attach(json!({ "big": format!("{most}x") })).await.status, 413);
    assert_eq!(attach(json!([])).await.status, 400);
    assert_eq!(asks(&stage, "sessions", json!({ "data": { "big": format!("{most}x") } })).await.status, 413);
    assert_eq!(refused(&asks(&stage, "sessions/data", json!({ "token": "x", "data": {} })).await), gone());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_changes_of_two_processes_all_happen() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let token = asks(&stage, "sessions", json!({})).await.json()["token"].clone();

    let changes = (0..6).map(|number| {
        let house = if number % 2 == 0 { (*stage).clone() } else { twin.clone() };
        let body = json!({ "token": token, "data": { format!("k{number}"): number } });
        tokio::spawn(async move { asks(&house, "sessions/data", body).await.status })
    });
    let mut statuses = Vec::new();
    for change in changes.collect::<Vec<_>>() {
        statuses.push(change.await.unwrap());
    }

    let data = asks(&twin, "sessions/lookup", json!({ "token": token })).await.json()["data"].clone();
    let good = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(data.as_object().unwrap().len(), good, "{statuses:?}");
    assert!(good >= 1 && statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn all_sessions_of_a_user_end_but_the_one_that_is_spared() {
    let stage = Stage::with(OTHER).await;
    with_bob(&stage).await;
    let user = stage.user("bob@example.org").await.id.to_string();
    let (one, two, three) = (begin(&stage).await, begin(&stage).await, begin(&stage).await);
    let body = json!({ "name": "bob", "password": PASSWORD });
    let other = stage.post("/api/v1/sessions").basic("other", "other secret of the other").json(&body).await;
    let elsewhere = other.json()["token"].as_str().unwrap().to_owned();
    let anonymous = asks(&stage, "sessions", json!({})).await.json()["token"].as_str().unwrap().to_owned();

    for spare in ["x", &elsewhere, &anonymous] {
        let reply = asks(&stage, "sessions/end-all", json!({ "user": user, "spare": spare })).await;
        assert_eq!(refused(&reply), gone(), "{spare}");
    }
    assert_eq!(
        asks(&stage, "sessions/end-all", json!({ "user": user, "spare": two })).await.json(),
        json!({ "ended": 2 })
    );
    assert!(!is_there(&stage, &one).await && is_there(&stage, &two).await && !is_there(&stage, &three).await);
    assert_eq!(asks(&stage, "sessions/end-all", json!({ "user": user })).await.json(), json!({ "ended": 1 }));
    let lookup = stage.post("/api/v1/sessions/lookup").basic("other", "other secret of the other");
    assert_eq!(lookup.json(&json!({ "token": elsewhere })).await.status, 200, "another service's goes on");
    assert_eq!(asks(&stage, "sessions/end-all", json!({ "user": "usr_x" })).await.status, 400);
}

#[tokio::test]
async fn a_session_of_one_service_is_nothing_to_another() {
    let stage = Stage::with(OTHER).await;
    with_bob(&stage).await;
    let token = begin(&stage).await;
    let other = async |path: &str, body: Value| {
        stage.post(&format!("/api/v1/sessions/{path}")).basic("other", "other secret of the other").json(&body).await
    };

    assert_eq!(refused(&other("lookup", json!({ "token": token })).await), gone());
    assert_eq!(refused(&other("data", json!({ "token": token, "data": {} })).await), gone());
    assert_eq!(refused(&other("end", json!({ "token": token })).await), gone());
    assert_eq!(refused(&other("confirm", json!({ "token": token, "password": PASSWORD })).await), gone());
    let replaced = stage.post("/api/v1/sessions").basic("other", "other secret of the other");
    assert_eq!(replaced.json(&json!({ "replaces": token })).await.status, 201);
    assert!(is_there(&stage, &token).await);
}

#[tokio::test]
async fn only_a_service_that_proves_itself_keeps_sessions() {
    let stage = Stage::open().await;
    let good = add(&stage, &service("shop"), &["sessions"]).await.key.reveal().to_owned();
    let narrow = add(&stage, &service("shop"), &["authorize"]).await.key.reveal().to_owned();
    let (_, person) = super::api_keys::of_ada(&stage, &["authorize"]).await;
    let ask = || stage.post("/api/v1/sessions");
    let body = json!({});

    assert_eq!(ask().bearer(&good).json(&body).await.status, 201);
    for key in [&narrow, &person] {
        assert_eq!(refused(&ask().bearer(key).json(&body).await), (403, "scope-missing".into()));
    }
    assert_eq!(refused(&ask().bearer("cs_x").json(&body).await), (401, "api-key-refused".into()));
    for (what, wrong) in [
        ("nothing", ask()),
        ("another secret", ask().basic("shop", "other")),
        ("no secret", ask().basic("shop", "")),
        ("a service without one", ask().basic("wiki", "")),
        ("nobody", ask().basic("nobody", SHOP_SECRET)),
    ] {
        assert_eq!(refused(&wrong.json(&body).await), (401, "invalid-client".into()), "{what}");
    }
    let path = format!("/api/v1/sessions?key={good}");
    assert_eq!(refused(&stage.post(&path).bearer(&good).json(&body).await), (400, "bad-request".into()));
    assert_eq!(stage.get("/api/v1/sessions").bearer(&good).await.status, 405);
    assert_eq!(ask().basic("shop", SHOP_SECRET).form(&[]).await.status, 415);
    assert_eq!(asks(&stage, "sessions", json!({ "nmae": "bob" })).await.status, 400);
    assert_eq!(asks(&stage, "sessions", json!({ "name": "bob" })).await.status, 400);
}

#[tokio::test]
async fn who_is_locked_deleted_or_signs_out_everywhere_has_no_session_anywhere() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    with_bob(&stage).await;
    let user = stage.user("bob@example.org").await;
    let token = begin(&stage).await;

    stage.lock(user.id, true).await;
    assert!(!is_there(&twin, &token).await);
    let refusal = asks(&stage, "sessions", json!({ "name": "bob", "password": PASSWORD })).await;
    assert_eq!(refused(&refusal), (403, "person-refused".into()));
    stage.lock(user.id, false).await;
    assert!(is_there(&twin, &token).await);
    stage.app.accounts.sign_out_everywhere(&user, None, &By::command()).await.unwrap();
    assert!(!is_there(&twin, &token).await);

    let token = begin(&stage).await;
    let (db, now) = (stage.app.store().write(), stage.now());
    assert!(crate::store::sessions::end_all(db, user.id, None, now).await.unwrap() > 0);
    assert!(!is_there(&twin, &token).await, "whatever ends all sessions ends these");

    let token = begin(&stage).await;
    assert!(crate::store::users::delete(stage.app.store().write(), user.id).await.unwrap());
    assert!(!is_there(&twin, &token).await);
}

#[tokio::test]
async fn a_password_can_be_checked_again_in_a_session_and_without_one() {
    let stage = Stage::with("[services.shop]\nallowed_roles = [\"member\"]").await;
    with_bob(&stage).await;
    let token = begin(&stage).await;
    let began = asks(&stage, "sessions/lookup", json!({ "token": token })).await.json()["proven_at"].clone();
    stage.wait(Duration::minutes(5));

    assert_eq!(
        refused(&asks(&stage, "sessions/confirm", json!({ "token": token, "password": "wrong" })).await),
        (403, "person-refused".into())
    );
    assert_eq!(asks(&stage, "sessions/lookup", json!({ "token": token })).await.json()["proven_at"], began);
    let right = asks(&stage, "sessions/confirm", json!({ "token": token, "password": PASSWORD })).await;
    assert_eq!(right.status, 200, "{}", right.body);
    assert_ne!(right.json()["proven_at"], began);
    let anonymous = asks(&stage, "sessions", json!({})).await.json()["token"].clone();
    assert_eq!(
        refused(&asks(&stage, "sessions/confirm", json!({ "token": anonymous, "password": PASSWORD })).await),
        gone()
    );

    let alone = asks(&stage, "check-password", json!({ "name": "bob", "password": PASSWORD })).await;
    assert_eq!((alone.status, &alone.json()["user"]["username"]), (200, &json!("bob")));
    assert_eq!(
        refused(&asks(&stage, "check-password", json!({ "name": "bob", "password": "wrong" })).await),
        (403, "person-refused".into())
    );
    super::stage::set_roles(stage.app.store(), stage.user("bob@example.org").await.id, &[]).await;
    assert_eq!(
        refused(&asks(&stage, "check-password", json!({ "name": "bob", "password": PASSWORD })).await),
        (403, "access-denied".into())
    );
}

#[tokio::test]
async fn guesses_through_a_service_count_for_the_person_and_not_for_the_service() {
    let stage = Stage::with(
        "[rate_limit]\nlogin_account = { limit = 60, per = \"1h\", burst = 2 }\nlogin_ip = { limit = 60, per = \"1h\", burst = 3 }",
    )
    .await;
    with_bob(&stage).await;
    let guess = async |name: &str, ip: &str| {
        asks(&stage, "check-password", json!({ "name": name, "password": "wrong", "ip": ip })).await.status
    };

    assert_eq!((guess("bob", "198.51.100.1").await, guess("bob", "198.51.100.2").await), (403, 403));
    assert_eq!(guess("bob", "198.51.100.3").await, 429, "the account");
    for number in 0..2 {
        assert_eq!(guess(&format!("x{number}"), "198.51.100.1").await, 403);
    }
    assert_eq!(guess("x9", "198.51.100.1").await, 429, "the address");
    assert_eq!(asks(&stage, "sessions", json!({})).await.status, 201, "the service goes on");
}

#[tokio::test]
async fn of_many_sessions_the_last_used_stay() {
    let stage = Stage::with("[session]\nmax_per_user = 2").await;
    with_bob(&stage).await;
    let first = begin(&stage).await;
    stage.wait(Duration::minutes(2));
    let second = begin(&stage).await;
    stage.wait(Duration::minutes(2));
    assert!(is_there(&stage, &first).await);

    let third = begin(&stage).await;

    assert!(is_there(&stage, &first).await && !is_there(&stage, &second).await && is_there(&stage, &third).await);
}

#[tokio::test]
async fn the_database_has_no_token() {
    use sea_orm::EntityTrait as _;
    let stage = Stage::open().await;
    with_bob(&stage).await;
    let token = begin(&stage).await;

    let rows = crate::store::entity::service_session::Entity::find().all(stage.app.store().read()).await.unwrap();

    let dump = format!("{rows:?}");
    assert!(dump.contains("198.51.100.7") && !dump.contains(&token), "{dump}");
}
