//! The page where people make and revoke their keys.

use time::Duration;

use super::{add, of_ada};
use crate::it::stage::{Browser, Stage, set_roles};
use crate::store::api_keys::Owner;

const ON: &str = "[api]\nuser_keys = true";

/// Makes a key on the page; its text.
async fn make(browser: &mut Browser, name: &str) -> String {
    browser.open("/account/keys/new").await.fill_in("#key-name", name).press("#key-submit").await;
    assert_eq!(browser.last.status, 200, "{}", browser.last.body);
    let text = browser.last.body.split("id=\"key\">").nth(1).unwrap();
    text.split('<').next().unwrap().to_owned()
}

async fn works(stage: &Stage, key: &str) -> bool {
    stage.get("/auth/authorize?service=wiki").bearer(key).await.status == 200
}

async fn signed_in(stage: &Stage) -> Browser {
    let mut browser = stage.browser();
    browser.sign_in().await;
    browser
}

#[tokio::test]
async fn a_person_makes_a_key_sees_it_once_and_revokes_it() {
    let stage = Stage::with(ON).await;
    let mut ada = signed_in(&stage).await;

    let key = make(&mut ada, "backup").await;

    assert!(works(&stage, &key).await);
    assert_eq!(ada.last.header("cache-control"), Some("no-store"));
    ada.press("#done").await;
    assert_eq!(ada.at, "/account/keys");
    let page = ada.last.body.clone();
    assert!(page.contains("backup") && page.contains(&key[..11]) && !page.contains(&key[11..]), "{page}");
    assert!(page.contains("authorize") && page.contains("used"));
    let button = format!("#revoke-{}", &key[..11]);
    ada.press(&button).await;
    assert_eq!(ada.at, "/account/keys");
    assert!(!ada.last.body.contains("backup") && !works(&stage, &key).await);
}

#[tokio::test]
async fn all_keys_go_at_once() {
    let stage = Stage::with(ON).await;
    let mut ada = signed_in(&stage).await;
    let (one, two) = (make(&mut ada, "one").await, make(&mut ada, "two").await);

    ada.open("/account/keys").await.press("#revoke-all").await;

    assert!(!works(&stage, &one).await && !works(&stage, &two).await);
    assert!(ada.last.body.contains("You have no API key"));
}

