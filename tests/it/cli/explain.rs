//! `permission explain`, `diff` and `bench`, and that the API says the same.

use std::sync::Arc;

use axum::Json;
use axum::routing::post;
use serde_json::{Value, json};

use super::Stage;
use crate::it::stage::House;
use crate::mail::sink::Sink;

const WIKI: &str = r#"
[roles.editor]
[roles.chief]
[roles.guest]
[services.wiki]
permissions = ["directory", "billing"]
[services.alone]
[services.vault]
require_mfa = true
permissions = ["directory"]
[services.cafe]
allowed_providers = ["passkey"]
[services.first]
permissions_merge = "first"
permissions = ["directory", "second"]
[services.both]
permissions_merge = "intersect"
permissions = ["directory", "second"]
[permissions.directory]
kind = "static"
deny = { guest = ["wiki:w*"] }
users = { "ada@example.com" = ["wiki:own"] }
[permissions.directory.roles]
editor = ["wiki:read", "wiki:write"]
chief = [
  "wiki:*",
  "wiki:delete",
]
[permissions.second]
kind = "static"
roles = { editor = ["wiki:second"] }
[permissions.billing]
kind = "http"
url = "https://billing.test/permissions"
secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
"#;

async fn stage() -> Stage {
    let stage = Stage::new(WIKI);
    assert_eq!(stage.run("user add --email ada@example.com --name Ada --role editor").await.code, 0);
    stage
}

fn says(stage: &Stage, answer: Value) {
    stage.internet.take_down("billing.test");
    stage.internet.host("billing.test", axum::Router::new().route("/permissions", post(async move || Json(answer))));
}

/// The line of the file on which this stands, as people look for it beside the file.
fn line(stage: &Stage, text: &str) -> String {
    let file = std::fs::read_to_string(stage.file()).unwrap();
    let number = file.lines().position(|line| line.contains(text)).unwrap() + 1;
    format!("{}:{number}", stage.file().file_name().unwrap().display())
}

async fn why(stage: &Stage, rest: &str) -> Value {
    stage.run(&format!("permission explain {rest} --user ada@example.com --json")).await.json()
}

#[tokio::test]
async fn each_provider_says_why_with_the_rule_and_its_line() {
    let stage = stage().await;
    says(&stage, json!({ "permissions": { "wiki:write": true }, "reason": "paid until May." }));

    let left = stage.run("permission explain wiki wiki:write --user ada@example.com").await;

    let at = line(&stage, "editor = [\"wiki:read\"");
    let first = format!("`directory` grants `wiki:write` because of the role `editor` ({at})");
    assert!(left.code == 0 && left.out.starts_with(&first), "{left:?}");
    let rest = "\n`billing` grants `wiki:write`: paid until May.\n\nAda has `wiki:write` in `wiki`.\n";
    assert!(left.out.ends_with(rest), "{}", left.out);
    let told = why(&stage, "wiki wiki:write").await;
    let rule =
        json!({ "permission": "wiki:write", "granted": true, "name": "role editor", "role": "editor", "at": at });
    assert_eq!(told["steps"][0]["rules"], json!([rule]));
    assert_eq!(told["permission"]["is_granted"], true);
    assert_eq!((&told["roles"][0]["role"], &told["roles"][0]["is_assumed"]), (&"editor".into(), &false.into()));
}

#[tokio::test]
async fn what_is_not_granted_says_which_role_it_would_need() {
    let stage = stage().await;
    says(&stage, json!({ "permissions": {} }));
    let at = line(&stage, "  \"wiki:delete\"");
    let wide = line(&stage, "  \"wiki:*\"");

    let told = why(&stage, "wiki wiki:delete").await;
    let said = told["steps"][0]["why"].as_str().unwrap();
    let expected = format!("`directory` says nothing about `wiki:delete`; it would need the role `chief` ({wide}).");
    assert_eq!(said, expected);
    assert_eq!(told["steps"][1]["why"], "`billing` says nothing about `wiki:delete`.");
    assert_eq!(told["permission"]["is_granted"], false);
    assert_eq!(told["permission"]["why"], "Ada does not have `wiki:delete`: nobody grants it.");

    let told = why(&stage, "wiki wiki:delete --role chief").await;
    assert_eq!(told["permission"]["is_granted"], true);
    assert_eq!(told["roles"][0], json!({ "role": "chief", "is_assumed": true }));
    assert!(told["steps"][0]["rules"].to_string().contains(&at));
    let told = why(&stage, "wiki wiki:unheard --role chief").await;
    let said = told["permission"]["why"].as_str().unwrap();
    assert!(said.contains("`wiki:*`") && said.contains("reads wildcards"), "{said}");
}

