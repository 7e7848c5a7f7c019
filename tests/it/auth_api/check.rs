//! `GET /auth/check`.

use serde_json::json;

use crate::it::stage::Stage;
use crate::it::stage::request::query_of;

#[tokio::test]
async fn somebody_who_signed_in_on_the_way_to_a_service_is_known_by_the_token() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();

    let token = ada.login_token().await;
    let reply = stage.get("/auth/check").bearer(&token).await;

    assert_eq!(reply.status, 200);
    let answer = reply.json();
    assert_eq!(answer["authenticated"], json!(true));
    assert_eq!(answer["profile"]["email"], "ada@example.org");
    assert_eq!(query_of(&ada.at, "jwt").as_deref(), Some(token.as_str()));
}

#[tokio::test]
async fn a_twin_knows_the_session_and_the_letterbox_works() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let mut ada = stage.browser();
    ada.sign_in().await;

    ada.goes_to(&twin).open("/account").await;

    assert_eq!(ada.status(), 200, "{}", ada.body());
    let mut bob = stage.browser();
    bob.open("/login").await.fill_in("#magic-link-email", "bob@example.org").press("#magic-link-submit").await;
    let letter = stage.letter_to("bob@example.org").await.unwrap();
    let link =
        letter.text.split_whitespace().find(|word| word.starts_with("https://auth.example/")).unwrap().to_owned();
    bob.open(&link).await.press("#confirm").await;
    assert!(bob.session_cookie().is_some(), "{}", bob.body());
}