#[tokio::test]
async fn making_a_key_asks_for_a_fresh_sign_in_and_looking_at_them_does_not() {
    let stage = Stage::with(ON).await;
    let mut ada = signed_in(&stage).await;
    let fields = ada.open("/account/keys/new").await.fields("#key-submit");
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| (name.as_str(), if name == "name" { "x" } else { value.as_str() })).collect();

    stage.wait(Duration::minutes(10));

    assert_eq!(ada.open("/account/keys").await.at, "/account/keys");
    ada.step_to("/account/keys/new").await;
    assert_eq!(ada.last.location(), "/account/confirm?to=/account/keys/new");
    ada.post("/account/keys/new", &fields).await;
    assert_eq!((ada.last.status, ada.last.location()), (303, "/account/confirm?to=/account/keys/new"));
    assert!(
        stage.app.store().api_keys_of(&Owner::User(stage.user("ada@example.org").await.id)).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn what_cannot_be_a_key_is_said_beside_what_was_typed() {
    let stage = Stage::with(ON).await;
    let mut ada = signed_in(&stage).await;
    let csrf = ada.open("/account/keys/new").await.fields("#key-submit")[0].1.clone();
    let base = [("csrf", csrf.as_str()), ("name", "backup"), ("service", ""), ("days", "30"), ("networks", "")];

    for (field, value, says) in [
        ("name", "", "A name has"),
        ("days", "soon", "Write the days as a number"),
        ("days", "366", "at most 365 days"),
        ("days", "0", "at least a minute"),
        ("service", "-", "A key needs"),
        ("service", "Bad service", "There is no such service"),
        ("networks", "here", "is not a network"),
    ] {
        let fields: Vec<_> = base.iter().map(|(name, old)| (*name, if *name == field { value } else { old })).collect();
        ada.post("/account/keys/new", &fields).await;
        assert_eq!(ada.last.status, 422, "{field} {value}");
        assert!(ada.last.body.contains(says) && ada.last.body.contains("<title>Error: "), "{field} {value}");
    }
    let admin: Vec<_> = base.iter().copied().chain([("users:read", "1")]).collect();
    ada.post("/account/keys/new", &admin).await;
    assert!(ada.last.body.contains("This key cannot have the scope `users:read`"), "{}", ada.last.body);
    ada.open("/account/keys/new").await;
    assert!(!ada.has("#scope-users:read"));
}

#[tokio::test]
async fn an_administrator_may_give_more_and_networks_hold() {
    let stage = Stage::with(ON).await;
    let mut ada = signed_in(&stage).await;
    let id = stage.user("ada@example.org").await.id;
    set_roles(stage.app.store(), id, &["admin", "member"]).await;

    ada.open("/account/keys/new").await;
    assert!(ada.has("#scope-users:read") && !ada.has("#scope-sessions"));
    ada.fill_in("#key-name", "ops").fill_in("#scope-users:read", "1").fill_in("#key-service", "wiki");
    ada.fill_in("#key-networks", "192.0.2.9, 2001:db8::1/32").press("#key-submit").await;

    assert_eq!(ada.last.status, 200, "{}", ada.last.body);
    let keys = stage.app.store().api_keys_of(&Owner::User(id)).await.unwrap();
    let scopes: Vec<_> = keys[0].scopes.iter().map(ToString::to_string).collect();
    assert_eq!(scopes, ["users:read", "authorize:wiki"]);
    let networks: Vec<_> = keys[0].networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["192.0.2.9/32", "2001:db8::/32"]);
}

#[tokio::test]
async fn nobody_sees_or_revokes_the_key_of_somebody_else() {
    let stage = Stage::with(ON).await;
    let mut ada = signed_in(&stage).await;
    let key = make(&mut ada, "backup").await;
    let id = stage.app.store().api_keys_of(&Owner::User(stage.user("ada@example.org").await.id)).await.unwrap()[0].id;
    stage.upstream_knows("bob", "bob@example.org");
    let mut bob = signed_in(&stage).await;
    bob.open("/account/keys").await;
    assert!(!bob.last.body.contains("backup"));
    let csrf = bob.open("/account/keys/new").await.fields("#key-submit")[0].1.clone();

    for odd in [id.to_string(), "key_x".into(), String::new()] {
        bob.post("/account/keys/revoke", &[("csrf", &csrf), ("key", &odd)]).await;
        assert_eq!(bob.last.status, 404, "{odd}");
    }
    bob.post("/account/keys/revoke-all", &[("csrf", &csrf)]).await;
    for path in ["/account/keys/new", "/account/keys/revoke", "/account/keys/revoke-all"] {
        bob.post_from_elsewhere(
            path,
            &[
                ("csrf", &csrf),
                ("key", &id.to_string()),
                ("name", "x"),
                ("service", ""),
                ("days", "1"),
                ("networks", ""),
            ],
        )
        .await;
        assert_eq!(bob.last.status, 403, "{path}");
    }

    assert!(works(&stage, &key).await);
}

#[tokio::test]
async fn where_people_have_no_keys_the_page_is_there_for_old_ones_only() {
    let stage = Stage::open().await;
    let (owner, key) = of_ada(&stage, &["authorize"]).await;
    let mut ada = signed_in(&stage).await;

    ada.open("/account/keys").await;
    assert!(ada.last.status == 200 && !ada.has("#new-key"));
    assert_eq!(ada.open("/account/keys/new").await.last.status, 404);
    ada.open("/account/keys").await.press(&format!("#revoke-{}", &key[..11])).await;
    assert_eq!(ada.at, "/account");
    assert_eq!(ada.open("/account/keys").await.last.status, 404);
    drop(owner);
    add(&stage, &super::service("shop"), &["sessions"]).await;
}
