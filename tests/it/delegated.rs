//! Administrators of one service, through the admin API: what they see and do, and that the rest is not there for them.

use serde_json::{Value, json};

use super::api_keys::{add, order, try_add};
use super::stage::{self, House, Reply, Stage, script, set_roles};
use crate::account::api_keys::KeyRefusal;
use crate::config::{self, Input};
use crate::domain::id::UserId;
use crate::store::api_keys::Owner;

const FILE: &str = r#"
[roles.wiki-admins]
[roles.wiki-editor]
description = "Edits the wiki"
[roles.wiki-reader]
[roles.shop-admins]
[roles.shop-clerk]
[services.wiki]
admins = ["wiki-admins"]
roles = ["wiki-editor", "wiki-reader"]
[services.shop]
admins = ["shop-admins"]
roles = ["shop-clerk"]
"#;

async fn made(house: &House, name: &str, roles: &[&str]) -> UserId {
    stage::made(house, name, roles).await.id
}

/// Wanda, who administers the wiki, and her key.
async fn wanda(stage: &Stage) -> (UserId, String) {
    let id = made(stage, "wanda", &["wiki-admins"]).await;
    (id, add(stage, &Owner::User(id), &["administer:wiki"]).await.key.reveal().to_owned())
}

async fn ask(house: &House, key: &str, method: &str, path: &str) -> Reply {
    house.ask(method, &format!("/api/v1/services/{path}")).bearer(key).await
}

fn is_not_there(reply: &Reply) -> bool {
    (reply.status, reply.problem().as_str()) == (404, "not-found")
}

#[tokio::test]
async fn they_see_the_roles_of_their_service_and_who_has_them_and_nothing_else_of_them() {
    let stage = Stage::with(FILE).await;
    let (_, key) = wanda(&stage).await;
    let ada = made(&stage, "ada", &["member", "wiki-editor", "shop-clerk"]).await;
    made(&stage, "bob", &["member", "shop-clerk"]).await;

    let roles = ask(&stage, &key, "GET", "wiki/roles").await.json();
    let editors = ask(&stage, &key, "GET", "wiki/roles/wiki-editor").await.json();

    assert_eq!(
        roles,
        json!({ "roles": [
            { "role": "wiki-editor", "description": "Edits the wiki" }, { "role": "wiki-reader", "description": null },
        ] })
    );
    let shown = json!({
        "id": ada, "username": "ada", "name": "ADA", "address": "a…@example.com", "roles": ["wiki-editor"],
    });
    assert_eq!(editors, json!({ "users": [shown], "next": null }));
}

#[tokio::test]
async fn they_give_and_take_and_it_is_written_down_with_the_service() {
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

    use crate::store::entity::audit_event::{Column, Entity};
    let stage = Stage::with(FILE).await;
    let (_, key) = wanda(&stage).await;
    let ada = made(&stage, "ada", &["member"]).await;

    let by_address = ask(&stage, &key, "PUT", "wiki/roles/wiki-editor/ada%40example.com").await;
    assert_eq!((by_address.status, by_address.json()), (200, json!({ "changed": true })));
    let by_name = ask(&stage, &key, "PUT", "wiki/roles/wiki-editor/ada").await;
    assert_eq!(by_name.json(), json!({ "changed": false }));
    assert_eq!(stage.user("ada@example.com").await.roles, ["member", "wiki-editor"]);
    let by_id = ask(&stage, &key, "DELETE", &format!("wiki/roles/wiki-editor/{ada}")).await;
    assert_eq!(by_id.json(), json!({ "changed": true }));

    assert_eq!(stage.user("ada@example.com").await.roles, ["member"]);
    let granted = Entity::find().filter(Column::Event.eq("role.granted")).one(stage.app.store().read()).await;
    let granted = granted.unwrap().unwrap();
    assert_eq!((granted.service.as_deref(), granted.actor_kind.as_str()), (Some("wiki"), "key"));
}

#[tokio::test]
async fn another_service_is_not_there_nor_are_its_roles_and_counts_say_nothing() {
    let stage = Stage::with(FILE).await;
    let (_, key) = wanda(&stage).await;
    made(&stage, "ada", &["shop-clerk"]).await;
    let of_none = ask(&stage, &key, "GET", "nosuch/roles").await;
    for path in ["shop/roles", "shop/roles/shop-clerk", "nosuch/roles", "closed/roles"] {
        let reply = ask(&stage, &key, "GET", path).await;
        assert!(is_not_there(&reply), "{path}: {} {}", reply.status, reply.body);
        assert_eq!(reply.json()["detail"], of_none.json()["detail"], "{path}");
    }
    for role in ["shop-clerk", "admin", "member", "wiki-admins", "nosuch"] {
        for (method, path) in [
            ("GET", format!("wiki/roles/{role}")),
            ("PUT", format!("wiki/roles/{role}/ada")),
            ("DELETE", format!("wiki/roles/{role}/ada")),
            ("PUT", format!("wiki/roles/{role}/wanda")),
            ("PUT", format!("shop/roles/{role}/ada")),
        ] {
            let reply = ask(&stage, &key, method, &path).await;
            assert!(is_not_there(&reply), "{method} {path}: {} {}", reply.status, reply.body);
        }
    }
    assert!(is_not_there(&ask(&stage, &key, "DELETE", "shop/sessions/ada").await));
    assert!(is_not_there(&ask(&stage, &key, "PUT", "wiki/roles/wiki-editor/nobody").await));
    assert_eq!(stage.user("wanda@example.com").await.roles, ["wiki-admins"]);
    assert_eq!(stage.user("ada@example.com").await.roles, ["shop-clerk"]);
}

