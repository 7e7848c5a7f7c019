//! A policy of a service: its permissions and limits are in tokens, and a bad file changes nothing.

use serde_json::json;

use super::{Played, WIKI, folder};
use crate::it::stage::request::claims_of;
use crate::it::stage::script::SHOP_SECRET;
use crate::it::stage::{Stage, set_roles};

fn keys(folder: &std::path::Path) -> String {
    let file = folder.join("wiki.json");
    format!(
        "[permissions.rules]\nkind = \"policy\"\nfile = '{}'\n[services.wiki]\npermissions = [\"rules\"]",
        file.display()
    )
}

#[tokio::test]
async fn what_a_policy_grants_is_in_the_token() {
    let folder = folder(WIKI);
    let stage = Stage::with(&keys(folder.path())).await;
    let login = stage.browser().login_token().await;

    let reply = stage.get("/auth/authorize?service=wiki").bearer(&login).await.json();

    let claims = claims_of(reply["token"].as_str().unwrap());
    let names = ["page:delete.own", "page:edit.own", "page:view.own", "page:view.public", "page:view.shared"];
    assert_eq!(claims["permissions"], json!(names));
    assert_eq!(claims["limits"], json!({ "requests_per_minute": 600 }));
}

#[tokio::test]
async fn whoever_gets_another_role_gets_its_permissions() {
    let folder = folder(WIKI);
    let stage = Stage::with(&keys(folder.path())).await;
    let login = stage.browser().login_token().await;
    set_roles(stage.app.store(), stage.user("ada@example.org").await.id, &["guest"]).await;

    let reply = stage.get("/auth/authorize?service=wiki").bearer(&login).await.json();

    assert_eq!(reply["permissions"], json!({ "page:view.public": true }));
}

#[tokio::test]
async fn a_policy_that_fails_its_own_tests_refuses_the_reload_and_the_old_one_stays() {
    let folder = folder(WIKI);
    let keys = keys(folder.path());
    let stage = Stage::with(&keys).await;
    let login = stage.browser().login_token().await;
    let file = folder.path().join("wiki.json");
    let ask = async || stage.get("/auth/authorize?service=wiki").bearer(&login).await.json()["permissions"].clone();
    let before = ask().await;

    std::fs::write(&file, WIKI.replace("page:*@own", "page:view@own")).unwrap();
    let report = stage.reload(&keys).unwrap_err().render(crate::config::Format::Human(false));
    assert!(report.contains("error[CS-C132]"), "{report}");
    assert!(report.contains("wiki.json:11:47: its own test 1 fails"), "{report}");
    assert_eq!(ask().await, before);

    std::fs::write(&file, WIKI.replace("page:view@shared", "page:view@any")).unwrap();
    stage.reload(&keys).unwrap();
    assert_eq!(ask().await["page:view"], true);
}

#[test]
fn what_the_file_says_belongs_to_the_configuration() {
    let hash = |policy: &str| Played::ours(policy).provider.policy().config_hash;
    let same = folder(WIKI);
    let open = || {
        let clock = std::sync::Arc::new(crate::it::stage::clock::ManualClock::new());
        let registry = super::opened(clock, &super::section(same.path(), "countersign")).unwrap();
        registry.get("a").unwrap().policy().config_hash
    };

    let (first, second) = (open(), open());
    std::fs::write(same.path().join("wiki.json"), WIKI.replace("page:edit\"", "page:delete\"")).unwrap();

    assert_eq!(first, second);
    assert_ne!(first, open());
    assert_ne!(hash(WIKI), hash(&WIKI.replace("600", "601")));
}

#[test]
fn it_answers_from_memory() {
    assert!(Played::ours(WIKI).provider.is_instant());
}

#[tokio::test]
async fn a_service_hears_about_one_item_and_one_value_and_by_which_rule() {
    let folder = folder(WIKI);
    let stage = Stage::with(&keys(folder.path()).replace("services.wiki", "services.shop")).await;
    stage.browser().login_token().await;
    let ada = stage.user("ada@example.org").await.id.to_string();
    let ask = async |path: &str, body| stage.post(path).basic("shop", SHOP_SECRET).json(&body).await.json();
    let check = |action: &str, owner: &str, visibility: &str, list: &[&str]| {
        json!({ "action": action,
                "item": { "type": "page", "owner": owner, "visibility": visibility, "shared_with": list } })
    };
    let checks = [
        check("edit", &ada, "private", &[]),
        check("edit", "usr_bob", "shared", &[&ada]),
        check("view", "usr_bob", "shared", &[&ada]),
        check("view", "usr_bob", "private", &[&ada]),
    ];

    let said = ask("/auth/access", json!({ "user": ada, "checks": checks })).await;
    let may: Vec<_> = said["checks"].as_array().unwrap().iter().map(|check| &check["allowed"]).collect();
    assert_eq!(may, [true, false, true, false]);
    assert!(said["checks"][2]["by"].as_str().unwrap().starts_with("`page:view@shared` of the role `member` ("));
    let within = async |value: u32| {
        ask("/auth/limit", json!({ "user": ada, "limit": "requests_per_minute", "value": value })).await["allowed"]
            .clone()
    };
    assert_eq!((within(600).await, within(601).await), (json!(true), json!(false)));
}

#[tokio::test]
async fn a_model_of_authnzerver_answers_like_the_ancestor() {
    let folder = folder(include_str!("ancestor.json"));
    let format = "\nformat = \"authnzerver\"\n[services.wiki]";
    let keys = keys(folder.path()).replace("\n[services.wiki]", format) + "\n[roles.authenticated]";
    let stage = Stage::with(&keys).await;
    let login = stage.browser().login_token().await;
    let ada = stage.user("ada@example.org").await.id;
    set_roles(stage.app.store(), ada, &["authenticated"]).await;

    let reply = stage.get("/auth/authorize?service=wiki").bearer(&login).await.json();
    let may = async |owner: &str, visibility: &str| {
        let item = json!({ "type": "dataset", "owner": owner, "visibility": visibility });
        let body = json!({ "service": "wiki", "action": "edit", "item": item });
        stage.post("/auth/access").bearer(&login).json(&body).await.json()["allowed"].clone()
    };

    assert_eq!(reply["permissions"]["dataset:edit.own"], true);
    assert_eq!(reply["permissions"]["collection:view.own"], false);
    assert_eq!(may(&ada.to_string(), "private").await, true);
    assert_eq!(may("usr_of_nobody_who_is_here", "public").await, false);
}
