//! The file, the schema, health, reload, and what shells want.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use tokio::time::{Duration, interval, timeout};

use super::Stage;
use crate::app::Plugged;

#[tokio::test]
async fn a_check_answers_by_its_exit_code_and_in_every_format() {
    let stage = Stage::new("");
    let good = stage.run("config check").await;
    assert_eq!(good.code, 0);
    assert!(good.out.ends_with("providers.toml: no mistake\n"), "{}", good.out);
    assert_eq!(stage.run("config check --format json").await.json(), serde_json::json!([]));

    stage.write("[permissions.wiki]\nkind = \"static\"\nroles = { guest = [\"wiki:read\"] }\n");
    assert_eq!(stage.run("config check").await.code, 0);
    let strict = stage.run("config check --strict").await;
    assert_eq!(strict.code, 2);
    assert!(strict.out.contains("warning[CS-C073]"), "{}", strict.out);

    stage.write("[providers.github]\nclient_idd = \"x\"\n");
    let human = stage.run("config check").await;
    assert_eq!((human.code, human.aside.as_str()), (2, ""));
    assert!(human.out.contains("did you mean `client_id`?"), "{}", human.out);
    let json = stage.run("config check --format json").await;
    assert_eq!(json.code, 2);
    let found: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(found[0]["severity"], "error");
    assert!(stage.run("config check --format github").await.out.starts_with("::error file="));
    assert_eq!(stage.run("config check --format xml").await.code, 2);
}

#[tokio::test]
async fn the_configuration_is_shown_without_its_secrets_and_with_the_defaults_of_plugged_kinds() {
    let stage = Stage::new("[providers.github]\nclient_id = \"Iv1.0\"\nclient_secret = \"canary\"\n");
    let shown = stage.run("config show").await;
    assert_eq!(shown.code, 0);
    assert!(shown.out.contains("client_id = \"Iv1.0\"  # ") && !shown.out.contains("canary"), "{}", shown.out);
    assert!(shown.out.contains("allowed_orgs = []  # default"), "{}", shown.out);
    toml::from_str::<toml::Table>(&shown.out).unwrap();
    let schema = stage.run("config schema").await.json();
    assert_eq!(schema, crate::config::schema(&Plugged::kinds()));
}

#[tokio::test]
async fn the_schema_of_the_database_is_looked_at_without_a_change() {
    let stage = Stage::new("[database]\nauto_migrate = false\n");
    let status = stage.run("migrate status --json").await.json();
    assert!(status.as_array().unwrap().iter().all(|step| step["applied"] == false));
    assert!(!stage.data().exists());

    let behind = stage.run("user list").await;
    assert_eq!(behind.code, 1);
    assert!(behind.aside.contains("countersign migrate up"), "{}", behind.aside);
    let status = stage.run("migrate status").await;
    assert!(status.out.starts_with("STEP") && !status.out.contains("applied"), "{}", status.out);

    let up = stage.run("migrate up").await;
    assert_eq!(up.code, 0);
    assert!(up.out.starts_with("applied m0001_users\n"), "{}", up.out);
    assert_eq!(stage.run("migrate up").await.out, "the schema is up to date\n");
    let status = stage.run("migrate status --json").await.json();
    assert!(status.as_array().unwrap().iter().all(|step| step["applied"] == true));
    assert_eq!(stage.run("user list").await.code, 0);
}

#[tokio::test]
async fn the_admin_link_is_printed_alone_so_that_it_can_be_taken() {
    let stage = Stage::new("[admin]\nsetup_link_ttl = \"30m\"\n");
    let left = stage.run("admin link").await;
    assert_eq!((left.code, left.out.lines().count()), (0, 1));
    let token = left.out.trim().strip_prefix("http://localhost:8383/setup/").unwrap();
    assert!(left.aside.contains("30 minutes"), "{}", left.aside);
    let server = stage.server().await;
    assert!(server.open_admin_link(token).await.unwrap().is_some(), "the server knows a link it did not make");
}

