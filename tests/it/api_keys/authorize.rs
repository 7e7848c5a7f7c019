//! A key in place of a login token.

use serde_json::json;
use time::Duration;

use super::{ada, add, of_ada, order, person, service, try_add};
use crate::it::stage::request::{Reply, claims_of, header_of};
use crate::it::stage::{House, Stage, set_roles};

/// A machine may read in the wiki.
const MACHINES: &str = "[permissions.house]\nservices = { shop = [\"wiki:read\"] }";

async fn token(house: &House, key: &str, service: &str) -> Reply {
    house.get(&format!("/auth/authorize?service={service}")).bearer(key).await
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.problem())
}

#[tokio::test]
async fn a_persons_key_gets_the_persons_token_and_it_dies_with_the_key() {
    let stage = Stage::open().await;
    let (owner, key) = of_ada(&stage, &["authorize"]).await;
    let id = person(&owner);

    let reply = token(&stage, &key, "wiki").await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let answer = reply.json();
    assert_eq!(answer["userid"], id.to_string());
    assert_eq!(answer["permissions"], json!({ "wiki:read": true }));
    let issued = answer["token"].as_str().unwrap();
    let claims = claims_of(issued);
    assert_eq!(
        (&claims["sub"], &claims["aud"], header_of(issued)["typ"].as_str()),
        (&json!(id.to_string()), &json!("wiki"), Some("at+jwt"))
    );
    assert!(
        claims.get("sid").is_none() && claims.get("auth_time").is_none() && claims.get("amr").is_none(),
        "{claims}"
    );

    let by_header = stage.get("/auth/authorize?service=wiki").header("auth-token", &key).await;
    assert_eq!(by_header.status, 200);
    stage.wait(Duration::DAY - Duration::minutes(5));
    assert_eq!(token(&stage, &key, "wiki").await.json()["expires_in"], 300, "no longer than the key");
    stage.wait(Duration::minutes(5));
    assert_eq!(refused(&token(&stage, &key, "wiki").await), (401, "api-key-refused".into()));
}

#[tokio::test]
async fn a_services_key_gets_a_token_about_the_service() {
    let stage = Stage::with(MACHINES).await;
    let key = add(&stage, &service("shop"), &["authorize"]).await.key.reveal().to_owned();

    let reply = token(&stage, &key, "wiki").await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.json();
    assert_eq!((&answer["userid"], &answer["permissions"]), (&json!("shop"), &json!({ "wiki:read": true })));
    let claims = claims_of(answer["token"].as_str().unwrap());
    assert_eq!((&claims["sub"], &claims["client_id"], &claims["roles"]), (&json!("shop"), &json!("wiki"), &json!([])));
    let classic = token(&stage, &key, "old").await.json();
    assert_eq!(claims_of(classic["token"].as_str().unwrap())["userid"], "shop");
    assert_eq!(refused(&token(&stage, &key, "admins").await), (403, "access-denied".into()), "it has no role");
    let other = add(&stage, &service("frag"), &["authorize"]).await.key.reveal().to_owned();
    assert_eq!(token(&stage, &other, "wiki").await.json()["permissions"], json!({}), "nothing was granted to it");
}

