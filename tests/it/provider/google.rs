//! Google.

use super::{Play, handshake, query, refusal, sign_in};

pub(super) const GOOGLE: &str = "client_id = \"client\"\nclient_secret = \"s3cret\"\nissuer = \"https://sso.test\"\n";

#[tokio::test]
async fn the_real_google_is_the_default() {
    let play = Play::new();

    let provider = play.open("google", "client_id = \"client\"\nclient_secret = \"s3cret\"");

    assert!(provider.probe().await.is_err());
    assert_eq!(provider.button().name, "Google");
    assert_eq!(play.internet.seen(), ["GET https://accounts.google.com/.well-known/openid-configuration"]);
}

#[tokio::test]
async fn the_organisation_is_decided_by_the_token_and_by_nothing_else() {
    let more = format!("{GOOGLE}hosted_domains = [\"corp.example\"]");
    for (hd, address, is_fine) in [
        (Some("corp.example"), "ada@corp.example", true),
        (None, "ada@corp.example", false),
        (Some("evil.example"), "ada@corp.example", false),
        (Some("corp.example.evil.example"), "ada@corp.example.evil.example", false),
    ] {
        let play = Play::new();
        play.upstream.script().claims["email"] = address.into();
        if let Some(hd) = hd {
            play.upstream.script().claims["hd"] = hd.into();
        }

        let who = sign_in(&*play.open("google", &more)).await;

        if is_fine {
            assert_eq!(who.unwrap().subject.realm, "https://sso.test");
        } else {
            assert!(refusal(who).contains("corp.example"), "{hd:?}");
        }
    }
}

#[tokio::test]
async fn the_organisation_is_a_hint_in_the_request() {
    let play = Play::new();
    for (domains, hint) in
        [("[]", None), ("[\"a.example\"]", Some("a.example")), ("[\"a.example\", \"b.example\"]", Some("*"))]
    {
        let provider = play.open("google", &format!("{GOOGLE}hosted_domains = {domains}"));

        let url = provider.authorize_url(&handshake()).await.unwrap();

        assert_eq!(query(&url, "hd").as_deref(), hint);
    }
}

#[test]
fn google_needs_a_secret() {
    let wrong = Play::new().wrong("google", "client_id = \"client\"");

    assert!(wrong[0].contains("client_secret"), "{wrong:?}");
}