#[tokio::test]
async fn a_denial_wins_and_is_named() {
    let stage = stage().await;
    says(&stage, json!({ "permissions": { "wiki:write": true } }));
    let at = line(&stage, "deny = ");

    let told = why(&stage, "wiki wiki:write --role guest").await;

    let said = told["steps"][0]["why"].as_str().unwrap();
    let expected = format!("`directory` denies `wiki:write` because of the role `guest` ({at}), and a denial wins.");
    assert_eq!(said, expected);
    assert_eq!(told["permission"]["is_granted"], false);
    assert!(told["permission"]["why"].as_str().unwrap().contains("a denial wins"));
    assert_eq!(told["granted"]["permissions"]["wiki:write"], false);
}

#[tokio::test]
async fn a_person_named_in_the_file_is_a_rule_too() {
    let stage = stage().await;
    let told = why(&stage, "both wiki:own").await;
    let rule = &told["steps"][0]["rules"][0];
    assert_eq!((&rule["name"], &rule["role"]), (&"user ada@example.com".into(), &Value::Null));
    assert_eq!(rule["at"], line(&stage, "users = ").as_str());
}

#[tokio::test]
async fn what_the_other_providers_take_away_is_said() {
    let stage = stage().await;

    let told = why(&stage, "first wiki:second").await;
    assert_eq!(told["permission"]["is_granted"], false);
    assert!(told["permission"]["why"].as_str().unwrap().contains("only the first provider that answers counts"));
    let told = why(&stage, "both wiki:read").await;
    assert!(told["permission"]["why"].as_str().unwrap().contains("every provider that answers"), "{told}");
    assert_eq!(why(&stage, "first wiki:read").await["permission"]["is_granted"], true);
}

#[tokio::test]
async fn a_chain_that_ends_early_says_so() {
    let stage = Stage::new(&WIKI.replace("[\"directory\", \"billing\"]", "[\"billing\", \"directory\"]"));
    assert_eq!(stage.run("user add --email ada@example.com --name Ada --role editor").await.code, 0);

    let told = why(&stage, "wiki wiki:read").await;
    assert_eq!(told["steps"][0]["decision"], "failed");
    assert!(told["steps"][0]["why"].as_str().unwrap().ends_with(", so there is no token."), "{told}");
    assert_eq!(told["steps"][1]["decision"], "not-asked");
    assert_eq!(told["permission"]["is_granted"], false);
    assert!(told["refusal"].as_str().unwrap().contains("`billing`"));

    says(&stage, json!({ "decision": "deny", "message": "Pay first." }));
    let told = why(&stage, "wiki wiki:read").await;
    assert_eq!(told["steps"][0]["why"], "`billing` lets Ada not in at all: Pay first.");
    says(&stage, json!({ "decision": "abstain" }));
    let told = why(&stage, "wiki wiki:read").await;
    assert_eq!(told["steps"][0]["why"], "`billing` abstains.");
    assert_eq!(told["permission"]["is_granted"], true);
}

