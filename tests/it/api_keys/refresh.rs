//! A key becomes the next one, with a secret that is good once.

use serde_json::json;
use time::Duration;

use super::{KeyOrder, MadeKey, ada, order, person, service, try_add};
use crate::it::stage::request::Reply;
use crate::it::stage::{House, Stage};
use crate::store::api_keys::Owner;

/// A key for an hour that can be exchanged for a day.
async fn short(stage: &Stage, owner: &Owner) -> (String, String, String) {
    let wish = KeyOrder { lasts: Duration::HOUR, refresh: Some(Duration::DAY), ..order(owner, &["authorize"]) };
    let MadeKey { key, refresh, stored } = try_add(stage, wish).await.unwrap();
    (stored.id.to_string(), key.reveal().to_owned(), refresh.unwrap().reveal().to_owned())
}

async fn refresh(house: &House, id: &str, secret: &str) -> Reply {
    house.post("/api/v1/keys/refresh").json(&json!({ "id": id, "refresh_secret": secret })).await
}

async fn opens(house: &House, key: &str) -> bool {
    house.get("/auth/authorize?service=wiki").bearer(key).await.status == 200
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.problem())
}

fn spent() -> (u16, String) {
    (401, "refresh-refused".into())
}

fn texts(reply: &Reply) -> (String, String, String) {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.json();
    let of = |name: &str| answer[name].as_str().unwrap().to_owned();
    (of("id"), of("key"), of("refresh_secret"))
}

#[tokio::test]
async fn a_refresh_gives_the_next_key_and_the_old_one_is_dead() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let (id, key, secret) = short(&stage, &owner).await;
    assert!(opens(&stage, &key).await);

    stage.wait(Duration::hours(2));
    assert!(!opens(&stage, &key).await, "its hour is over, its day is not");
    let reply = refresh(&stage, &id, &secret).await;

    let (next_id, next, next_secret) = texts(&reply);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.json()["scopes"], json!(["authorize"]));
    assert!(next_id != id && next != key && next_secret != secret);
    assert!(opens(&stage, &next).await && !opens(&stage, &key).await);
    assert_eq!(stage.app.store().api_keys_of(&owner).await.unwrap().len(), 1);
    stage.wait(Duration::hours(23));
    texts(&refresh(&stage, &next_id, &next_secret).await);
}

#[tokio::test]
async fn a_secret_lives_until_its_time_and_dies_with_the_key() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let (early, _, early_secret) = short(&stage, &owner).await;
    let (late, _, late_secret) = short(&stage, &owner).await;
    let (dead, _, dead_secret) = short(&stage, &owner).await;
    let by = crate::domain::audit::By::command();
    assert!(stage.app.accounts.revoke_key(&owner, dead.parse().unwrap(), &by).await.unwrap());
    assert_eq!(refused(&refresh(&stage, &dead, &dead_secret).await), spent());

    stage.wait(Duration::DAY - Duration::SECOND);
    texts(&refresh(&stage, &early, &early_secret).await);
    stage.wait(Duration::SECOND);
    assert_eq!(refused(&refresh(&stage, &late, &late_secret).await), spent());
}

#[tokio::test]
async fn what_is_not_the_secret_of_this_key_is_refused_and_nothing_happens() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let user = person(&owner);
    let (id, key, secret) = short(&stage, &owner).await;
    let (other, _, other_secret) = short(&stage, &service("shop")).await;

    for (id, secret) in [
        (id.as_str(), other_secret.as_str()),
        (&other, &secret),
        (&id, &key),
        (&id, ""),
        (&id, "csr_x"),
        ("", &secret),
        ("key_00000000000000000000000000000000", &secret),
        (&id, &secret.to_uppercase()),
    ] {
        assert_eq!(refused(&refresh(&stage, id, secret).await), spent(), "{id} {secret}");
    }
    let many = stage.post("/api/v1/keys/refresh").json(&json!({ "id": id, "refresh_secret": secret, "x": 1 })).await;
    assert_eq!(refused(&many), (400, "bad-request".into()));
    let form = stage.post("/api/v1/keys/refresh").form(&[("id", &id), ("refresh_secret", &secret)]).await;
    assert_eq!(form.status, 415);
    stage.lock(user, true).await;
    assert_eq!(refused(&refresh(&stage, &id, &secret).await), spent());
    stage.lock(user, false).await;
    assert!(opens(&stage, &key).await);
    texts(&refresh(&stage, &id, &secret).await);
}

