//! A policy of a service: its permissions and limits are in tokens, and a bad file changes nothing.

use serde_json::json;

use super::{Played, WIKI, folder};
use crate::it::stage::request::claims_of;
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
