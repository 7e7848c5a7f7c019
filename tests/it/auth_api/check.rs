//! `GET /auth/check`.

use serde_json::{Value, json};
use time::Duration;

use crate::it::stage::Stage;
use crate::it::stage::request::{Reply, claims_of, query_of};
use crate::keys::sha256_hex;

async fn is_signed_in(stage: &Stage, token: &str) -> bool {
    let reply = stage.get("/auth/check").bearer(token).await;
    assert_eq!(reply.status, 200);
    reply.json()["authenticated"].as_bool().unwrap()
}

/// "Not signed in" is an answer with every way in.
fn offers(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.json();
    assert_eq!(answer["authenticated"], false);
    assert!(answer.get("profile").is_none());
    answer["providers"].clone()
}

#[tokio::test]
async fn somebody_who_signed_in_on_the_way_to_a_service_is_known_by_the_token() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();

    let token = ada.login_token().await;
    let reply = stage.get("/auth/check").bearer(&token).await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let user = stage.user("ada@example.org").await;
    let id = user.id.to_string();
    let expected = json!({
        "authenticated": true,
        "profile": {
            "id": id,
            "idhash": sha256_hex(id.as_bytes()),
            "name": "Ada Lovelace",
            "email": "ada@example.org",
            "avatar_url": "https://pictures.test/ada.png",
            "username": "ada",
            "join_date": "Wed, 01 Jan 2020 12:00:00 GMT",
        },
        "expires_in": 12 * 3600,
    });
    assert_eq!(reply.json(), expected);
}

#[tokio::test]
async fn without_a_good_token_every_way_in_is_offered_in_the_order_of_the_file() {
    let more = ["zeta", "alpha"].map(|id| {
        format!("[providers.{id}]\nkind = \"oidc\"\nname = \"{id}\"\nissuer = \"https://{id}.test\"\nclient_id = \"c\"\nclient_secret = \"s\"\n")
    });
    let stage = Stage::with(&more.concat()).await;
    let long = "x".repeat(8192);

    for query in ["", "?jwt=", "?jwt=undefined", "?jwt=garbage", &format!("?jwt={long}"), "?next="] {
        let reply = stage.get(&format!("/auth/check{query}")).await;
        let names: Vec<_> = offers(&reply).as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["sso", "zeta", "alpha"], "{query}");
        assert_eq!(reply.json()["login_url"], "https://auth.example/login");
        assert_eq!(reply.json()["providers"]["sso"]["url"], "https://auth.example/login/sso");
        assert_eq!(reply.json()["providers"]["zeta"]["label"], "Continue with zeta");
    }
}

#[tokio::test]
async fn the_ways_in_lead_to_next_and_only_those_the_service_accepts() {
    let stage = Stage::with("[services.shop]\nallowed_providers = [\"password\"]").await;

    let reply = stage.get("/auth/check?next=https%3A%2F%2Fwiki.example%2Fa%3Fb%3Dc").await;
    let url = offers(&reply)["sso"]["url"].as_str().unwrap().to_owned();
    assert_eq!(query_of(&url, "next").as_deref(), Some("https://wiki.example/a?b=c"));
    let login = reply.json()["login_url"].as_str().unwrap().to_owned();
    assert!(login.starts_with("https://auth.example/login?"));
    assert_eq!(query_of(&login, "next").as_deref(), Some("https://wiki.example/a?b=c"));

    let begun = stage.get(url.strip_prefix("https://auth.example").unwrap()).await;
    assert_eq!(begun.status, 303);
    assert!(begun.location().starts_with("https://sso.test/authorize?"), "{}", begun.location());
    let cookies: Vec<_> = begun.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let binds = |line: &&&str| line.starts_with("__Host-") && line.contains("-login-");
    let binding = cookies.iter().find(binds).unwrap();
    assert!(["HttpOnly", "SameSite=Lax", "Secure", "Path=/"].iter().all(|word| binding.contains(word)), "{binding}");

    let shop = stage.get("/auth/check?next=https%3A%2F%2Fshop.example%2Fback").await;
    assert_eq!(offers(&shop), json!({}));
    let start = stage.get("/login/sso?next=https%3A%2F%2Fshop.example%2Fback").await;
    assert_eq!((start.status, start.location()), (403, ""));
}