#[tokio::test]
async fn a_secret_that_comes_again_ends_the_family_and_is_written_down() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let (first, _, first_secret) = short(&stage, &owner).await;
    let (_, bystander, _) = short(&stage, &owner).await;
    let (second, _, second_secret) = texts(&refresh(&stage, &first, &first_secret).await);
    let (third, key, third_secret) = texts(&refresh(&stage, &second, &second_secret).await);

    stage.wait(Duration::seconds(10));
    assert_eq!(refused(&refresh(&stage, &first, &first_secret).await), spent());
    assert!(opens(&stage, &key).await, "a client that asked twice");
    stage.wait(Duration::SECOND);
    assert_eq!(refused(&refresh(&stage, &first, &first_secret).await), spent());

    assert!(!opens(&stage, &key).await);
    assert_eq!(refused(&refresh(&stage, &third, &third_secret).await), spent());
    assert!(opens(&stage, &bystander).await);
    use sea_orm::EntityTrait as _;
    let rows = crate::store::entity::audit_event::Entity::find().all(stage.app.store().read()).await.unwrap();
    let row = rows.iter().find(|row| row.event == "token.reuse_detected").unwrap();
    assert_eq!(
        (row.severity.as_str(), row.actor_kind.as_str(), row.actor_id.as_deref()),
        ("critical", "key", Some(first.as_str()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_refresh_at_once_in_two_processes_one_has_the_key() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let owner = ada(&stage).await;
    let (id, _, secret) = short(&stage, &owner).await;

    let tries = (0..10).map(|number| {
        let house = if number % 2 == 0 { (*stage).clone() } else { twin.clone() };
        let (id, secret) = (id.clone(), secret.clone());
        tokio::spawn(async move { refresh(&house, &id, &secret).await })
    });
    let mut good = Vec::new();
    for reply in tries.collect::<Vec<_>>() {
        let reply = reply.await.unwrap();
        if reply.status == 200 {
            good.push(reply);
        } else {
            assert_eq!(refused(&reply), spent());
        }
    }

    assert_eq!(good.len(), 1);
    assert!(opens(&twin, &texts(&good[0]).1).await, "and the others did not end it");
    assert_eq!(stage.app.store().api_keys_of(&owner).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_says_what_it_is() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let user = person(&owner);
    let (id, key, _) = short(&stage, &owner).await;

    let reply = stage.get("/api/v1/keys/self").bearer(&key).await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.json();
    assert_eq!((answer["id"].as_str(), answer["prefix"].as_str()), (Some(id.as_str()), Some(&key[3..11])));
    assert_eq!(
        (&answer["user"], &answer["service"], &answer["scopes"]),
        (&json!(user.to_string()), &json!(null), &json!(["authorize"]))
    );
    assert!(!reply.body.contains(&key[11..]));
    for wrong in [stage.get("/api/v1/keys/self"), stage.get("/api/v1/keys/self").basic("x", &key)] {
        assert_eq!(refused(&wrong.await), (401, "api-key-refused".into()));
    }
    let path = format!("/api/v1/keys/self?key={key}");
    assert_eq!(refused(&stage.get(&path).bearer(&key).await), (400, "bad-request".into()));
    let twice = stage.get("/api/v1/keys/self").bearer(&key).bearer(&key).await;
    assert_eq!(refused(&twice), (400, "bad-request".into()));
}

#[tokio::test]
async fn where_the_api_is_off_there_is_none() {
    let stage = Stage::with("[api]\nenabled = false").await;
    let (id, key, secret) = short(&stage, &service("shop")).await;

    assert_eq!(refresh(&stage, &id, &secret).await.status, 404);
    assert_eq!(stage.get("/api/v1/keys/self").bearer(&key).await.status, 404);
    assert_eq!(stage.post("/api/v1/sessions").bearer(&key).json(&json!({})).await.status, 404);
}

#[tokio::test]
async fn a_family_ends_in_its_time_however_often_it_is_refreshed() {
    let stage = Stage::with("[api]\nmax_key_ttl = \"3d\"").await;
    let owner = ada(&stage).await;
    let (mut id, mut key, mut secret) = short(&stage, &owner).await;
    for hours in [20, 20, 20, 11] {
        stage.wait(Duration::hours(hours));
        (id, key, secret) = texts(&refresh(&stage, &id, &secret).await);
        crate::store::api_keys::sweep(stage.app.store().write(), stage.now()).await.unwrap();
    }
    assert!(opens(&stage, &key).await);

    stage.wait(Duration::HOUR);

    assert!(!opens(&stage, &key).await, "three days after the first key");
    assert_eq!(refused(&refresh(&stage, &id, &secret).await), spent());
}
