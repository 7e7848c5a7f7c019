//! HTTP Basic for a service token.

use serde_json::json;
use time::Duration;

use super::{KeyOrder, ada, add, of_ada, order, person, service, try_add};
use crate::domain::audit::By;
use crate::it::stage::request::{Reply, claims_of};
use crate::it::stage::{House, Stage};
use crate::store::users::NewUser;

const PASSWORD: &str = "Tr0mbone-under-the-bridge";
/// The wiki takes part; a colon and a plus in a password are nothing special.
const ON: &str = "[services.wiki]\nbasic_exchange = true";
const ODD: &str = "a+b%20:c d-Zitronenfalter";

async fn with_bob(stage: &Stage, password: &str) {
    let new = NewUser {
        email: Some(("bob@example.org".parse().unwrap(), true)),
        username: crate::domain::user::Username::new("bob"),
        roles: vec!["member".into()],
        ..NewUser::default()
    };
    stage.app.accounts.add(new, Some(password), &By::command()).await.unwrap();
}

async fn exchange(house: &House, name: &str, secret: &str, service: &str) -> Reply {
    house.post("/auth/exchange").basic(name, secret).form(&[("service", service)]).await
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.problem())
}

#[tokio::test]
async fn a_name_and_a_password_become_a_token_and_no_session() {
    let stage = Stage::with(ON).await;
    with_bob(&stage, ODD).await;
    let id = stage.user("bob@example.org").await.id;

    for name in ["bob@example.org", "bob", "BOB"] {
        let reply = exchange(&stage, name, ODD, "wiki").await;

        assert_eq!(reply.status, 200, "{name} {}", reply.body);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(reply.headers.get("set-cookie").is_none());
        let answer = reply.json();
        assert_eq!(
            (&answer["userid"], &answer["permissions"]),
            (&json!(id.to_string()), &json!({ "wiki:read": true }))
        );
        let claims = claims_of(answer["token"].as_str().unwrap());
        assert_eq!((&claims["amr"], &claims["auth_time"]), (&json!(["pwd"]), &json!(stage.now())));
        assert!(claims.get("sid").is_none());
    }
    assert!(stage.app.store().sessions_of(id, Duration::DAY).await.unwrap().is_empty());
    let as_json = stage.post("/auth/exchange").basic("bob", ODD).json(&json!({ "service": "wiki" })).await;
    assert_eq!(as_json.status, 200);
}

#[tokio::test]
async fn what_is_not_right_is_refused_and_nobody_learns_what_it_was() {
    let stage = Stage::with(&format!("{ON}\n[services.admins]\nbasic_exchange = true")).await;
    with_bob(&stage, PASSWORD).await;
    let no = (401, "credentials-refused".to_owned());

    for (name, secret) in
        [("bob", "wrong"), ("nobody", PASSWORD), ("", PASSWORD), ("bob", ""), ("bob@example.org", "wrong")]
    {
        let reply = exchange(&stage, name, secret, "wiki").await;
        assert_eq!(refused(&reply), no, "{name}");
        assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"countersign\""));
    }
    for odd in [
        stage.post("/auth/exchange"),
        stage.post("/auth/exchange").bearer("x"),
        stage.post("/auth/exchange").header("authorization", "Basic ***"),
    ] {
        assert_eq!(refused(&odd.form(&[("service", "wiki")]).await), no);
    }
    assert_eq!(
        refused(&exchange(&stage, "bob", PASSWORD, "frag").await),
        (403, "access-denied".into()),
        "it takes no part"
    );
    assert_eq!(
        refused(&exchange(&stage, "bob", PASSWORD, "admins").await),
        (403, "access-denied".into()),
        "not for members"
    );
    assert_eq!(refused(&exchange(&stage, "bob", PASSWORD, "nowhere").await), (404, "service-unknown".into()));
    let none = stage.post("/auth/exchange").basic("bob", PASSWORD).form(&[]).await;
    assert_eq!(refused(&none), (400, "bad-request".into()));
    let id = stage.user("bob@example.org").await.id;
    stage.lock(id, true).await;
    assert_eq!(refused(&exchange(&stage, "bob", PASSWORD, "wiki").await), no);
    let get = stage.get("/auth/exchange").basic("bob", PASSWORD).await;
    assert_eq!(get.status, 405);
}

#[tokio::test]
async fn guesses_count_as_on_the_login_page() {
    let stage =
        Stage::with(&format!("{ON}\n[rate_limit]\nlogin_account = {{ limit = 60, per = \"1h\", burst = 2 }}")).await;
    with_bob(&stage, PASSWORD).await;

    for _ in 0..2 {
        assert_eq!(exchange(&stage, "bob", "wrong", "wiki").await.status, 401);
    }
    let reply = exchange(&stage, "bob", PASSWORD, "wiki").await;
    assert_eq!(refused(&reply), (429, "too-many-requests".into()));
    assert!(reply.header("retry-after").is_some());
    stage.wait(Duration::HOUR);
    for _ in 0..5 {
        assert_eq!(exchange(&stage, "bob", PASSWORD, "wiki").await.status, 200, "good ones do not count");
    }
}

#[tokio::test]
async fn where_passwords_are_off_or_not_accepted_there_is_no_exchange_of_one() {
    for keys in ["[login.password]\nenabled = false", "[services.wiki]\nallowed_providers = [\"sso\", \"api-key\"]"] {
        let stage = Stage::with(&format!("{ON}\n{}", keys.replace("[services.wiki]\n", ""))).await;
        with_bob(&stage, PASSWORD).await;
        let (_, key) = of_ada(&stage, &["authorize"]).await;

        assert_eq!(refused(&exchange(&stage, "bob", PASSWORD, "wiki").await), (403, "access-denied".into()), "{keys}");
        assert_eq!(exchange(&stage, &key[3..11], &key, "wiki").await.status, 200, "{keys}");
    }
}

#[tokio::test]
async fn a_key_takes_the_place_of_a_password() {
    let stage = Stage::with(ON).await;
    let owner = ada(&stage).await;
    let id = person(&owner);
    let key = add(&stage, &owner, &["authorize:wiki"]).await.key.reveal().to_owned();
    let machine = add(&stage, &service("shop"), &["authorize"]).await.key.reveal().to_owned();

    for name in [&key[3..11], "ada@example.org", &id.to_string()] {
        let reply = exchange(&stage, name, &key, "wiki").await;
        assert_eq!((reply.status, reply.json()["userid"].as_str()), (200, Some(id.to_string().as_str())), "{name}");
    }
    assert_eq!(exchange(&stage, "shop", &machine, "wiki").await.json()["userid"], "shop");
    for (name, secret) in [("bob", &key), ("", &key), (&machine[3..11], &key), ("wiki", &machine)] {
        assert_eq!(
            refused(&exchange(&stage, name, secret, "wiki").await),
            (401, "credentials-refused".into()),
            "{name}"
        );
    }
    assert_eq!(refused(&exchange(&stage, &key[3..11], &key[..46], "wiki").await), (401, "api-key-refused".into()));
    let other = try_add(&stage, KeyOrder { name: "other", ..order(&owner, &["authorize:frag"]) }).await.unwrap();
    let reply = exchange(&stage, other.key.prefix(), other.key.reveal(), "wiki").await;
    assert_eq!(refused(&reply), (403, "scope-missing".into()));
    let path = format!("/auth/exchange?key={key}");
    assert_eq!(
        refused(&stage.post(&path).basic("x", &key).form(&[("service", "wiki")]).await),
        (400, "bad-request".into())
    );
}
