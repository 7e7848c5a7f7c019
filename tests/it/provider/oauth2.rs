//! Any OAuth 2 server.

use serde_json::json;

use super::{Play, callback, distrust, email, handshake, query, sign_in};

pub(super) const LEGACY: &str = r#"
kind = "oauth2"
name = "Legacy"
client_id = "client"
client_secret = "s3cret"
authorization_url = "https://sso.test/authorize?tenant=a"
token_url = "https://sso.test/token"
userinfo_url = "https://sso.test/userinfo"
"#;
pub(super) const CLAIMS: &str =
    "\n[providers.legacy.claims]\nsubject = \"id\"\nemail = \"contact.email\"\nemail_verified = \"contact.checked\"\n";

fn play() -> Play {
    let play = Play::new();
    play.upstream.script().userinfo =
        json!({ "id": 42, "name": "Ada", "contact": { "email": "ada@example.org", "checked": true } });
    play
}

#[tokio::test]
async fn whoever_user_info_names_signs_in() {
    let play = play();

    let who = sign_in(&*play.open("legacy", &format!("{LEGACY}{CLAIMS}"))).await.unwrap();

    assert_eq!((who.subject.subject.as_str(), who.subject.realm.as_str()), ("42", "https://sso.test"));
    assert_eq!(who.name.as_deref(), Some("Ada"));
    assert_eq!(email(&who), None, "this kind trusts no address unless told so");
}

#[tokio::test]
async fn an_address_counts_where_the_section_trusts_it() {
    for (trust, checked, expected) in [
        ("verified", json!(true), Some("ada@example.org")),
        ("verified", json!("true"), None),
        ("verified", json!(null), None),
        ("always", json!(null), Some("ada@example.org")),
        ("always", json!(false), None),
    ] {
        let play = play();
        play.upstream.script().userinfo["contact"]["checked"] = checked.clone();

        let who = sign_in(&*play.open("legacy", &format!("{LEGACY}email_trust = \"{trust}\"{CLAIMS}"))).await.unwrap();

        assert_eq!(email(&who), expected, "{trust} {checked}");
    }
}

#[tokio::test]
async fn the_browser_is_sent_with_pkce_and_the_addresss_own_query_stays() {
    let play = play();

    let url = play.open("legacy", &format!("{LEGACY}{CLAIMS}")).authorize_url(&handshake()).await.unwrap();

    assert_eq!(query(&url, "tenant").as_deref(), Some("a"));
    assert_eq!(query(&url, "code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(query(&url, "state").as_deref(), Some("state-1"));
    assert_eq!(query(&url, "scope"), None);
}

#[tokio::test]
async fn user_info_is_asked_for_by_post_where_the_server_wants_it() {
    let play = play();

    sign_in(&*play.open("legacy", &format!("{LEGACY}userinfo_method = \"post\"{CLAIMS}"))).await.unwrap();

    assert_eq!(play.internet.count("POST https://sso.test/userinfo"), 1);
}

#[tokio::test]
async fn a_person_without_a_subject_is_nobody() {
    for id in [json!(null), json!(""), json!(1.5), json!({}), json!("a\nb"), json!("s".repeat(256))] {
        let play = play();
        play.upstream.script().userinfo["id"] = id.clone();

        distrust(sign_in(&*play.open("legacy", &format!("{LEGACY}{CLAIMS}"))).await);
    }
}

#[tokio::test]
async fn an_answer_from_another_issuer_is_refused_where_the_issuer_is_known() {
    let play = play();
    let provider = play.open("legacy", &format!("{LEGACY}issuer = \"https://sso.test\"{CLAIMS}"));

    let right = provider.identify(&handshake(), &callback(Some("https://sso.test"))).await;
    let wrong = provider.identify(&handshake(), &callback(Some("https://evil.test"))).await;

    assert!(right.is_ok());
    assert!(distrust(wrong).contains("another issuer"));
}

#[test]
fn a_subject_and_safe_addresses_are_needed() {
    let play = play();

    let subject = play.wrong("legacy", LEGACY);
    let plain =
        play.wrong("legacy", &format!("{}{CLAIMS}", LEGACY.replace("https://sso.test/token", "http://sso.test/token")));

    assert!(subject[0].contains("`subject` is needed"), "{subject:?}");
    assert!(plain[0].contains("https address"), "{plain:?}");
}
