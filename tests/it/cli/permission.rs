//! `permission test` and `provider`.

use axum::Json;
use axum::routing::post;
use serde_json::json;

use super::Stage;
use crate::it::stage::upstream::Upstream;

const WIKI: &str = r#"
[roles.editor]
[services.wiki]
permissions = ["wiki", "billing"]
[services.vault]
allowed_roles = ["admin"]
[services.off]
enabled = false
[permissions.wiki]
kind = "static"
roles = { editor = ["wiki:read", "wiki:write"] }
[permissions.billing]
kind = "http"
url = "https://billing.test/permissions"
secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
"#;

async fn stage() -> Stage {
    let stage = Stage::new(WIKI);
    assert_eq!(stage.run("user add --email ada@example.com --role editor").await.code, 0);
    stage
}

fn says(stage: &Stage, answer: serde_json::Value) {
    stage.internet.take_down("billing.test");
    stage.internet.host("billing.test", axum::Router::new().route("/permissions", post(async move || Json(answer))));
}

#[tokio::test]
async fn every_provider_is_asked_and_the_token_is_shown() {
    let stage = stage().await;
    says(&stage, json!({ "permissions": { "wiki:write": false, "billing:see": true }, "reason": "unpaid" }));
    let tested = stage.run("permission test wiki --user ada@example.com --json").await.json();
    assert_eq!(tested["service"], "wiki");
    assert_eq!((&tested["steps"][0]["provider"], &tested["steps"][0]["decision"]), (&"wiki".into(), &"allow".into()));
    assert!(tested["steps"][1].get("remembered_until").is_none(), "this process remembers nothing: {tested}");
    assert_eq!(tested["steps"][1]["permissions"], json!({ "billing:see": true, "wiki:write": false }));
    let granted = json!({ "billing:see": true, "wiki:read": true, "wiki:write": false });
    assert_eq!(tested["granted"]["permissions"], granted);
    assert_eq!(tested["payload"]["permissions"], json!(["billing:see", "wiki:read"]));
    assert_eq!(tested["payload"]["aud"], "wiki");
    let token = tested["token"].as_str().unwrap();
    assert_eq!((token.split('.').count(), tested["size"].as_u64().unwrap()), (3, token.len() as u64));

    let shown = stage.run("permission test wiki --user ada@example.com").await.out;
    assert!(
        shown.starts_with("ada in `wiki`\n\nPROVIDER  DECISION  TIME    PERMISSIONS")
            && shown.contains("+billing:see -wiki:write"),
        "{shown}"
    );
    assert!(shown.contains("Permissions  +billing:see +wiki:read -wiki:write\n"), "{shown}");
    assert!(shown.contains("\"aud\": \"wiki\"") && shown.contains(" bytes\n"), "{shown}");
}

#[tokio::test]
async fn how_soon_taking_something_away_works_is_said_of_every_service() {
    let stage = Stage::new(WIKI);
    let sentence = "Works after 16 min at worst: a token lives 15 min, an answer is remembered for 1 min.";

    let shown = stage.run("service list").await;

    assert_eq!(shown.code, 0, "{shown:?}");
    let line = |id: &str| shown.out.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
    assert!(line("wiki").ends_with(sentence) && line("wiki").contains("wiki, billing"), "{}", shown.out);
    assert!(line("off (off)").ends_with("Works after 15 min at worst: a token lives 15 min."), "{}", shown.out);
    let listed = stage.run("service list --json").await.json();
    assert_eq!((&listed[0]["service"], &listed[0]["revocation"]), (&"wiki".into(), &sentence.into()));
    assert!(!stage.data().exists(), "no database is needed");

    assert_eq!(stage.run("user add --email ada@example.com").await.code, 0);
    says(&stage, json!({ "permissions": {} }));
    let tested = stage.run("permission test wiki --user ada@example.com").await.out;
    assert!(tested.contains(&format!("Revocation   {sentence}\n")), "{tested}");
}

/// An extension that is asked then; nobody is there to answer.
fn hook(id: &str, event: &str) -> String {
    format!(
        "[extensions.{id}]\nkind = \"webhook\"\nmode = \"decide\"\nevents = [\"{event}\"]\n\
         url = \"https://{id}.test/hook\"\nsecret = \"whsec_MDEyMzQ1Njc4OWFiY2RlZg==\"\n"
    )
}

