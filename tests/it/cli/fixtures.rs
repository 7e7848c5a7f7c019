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
        "there is no token: none of the roles that `vault` asks for: editor\n",
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

const DOORS: &str = r#"
[permissions.all]
kind = "static"
roles = { member = ["a:b"] }
services = { robot = ["a:b"] }
[services.mfa]
permissions = ["all"]
require_mfa = true
[services.corp]
permissions = ["all"]
allowed_providers = ["passkey", "magic-link"]
[services.fresh]
permissions = ["all"]
max_auth_age = "10m"
[services.rules]
permissions = ["all"]
access = ["mfa || email == 'ada@example.com'", "claims.team == 'core' || provider == 'api-key'"]
[services.closed]
permissions = ["all"]
enabled = false
[services.robots]
permissions = ["all"]
allowed_roles = ["member"]
"#;

#[tokio::test]
async fn who_would_be_stopped_at_the_door_gets_no_token_whatever_is_granted() {
    for (rest, why) in [
        ("service = \"mfa\"\nmfa = true", ""),
        ("service = \"mfa\"", "`mfa` asks for a second factor"),
        ("service = \"corp\"\nprovider = \"passkey\"", ""),
        ("service = \"corp\"", "`corp` asks for another way to sign in: passkey, magic-link"),
        ("service = \"fresh\"\nauth_age = \"9m\"", ""),
        ("service = \"fresh\"", ""),
        ("service = \"fresh\"\nauth_age = \"10m\"", "`fresh` asks for a fresh sign-in"),
        ("service = \"rules\"\nmfa = true\nclaims = { team = \"core\" }", ""),
        (
            "service = \"rules\"\nmfa = true\nclaims = { team = \"shop\" }",
            "`access[1]` in `[services.rules]` does not hold: claims.team == 'core' || provider == 'api-key'",
        ),
        (
            "service = \"rules\"",
            "`access[0]` in `[services.rules]` does not hold: mfa || email == 'ada@example.com'; `access[1]` in",
        ),
        ("service = \"closed\"", "the service is not enabled"),
    ] {
        let person = format!("[[case]]\nuser = {{ roles = [\"member\"] }}\n{rest}\n");
        for (expected, code) in
            [("allow = [\"a:b\"]", i32::from(!why.is_empty())), ("token = true", i32::from(!why.is_empty()))]
        {
            let left = doors(&format!("{person}{expected}\n")).run("permission test --all").await;
            assert_eq!(i32::from(left.code), code, "{rest}: {left:?}");
            assert!(why.is_empty() || left.out.contains(&format!("there is no token: {why}")), "{rest}: {}", left.out);
        }
        let left = doors(&format!("{person}token = false\n")).run("permission test --all").await;
        assert_eq!(left.code == 0, !why.is_empty(), "{rest}: {left:?}");
    }
}

#[tokio::test]
async fn a_machine_comes_by_its_key_and_has_no_role() {
    let case = |rest: &str| format!("[[case]]\nmachine = \"robot\"\nallow = [\"a:b\"]\n{rest}\n");
    let rules =
        doors(&case("service = \"rules\"\nprovider = \"api-key\"\nmfa = true")).run("permission test --all").await;
    assert_eq!(rules.code, 0, "{rules:?}");
    let usual = doors(&case("service = \"rules\"\nmfa = true")).run("permission test --all").await;
    assert_eq!(usual.code, 0, "{usual:?}");
    let mfa = doors(&case("service = \"mfa\"")).run("permission test --all").await;
    assert_eq!(mfa.code, 0, "of a key nothing more can be asked: {mfa:?}");
    let left = doors(&case("service = \"robots\"")).run("permission test --all").await;
    assert!(left.code == 1 && left.out.contains("none of the roles that `robots` asks for: member"), "{left:?}");
}

fn doors(cases: &str) -> Stage {
    let stage = Stage::new(DOORS);
    std::fs::create_dir(stage.folder.path().join("policies")).unwrap();
    std::fs::write(stage.folder.path().join("policies/doors.test.toml"), cases).unwrap();
    stage
}

#[tokio::test]
async fn a_check_of_the_file_runs_the_tests_where_it_is_told_to() {
    let good = stage(GOOD);
    let left = good.run("config check --with-tests").await;
    assert_eq!((left.code, left.out.ends_with(": no mistake\n")), (0, true), "{left:?}");
    assert!(!good.data().exists());

    let bad =
        format!("{GOOD}\n[[case]]\nname = \"nobody buys\"\nservice = \"wiki\"\nuser = {{}}\nallow = [\"shop:buy\"]\n");
    let stage = stage(&bad);
    let line = bad.lines().position(|line| line.contains("nobody buys")).unwrap();
    assert_eq!(stage.run("config check").await.code, 0, "only where it is told to");
    let left = stage.run("config check --with-tests").await;
    assert_eq!(left.code, 2);
    let message = "error[CS-C133]: nobody buys: `shop:buy` is not granted\n";
    assert!(left.out.contains(message) && left.out.contains(&format!("wiki.test.toml:{line}:1\n")), "{}", left.out);
    let left = stage.run("config check --with-tests --format json").await;
    let found: serde_json::Value = serde_json::from_str(&left.out).unwrap();
    assert_eq!((left.code, &found[0]["line"], &found[0]["code"]), (2, &json!(line), &json!("CS-C133")));
    let left = stage.run("config check --with-tests --format github").await;
    assert!(left.code == 2 && left.out.starts_with("::error file=") && left.out.contains("nobody buys"), "{left:?}");
}

#[tokio::test]
async fn a_check_with_tests_needs_tests_that_make_sense_and_lets_no_program_run_unasked() {
    let left = Stage::new(FILE).run("config check --with-tests").await;
    assert!(left.code == 2 && left.aside.contains("there are no tests"), "{left:?}");
    let left = stage("[[case]]\nservice = \"wikki\"\nuser = {}\ntoken = true").run("config check --with-tests").await;
    assert!(left.code == 2 && left.aside.contains("wiki.test.toml:1: there is no service `wikki`"), "{left:?}");
    assert_eq!(stage(GOOD).run("config check --allow-exec").await.code, 2);

    let stage = stage(GOOD);
    stage.write(&format!("{FILE}[permissions.shift]\nkind = \"exec\"\ncommand = [\"/bin/true\"]\n"));
    assert_eq!(stage.run("config check").await.code, 0, "looking at it runs nothing");
    let left = stage.run("config check --with-tests").await;
    assert!(left.code == 2 && left.out.contains("--allow-exec"), "{left:?}");
    assert_eq!(stage.run("config check --with-tests --allow-exec").await.code, 0);
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
        (case("user = {}\ntoken = true\nauth_age = \"soon\""), 6, "`soon` is not a duration"),
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