#[tokio::test]
async fn health_is_asked_at_the_listener_by_the_public_name() {
    let stage = Stage::new("issuer = \"https://auth.example.com/sso\"\nlisten = [\"0.0.0.0:8443\"]\n");
    let down = stage.run("healthcheck").await;
    assert_eq!(down.code, 1);
    assert!(down.aside.contains("http://127.0.0.1:8443/sso/health/ready"), "{}", down.aside);

    let ready = async |headers: HeaderMap| match headers["host"].to_str() {
        Ok("auth.example.com") => (StatusCode::OK, "{}"),
        _ => (StatusCode::MISDIRECTED_REQUEST, "{}"),
    };
    let draining = async || (StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"failed\"}");
    let router = Router::new().route("/sso/health/ready", get(ready)).route("/draining", get(draining));
    stage.internet.host("127.0.0.1", router);
    let up = stage.run("healthcheck").await;
    assert_eq!((up.code, up.out.as_str()), (0, "ready\n"), "{up:?}");

    let left = stage.run("healthcheck --url http://127.0.0.1:8443/draining").await;
    assert_eq!((left.code, left.out.as_str()), (1, ""));
    assert!(left.aside.contains("answers 503: {\"status\":\"failed\"}"), "{}", left.aside);
}

#[tokio::test]
async fn every_shell_gets_its_completions() {
    let stage = Stage::new("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let left = stage.run(&format!("completions {shell}")).await;
        assert!(left.code == 0 && left.out.contains("healthcheck"), "{shell}");
    }
    assert_eq!(stage.run("completions cmd").await.code, 2);
}

#[tokio::test]
async fn a_reload_without_a_server_says_so() {
    let stage = Stage::new("");
    let none = stage.run("reload").await;
    assert_eq!(none.code, 1);
    assert!(none.aside.contains("no server runs"), "{}", none.aside);

    std::fs::create_dir(stage.data()).unwrap();
    let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    for pid in ["", "0", "-1", "1", "text", "999999999", &other.id().to_string()] {
        std::fs::write(stage.data().join("countersign.pid"), pid).unwrap();
        assert_eq!(stage.run("reload").await.code, 1, "{pid}");
    }
    assert!(other.try_wait().unwrap().is_none(), "another program is left alone");
    other.kill().unwrap();
    other.wait().unwrap();
}

/// A program that is called like ours, says how the reload went, and ends.
async fn pretend(stage: &Stage, outcome: &str) -> std::process::Child {
    let program = stage.folder.path().join("countersign");
    let text = "#!/bin/sh\ntrap 'echo $OUTCOME > countersign.reload; exit' HUP\necho $$ > countersign.pid\n\
         while :; do sleep 0.02; done\n";
    std::fs::create_dir_all(stage.data()).unwrap();
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = std::process::Command::new(&program);
    let child = command.current_dir(stage.data()).env("OUTCOME", outcome).spawn().unwrap();
    let mut tick = interval(Duration::from_millis(10));
    let written = async {
        while !std::fs::read_to_string(stage.data().join("countersign.pid")).is_ok_and(|text| text.ends_with('\n')) {
            tick.tick().await;
        }
    };
    timeout(Duration::from_secs(20), written).await.unwrap();
    child
}

#[tokio::test]
async fn a_reload_says_what_came_of_it() {
    for (outcome, code, words) in [
        (r#"{"mistake":null,"restart":[]}"#, 0, "the configuration was reloaded\n"),
        (r#"{"mistake":null,"restart":["server.listen"]}"#, 0, "these keys need a restart: server.listen"),
        (r#"{"mistake":"a mistake","restart":[]}"#, 2, "a mistake"),
    ] {
        let stage = Stage::new("");
        let mut child = pretend(&stage, outcome).await;
        let left = stage.run("reload").await;
        assert_eq!(left.code, code, "{left:?}");
        assert!((left.out + &left.aside).contains(words));
        child.wait().unwrap();
    }
}