#[tokio::test]
async fn a_key_is_for_what_its_scopes_say() {
    let stage = Stage::open().await;
    let (owner, wiki) = of_ada(&stage, &["authorize:wiki"]).await;
    let machine = add(&stage, &service("shop"), &["sessions"]).await.key.reveal().to_owned();

    assert_eq!(token(&stage, &wiki, "wiki").await.status, 200);
    assert_eq!(refused(&token(&stage, &wiki, "frag").await), (403, "scope-missing".into()));
    assert_eq!(refused(&token(&stage, &machine, "wiki").await), (403, "scope-missing".into()));
    assert_eq!(refused(&token(&stage, &wiki, "nowhere").await), (404, "service-unknown".into()));
    assert_eq!(token(&stage, &wiki, "").await.body, r#"{"permissions":{}}"#);
    drop(owner);
}

#[tokio::test]
async fn a_key_that_may_not_be_used_is_refused_in_every_process_at_once() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let owner = ada(&stage).await;
    let id = person(&owner);
    let made = add(&stage, &owner, &["authorize"]).await;
    let key = made.key.reveal().to_owned();
    assert_eq!(token(&twin, &key, "wiki").await.status, 200);

    let mut wrong = key.clone().into_bytes();
    let last = wrong.len() - 1;
    wrong[last] = if wrong[last] == b'0' { b'1' } else { b'0' };
    let stranger = add(&stage, &owner, &["authorize"]).await.key.reveal().to_owned();
    let mixed = format!("{}{}", &key[..11], &stranger[11..]);
    let upper = key.to_uppercase();
    for text in [std::str::from_utf8(&wrong).unwrap(), &mixed, &upper, "cs_", "cs_x", &key.replace("cs_", "csr_")] {
        for house in [&*stage, &twin] {
            let reply = token(house, text, "wiki").await;
            assert_eq!(refused(&reply), (401, "api-key-refused".into()), "{text}");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer realm=\"countersign\""));
            assert!(!reply.body.contains(text), "{}", reply.body);
        }
    }

    stage.lock(id, true).await;
    assert_eq!(token(&twin, &key, "wiki").await.status, 401);
    stage.lock(id, false).await;
    assert_eq!(token(&twin, &key, "wiki").await.status, 200);

    let by = crate::domain::audit::By::command();
    assert!(stage.app.accounts.revoke_key(&owner, made.stored.id, &by).await.unwrap());
    assert!(!stage.app.accounts.revoke_key(&owner, made.stored.id, &by).await.unwrap());
    for house in [&*stage, &twin] {
        assert_eq!(refused(&token(house, &key, "wiki").await), (401, "api-key-refused".into()));
    }
    assert_eq!(token(&twin, &stranger, "wiki").await.status, 200);
    assert_eq!(stage.app.accounts.revoke_keys(&owner, &by).await.unwrap(), 1);
    assert_eq!(token(&twin, &stranger, "wiki").await.status, 401);
}

#[tokio::test]
async fn a_key_of_a_deleted_user_or_a_service_that_is_gone_is_nothing() {
    let stage = Stage::open().await;
    let (owner, key) = of_ada(&stage, &["authorize"]).await;
    let id = person(&owner);
    let machine = add(&stage, &service("shop"), &["authorize"]).await.key.reveal().to_owned();
    assert_eq!(token(&stage, &machine, "wiki").await.status, 200);

    assert!(crate::store::users::delete(stage.app.store().write(), id).await.unwrap());
    assert_eq!(token(&stage, &key, "wiki").await.status, 401);
    stage.reload("[services.shop]\nenabled = false").unwrap();
    assert_eq!(token(&stage, &machine, "wiki").await.status, 401);
    stage.reload("[services]\nshop = \"gone\"").unwrap();
    assert_eq!(token(&stage, &machine, "wiki").await.status, 401);
}

#[tokio::test]
async fn whoever_is_no_administrator_any_more_has_no_key_of_one() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let id = person(&owner);
    set_roles(stage.app.store(), id, &["admin"]).await;
    let key = add(&stage, &owner, &["authorize", "users:read"]).await.key.reveal().to_owned();
    assert_eq!(token(&stage, &key, "wiki").await.status, 200);

    set_roles(stage.app.store(), id, &["member"]).await;

    assert_eq!(refused(&token(&stage, &key, "wiki").await), (401, "api-key-refused".into()));
}

#[tokio::test]
async fn a_key_is_used_from_its_networks() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let networks = vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let key = try_add(&stage, super::KeyOrder { networks, ..order(&owner, &["authorize"]) }).await.unwrap();
    let from = async |ip| stage.get("/auth/authorize?service=wiki").bearer(key.key.reveal()).from(ip).await.status;

    for (ip, status) in [
        ("192.0.2.255", 200),
        ("192.0.3.0", 401),
        ("192.0.1.255", 401),
        ("::ffff:192.0.2.9", 200),
        ("2001:db8::1", 200),
        ("2001:db9::1", 401),
    ] {
        assert_eq!(from(ip).await, status, "{ip}");
    }
}