#[tokio::test]
async fn extensions_that_are_asked_about_tokens_are_named_and_not_asked() {
    let hooks = hook("hr", "token.issuing") + &hook("crm", "token.issuing") + &hook("other", "login.completing");
    let stage = Stage::new(&(WIKI.to_owned() + &hooks));
    assert_eq!(stage.run("user add --email ada@example.com --role editor").await.code, 0);
    says(&stage, json!({ "permissions": {} }));
    let sentence = "Not asked here: `hr` and `crm`, which may still deny the token or add claims to it.\n";

    let tested = stage.run("permission test wiki --user ada@example.com").await;
    assert!(tested.code == 0 && tested.out.contains(&format!("Extensions   {sentence}")), "{tested:?}");
    let told = stage.run("permission test wiki --user ada@example.com --json").await.json();
    assert_eq!(told["hooks_not_asked"], json!(["hr", "crm"]));
    let explained = stage.run("permission explain wiki wiki:read --user ada@example.com").await;
    assert!(explained.out.ends_with(&format!("has `wiki:read` in `wiki`.\n{sentence}")), "{}", explained.out);
    let refused = stage.run("permission test vault --user ada@example.com").await;
    assert!(refused.code == 1 && !refused.out.contains("Not asked"), "there is no token to deny: {refused:?}");
    let cases = stage.folder.path().join("x.test.toml");
    std::fs::write(&cases, "[[case]]\nservice = \"wiki\"\nuser = {}\ntoken = true\n").unwrap();
    let all = stage.run(&format!("permission test --all --tests {}", cases.display())).await;
    assert!(all.code == 0 && all.aside.contains(sentence), "{all:?}");

    let stage = Stage::new(WIKI);
    assert_eq!(stage.run("user add --email ada@example.com --role editor").await.code, 0);
    says(&stage, json!({ "permissions": {} }));
    let left = stage.run("permission test wiki --user ada@example.com --json").await;
    assert!(left.json().get("hooks_not_asked").is_none(), "{}", left.out);
    assert!(!stage.run("permission test wiki --user ada@example.com").await.out.contains("Extensions"));
}

#[tokio::test]
async fn whoever_gets_no_token_is_told_why() {
    let stage = stage().await;
    let test = |what: &'static str| stage.run(what);
    let left = test("permission test wiki --user ada@example.com").await;
    assert_eq!(left.code, 1);
    assert!(
        left.out.contains("failed") && left.out.contains("No token: the permission provider `billing`"),
        "{}",
        left.out
    );

    says(&stage, json!({ "decision": "deny", "message": "Pay first." }));
    let left = test("permission test wiki --user ada@example.com").await;
    assert_eq!(left.code, 1);
    assert!(left.out.contains("No token: `billing` denies it: Pay first.\n"), "{}", left.out);
    let left = test("permission test wiki --user ada@example.com --json").await;
    let told: serde_json::Value = serde_json::from_str(&left.out).unwrap();
    assert_eq!((left.code, told["steps"][1]["decision"].as_str()), (1, Some("deny")));
    assert!(told["refusal"].is_string() && told.get("token").is_none());

    let left = test("permission test vault --user ada@example.com").await;
    assert_eq!(left.code, 1);
    assert!(left.out.contains("none of the roles that `vault` asks for: admin"), "{}", left.out);
    let left = test("permission test off --user ada@example.com").await;
    assert_eq!(left.code, 1);
    assert!(left.out.contains("not enabled"), "{}", left.out);

    assert_eq!(test("user lock ada@example.com").await.code, 0);
    let left = test("permission test wiki --user ada@example.com").await;
    assert!(left.code == 1 && left.out.contains("the account is locked"), "{}", left.out);
}

#[tokio::test]
async fn a_service_or_user_that_is_not_there_is_another_exit_code() {
    let stage = stage().await;
    let left = stage.run("permission test wikki --user ada@example.com").await;
    assert_eq!(left.code, 3);
    assert!(left.aside.contains("there is no service `wikki`; there are: wiki, vault, off"), "{}", left.aside);
    assert_eq!(stage.run("permission test wiki --user ben").await.code, 3);
    assert_eq!(stage.run("permission test wiki").await.code, 2);
}

const CORP: &str = r#"issuer = "https://auth.example.com/sso"
[providers.corp]
kind = "oidc"
name = "Corp"
issuer = "https://sso.test"
client_id = "client"
client_secret = "a secret that is long"
[providers.github]
enabled = false
client_id = "x"
client_secret = "a secret that is long"
"#;

#[tokio::test]
async fn providers_are_listed_with_the_address_to_register() {
    let stage = Stage::new(CORP);
    let listed = stage.run("provider list --json").await.json();
    let callback = "https://auth.example.com/sso/login/corp/callback";
    assert_eq!(listed, json!([{ "id": "corp", "kind": "oidc", "name": "Corp", "callback_url": callback }]));
    assert!(stage.run("provider list").await.out.contains(callback));
    assert!(!stage.data().exists(), "no database is needed");
}

#[tokio::test]
async fn a_provider_is_asked_whether_it_is_there() {
    let stage = Stage::new(CORP);
    let left = stage.run("provider test corp").await;
    assert_eq!((left.code, left.out.as_str()), (1, ""));
    assert!(left.aside.contains("`corp`: ") && left.aside.contains("cannot be reached"), "{}", left.aside);

    let upstream = Upstream::open(&stage.internet, "sso.test", 1_577_880_000);
    let left = stage.run("provider test corp").await;
    assert_eq!(left.code, 0, "{left:?}");
    assert!(left.out.starts_with("`corp` is there\n") && left.out.lines().count() > 1, "{}", left.out);
    upstream.script().metadata["issuer"] = "https://other.test".into();
    assert_eq!(stage.run("provider test corp").await.code, 1);

    let left = stage.run("provider test crop").await;
    assert_eq!(left.code, 3);
    assert!(left.aside.contains("there are: corp"), "{}", left.aside);
}