#[tokio::test]
async fn administrators_are_above_them_and_use_the_same_door_for_the_same_things() {
    let stage = Stage::with(FILE).await;
    let (_, key) = wanda(&stage).await;
    let boss = made(&stage, "boss", &["admin"]).await;
    let reply = ask(&stage, &key, "PUT", "wiki/roles/wiki-editor/boss").await;
    assert_eq!((reply.status, reply.problem().as_str()), (403, "deed-refused"), "{}", reply.body);

    let of_boss = add(&stage, &Owner::User(boss), &["administer:wiki"]).await.key.reveal().to_owned();
    assert_eq!(ask(&stage, &of_boss, "PUT", "wiki/roles/wiki-editor/boss").await.status, 200);
    assert!(is_not_there(&ask(&stage, &of_boss, "PUT", "wiki/roles/admin/wanda").await));
    assert!(is_not_there(&ask(&stage, &of_boss, "GET", "shop/roles").await));
}

#[tokio::test]
async fn whoever_administers_it_no_longer_has_a_key_for_nothing() {
    let stage = Stage::with(FILE).await;
    let (id, key) = wanda(&stage).await;
    assert_eq!(ask(&stage, &key, "GET", "wiki/roles").await.status, 200);
    let twin = stage.twin().await;

    set_roles(stage.app.store(), id, &["member"]).await;
    for house in [&*stage, &twin] {
        let reply = ask(house, &key, "GET", "wiki/roles").await;
        assert_eq!((reply.status, reply.problem().as_str()), (401, "api-key-refused"));
    }
    set_roles(stage.app.store(), id, &["wiki-admins"]).await;
    assert_eq!(ask(&stage, &key, "GET", "wiki/roles").await.status, 200);
    stage.reload("[services.wiki]\nadmins = []").unwrap();
    assert_eq!(ask(&stage, &key, "GET", "wiki/roles").await.status, 401);
}

#[tokio::test]
async fn a_key_for_it_is_no_key_of_a_service_and_no_other_key_is_for_it() {
    let stage = Stage::with(FILE).await;
    let of_service = try_add(&stage, order(&Owner::Service("wiki".into()), &["administer:wiki"])).await;
    assert!(matches!(of_service, Err(KeyRefusal::Overreach(_))), "{of_service:?}");
    let id = made(&stage, "wanda", &["wiki-admins"]).await;
    let plain = add(&stage, &Owner::User(id), &["authorize"]).await.key.reveal().to_owned();

    let reply = ask(&stage, &plain, "GET", "wiki/roles").await;

    assert_eq!((reply.status, reply.problem().as_str()), (403, "scope-missing"));
    let unrelated = made(&stage, "mallory", &["member"]).await;
    let forged = add(&stage, &Owner::User(unrelated), &["administer:wiki"]).await.key.reveal().to_owned();
    assert_eq!(ask(&stage, &forged, "GET", "wiki/roles").await.status, 401);
}

