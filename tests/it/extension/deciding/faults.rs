//! What goes wrong with an extension that decides is never a yes, and nobody else's harm.

use std::time::Instant;

use serde_json::json;
use time::Duration;

use super::{Act, Host, asking, authorize, hook, is_there, noted, signs_up};
use crate::it::stage::Stage;

/// Everything that is no answer, and at which moments.
const FAULTS: &[(&str, Act)] = &[
    ("hang", Act::Hang),
    ("slow body", Act::Stall),
    ("redirect", Act::Redirect),
    ("oversize", Act::Flood),
    ("500", Act::Say(500, r#"{"decision": "allow"}"#)),
    ("503", Act::Say(503, "")),
    ("201", Act::Say(201, r#"{"decision": "allow"}"#)),
    ("401", Act::Say(401, "")),
    ("404", Act::Say(404, r#"{"decision": "allow"}"#)),
    ("nothing", Act::Say(200, "")),
    ("a page", Act::Say(200, "<html>allow</html>")),
    ("no object", Act::Say(200, "\"allow\"")),
    ("a list", Act::Say(200, "[]")),
    ("no decision", Act::Say(200, "{}")),
    ("null", Act::Say(200, r#"{"decision": null}"#)),
    ("abstain", Act::Say(200, r#"{"decision": "abstain"}"#)),
    ("true", Act::Say(200, r#"{"decision": true}"#)),
    ("another case", Act::Say(200, r#"{"decision": "Allow"}"#)),
    ("twice", Act::Say(200, r#"{"decision": "deny", "decision": "allow"}"#)),
    ("two values", Act::Say(200, r#"{"decision": "allow"} {}"#)),
    ("cut off", Act::Say(200, r#"{"decision": "allow""#)),
    ("unknown member", Act::Say(200, r#"{"decision": "allow", "permissions": ["a"]}"#)),
    ("message of another type", Act::Say(200, r#"{"decision": "allow", "message": 1}"#)),
    ("claims of another type", Act::Say(200, r#"{"decision": "allow", "claims": ["a"]}"#)),
    ("reserved claim", Act::Say(200, r#"{"decision": "allow", "claims": {"sub": "usr_1"}}"#)),
    ("another reserved claim", Act::Say(200, r#"{"decision": "allow", "claims": {"a": 1, "permissions": ["x"]}}"#)),
];

#[tokio::test]
async fn no_failure_makes_an_account_signs_somebody_in_or_is_a_token() {
    let events = "\"user.creating\", \"login.completing\", \"token.issuing\"";
    let (stage, crm) = asking(events, "timeout = \"50ms\"").await;
    stage.upstream_knows("bob", "bob@example.org");
    let token = stage.browser().login_token().await;
    stage.upstream_knows("new", "new@example.org");
    for (name, act) in FAULTS {
        crm.says(*act);
        let mut newcomer = stage.browser();
        newcomer.sign_in().await;
        assert_eq!((newcomer.status(), newcomer.session_cookie()), (503, None), "{name}");
        assert!(!is_there(&stage, "new@example.org").await, "{name}");

        let reply = authorize(&stage, &token).await;
        assert_eq!((reply.status, reply.problem().as_str()), (503, "hook-failed"), "{name}: {}", reply.body);
        assert!(reply.header("retry-after").is_some() && !reply.body.contains("crm"), "{}", reply.body);
        stage.wait(Duration::seconds(11));
    }
    stage.internet.take_down("crm.test");
    assert_eq!(authorize(&stage, &token).await.status, 503);
}

#[tokio::test]
async fn a_failure_stops_a_sign_in_before_the_session_and_shows_a_reference() {
    let (stage, crm) = asking("\"login.completing\"", "timeout = \"50ms\"").await;
    stage.browser().sign_in().await;
    for (name, act) in FAULTS {
        crm.says(*act);
        let mut ada = stage.browser();
        ada.sign_in().await;
        assert_eq!((ada.status(), ada.session_cookie()), (503, None), "{name}");
        assert!(ada.sees("We cannot do this right now") && ada.sees("CS-H140"), "{}", ada.body());
        assert!(!ada.body().contains("crm"), "{}", ada.body());
        stage.wait(Duration::seconds(11));
    }
    assert_eq!(noted(&stage, "user.login").await.len(), 1);
}

#[tokio::test]
async fn whoever_may_be_skipped_is_skipped_and_what_it_said_is_not_used() {
    let events = "\"user.creating\", \"login.completing\", \"token.issuing\"";
    let (stage, crm) = asking(events, "timeout = \"50ms\"\non_error = \"skip\"").await;
    for (number, (name, act)) in FAULTS.iter().enumerate() {
        crm.says(*act);
        let email = format!("p{number}@example.org");
        stage.upstream_knows(&format!("p{number}"), &email);
        let token = stage.browser().login_token().await;
        assert!(is_there(&stage, &email).await, "{name}");
        let reply = authorize(&stage, &token).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.body);
        let claims = crate::it::stage::request::claims_of(reply.json()["token"].as_str().unwrap());
        assert_eq!((&claims["a"], &claims["permissions"]), (&json!(null), &json!(["wiki:read"])), "{name}");
        stage.wait(Duration::seconds(11));
    }
    // A no is not a failure.
    crm.says(Act::Say(403, ""));
    stage.upstream_knows("last", "last@example.org");
    stage.browser().sign_in().await;
    assert!(!is_there(&stage, "last@example.org").await);
    assert!(!noted(&stage, "hook.failed").await.is_empty());
}

#[tokio::test]
async fn claims_where_there_is_no_token_are_a_failure() {
    let (stage, crm) = asking("\"user.creating\", \"login.completing\"", "").await;
    crm.says(Act::Say(200, r#"{"decision": "allow", "claims": {"tenant": "acme"}}"#));

    let mut ada = stage.browser();
    ada.sign_in().await;

    assert_eq!(ada.status(), 503);
    let why = noted(&stage, "hook.failed").await[0]["error"].as_str().unwrap().to_owned();
    assert!(why.contains("user.creating") && !why.contains("acme"), "{why}");
    crm.says(Act::Say(200, r#"{"decision": "allow", "claims": {}, "message": ""}"#));
    ada.sign_in().await;
    assert_eq!(ada.at, "/account");
}

#[tokio::test]
async fn the_same_failure_is_written_down_once_in_a_minute() {
    let (stage, crm) = asking("\"token.issuing\", \"login.completing\"", "").await;
    let token = stage.browser().login_token().await;
    crm.says(Act::Say(500, ""));
    for _ in 0..3 {
        authorize(&stage, &token).await;
        stage.browser().sign_in().await;
    }
    let details = |event: &str| json!({ "extension": "crm", "event": event, "error": "it answered with status 500" });
    assert_eq!(noted(&stage, "hook.failed").await, [details("token.issuing"), details("login.completing")]);

    stage.wait(Duration::seconds(60));
    authorize(&stage, &token).await;

    assert_eq!(noted(&stage, "hook.failed").await.len(), 3);
}

#[tokio::test]
async fn an_extension_that_keeps_failing_is_left_alone_and_tried_again() {
    let (stage, crm) = asking("\"token.issuing\"", "").await;
    let token = stage.browser().login_token().await;
    crm.says(Act::Say(500, ""));
    for _ in 0..8 {
        assert_eq!(authorize(&stage, &token).await.status, 503);
    }
    assert_eq!(crm.asked().len(), 5);

    crm.says(Act::Say(204, ""));
    assert_eq!(authorize(&stage, &token).await.status, 503);
    stage.wait(Duration::seconds(10));

    assert_eq!(authorize(&stage, &token).await.status, 200);
    assert_eq!(crm.asked().len(), 6);
}

#[tokio::test]
async fn a_hanging_extension_slows_nobody_it_is_not_asked_about() {
    let stage = Stage::with(&hook("crm", "\"user.creating\"", "timeout = \"2s\"")).await;
    stage.browser().sign_in().await;
    assert!(!is_there(&stage, "ada@example.org").await, "nobody answers there");
    stage.wait(Duration::seconds(11));
    let crm = Host::put(&stage, "crm.test");
    stage.browser().sign_in().await;
    crm.says(Act::Hang);
    let stuck = signs_up(&stage, "bob@example.org");
    tokio::pin!(stuck);
    while crm.asked().len() < 2 {
        tokio::select! { _ = &mut stuck => panic!("it answered"), () = tokio::task::yield_now() => {} }
    }
    let began = Instant::now();

    for _ in 0..5 {
        let token = stage.browser().login_token().await;
        assert_eq!(authorize(&stage, &token).await.status, 200);
    }

    assert!(began.elapsed() < std::time::Duration::from_millis(1500), "{:?}", began.elapsed());
    assert_eq!(stuck.await.status(), 503);
}