#[tokio::test]
async fn the_service_is_judged_as_for_a_token() {
    let stage = stage().await;
    let told = why(&stage, "vault wiki:read").await;
    assert!(told["refusal"].as_str().unwrap().contains("second factor"), "{told}");
    assert!(told.get("payload").is_none());
    let told = why(&stage, "vault wiki:read --mfa").await;
    assert_eq!((&told["mfa"], &told["permission"]["is_granted"]), (&true.into(), &true.into()));
    assert_eq!(told["payload"]["amr"], json!(["pwd", "otp", "mfa"]));

    assert!(why(&stage, "cafe a:b").await["refusal"].as_str().unwrap().contains("another way to sign in"));
    assert!(why(&stage, "cafe a:b --method passkey").await.get("refusal").is_none());
    let alone = stage.run("permission explain alone a:b --user ada@example.com").await;
    assert!(alone.out.starts_with("`alone` has no permission provider."), "{}", alone.out);
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused() {
    let stage = stage().await;
    for (line, code, says) in [
        ("permission explain wiki Wiki! --user ada@example.com", 2, "not the name of a permission"),
        ("permission explain wiki wiki:read --user ada@example.com --role king", 2, "there is no role `king`"),
        ("permission explain wikki wiki:read --user ada@example.com", 3, "there is no service `wikki`"),
        ("permission explain wiki wiki:read --user ben", 3, "there is no user `ben`"),
        ("permission explain wiki --user ada@example.com", 2, "PERMISSION"),
        ("permission bench wiki --user ada@example.com --requests 0", 2, "0"),
        ("permission bench wiki --user ada@example.com --requests 100001", 2, "100001"),
        ("permission bench wikki --user ada@example.com", 3, "wikki"),
        ("permission diff wiki", 2, "--with"),
        ("permission diff wiki --with nowhere.toml", 2, "does not exist"),
        ("permission diff wiki --with x.toml --user ada --sample 2", 2, "--sample"),
    ] {
        let left = stage.run(line).await;
        assert_eq!(left.code, code, "{line}: {left:?}");
        assert!(left.aside.contains(says), "{line}: {}", left.aside);
    }
}

#[tokio::test]
async fn another_file_is_compared_user_by_user() {
    let stage = stage().await;
    assert_eq!(stage.run("user add --email ben@example.com --name Ben").await.code, 0);
    let other = stage.folder.path().join("other.toml");
    let text = std::fs::read_to_string(stage.file()).unwrap();
    std::fs::write(
        &other,
        text.replace("editor = [\"wiki:read\", \"wiki:write\"]", "editor = [\"wiki:read\", \"x:y\"]"),
    )
    .unwrap();
    let other = other.display();

    let same = stage.run(&format!("permission diff vault --with {} --mfa --json", stage.file().display())).await;
    assert_eq!((same.code, same.json()), (0, json!({ "service": "vault", "users": 2, "different": 0, "changes": [] })));
    let left = stage.run(&format!("permission diff vault --with {other} --mfa --json")).await;
    let told: Value = serde_json::from_str(&left.out).unwrap();
    assert_eq!((left.code, &told["users"], &told["different"]), (1, &2.into(), &1.into()));
    assert_eq!(
        (&told["changes"][0]["added"], &told["changes"][0]["removed"]),
        (&json!(["x:y"]), &json!(["wiki:write"]))
    );
    let left = stage.run(&format!("permission diff vault --with {other} --mfa")).await;
    assert!(
        left.out.contains("+x:y -wiki:write") && left.out.ends_with("1 of 2 users would be different.\n"),
        "{left:?}"
    );

    let one = stage.run(&format!("permission diff vault --with {other} --mfa --user ben@example.com")).await;
    assert_eq!((one.code, one.out.as_str()), (0, "0 of 1 users would be different.\n"));
    let first = stage.run(&format!("permission diff vault --with {other} --mfa --sample 1")).await;
    assert_eq!(first.code, 1);
    assert!(first.out.ends_with("1 of 1 users would be different.\n"), "{}", first.out);
}

#[tokio::test]
async fn losing_the_token_is_a_difference_too() {
    let stage = stage().await;
    let other = stage.folder.path().join("other.toml");
    let text = std::fs::read_to_string(stage.file()).unwrap();
    std::fs::write(&other, text.replace("[services.alone]", "[services.alone]\nallowed_roles = [\"chief\"]")).unwrap();

    let left = stage.run(&format!("permission diff alone --with {} --json", other.display())).await;

    let told: Value = serde_json::from_str(&left.out).unwrap();
    assert_eq!(left.code, 1);
    assert!(told["changes"][0]["refused_after"].as_str().unwrap().contains("chief"), "{told}");
    assert!(told["changes"][0].get("refused_before").is_none());
}

#[tokio::test]
async fn a_bench_asks_every_time() {
    let stage = stage().await;
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = asked.clone();
    let answer = async move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Json(json!({ "permissions": {} }))
    };
    stage.internet.host("billing.test", axum::Router::new().route("/permissions", post(answer)));

    let told = stage.run("permission bench wiki --user ada@example.com --requests 20 --json").await.json();

    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 20);
    assert_eq!((&told["service"], &told["requests"]), (&"wiki".into(), &20.into()));
    let of = |index: usize| &told["times"][index];
    assert_eq!(
        [&of(0)["provider"], &of(1)["provider"], &of(2)["provider"]],
        [&json!("directory"), &json!("billing"), &Value::Null]
    );
    for row in told["times"].as_array().unwrap() {
        let [p50, p99, max] = ["p50_ms", "p99_ms", "max_ms"].map(|key| row[key].as_f64().unwrap());
        assert!(p50 > 0.0 && p50 <= p99 && p99 <= max && row["failed"] == 0, "{row}");
    }
    stage.internet.take_down("billing.test");
    let shown = stage.run("permission bench wiki --user ada@example.com --requests 3").await.out;
    assert!(shown.starts_with("PROVIDER") && shown.trim_end().ends_with('3'), "{shown}");
}

