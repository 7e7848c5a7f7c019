//! `user`.

use std::collections::HashMap;

use tower_sessions::SessionStore as _;
use tower_sessions::session::{Id, Record};

use super::Stage;
use crate::account::password::Checked;
use crate::app::App;
use crate::domain::id::{SessionId, UserId};
use crate::store::sessions::{SIGNED_IN, Sessions, SignedIn};

const ROLES: &str = "[login]\ndefault_roles = [\"member\"]\n[roles.editor]\n";

/// A session as a sign-in makes one.
async fn sign_in(app: &App, user: UserId) -> SessionId {
    let session = SessionId::new();
    let signed_in = SignedIn {
        session,
        user,
        method: "password".into(),
        user_agent: None,
        ip: Some("::1".into()),
        amr: Vec::new(),
        remembered: false,
    };
    let data = HashMap::from([(SIGNED_IN.to_owned(), serde_json::to_value(signed_in).unwrap())]);
    let sessions = Sessions::new(app.store().clone(), app.house.lifetimes.clone());
    let mut record = Record { id: Id::default(), data, expiry_date: app.now() + app.settings.session.absolute_timeout };
    sessions.create(&mut record).await.unwrap();
    session
}

async fn add(stage: &Stage, line: &str) -> UserId {
    let left = stage.run(&format!("user add {line}")).await;
    assert_eq!(left.code, 0, "{left:?}");
    left.out.trim().parse().unwrap()
}

#[tokio::test]
async fn a_user_is_made_with_the_default_roles_and_the_password_that_was_piped_in() {
    let stage = Stage::new(ROLES);
    let line = "user add --email Ada@Example.com --name Ada --role editor --password-stdin --json";
    let made = stage.run_with(line, "correct horse battery\r\nsecond line\n").await.json();
    assert_eq!(made["email"], "ada@example.com");
    assert_eq!((&made["username"], &made["name"]), (&"ada".into(), &"Ada".into()));
    assert_eq!(made["roles"], serde_json::json!(["editor", "member"]));
    assert_eq!(made["email_verified"], true);

    let app = stage.server().await;
    let id = made["id"].as_str().unwrap().parse().unwrap();
    let hash = app.store().password_hash(id).await.unwrap();
    let hasher = app.accounts.hasher();
    let checked = hasher.check("correct horse battery", hash.as_deref()).await.unwrap();
    assert_eq!(checked, Checked::Right, "the line end does not count");
}

#[tokio::test]
async fn a_user_without_a_password_has_none_and_may_be_unverified() {
    let stage = Stage::new(ROLES);
    let id = add(&stage, "--email ada@example.com --unverified --username Countess").await;
    let shown = stage.run("user show ada@example.com --json").await.json();
    assert_eq!(shown["id"], id.to_string());
    assert_eq!((&shown["has_password"], &shown["email_verified"]), (&false.into(), &false.into()));
    assert_eq!((&shown["username"], &shown["sessions"]), (&"Countess".into(), &0.into()));
    assert_eq!(shown["identities"], serde_json::json!([]));
    let text = stage.run("user show countess").await.out;
    assert!(text.contains("Address   ada@example.com (not verified)\n"), "{text}");
    assert!(text.contains("Password  no\n"));
}

#[tokio::test]
async fn what_cannot_be_a_user_is_refused_with_the_reason() {
    let stage = Stage::new(ROLES);
    add(&stage, "--email ada@example.com --username ada").await;
    for (line, input, code, reason) in [
        ("--email nobody", "", 2, "`nobody` is not an e-mail address"),
        ("--email b@example.com --role boss", "", 2, "there is no role `boss`; there are: editor, admin, member"),
        ("--email b@example.com --username admin", "", 2, "may not be a username"),
        ("--email b@example.com --username ADA", "", 1, "somebody has the username `ADA` already"),
        ("--email ADA@example.com", "", 1, "somebody has an account with the address ada@example.com already"),
        ("--email b@example.com --password-stdin", "xQ7-vLmR2p#wZk\n", 2, "at least 15 characters"),
        ("--email b@example.com --password-stdin", "", 2, "at least 15 characters"),
        ("--email bernadette@example.com --password-stdin", "bernadette 1234\n", 2, "too close to your e-mail address"),
        ("--email b@example.com --password-stdin", "aaaaaaaaaaaaaaaaa\n", 2, "attackers try first"),
        ("--email b@example.com --password secret", "", 2, "unexpected argument '--password'"),
        ("", "", 2, "--email"),
    ] {
        let left = stage.run_with(&format!("user add {line}"), input).await;
        assert_eq!((left.code, left.out.as_str()), (code, ""), "{line}");
        assert!(left.aside.contains(reason), "{line}: {}", left.aside);
    }
    assert_eq!(stage.run_with("user add --email b@example.com --password-stdin", "xQ7-vLmR2p#wZkT").await.code, 0);
    assert_eq!(stage.run("user list --json").await.json().as_array().unwrap().len(), 2);

    stage.write("[login.password]\nenabled = false\n[mail]\ntransport = \"sink\"\n");
    let left = stage.run_with("user add --email c@example.com --password-stdin", "1234567890\n").await;
    assert_eq!(left.code, 2);
    assert!(left.aside.contains("login.password.enabled"), "{}", left.aside);
}

