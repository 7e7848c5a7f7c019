//! `permission check` and `permission limit`: the answers of the API.

use serde_json::json;

use super::Stage;

const WIKI: &str = r#"
[services.wiki]
permissions = ["wiki", "far"]
[services.vault]
permissions = ["wiki"]
allowed_roles = ["admin"]
[permissions.wiki]
kind = "static"
roles = { member = ["page:edit.own", "page:view.shared"] }
services = { wiki = ["page:view"] }
[permissions.far]
kind = "http"
url = "https://billing.test/permissions"
secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
"#;

#[tokio::test]
async fn the_command_line_says_what_the_api_would() {
    let stage = Stage::new(WIKI);
    assert_eq!(stage.run("user add --email ada@example.com --username ada --role member").await.code, 0);
    let answer = || async { axum::Json(json!({ "permissions": [], "limits": { "uploads": 100 } })) };
    stage.internet.host("billing.test", axum::Router::new().route("/permissions", axum::routing::post(answer)));
    let shown = stage.run("user show ada --json").await.json();
    let id = shown["id"].as_str().unwrap();

    let own = stage.run(&format!("permission check wiki --user ada --do edit --type page --owner {id} --json")).await;
    assert_eq!(own.json(), json!({ "allowed": true, "by": "page:edit.own" }));
    let shared = "permission check wiki --user ada --do view --type page --visibility shared";
    assert_eq!(
        stage.run(&format!("{shared} --shared-with usr_1 --shared-with {id}")).await.out,
        "allowed  by page:view.shared\n"
    );
    let others = stage.run("permission check wiki --user ada --do edit --type page --id 7 --owner usr_1").await;
    assert_eq!((others.code, others.out.as_str()), (1, "denied  by –\n"));
    let locked_out = stage.run("permission check vault --user ada --do edit --type page").await;
    assert_eq!(locked_out.out, "denied  by there would be no token for this service\n");
    assert_eq!(stage.run("permission check wiki --do view --type page").await.code, 0, "the service itself");

    assert_eq!(stage.run("permission limit wiki uploads 100 --user ada").await.out, "allowed  limit 100\n");
    let over = stage.run("permission limit wiki uploads 100.5 --user ada --json").await;
    assert_eq!((over.code, over.out.contains("false")), (1, true));
    assert_eq!(stage.run("permission limit wiki downloads -1 --user ada").await.out, "denied  limit –\n");
}

#[tokio::test]
async fn what_is_not_there_or_no_word_is_said_so() {
    let stage = Stage::new(WIKI);
    for (line, code) in [
        ("permission check nowhere --do edit --type page", 3),
        ("permission check wiki --user nobody --do edit --type page", 3),
        ("permission limit wiki uploads 1 --user nobody", 3),
        ("permission check wiki --do edit.own --type page", 2),
        ("permission check wiki --do edit --type page:*", 2),
        ("permission check wiki --do edit --type page --visibility own", 2),
        ("permission check wiki --do edit", 2),
        ("permission limit wiki uploads many", 2),
    ] {
        assert_eq!(stage.run(line).await.code, code, "{line}");
    }
}