/// An explanation without what is new each time: times, and the marks of a token that nobody has.
fn settled(mut told: Value) -> Value {
    for step in told["steps"].as_array_mut().unwrap() {
        step["took_ms"] = Value::Null;
    }
    for mark in ["jti", "sid"] {
        if let Some(payload) = told.get_mut("payload") {
            payload[mark] = Value::Null;
        }
    }
    told
}

#[tokio::test]
async fn the_command_line_and_the_api_give_the_same_answer() {
    let stage = stage().await;
    says(&stage, json!({ "permissions": { "wiki:write": true }, "limits": { "pages": 3 } }));
    let make = "apikey create --service wiki --name probe --scope permissions:read --json";
    let made = stage.run(make).await.json();
    let key = made["key"].as_str().unwrap();
    let sink = Arc::new(Sink::new(stage.clock.clone()));
    let house = House::around(stage.server().await, sink, stage.world());

    for (line, path) in [
        ("explain wiki wiki:write", "service=wiki&permission=wiki:write"),
        (
            "explain wiki wiki:delete --mfa --role chief --role guest",
            "service=wiki&permission=wiki:delete&mfa=true&role=chief,guest",
        ),
        ("explain vault wiki:read", "service=vault&permission=wiki:read"),
        ("explain cafe a:b --method passkey", "service=cafe&permission=a:b&method=passkey"),
        ("test wiki", "service=wiki"),
    ] {
        let line = format!("permission {line} --user ada@example.com --json");
        let mut by_command: Value = serde_json::from_str(&stage.run(&line).await.out).unwrap();
        by_command.as_object_mut().unwrap().remove("token");
        let reply = house.get(&format!("/api/v1/permissions/explain?user=ada@example.com&{path}")).bearer(key).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(settled(by_command), settled(reply.json()), "{line}");
        assert!(reply.json().get("token").is_none());
    }
}

#[tokio::test]
async fn what_is_remembered_can_be_forgotten() {
    let stage = stage().await;
    let told = stage.run("permission flush wiki --user ada@example.com --json").await.json();
    assert_eq!((&told["service"], &told["dry_run"]), (&"wiki".into(), &false.into()));
    assert!(told["user"].as_str().unwrap().starts_with("usr_"), "{told}");
    let log = stage.run("audit search --event permission.invalidated --json").await.out;
    assert_eq!(log.matches("permission.invalidated").count(), 1, "{log}");

    let all = stage.run("permission flush --dry-run").await;
    assert!(all.code == 0 && all.out.contains("everybody in all services"), "{all:?}");
    let log = stage.run("audit search --event permission.invalidated --json").await.out;
    assert_eq!(log.matches("permission.invalidated").count(), 1, "a rehearsal changes nothing: {log}");
    assert_eq!(stage.run("permission flush wikki").await.code, 3);
    assert_eq!(stage.run("permission flush wiki --user ben").await.code, 3);
}

#[tokio::test]
async fn old_questions_and_observers_are_looked_at_by_name() {
    let stage = stage().await;
    for line in ["permission replay nobody", "permission shadow nobody"] {
        let left = stage.run(line).await;
        assert_eq!(left.code, 3, "{left:?}");
        assert!(left.aside.contains("there are: directory, second, billing"), "{}", left.aside);
    }
    assert_eq!(stage.run("permission replay directory --last 0").await.code, 2);
    assert_eq!(stage.run("permission replay directory --last 201").await.code, 2);

    let told = stage.run("permission replay directory --json").await.json();
    assert_eq!((&told["asked"], &told["differences"]), (&0.into(), &json!([])));
    let told = stage.run("permission shadow second --json").await.json();
    assert_eq!((&told["observes"], &told["counts"]["asked"]), (&false.into(), &0.into()));
    let left = stage.run("permission shadow second --forget").await;
    assert!(left.code == 0 && left.aside.contains("does not only observe"), "{left:?}");
}