#[tokio::test]
async fn the_sessions_of_a_user_in_the_service_end_and_no_others() {
    let stage = Stage::with(&format!(
        "{FILE}\nclient_secret = {{ env = \"SHOP_SECRET\" }}\n[services.frag]\nclient_secret = {{ env = \"SHOP_SECRET\" }}"
    ))
    .await;
    crate::it::people::sign_up(&stage, &mut stage.browser(), "ada@example.org", crate::it::people::PASSWORD).await;
    let begin = async |service: &str| {
        let body = json!({ "name": "ada@example.org", "password": crate::it::people::PASSWORD });
        let reply = stage.post("/api/v1/sessions").basic(service, script::SHOP_SECRET).json(&body).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
    };
    begin("shop").await;
    begin("frag").await;
    let id = made(&stage, "sue", &["shop-admins"]).await;
    let key = add(&stage, &Owner::User(id), &["administer:shop"]).await.key.reveal().to_owned();

    let ended = ask(&stage, &key, "DELETE", "shop/sessions/ada%40example.org").await.json();
    let again = ask(&stage, &key, "DELETE", "shop/sessions/ada%40example.org").await.json();

    assert_eq!((ended, again), (json!({ "changed": true }), json!({ "changed": false })));
    let ada = stage.user("ada@example.org").await.id;
    let db = stage.app.store().write();
    let left = crate::store::service_sessions::end_all(db, ada, Some("frag"), None, stage.now()).await.unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn who_has_sessions_is_not_told_apart_from_nobody_and_each_try_is_written_down_and_counted() {
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

    use crate::store::entity::audit_event::{Column, Entity};
    let rate = "rate_limit.api_key = { limit = 60, per = \"1m\", burst = 4 }";
    let stage = Stage::with(&format!("{rate}\n{FILE}")).await;
    let (_, key) = wanda(&stage).await;
    made(&stage, "ada", &["member"]).await;
    let boss = made(&stage, "boss", &["admin"]).await;
    let tries = ["nobody".to_owned(), "nobody@example.com".to_owned(), "ada@example.com".to_owned(), boss.to_string()];

    for who in &tries {
        let reply = ask(&stage, &key, "DELETE", &format!("wiki/sessions/{who}")).await;
        assert_eq!((reply.status, reply.json()), (200, json!({ "changed": false })), "{who}");
    }
    let refused = ask(&stage, &key, "DELETE", "wiki/sessions/ada").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    stage.wait(time::Duration::SECOND);
    assert_eq!(ask(&stage, &key, "DELETE", "wiki/sessions/ada").await.status, 200);

    let noted = Entity::find().filter(Column::Event.eq("session.revoked")).all(stage.app.store().read()).await.unwrap();
    assert_eq!(noted.len(), 5);
    assert!(noted.iter().all(|event| event.target.is_none()), "nothing happened to anybody");
    assert!(noted.iter().all(|event| event.service.as_deref() == Some("wiki") && event.actor_kind == "key"));
}

/// The codes of a file's mistakes.
fn mistakes(text: &str) -> Vec<&'static str> {
    let world = config::World { env: &|_| Some("a value that is long enough".into()), overrides: Vec::new() };
    let parsed = config::parse(vec![Input::text("providers.toml", &script::usual_with(text))], &world);
    parsed.report.mistakes().iter().map(|mistake| mistake.code).collect()
}

#[test]
fn a_role_that_opens_more_than_the_service_stops_the_start() {
    let with = |wiki: &str, more: &str| {
        let roles = "[roles.wiki-admins]\n[roles.wiki-editor]\n[roles.shop-admins]\n";
        format!("{roles}[services.wiki]\nadmins = [\"wiki-admins\"]\nroles = [{wiki}]\n{more}")
    };
    assert_eq!(mistakes(&with("\"wiki-editor\"", "")), Vec::<&str>::new());
    assert_eq!(mistakes(&with("\"wiki-editor\"", "allowed_roles = [\"wiki-editor\"]")), Vec::<&str>::new());
    for (wiki, more, code) in [
        ("\"admin\"", "", "CS-C182"),
        ("\"member\"", "", "CS-C182"),
        ("\"wiki-admins\"", "", "CS-C182"),
        ("\"shop-admins\"", "[services.shop]\nadmins = [\"shop-admins\"]", "CS-C182"),
        ("\"wiki-editor\"", "[services.shop]\nallowed_roles = [\"wiki-editor\"]", "CS-C182"),
        ("\"wiki-editer\"", "", "CS-C062"),
    ] {
        assert_eq!(mistakes(&with(wiki, more)), [code], "{wiki} {more}");
    }
    let both = with("\"wiki-editor\"", "[services.shop]\nroles = [\"wiki-editor\"]");
    assert_eq!(mistakes(&both), ["CS-C182", "CS-C182"]);
}

#[tokio::test]
async fn people_make_such_a_key_on_their_page_for_what_they_administer() {
    let stage = Stage::with(&format!("{FILE}[api]\nuser_keys = true\n")).await;
    let mut ada = stage.browser();
    ada.sign_in().await;
    let id = stage.user("ada@example.org").await.id;
    ada.open("/account/keys/new").await;
    assert!(ada.has("#key-submit") && !ada.has("#key-administer"), "{}", ada.body());
    set_roles(stage.app.store(), id, &["wiki-admins"]).await;
    stage.wait(time::Duration::MINUTE);
    let mut ada = stage.browser();
    ada.sign_in().await.open("/account/keys/new").await;
    assert!(ada.has("#key-administer") && !ada.body().contains("value=\"shop\" selected"), "{}", ada.body());

    let forged = ada.fields("#key-submit");
    let forge = |administer: &str| {
        let mut fields = forged.clone();
        fields.retain(|(name, _)| !["name", "administer"].contains(&name.as_str()));
        fields.extend([("name".to_owned(), "desk".to_owned()), ("administer".to_owned(), administer.to_owned())]);
        fields
    };
    for (service, status) in [("shop", 422), ("nosuch", 422), ("wiki", 200)] {
        let fields = forge(service);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        ada.post("/account/keys/new", &fields).await;
        assert_eq!(ada.status(), status, "{service}: {}", ada.body());
    }
    let keys = stage.app.store().api_keys_of(&Owner::User(id)).await.unwrap();
    let scopes: Vec<Value> = keys.iter().map(|key| json!(key.scopes)).collect();
    assert_eq!(scopes, [json!(["authorize", "administer:wiki"])]);
}