#[tokio::test]
async fn a_next_of_another_service_or_of_none_is_refused() {
    let stage = Stage::open().await;
    let next = "next=https%3A%2F%2Fwiki.example%2F";

    for (query, slug, status) in [
        (format!("{next}&service=wiki"), "", 200),
        (format!("{next}&service=shop"), "next-not-allowed", 400),
        ("next=https%3A%2F%2Fevil.example%2F".into(), "next-not-allowed", 400),
        ("next=https%3A%2F%2Fclosed.example%2F".into(), "next-not-allowed", 400),
        ("service=nobody".into(), "service-unknown", 404),
        ("service=closed".into(), "service-unknown", 404),
        (format!("{next}&{next}"), "bad-request", 400),
        ("jwt=a&jwt=b".into(), "bad-request", 400),
    ] {
        let reply = stage.get(&format!("/auth/check?{query}")).await;
        assert_eq!((reply.status, reply.problem().as_str()), (status, slug), "{query}");
    }
}

#[tokio::test]
async fn a_token_is_read_from_three_places_in_one_order() {
    let stage = Stage::open().await;
    let ada = stage.browser().login_token().await;
    stage.upstream_knows("bob", "bob@example.org");
    let bob = stage.browser().login_token().await;
    let bad = "bad";
    let who = async |ask: crate::it::stage::Ask| {
        let reply = ask.await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["profile"]["email"].as_str().unwrap_or("nobody").to_owned()
    };
    let with = |query: &str| stage.get(&format!("/auth/check?jwt={query}"));
    let plain = || stage.get("/auth/check");
    let (a, b) = ("ada@example.org", "bob@example.org");

    assert_eq!(who(with(&ada)).await, a);
    assert_eq!(who(plain().header("auth-token", &ada)).await, a);
    assert_eq!(who(plain().header("Auth-Token".to_lowercase().leak(), &ada)).await, a);
    assert_eq!(who(plain().header("authorization", &format!("bEARER {ada}"))).await, a);
    assert_eq!(who(with(&bob).header("auth-token", &ada)).await, a, "the header comes before the parameter");
    assert_eq!(who(plain().header("auth-token", &bob).bearer(&ada)).await, a);
    assert_eq!(who(with(&ada).header("auth-token", bad)).await, "nobody", "a bad header is not rescued");
    assert_eq!(who(with(&ada).bearer(bad)).await, "nobody");
    assert_eq!(who(plain().header("auth-token", &ada).bearer(bad)).await, "nobody");
    assert_eq!(who(with(&bob).basic("wiki", "secret")).await, b, "another scheme is no token");

    for (name, one, two) in [("auth-token", &ada, &bob), ("authorization", &ada, &ada)] {
        let reply = plain().header(name, one).header(name, two).await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "bad-request"), "{name}");
    }
}

#[tokio::test]
async fn a_login_token_dies_on_its_second_and_with_its_session() {
    let stage = Stage::with("[session]\nlogin_token_ttl = \"10m\"\nidle_timeout = \"24h\"").await;
    let token = stage.browser().login_token().await;
    let claims = claims_of(&token);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);

    stage.wait(Duration::seconds(599));
    let reply = stage.get("/auth/check").bearer(&token).await;
    assert_eq!((reply.json()["authenticated"].clone(), reply.json()["expires_in"].clone()), (json!(true), json!(1)));
    stage.wait(Duration::seconds(1));
    assert!(!is_signed_in(&stage, &token).await);
}

