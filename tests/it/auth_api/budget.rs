//! `max_token_size`: what does not fit into a token, and where it is then.

use axum::Router;
use serde_json::{Map, Value, json};
use time::Duration;

use crate::domain::id::UserId;
use crate::it::api_keys::add;
use crate::it::stage::request::{Reply, claims_of, header_of};
use crate::it::stage::script::SHOP_SECRET;
use crate::it::stage::{Stage, set_roles};
use crate::store::api_keys::Owner;

const FAR: &str = r#"
[permissions.far]
kind = "http"
url = "https://permissions.test/ask"
secret = "a secret of 16 bytes or more"
cache_ttl = "0s"
[services.shop]
permissions = ["far"]
max_token_size = "1 KiB"
[services.old]
permissions = ["far"]
max_token_size = "1 KiB"
"#;

/// From now on permissions of so many names, limits and claims of about so many bytes.
fn says(stage: &Stage, names: usize, limits: usize, claims: usize) -> Value {
    let permissions: Vec<_> = (0..names).map(|nth| format!("page:action-{nth:03}")).collect();
    let answer = json!({
        "permissions": permissions,
        "limits": (0..limits / 16).map(|nth| (format!("limit-{nth:05}"), json!(1))).collect::<Map<_, _>>(),
        "claims": if claims > 0 { json!({ "tenant": "c".repeat(claims) }) } else { json!({}) },
    });
    let text = answer.to_string();
    let fallback = move || async move { ([("content-type", "application/json")], text) };
    stage.internet.take_down("permissions.test");
    stage.internet.host("permissions.test", Router::new().fallback(fallback));
    answer
}

async fn stage() -> (Stage, String) {
    let stage = Stage::with(FAR).await;
    let token = stage.browser().login_token().await;
    (stage, token)
}

async fn authorize(stage: &Stage, login: &str, service: &str) -> Reply {
    stage.get(&format!("/auth/authorize?service={service}")).bearer(login).await
}

async fn token_for(stage: &Stage, login: &str, service: &str) -> String {
    let reply = authorize(stage, login, service).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["token"].as_str().unwrap().to_owned()
}

async fn fetch(stage: &Stage, token: &str) -> Reply {
    stage.get("/auth/permissions").bearer(token).await
}

#[tokio::test]
async fn what_does_not_fit_is_left_out_part_by_part_and_the_answer_beside_has_all_permissions() {
    let (stage, login) = stage().await;
    let cases = [
        // names, bytes of limits and of claims; which of permissions, limits, claims stand in the token
        (1, 16, 10, [true, true, true]),
        (60, 16, 10, [false, true, true]),
        (60, 900, 10, [false, false, true]),
        (60, 900, 900, [false, false, false]),
        (0, 0, 900, [false, false, false]),
    ];
    for (names, limits, claims, stand) in cases {
        says(&stage, names, limits, claims);
        let answer = authorize(&stage, &login, "shop").await.json();
        let token = answer["token"].as_str().unwrap();
        let said = claims_of(token);
        assert!(token.len() <= 1024, "{}", token.len());
        let there = ["permissions", "limits", "tenant"].map(|name| said.get(name).is_some());
        assert_eq!(there, stand, "{names} {limits} {claims} {said}");
        let all_fit = stand == [true, true, true];
        let at = (!all_fit).then_some("https://auth.example/auth/permissions");
        assert_eq!(said["permissions_ref"].as_str(), at);
        assert_eq!(answer["permissions"].as_object().unwrap().len(), names);
    }
}

#[tokio::test]
async fn a_token_may_be_exactly_as_large_as_it_may() {
    let (stage, login) = stage().await;
    let mut largest = 0;
    for claims in 100..600 {
        says(&stage, 0, 0, claims);
        let token = token_for(&stage, &login, "shop").await;
        if claims_of(&token).get("permissions_ref").is_some() {
            break;
        }
        largest = token.len();
    }
    assert!((1021..=1024).contains(&largest), "{largest}");
}