#[tokio::test]
async fn a_key_in_an_address_is_refused_and_no_other_place_takes_one() {
    let stage = Stage::open().await;
    let (_, key) = of_ada(&stage, &["authorize"]).await;

    for path in
        [format!("/auth/authorize?service=wiki&jwt={key}"), format!("/auth/authorize?service=wiki&jwt={}", &key[..9])]
    {
        let reply = stage.get(&path).await;
        assert_eq!(refused(&reply), (400, "bad-request".into()));
        assert!(!reply.body.contains(&key[..9]), "{}", reply.body);
    }
    assert_eq!(stage.get("/auth/check").bearer(&key).await.json()["authenticated"], false);
    let update = stage.post("/auth/update").bearer(&key).form(&[("username", "mallory")]).await.json();
    assert_eq!(update, json!({ "success": false, "error": "Not authenticated" }));
    assert!(stage.user("ada@example.org").await.username.is_none_or(|name| name != "mallory"));
    stage.post("/auth/logout").bearer(&key).await;
    assert_eq!(token(&stage, &key, "wiki").await.status, 200);
    for page in ["/account", "/account/devices", "/account/keys", "/account/security"] {
        let reply = stage.get(page).bearer(&key).await;
        assert!(reply.status == 303 || reply.status == 404, "{page} {}", reply.status);
    }
    let made = stage
        .post("/account/keys/new")
        .bearer(&key)
        .form(&[("csrf", "x"), ("name", "second"), ("service", ""), ("days", "1"), ("networks", "")])
        .await;
    assert!(made.status == 403 || made.status == 404, "{}", made.status);
}

#[tokio::test]
async fn a_service_that_asks_for_more_than_a_key_gets_more() {
    let stage = Stage::with(
        "[services.wiki]\nallowed_providers = [\"sso\"]\n[services.frag]\nallowed_providers = [\"api-key\"]\n\
         [services.old]\nrequire_mfa = true\n[services.cli]\nmax_auth_age = \"1h\"",
    )
    .await;
    let (_, key) = of_ada(&stage, &["authorize"]).await;
    let machine = add(&stage, &service("shop"), &["authorize"]).await.key.reveal().to_owned();

    for (id, person, program) in [("wiki", 403, 403), ("frag", 200, 200), ("old", 403, 200), ("cli", 403, 200)] {
        assert_eq!(token(&stage, &key, id).await.status, person, "{id}");
        assert_eq!(token(&stage, &machine, id).await.status, program, "{id}");
    }
}

#[tokio::test]
async fn the_last_use_is_written_down_once_a_minute() {
    let stage = Stage::open().await;
    let (owner, key) = of_ada(&stage, &["authorize"]).await;
    let used = async || {
        stage.app.store().api_keys_of(&owner).await.unwrap()[0].used_at.map(time::OffsetDateTime::unix_timestamp)
    };
    assert_eq!(used().await, None);

    token(&stage, &key, "wiki").await;
    let first = stage.now();
    assert_eq!(used().await, Some(first));
    stage.wait(Duration::seconds(59));
    token(&stage, &key, "wiki").await;
    assert_eq!(used().await, Some(first));
    stage.wait(Duration::SECOND);
    token(&stage, &key, "wiki").await;
    assert_eq!(used().await, Some(first + 60));
}

#[tokio::test]
async fn the_database_has_no_key() {
    use sea_orm::EntityTrait as _;
    let stage = Stage::open().await;
    let (_, key) = of_ada(&stage, &["authorize"]).await;

    let rows = crate::store::entity::api_key::Entity::find().all(stage.app.store().read()).await.unwrap();
    let dump = format!("{rows:?}");
    let audit = crate::store::entity::audit_event::Entity::find().all(stage.app.store().read()).await.unwrap();
    let audit = format!("{audit:?}");

    assert!(dump.contains(&key[3..11]) && !dump.contains(&key[11..]), "{dump}");
    assert!(audit.contains("apikey.created") && !audit.contains(&key[11..]), "{audit}");
}