#[tokio::test]
async fn users_are_listed_page_by_page_and_found_by_what_they_are_called() {
    let stage = Stage::new("");
    for name in ["ada", "ben", "cy"] {
        add(&stage, &format!("--email {name}@example.com --name {name}")).await;
    }
    let all = stage.run("user list --json").await.json();
    let names: Vec<_> = all.as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ada", "ben", "cy"]);

    let first = stage.run("user list --limit 2").await;
    let last = all[1]["id"].as_str().unwrap();
    assert!(first.out.starts_with("ID ") && first.out.lines().count() == 3, "{}", first.out);
    assert!(first.aside.contains(&format!("--after {last}")), "{}", first.aside);
    let rest = stage.run(&format!("user list --limit 2 --after {last} --json")).await;
    assert_eq!((rest.json()[0]["name"].as_str(), rest.json().as_array().unwrap().len()), (Some("cy"), 1));
    assert_eq!(rest.aside, "");

    assert_eq!(stage.run("user list --search BEN@ --json").await.json()[0]["name"], "ben");
    for limit in ["0", "10001", "many"] {
        assert_eq!(stage.run(&format!("user list --limit {limit}")).await.code, 2, "{limit}");
    }
    for limit in ["1", "10000"] {
        assert_eq!(stage.run(&format!("user list --limit {limit}")).await.code, 0, "{limit}");
    }
}

#[tokio::test]
async fn a_user_is_found_by_id_address_or_username_and_nobody_is_another_exit_code() {
    let stage = Stage::new("");
    let id = add(&stage, "--email ada@example.com --username Ada").await;
    for who in [id.to_string().as_str(), "ADA@Example.com", "ada", "ADA"] {
        assert_eq!(stage.run(&format!("user show {who} --json")).await.json()["id"], id.to_string());
    }
    let somebody = UserId::new().to_string();
    for who in [somebody.as_str(), "ben@example.com", "ben", "usr_1", "@"] {
        for command in ["show", "lock", "unlock", "delete --yes", "sessions", "sessions --end-all"] {
            let left = stage.run(&format!("user {command} {who}")).await;
            assert_eq!((left.code, left.out.as_str()), (3, ""), "{command} {who}");
            assert!(left.aside.contains(&format!("there is no user `{who}`")));
        }
    }
}

#[tokio::test]
async fn a_lock_from_the_command_line_is_felt_by_the_running_server_at_once() {
    let stage = Stage::new("");
    let id = add(&stage, "--email ada@example.com").await;
    let server = stage.server().await;
    let session = sign_in(&server, id).await;
    assert!(server.live(session).await.unwrap().is_some());
    assert!(server.live(session).await.unwrap().is_some(), "it is remembered now");

    assert_eq!(stage.run("user lock ada@example.com").await.code, 0);
    assert!(server.live(session).await.unwrap().is_none());
    assert_eq!(stage.run("user show ada@example.com --json").await.json()["sessions"], 0);
    assert!(stage.run("user lock ada@example.com").await.out.contains("locked already"));
    assert!(stage.run("user list").await.out.contains("locked"));

    assert!(stage.run("user unlock ada@example.com").await.out.contains("may sign in again"));
    assert!(server.live(session).await.unwrap().is_none(), "what has ended stays ended");
    let again = sign_in(&server, id).await;
    assert!(server.live(again).await.unwrap().is_some());
    assert!(stage.run("user unlock ada@example.com").await.out.contains("was not locked"));
}

#[tokio::test]
async fn sessions_are_listed_and_ended_at_once() {
    let stage = Stage::new("");
    let id = add(&stage, "--email ada@example.com").await;
    let server = stage.server().await;
    let sessions = [sign_in(&server, id).await, sign_in(&server, id).await];
    for session in sessions {
        assert!(server.live(session).await.unwrap().is_some());
    }
    let listed = stage.run("user sessions ada@example.com --json").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!((&listed[0]["method"], &listed[0]["ip"]), (&"password".into(), &"::1".into()));
    assert_eq!(stage.run("user sessions ada@example.com").await.out.lines().count(), 3);

    assert_eq!(stage.run("user sessions ada@example.com --end-all --json").await.json()["ended"], 2);
    for session in sessions {
        assert!(server.live(session).await.unwrap().is_none());
    }
    assert_eq!(stage.run("user sessions ada@example.com --end-all").await.out, "0 sessions have ended\n");
}

#[tokio::test]
async fn a_user_is_deleted_only_when_it_is_confirmed_and_is_gone_at_once() {
    let stage = Stage::new("");
    let id = add(&stage, "--email ada@example.com").await;
    let server = stage.server().await;
    let session = sign_in(&server, id).await;
    assert!(server.live(session).await.unwrap().is_some());

    let left = stage.run("user delete ada@example.com").await;
    assert_eq!((left.code, left.out.as_str()), (4, ""));
    assert!(left.aside.contains("--yes"));
    assert!(server.live(session).await.unwrap().is_some());

    assert_eq!(stage.run("user delete ada@example.com --yes").await.code, 0);
    assert!(server.live(session).await.unwrap().is_none());
    assert_eq!(stage.run("user show ada@example.com").await.code, 3);
    assert_eq!(stage.run("user list --json").await.json(), serde_json::json!([]));
}

#[tokio::test]
async fn nobody_is_asked_about_somebody_whom_no_provider_vouches_for() {
    let stage = Stage::new(ROLES);
    let id = add(&stage, "--email ada@example.com").await;

    let left = stage.run("user refresh ada").await;
    assert_eq!(left.code, stage.run("user refresh nobody").await.code);
    assert!(left.code != 0 && left.aside.contains("`store_tokens`"), "{left:?}");
    let told = stage.run("user refresh ada@example.com --json").await.json();
    assert_eq!(told, serde_json::json!({ "id": id, "asked": [], "roles": ["member"], "groups": [] }));
}