#[tokio::test]
async fn a_token_without_room_for_anything_is_no_token() {
    let (stage, login) = stage().await;
    says(&stage, 0, 0, 0);
    let roles: Vec<_> = (0..100).map(|nth| format!("role-{nth}")).collect();
    let roles: Vec<_> = roles.iter().map(String::as_str).collect();
    set_roles(stage.app.store(), stage.user("ada@example.org").await.id, &roles).await;

    let reply = authorize(&stage, &login, "shop").await;

    assert_eq!((reply.status, reply.problem().as_str()), (500, "token-too-large"));
    assert!(reply.json()["detail"].as_str().unwrap().contains("`max_token_size` is 1024"), "{}", reply.body);
}

#[tokio::test]
async fn what_was_left_out_is_fetched_with_the_token_and_decided_anew() {
    let (stage, login) = stage().await;
    let answer = says(&stage, 60, 900, 900);
    let id = stage.user("ada@example.org").await.id.to_string();
    for service in ["shop", "old"] {
        let token = token_for(&stage, &login, service).await;
        assert!(claims_of(&token).get("permissions_ref").is_some());
        let fetched = fetch(&stage, &token).await;
        assert_eq!(fetched.status, 200, "{service} {}", fetched.body);
        assert_eq!(fetched.header("cache-control"), Some("no-store"));
        let fetched = fetched.json();
        assert_eq!((&fetched["service"], &fetched["sub"]), (&json!(service), &json!(id)));
        assert_eq!(fetched["permissions"].as_object().unwrap().len(), 60);
        assert_eq!((&fetched["limits"], &fetched["claims"]), (&answer["limits"], &answer["claims"]));
    }
    let token = token_for(&stage, &login, "shop").await;
    says(&stage, 2, 0, 0);
    assert_eq!(fetch(&stage, &token).await.json()["permissions"].as_object().unwrap().len(), 2);
    stage.internet.take_down("permissions.test");
    assert_eq!(fetch(&stage, &token).await.problem(), "permission-provider-failed");
}

