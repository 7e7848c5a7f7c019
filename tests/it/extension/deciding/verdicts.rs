//! What a yes and a no do, at each moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use serde_json::{Value, json};
use time::Duration;

use super::{Act, asking, authorize, is_there, noted, signs_up};
use crate::account::inviting::Invite;
use crate::domain::audit::By;
use crate::it::people::{PASSWORD, letter, link_in};
use crate::it::stage::request::claims_of;

const NO: Act = Act::Say(200, r#"{"decision": "deny", "message": "Only <b>members</b> of the club.\u202e"}"#);

#[tokio::test]
async fn a_denied_sign_up_makes_no_account_and_says_why_in_plain_text() {
    let (stage, crm) = asking("\"user.creating\"", "").await;
    crm.says(NO);

    let mut bob = signs_up(&stage, "bob@example.org").await;

    assert_eq!(bob.status(), 403);
    assert!(bob.sees("Only &lt;b&gt;members&lt;/b&gt; of the club.") || bob.body().contains("&#60;b&#62;members"));
    assert!(!bob.body().contains("<b>members") && !bob.body().contains('\u{202e}'), "{}", bob.body());
    assert!(!is_there(&stage, "bob@example.org").await);
    assert_eq!(noted(&stage, "hook.denied").await, [json!({ "extension": "crm", "event": "user.creating" })]);

    // The link is not used up by a no.
    crm.says(Act::Say(200, r#"{"decision": "allow"}"#));
    let link = link_in(&letter(&stage, "bob@example.org").await);
    bob.open(&link).await.press("#confirm").await;
    assert_eq!(bob.at, "/account", "{}", bob.body());
    assert!(is_there(&stage, "bob@example.org").await);
}

#[tokio::test]
async fn no_way_to_an_account_leads_around_the_question() {
    let (stage, crm) = asking("\"user.creating\"", "").await;
    crm.says(Act::Say(403, "<html>a proxy</html>"));

    let mut by_provider = stage.browser();
    by_provider.sign_in().await;
    assert_eq!(by_provider.status(), 403);
    let mut by_mail = stage.browser();
    by_mail.open("/login").await.fill_in("#magic-link-email", "cyd@example.org").press("#magic-link-submit").await;
    let link = link_in(&letter(&stage, "cyd@example.org").await);
    by_mail.open(&link).await.press("#confirm").await;
    assert_eq!(by_mail.status(), 403, "{}", by_mail.body());
    let invite = Invite {
        email: "dee@example.org".parse().unwrap(),
        roles: Vec::new(),
        service: None,
        lasts: Duration::days(3),
    };
    stage.app.invite(&By::command(), invite).await.unwrap();
    let link = link_in(&letter(&stage, "dee@example.org").await);
    let mut invited = stage.browser();
    invited.open(&link).await.fill_in("#password", PASSWORD).press("#invite-submit").await;
    assert_eq!(invited.status(), 403);

    assert_eq!(crm.asked().len(), 3);
    for email in ["ada@example.org", "cyd@example.org", "dee@example.org"] {
        assert!(!is_there(&stage, email).await, "{email}");
    }
    // The invitation is not used up either.
    crm.says(Act::Say(204, ""));
    invited.open(&link).await.fill_in("#password", PASSWORD).press("#invite-submit").await;
    assert!(is_there(&stage, "dee@example.org").await, "{}", invited.body());
}

#[tokio::test]
async fn who_is_made_is_who_was_asked_about_whatever_changed_meanwhile() {
    let (stage, _) = asking("\"user.creating\"", "fields = [\"roles\"]").await;
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (app, seen, first) = (stage.app.clone(), asked.clone(), Arc::new(AtomicBool::new(true)));
    // While it is asked, somebody invites the person to more.
    let answer = move |body: Bytes| async move {
        seen.lock().unwrap().push(serde_json::from_slice::<Value>(&body).unwrap()["data"]["roles"].clone());
        if first.swap(false, Ordering::SeqCst) {
            let email = "ada@example.org".parse().unwrap();
            let roles = vec!["guest".to_owned()];
            let invite = Invite { email, roles, service: None, lasts: Duration::days(3) };
            app.invite(&By::command(), invite).await.unwrap();
        }
        axum::http::StatusCode::NO_CONTENT
    };
    stage.internet.host("crm.test", Router::new().fallback(answer));

    let mut ada = stage.browser();
    ada.sign_in().await;

    assert_eq!(ada.at, "/account", "{}", ada.body());
    assert_eq!(*asked.lock().unwrap(), [json!(["member"]), json!(["member", "guest"])]);
    assert_eq!(stage.user("ada@example.org").await.roles, ["guest", "member"]);
}

#[tokio::test]
async fn a_denied_sign_in_is_no_session() {
    let (stage, crm) = asking("\"login.completing\"", "").await;
    let mut ada = stage.browser();
    ada.sign_in().await;
    assert_eq!(ada.at, "/account");
    let user = stage.user("ada@example.org").await.id;

    crm.says(NO);
    let mut again = stage.browser();
    again.sign_in().await;

    assert_eq!((again.status(), again.session_cookie()), (403, None));
    assert!(again.sees("of the club"), "{}", again.body());
    assert_eq!(noted(&stage, "user.login").await.len(), 1);
    assert_eq!(noted(&stage, "hook.denied").await, [json!({ "extension": "crm", "event": "login.completing" })]);
    assert!(ada.open("/account").await.status() == 200, "who is in stays in");
    assert_eq!(stage.user("ada@example.org").await.id, user);
}

#[tokio::test]
async fn a_denied_token_is_a_problem_with_the_message() {
    let (stage, crm) = asking("\"token.issuing\"", "").await;
    let token = stage.browser().login_token().await;
    crm.says(NO);

    let reply = authorize(&stage, &token).await;
    authorize(&stage, &token).await;

    assert_eq!((reply.status, reply.problem().as_str()), (403, "access-denied"));
    assert_eq!(reply.json()["detail"], "Only <b>members</b> of the club.");
    let once = json!({ "extension": "crm", "event": "token.issuing" });
    assert_eq!(noted(&stage, "hook.denied").await, [once], "once in a minute");
    crm.says(Act::Say(200, r#"{"decision": "deny"}"#));
    assert_eq!(authorize(&stage, &token).await.json().get("detail"), None);
}

#[tokio::test]
async fn claims_stand_in_the_token_behind_what_the_chain_says() {
    let chain = r#"
[permissions.far]
kind = "http"
url = "https://permissions.test/ask"
secret = "a secret of 16 bytes or more"
[services.wiki]
permissions = ["far"]
"#;
    let (stage, crm) = asking("\"token.issuing\"", chain).await;
    let says = async || ([("content-type", "application/json")], r#"{"claims": {"tenant": "acme"}}"#);
    stage.internet.host("permissions.test", Router::new().fallback(says));
    let token = stage.browser().login_token().await;
    crm.says(Act::Say(200, r#"{"decision": "allow", "claims": {"tenant": "evil", "plan": {"seats": 3}}}"#));

    let claims = claims_of(authorize(&stage, &token).await.json()["token"].as_str().unwrap());

    assert_eq!((&claims["tenant"], &claims["plan"]), (&json!("acme"), &json!({ "seats": 3 })));
}
