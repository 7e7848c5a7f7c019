//! What a deciding extension is asked, and when.

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::{Host, SECRET, asking, authorize, hook, signs_up};
use crate::config::Section;
use crate::extension::KINDS;
use crate::it::people::PASSWORD;
use crate::it::permission::tools;
use crate::it::stage::Stage;
use crate::plugin::Registry;

const ALL: &str = "\"user.creating\", \"login.completing\", \"token.issuing\"";

#[tokio::test]
async fn a_question_is_signed_and_says_the_id_and_nothing_personal_unless_asked() {
    let (stage, crm) = asking(ALL, "").await;
    let token = stage.browser().login_token().await;
    assert_eq!(authorize(&stage, &token).await.status, 200);

    let user = stage.user("ada@example.org").await.id;
    let question = |kind: &str, data: Value| json!({ "type": kind, "timestamp": "2020-01-01T12:00:00Z", "data": data });
    assert_eq!(
        crm.asked(),
        [
            question("user.creating", json!({})),
            question("login.completing", json!({ "id": user })),
            question("token.issuing", json!({ "id": user })),
        ]
    );
    for (headers, body) in crm.asked.lock().unwrap().iter() {
        let id = headers["webhook-id"].to_str().unwrap();
        let signature = Webhook::from_bytes(SECRET.into()).unwrap();
        let signature = signature.sign(id, stage.now(), body.to_string().as_bytes()).unwrap();
        assert_eq!(headers["webhook-signature"], signature.as_str());
        assert!(headers.get("cookie").is_none() && headers.get("authorization").is_none());
    }
}

#[tokio::test]
async fn what_is_asked_for_is_told() {
    let (stage, crm) =
        asking(ALL, "fields = [\"id\", \"email\", \"name\", \"username\", \"roles\", \"service\", \"method\"]").await;
    let token = stage.browser().login_token().await;
    authorize(&stage, &token).await;

    let user = stage.user("ada@example.org").await;
    let newcomer = json!({
        "email": "ada@example.org", "name": user.name, "username": user.username, "roles": ["member"],
        "service": "wiki", "method": "sso",
    });
    let mut known = newcomer.clone();
    known["id"] = json!(user.id);
    let told: Vec<Value> = crm.asked().iter().map(|question| question["data"].clone()).collect();
    assert_eq!(told, [newcomer, known.clone(), known]);
}

#[tokio::test]
async fn whoever_is_made_otherwise_is_not_asked_about() {
    let (stage, crm) = asking("\"user.creating\"", "").await;
    let new = crate::store::users::NewUser {
        email: Some(("bob@example.org".parse().unwrap(), true)),
        ..crate::store::users::NewUser::default()
    };

    stage.app.accounts.add(new, None, &crate::domain::audit::By::command()).await.unwrap();

    assert_eq!(crm.asked(), Vec::<Value>::new());
}

#[tokio::test]
async fn nobody_is_asked_about_who_is_there_already_or_about_other_moments() {
    let (stage, crm) = asking("\"user.creating\"", "").await;
    stage.browser().sign_in().await;
    assert_eq!(crm.asked().len(), 1);

    stage.browser().sign_in().await;
    let token = stage.browser().login_token().await;
    authorize(&stage, &token).await;

    assert_eq!(crm.asked().len(), 1);
}

#[tokio::test]
async fn a_service_that_acts_for_itself_is_asked_about_by_its_id() {
    let (stage, crm) = asking("\"token.issuing\"", "fields = [\"id\", \"email\", \"service\"]").await;
    let owner = crate::store::api_keys::Owner::Service("shop".into());
    let key = crate::it::api_keys::add(&stage, &owner, &["authorize"]).await.key.reveal().to_owned();

    let reply = authorize(&stage, &key).await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(crm.asked()[0]["data"], json!({ "id": "shop", "service": "wiki" }));
}

#[tokio::test]
async fn a_session_that_a_service_keeps_is_a_sign_in_too() {
    let (stage, crm) = asking("\"login.completing\"", "fields = [\"service\"]").await;
    signs_up(&stage, "ada@example.org").await;
    let begin = async || {
        let body = json!({ "name": "ada@example.org", "password": PASSWORD });
        stage.post("/api/v1/sessions").basic("shop", crate::it::stage::script::SHOP_SECRET).json(&body).await
    };
    assert_eq!(begin().await.status, 201);
    assert_eq!(crm.asked().last().unwrap()["data"], json!({ "service": "shop" }));

    crm.says(super::Act::Say(200, r#"{"decision": "deny", "message": "Not today."}"#));
    let refused = begin().await;

    assert_eq!((refused.status, refused.problem().as_str()), (403, "access-denied"), "{}", refused.body);
    assert_eq!(refused.json()["detail"], "Not today.");
}

/// The codes of the mistakes in a section, and the keys they stand at.
fn mistakes(text: &str) -> Vec<String> {
    let tools = tools(std::sync::Arc::new(crate::it::stage::ManualClock::new()));
    let opened = Registry::open(&[Section::for_test("crm", text)], KINDS, &tools);
    opened.err().unwrap_or_default().iter().map(|mistake| mistake.code.to_owned()).collect()
}

#[test]
fn what_is_told_and_what_is_asked_do_not_mix() {
    let url = "url = \"https://crm.test/\"\nsecret = \"a secret of 16 bytes or more\"\n";
    let webhook = |more: &str| format!("kind = \"webhook\"\n{url}{more}");
    for (text, expected) in [
        (webhook("events = [\"user.login\"]"), vec![]),
        (webhook("events = [\"*\"]\nmode = \"notify\""), vec![]),
        (webhook("events = [\"*\"]\nmode = \"decide\""), vec![]),
        (webhook("events = [\"token.issuing\"]\nmode = \"decide\"\non_error = \"skip\"\ntimeout = \"2s\""), vec![]),
        (webhook("events = [\"user.login\", \"token.issuing\"]"), vec!["CS-C180"]),
        (webhook("events = [\"user.created\", \"user.creating\"]\nmode = \"decide\""), vec!["CS-C180"]),
        (webhook("events = []\nmode = \"decide\""), vec!["CS-C006"]),
        (webhook("events = [\"user.login\"]\non_error = \"deny\""), vec!["CS-C181"]),
        (webhook("events = [\"token.issuing\"]\nmode = \"decide\"\nretry_for = \"1h\""), vec!["CS-C181"]),
        (webhook("events = [\"token.issuing\"]\nmode = \"decide\"\ntimeout = \"2001ms\""), vec!["CS-C006"]),
        (webhook("events = [\"user.login\"]\ntimeout = \"30s\""), vec![]),
        ("kind = \"log\"\nevents = [\"login.completing\"]".into(), vec!["CS-C180"]),
        ("kind = \"log\"\nevents = [\"*\"]".into(), vec![]),
        ("kind = \"log\"\nmode = \"decide\"\nevents = [\"*\"]".into(), vec!["CS-C003"]),
    ] {
        assert_eq!(mistakes(&text), expected, "{text}");
    }
}

#[tokio::test]
async fn a_reload_puts_another_extension_in_place() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;
    let crm = Host::put(&stage, "crm.test");
    crm.says(super::Act::Say(403, ""));
    assert_eq!(authorize(&stage, &token).await.status, 200);

    stage.reload(&hook("crm", "\"token.issuing\"", "")).unwrap();
    assert_eq!(authorize(&stage, &token).await.status, 403);
    stage.reload("").unwrap();

    assert_eq!(authorize(&stage, &token).await.status, 200);
}