#[tokio::test]
async fn a_token_that_is_over_fetches_nothing() {
    let (stage, login) = stage().await;
    says(&stage, 1, 0, 0);
    let refused = async |token: &str| fetch(&stage, token).await.problem();
    let (shop, old) = (token_for(&stage, &login, "shop").await, token_for(&stage, &login, "old").await);
    let (message, signature) = shop.rsplit_once('.').unwrap();
    let flipped = format!("{message}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    let other_header = format!("{}.{}", old.split_once('.').unwrap().0, shop.split_once('.').unwrap().1);
    for text in [login.as_str(), "garbage", "a.b.c", "cs_key", message, &flipped, &other_header, &"a".repeat(40_000)] {
        assert_eq!(refused(text).await, "token-refused", "{text}");
    }
    let none = stage.get("/auth/permissions").await;
    assert_eq!((none.status, none.header("www-authenticate")), (401, Some("Bearer realm=\"countersign\"")));

    let id = stage.user("ada@example.org").await.id;
    stage.lock(id, true).await;
    assert_eq!((refused(&shop).await.as_str(), refused(&old).await.as_str()), ("token-refused", "token-refused"));
    stage.lock(id, false).await;
    assert_eq!((fetch(&stage, &shop).await.status, fetch(&stage, &old).await.status), (200, 200));
    stage.reload("[services.shop]\nallowed_roles = [\"admin\"]").unwrap();
    assert_eq!(refused(&shop).await, "access-denied");
    stage.reload("[services.shop]\nenabled = false").unwrap();
    assert_eq!(refused(&shop).await, "token-refused");
    stage.reload("").unwrap();
    stage.wait(Duration::seconds(899));
    assert_eq!(fetch(&stage, &shop).await.status, 200);
    stage.wait(Duration::SECOND);
    assert_eq!(refused(&shop).await, "token-refused");
}

#[tokio::test]
async fn the_end_of_a_session_is_the_end_of_what_its_tokens_fetch() {
    let (stage, login) = stage().await;
    says(&stage, 1, 0, 0);
    let token = token_for(&stage, &login, "shop").await;

    stage.post("/auth/logout").bearer(&login).await;

    assert_eq!(fetch(&stage, &token).await.problem(), "token-refused");
}

#[tokio::test]
async fn a_service_sends_its_token_in_the_body_and_learns_nothing_of_others() {
    let (stage, login) = stage().await;
    says(&stage, 3, 0, 0);
    let (shop, old) = (token_for(&stage, &login, "shop").await, token_for(&stage, &login, "old").await);
    let ask = |token: &str| stage.post("/auth/permissions").basic("shop", SHOP_SECRET).form(&[("token", token)]);

    let active = ask(&shop).await.json();
    assert_eq!((&active["active"], active["permissions"].as_object().unwrap().len()), (&json!(true), 3));
    for token in [old.as_str(), "garbage", ""] {
        assert_eq!(ask(token).await.json(), json!({ "active": false }), "{token}");
    }
    assert_eq!(stage.post("/auth/permissions").form(&[("token", &shop)]).await.problem(), "invalid-client");
    stage.internet.take_down("permissions.test");
    assert_eq!(ask(&shop).await.problem(), "permission-provider-failed");
    assert_eq!(ask(&old).await.json(), json!({ "active": false }), "nobody is asked about the tokens of others");
}

#[tokio::test]
async fn a_token_of_a_key_without_a_session_is_judged_by_its_user() {
    let (stage, _) = stage().await;
    says(&stage, 3, 0, 0);
    let id: UserId = stage.user("ada@example.org").await.id;
    for owner in [Owner::User(id), Owner::Service("wiki".into())] {
        let key = add(&stage, &owner, &["authorize:shop"]).await.key.reveal().to_owned();
        let token = token_for(&stage, &key, "shop").await;
        assert_eq!(fetch(&stage, &token).await.json()["permissions"].as_object().unwrap().len(), 3, "{owner:?}");
    }
}

#[tokio::test]
async fn permissions_stand_only_where_the_file_wants_them() {
    let (stage, login) = stage().await;
    says(&stage, 1, 0, 0);
    let cases = [
        (r#"["access_token", "authorize"]"#, true, true),
        (r#"["access_token"]"#, true, false),
        (r#"["authorize"]"#, false, true),
        ("[]", false, false),
    ];
    for (places, in_token, beside) in cases {
        stage.reload(&format!("[services.shop]\npermissions_in = {places}")).unwrap();
        let answer = authorize(&stage, &login, "shop").await.json();
        let said = claims_of(answer["token"].as_str().unwrap());
        assert_eq!(said.get("permissions").is_some(), in_token, "{places}");
        assert_eq!(answer.get("permissions").is_some(), beside, "{places}");
        assert!(said.get("permissions_ref").is_none(), "{places}");
    }
    let later = stage.reload("[services.shop]\npermissions_in = [\"id_token\"]").unwrap_err();
    assert!(format!("{later:?}").contains("CS-C160"));
    for (size, is_good) in [("1 KiB", true), ("1023 B", false), ("16 KiB", true), ("16385 B", false)] {
        assert_eq!(stage.reload(&format!("[services.shop]\nmax_token_size = \"{size}\"")).is_ok(), is_good, "{size}");
    }
}

#[tokio::test]
async fn the_size_that_is_foreseen_is_the_size_that_comes_for_every_algorithm() {
    let (stage, login) = stage().await;
    says(&stage, 1, 0, 0);
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        stage.reload(&format!("[services.shop]\ntoken_alg = \"{algorithm}\"\nmax_token_size = \"16 KiB\"")).unwrap();
        let token = token_for(&stage, &login, "shop").await;
        assert_eq!(header_of(&token)["alg"], algorithm);
        assert_eq!(fetch(&stage, &token).await.status, 200, "{algorithm}");
        let signature = token.rsplit('.').next().unwrap().len();
        assert_eq!(signature, if algorithm == "RS256" { 342 } else { 86 });
    }
}