#[tokio::test]
async fn a_token_never_outlives_its_session() {
    let stage =
        Stage::with("[session]\nlogin_token_ttl = \"12h\"\nabsolute_timeout = \"13h\"\nidle_timeout = \"13h\"").await;
    let mut ada = stage.browser();
    ada.login_token().await;
    stage.wait(Duration::hours(10));

    ada.open("/login?next=https%3A%2F%2Fwiki.example%2F").await;
    let token = query_of(&ada.at, "jwt").unwrap();

    let claims = claims_of(&token);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3 * 3600);
    stage.wait(Duration::hours(3) - Duration::SECOND);
    assert!(is_signed_in(&stage, &token).await);
    stage.wait(Duration::SECOND);
    assert!(!is_signed_in(&stage, &token).await);
}

#[tokio::test]
async fn a_token_of_a_locked_or_removed_user_is_worth_nothing_and_a_new_name_shows_at_once() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;
    let user = stage.user("ada@example.org").await;

    let renamed = stage.post(&format!("/auth/update?jwt={token}&username=countess")).await;
    assert_eq!(renamed.json(), json!({ "success": true }));
    let profile = stage.get("/auth/check").bearer(&token).await.json()["profile"].clone();
    assert_eq!(
        (profile["username"].as_str(), profile["id"].as_str().unwrap()),
        (Some("countess"), user.id.to_string().as_str())
    );

    stage.set_locked(user.id, true).await;
    assert!(!is_signed_in(&stage, &token).await);
    let update = stage.post("/auth/update").bearer(&token).form(&[("username", "other")]).await;
    assert_eq!(update.json(), json!({ "success": false, "error": "Not authenticated" }));
    let authorize = stage.get("/auth/authorize?service=wiki").bearer(&token).await;
    assert_eq!(authorize.body, r#"{"permissions":{}}"#);
    stage.set_locked(user.id, false).await;
    assert!(!is_signed_in(&stage, &token).await, "what a lock ended stays ended");

    use sea_orm::EntityTrait as _;
    crate::store::entity::user::Entity::delete_by_id(user.id.0).exec(stage.app.store().write()).await.unwrap();
    assert!(!is_signed_in(&stage, &token).await);
    let update = stage.post("/auth/update").bearer(&token).form(&[("username", "other")]).await;
    assert_eq!(update.json(), json!({ "success": false, "error": "Unknown User" }));
}

#[tokio::test]
async fn the_token_comes_last_and_the_rest_of_next_stays_byte_for_byte() {
    let stage = Stage::open().await;

    for (next, before, after) in [
        ("https://wiki.example/", "https://wiki.example/?jwt=", ""),
        ("https://wiki.example/a?b=c%20d&e=&f", "https://wiki.example/a?b=c%20d&e=&f&jwt=", ""),
        ("https://wiki.example/a?jwt=old&b=1&jwt=older#top", "https://wiki.example/a?b=1&jwt=", "#top"),
        ("https://wiki.example/?j%77t=old", "https://wiki.example/?jwt=", ""),
        ("https://wiki.example/#access_token=theirs", "https://wiki.example/?jwt=", "#access_token=theirs"),
        ("https://frag.example/a?b=1#old", "https://frag.example/a?b=1#jwt=", ""),
        ("http://127.0.0.1:41234/cb", "http://127.0.0.1:41234/cb?jwt=", ""),
    ] {
        let mut ada = stage.browser();
        let at = ada.sign_in_to(next).await;
        let token = at.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).unwrap_or_else(|| panic!("{at}"));
        assert!(is_signed_in(&stage, token).await, "{at}");
        assert_eq!(ada.last.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(ada.last.header("cache-control"), Some("no-store"));
        assert_eq!(ada.status(), 303);
    }
}

#[tokio::test]
async fn loopback_is_only_for_services_that_registered_it() {
    let stage = Stage::open().await;

    let ok = stage.get("/auth/check?next=http%3A%2F%2F127.0.0.1%3A1%2Fcb&service=cli").await;
    assert_eq!(ok.status, 200);
    for next in [
        "http://127.0.0.1:1/cb&service=wiki",
        "http://localhost:1/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:1.evil.example/cb",
    ] {
        let reply = stage.get(&format!("/auth/check?next={next}")).await;
        assert_eq!(reply.problem(), "next-not-allowed", "{next}");
    }
}
