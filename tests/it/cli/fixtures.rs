//! `permission test --all`: cases in files, held against the chains of the file, without a database.

use axum::Json;
use axum::routing::post;
use serde_json::json;

use super::Stage;

const FILE: &str = r#"
[roles.editor]
[roles.locked]
[services.wiki]
permissions = ["wiki"]
[services.pay]
permissions = ["wiki", "billing"]
[services.vault]
allowed_roles = ["editor"]
[permissions.wiki]
kind = "static"
roles = { editor = ["wiki:read", "wiki:*"] }
deny = { locked = ["*"] }
users = { "ada@example.com" = ["wiki:admin"] }
services = { robot = ["wiki:sync"] }
[permissions.billing]
kind = "http"
url = "https://billing.test/permissions"
secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
"#;

fn stage(cases: &str) -> Stage {
    let stage = Stage::new(FILE);
    std::fs::create_dir(stage.folder.path().join("policies")).unwrap();
    std::fs::write(stage.folder.path().join("policies/wiki.test.toml"), cases).unwrap();
    stage
}

fn says(stage: &Stage, answer: serde_json::Value) {
    stage.internet.host("billing.test", axum::Router::new().route("/permissions", post(async move || Json(answer))));
}

const GOOD: &str = r#"
[[case]]
name = "an editor writes"
service = "wiki"
user = { roles = ["editor"] }
allow = ["wiki:read", "wiki:write"]
deny = ["wiki", "shop:buy"]

[[case]]
service = "wiki"
user = { email = "ada@example.com", email_verified = false }
deny = ["wiki:admin"]

[[case]]
service = "wiki"
user = { email = "ada@example.com" }
allow = ["wiki:admin"]

[[case]]
service = "wiki"
machine = "robot"
allow = ["wiki:sync"]
deny = ["wiki:admin"]

[[case]]
service = "vault"
user = { roles = [] }
token = false

[[case]]
service = "wiki"
user = { roles = ["editor", "locked"] }
token = true
deny = ["wiki:read"]
"#;

#[tokio::test]
async fn cases_that_hold_are_ok_and_touch_no_database() {
    let stage = stage(GOOD);

    let left = stage.run("permission test --all").await;

    assert_eq!(left.code, 0, "{left:?}");
    assert!(
        left.out.contains("wiki.test.toml:2  an editor writes\n") && left.out.ends_with("6 cases, 0 failed\n"),
        "{}",
        left.out
    );
    assert!(!stage.data().exists());
}

#[tokio::test]
async fn a_case_that_does_not_hold_fails_with_its_line_and_what_is_wrong() {
    let stage = stage(
        "[[case]]\nservice = \"wiki\"\nuser = { roles = [\"editor\"] }\nallow = [\"shop:buy\"]\ndeny = [\"wiki:x\", \"wiki:read\"]\ntoken = false\n
[[case]]\nservice = \"vault\"\nuser = { roles = [] }\nallow = [\"vault:open\"]\n",
    );

    let left = stage.run("permission test --all").await;

    assert_eq!(left.code, 1);
    for said in [
        "wiki.test.toml:1  line 1\n",
        "`shop:buy` is not granted",
        "`wiki:x` is granted",
        "`wiki:read` is granted",
        "there is a token",
        "wiki.test.toml:8  line 8\n",
        "there is no token: they have none of the roles",
        "2 cases, 2 failed",
    ] {
        assert!(left.out.contains(said), "{said}: {}", left.out);
    }
}

#[tokio::test]
async fn the_whole_chain_is_asked_with_limits_and_the_second_factor() {
    let stage = stage(
        "[[case]]\nservice = \"pay\"\nuser = { roles = [\"editor\"], groups = [\"github:acme\"], username = \"ada\" }\nmfa = true\nallow = [\"pay:send\", \"wiki:read\"]\nlimits = { euros = 50 }\n
[[case]]\nservice = \"pay\"\nuser = {}\nlimits = { euros = 51, dollars = 1 }\n",
    );
    says(&stage, json!({ "permissions": ["pay:send"], "limits": { "euros": 50 } }));
    let left = stage.run("permission test --all").await;
    assert_eq!(left.code, 1);
    assert!(
        left.out.contains("the limit `euros` is 50, not 51") && left.out.contains("no limit `dollars`"),
        "{}",
        left.out
    );
    assert!(left.out.contains("2 cases, 1 failed"), "{}", left.out);

    stage.internet.take_down("billing.test");
    let left = stage.run("permission test --all").await;
    assert!(left.out.contains("2 cases, 2 failed") && left.out.contains("`billing` has no answer"), "{}", left.out);
}

#[tokio::test]
async fn a_denial_is_no_token_and_may_be_what_is_expected() {
    let stage = stage(
        "[[case]]\nservice = \"pay\"\nuser = {}\ntoken = false\n\n[[case]]\nservice = \"pay\"\nuser = {}\ndeny = [\"a\"]\n\n[[case]]\nservice = \"pay\"\nuser = {}\ntoken = true\n",
    );
    says(&stage, json!({ "decision": "deny" }));

    let left = stage.run("permission test --all").await;

    assert_eq!(left.code, 1);
    assert!(left.out.contains("3 cases, 1 failed") && left.out.contains("`billing` denies it"), "{}", left.out);
}

#[tokio::test]
async fn what_makes_no_sense_is_said_with_its_line() {
    let case = |more: &str| format!("\n[[case]]\nservice = \"wiki\"\n{more}");
    for (text, line, said) in [
        (
            "\n[[case]]\nservice = \"wikki\"\nuser = {}\ntoken = true".to_owned(),
            2,
            "there is no service `wikki`; there are: wiki",
        ),
        (case("token = true"), 2, "about a `user` or a `machine`"),
        (case("user = {}\nmachine = \"robot\"\ntoken = true"), 2, "about a `user` or a `machine`"),
        (case("user = {}"), 2, "expects something"),
        (case("user = { roles = [\"editr\"] }\ntoken = true"), 2, "there is no role `editr`; there are: "),
        (case("user = { email = \"ada\" }\ntoken = true"), 2, "`email` is not an address"),
        (case("user = { id = \"1\" }\ntoken = true"), 2, "`id` is not a user id"),
        (case("user = {}\nallow = [\"Wiki Read\"]"), 2, "`Wiki Read` is not a permission name"),
        (case("user = {}\nalow = [\"a\"]"), 5, "unknown field `alow`"),
        (case("user = { mail = \"x\" }\ntoken = true"), 4, "unknown field `mail`"),
        (case("user = {}\nallow = \"a\""), 5, "expected a sequence"),
        ("[[case".to_owned(), 1, ""),
        ("[[cases]]\nservice = \"wiki\"".to_owned(), 1, "unknown field `cases`"),
        (String::new(), 0, "there is no [[case]]"),
    ] {
        let left = stage(&text).run("permission test --all").await;
        assert_eq!(left.code, 2, "{text}: {left:?}");
        let place = if line == 0 { "wiki.test.toml: ".to_owned() } else { format!("wiki.test.toml:{line}: ") };
        assert!(left.aside.contains(&place) && left.aside.contains(said), "{text}: {}", left.aside);
    }
}

#[tokio::test]
async fn the_report_for_machines_says_the_same() {
    let stage = stage(
        "[[case]]\nname = \"a <good> one\"\nservice = \"wiki\"\nuser = {}\ndeny = [\"a\"]\n\n[[case]]\nname = \"bad\"\nservice = \"wiki\"\nuser = {}\nallow = [\"a\"]\n",
    );
    let path = stage.folder.path().join("out.xml");

    let left = stage.run(&format!("permission test --all --junit {}", path.display())).await;

    assert_eq!(left.code, 1);
    let report = quick_junit::Report::deserialize_from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (2, 1, 0));
    let cases = &report.test_suites[0].test_cases;
    assert_eq!((cases[0].name.as_str(), cases[1].name.as_str()), ("a <good> one", "bad"));
    assert!(cases[1].classname.as_ref().unwrap().as_str().ends_with("wiki.test.toml:7"));
}

#[tokio::test]
async fn files_may_be_named_and_none_is_a_mistake() {
    let stage = Stage::new(FILE);
    let left = stage.run("permission test --all").await;
    assert_eq!(left.code, 2);
    assert!(
        left.aside.contains("there are no tests: no file ") && left.aside.contains("policies/*.test.toml"),
        "{}",
        left.aside
    );

    let path = stage.folder.path().join("mine.toml");
    std::fs::write(&path, GOOD).unwrap();
    let left = stage.run(&format!("permission test --all --tests {}", path.display())).await;
    assert_eq!((left.code, left.out.contains("6 cases, 0 failed")), (0, true), "{left:?}");
    assert_eq!(stage.run("permission test --all --tests /nowhere").await.code, 2);
    for line in ["permission test", "permission test wiki", "permission test wiki --user ada --junit x"] {
        assert_eq!(stage.run(line).await.code, 2, "{line}");
    }
}
