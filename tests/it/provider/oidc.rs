//! An honest OpenID issuer, and what the section says about it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::json;
use time::Duration;

use super::super::stage::upstream::Key;
use super::{HOST, OIDC, Play, callback, email, handshake, query, refusal, sign_in};
use crate::domain::linking::LinkPolicy;
use crate::net::{Answer, HttpRequest, Limits, Net, NetError, Transport};
use crate::provider::Handshake;

#[tokio::test]
async fn the_browser_is_sent_with_state_nonce_and_an_s256_challenge() {
    let play = Play::new();

    let url = play.oidc("prompt = \"login\"").authorize_url(&handshake()).await.unwrap();

    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, "v".repeat(43).as_bytes());
    assert!(url.as_str().starts_with("https://sso.test/authorize?"));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "client"),
        ("state", "state-1"),
        ("nonce", "nonce-1"),
        ("redirect_uri", "https://auth.test/auth/callback/sso"),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
        ("code_challenge", &BASE64.encode(digest)),
        ("prompt", "login"),
    ] {
        assert_eq!(query(&url, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(query(&url, "response_mode"), None);
}

#[tokio::test]
async fn whoever_signs_in_has_a_subject_an_address_and_a_face() {
    let play = Play::new();
    play.upstream.script().claims["groups"] = json!(["staff", "admins", "staff", ""]);

    let who = sign_in(&*play.oidc("")).await.unwrap();

    assert_eq!(
        (who.subject.provider.as_str(), who.subject.realm.as_str(), who.subject.subject.as_str()),
        ("sso", "https://sso.test", "ada-1")
    );
    assert_eq!(email(&who), Some("ada@example.org"));
    assert_eq!(who.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(who.username.as_deref(), Some("ada"));
    assert_eq!(who.avatar_url.unwrap().as_str(), "https://pictures.test/ada.png");
    assert_eq!(who.groups, ["sso:admins", "sso:staff"]);
}

#[tokio::test]
async fn the_code_is_traded_with_its_verifier_and_the_client_says_who_it_is_as_configured() {
    let basic = format!("Basic {}", base64::prelude::BASE64_STANDARD.encode("client:s3cret"));
    for (way, header, secret) in [
        ("client_secret_basic", Some(basic.as_str()), None),
        ("client_secret_post", None, Some("s3cret")),
        ("none", None, None),
    ] {
        let play = Play::new();

        sign_in(&*play.oidc(&format!("client_auth = \"{way}\""))).await.unwrap();

        let script = play.upstream.script();
        assert_eq!(script.form["code_verifier"], "v".repeat(43));
        assert_eq!(script.form["redirect_uri"], "https://auth.test/auth/callback/sso");
        assert_eq!(script.authorization.as_deref(), header, "{way}");
        assert_eq!(script.form.get("client_secret").map(String::as_str), secret, "{way}");
    }
}

#[tokio::test]
async fn each_accepted_algorithm_is_accepted() {
    for (key, alg) in [(Key::Rsa, "RS256"), (Key::Ec, "ES256"), (Key::Ed, "EdDSA")] {
        let play = Play::new();

        let who = play
            .sign_in("", |script| {
                script.keys = vec![key.jwk("one")];
                (script.signs, script.header["alg"]) = (key, alg.into());
            })
            .await;

        assert!(who.is_ok(), "{alg}: {who:?}");
    }
}

#[tokio::test]
async fn a_token_without_key_id_is_fine_where_there_is_one_key() {
    let play = Play::new();

    let who = play.sign_in("", |script| script.header = json!({ "alg": "RS256" })).await;

    assert!(who.is_ok(), "{who:?}");
}

#[tokio::test]
async fn clocks_may_differ_by_the_skew_and_no_more() {
    type Change = fn(&mut serde_json::Value, i64);
    let cases: [(&str, i64, bool, Change); 6] = [
        ("exp", -59, true, |claims, at| claims["exp"] = at.into()),
        ("exp", -60, false, |claims, at| claims["exp"] = at.into()),
        ("iat", 60, true, |claims, at| claims["iat"] = at.into()),
        ("iat", 61, false, |claims, at| claims["iat"] = at.into()),
        ("nbf", 60, true, |claims, at| claims["nbf"] = at.into()),
        ("nbf", 61, false, |claims, at| claims["nbf"] = at.into()),
    ];
    for (name, offset, is_fine, change) in cases {
        let play = Play::new();
        let now = crate::clock::Clock::now(&*play.clock).unix_timestamp();

        let who = play.sign_in("", |script| change(&mut script.claims, now + offset)).await;

        assert_eq!(who.is_ok(), is_fine, "{name} {offset}: {who:?}");
    }
}

#[tokio::test]
async fn a_token_is_fresh_for_ten_minutes() {
    for (age, is_fine) in [(600, true), (601, false)] {
        let play = Play::new();
        let provider = play.oidc("");
        play.upstream.script().claims["exp"] = 4_000_000_000_i64.into();
        play.clock.advance(Duration::seconds(age));

        assert_eq!(sign_in(&*provider).await.is_ok(), is_fine, "{age}");
    }
}

#[tokio::test]
async fn an_upstream_that_was_told_to_ask_again_and_says_it_did_not_is_refused() {
    let just_now = 5 * 60 + 60;
    for (again, age, is_fine) in [(true, just_now, true), (true, just_now + 1, false), (false, just_now + 1, true)] {
        let play = Play::new();
        let now = crate::clock::Clock::now(&*play.clock).unix_timestamp();
        play.upstream.script().claims["auth_time"] = (now - age).into();

        let who = play.oidc("").identify(&Handshake { again, ..handshake() }, &callback(None)).await;

        assert_eq!(who.is_ok(), is_fine, "{again} {age}: {who:?}");
    }
    let silent = Play::new();
    let who = silent.oidc("").identify(&Handshake { again: true, ..handshake() }, &callback(None)).await;
    assert!(who.is_ok(), "it does not say when: {who:?}");
}

#[tokio::test]
async fn an_address_counts_only_if_it_is_said_to_be_verified() {
    let strict = [json!(true), json!(false), json!("true"), json!("false")];
    for (said, with_strings) in strict.iter().flat_map(|said| [(said, false), (said, true)]) {
        let play = Play::new();
        let more = if with_strings { "string_booleans = true" } else { "" };

        let who = play.sign_in(more, |script| script.claims["email_verified"] = said.clone()).await.unwrap();

        let counts = *said == json!(true) || (with_strings && *said == json!("true"));
        assert_eq!(who.email.is_some(), counts, "{said} {with_strings}");
    }
}

#[tokio::test]
async fn an_address_nobody_spoke_about_counts_only_for_who_trusts_it_always() {
    for (trust, missing, denied) in [("verified", false, false), ("always", true, false), ("never", false, false)] {
        let more = format!("email_trust = \"{trust}\"\nuserinfo = \"never\"");

        let silent = Play::new()
            .sign_in(&more, |script| {
                script.claims.as_object_mut().unwrap().remove("email_verified");
            })
            .await
            .unwrap();
        let told = Play::new().sign_in(&more, |script| script.claims["email_verified"] = json!("false")).await.unwrap();

        assert_eq!((silent.email.is_some(), told.email.is_some()), (missing, denied), "{trust}");
    }
}

#[tokio::test]
async fn odd_addresses_are_no_addresses() {
    let odd = [
        "a@evil.example@x.example",
        "\"a@x.example\"@evil.example",
        "a\u{ff20}x.example",
        "a@x.example,b@evil.example",
        "a@x.example\n",
        "",
    ];
    for raw in odd {
        let who =
            Play::new().sign_in("userinfo = \"never\"", |script| script.claims["email"] = raw.into()).await.unwrap();

        assert_eq!(email(&who), None, "{raw:?}");
    }
}

#[tokio::test]
async fn names_and_pictures_are_cleaned() {
    let who = Play::new()
        .sign_in("", |script| {
            script.claims["name"] = format!("\u{202e}Ada\u{0}{}", "x".repeat(2000)).into();
            script.claims["picture"] = "javascript:alert(1)".into();
        })
        .await
        .unwrap();

    let name = who.name.unwrap();
    assert!(name.starts_with("Adax") && name.chars().count() == 200, "{name}");
    assert_eq!(who.avatar_url, None);
}

#[tokio::test]
async fn user_info_is_asked_for_as_configured() {
    for (way, lacks_name, asked) in
        [("auto", false, 0), ("auto", true, 1), ("always", false, 1), ("never", false, 0), ("never", true, 0)]
    {
        let play = Play::new();
        play.upstream.script().userinfo = json!({ "sub": "ada-1", "name": "Ada at length" });

        let who = play
            .sign_in(&format!("userinfo = \"{way}\""), |script| {
                if lacks_name {
                    script.claims.as_object_mut().unwrap().remove("name");
                }
            })
            .await
            .unwrap();

        assert_eq!(play.internet.count("/userinfo"), asked, "{way} {lacks_name}");
        let expected = if lacks_name { (asked == 1).then_some("Ada at length") } else { Some("Ada Lovelace") };
        assert_eq!(who.name.as_deref(), expected, "{way} {lacks_name}");
    }
}

#[tokio::test]
async fn an_address_and_its_proof_come_from_one_document() {
    let who = Play::new()
        .sign_in("", |script| {
            script.claims.as_object_mut().unwrap().remove("email");
            script.userinfo = json!({ "sub": "ada-1", "email": "other@example.org" });
        })
        .await
        .unwrap();

    assert_eq!(email(&who), None, "the token's `email_verified` says nothing about user info's address");
}

#[tokio::test]
async fn claims_are_found_by_paths_fallbacks_and_constants() {
    let more = r#"
[providers.sso.claims]
name = ["nick.long", "nick.short"]
username = { const = "guest" }
groups = "https://sso.test/groups"
email = "contact.email"
email_verified = "contact.checked"
"#;
    // The issuer's standard types allow no dots; these are its own claims.
    let who = Play::new()
        .sign_in(more, |script| {
            script.claims["nick"] = json!({ "long": "", "short": "Al" });
            script.claims["https://sso.test/groups"] = json!(["a.b"]);
            script.claims["contact"] = json!({ "email": "deep@example.org", "checked": true });
        })
        .await
        .unwrap();

    assert_eq!(who.name.as_deref(), Some("Al"));
    assert_eq!(who.username.as_deref(), Some("guest"));
    assert_eq!(who.groups, ["sso:a.b"]);
    assert_eq!(email(&who), Some("deep@example.org"));
}

#[tokio::test]
async fn only_verified_addresses_of_allowed_domains_sign_in() {
    let more = "allowed_email_domains = [\"corp.example\"]";
    for (address, is_verified, is_fine) in [
        ("ada@corp.example", true, true),
        ("ada@CORP.example", true, true),
        ("ada@corp.example", false, false),
        ("ada@corp.example.evil.example", true, false),
        ("ada@sub.corp.example", true, false),
    ] {
        let who = Play::new()
            .sign_in(more, |script| {
                script.claims["email"] = address.into();
                script.claims["email_verified"] = is_verified.into();
            })
            .await;

        if is_fine {
            assert!(who.is_ok(), "{address}");
        } else {
            assert!(refusal(who).contains("corp.example"), "{address}");
        }
    }
}

#[tokio::test]
async fn an_answer_by_post_is_asked_for_and_announced() {
    let play = Play::new();
    let provider = play.oidc("response_mode = \"form_post\"");

    let url = provider.authorize_url(&handshake()).await.unwrap();

    assert_eq!(query(&url, "response_mode").as_deref(), Some("form_post"));
    assert!(provider.answers_by_post() && !play.oidc("").answers_by_post());
}

#[tokio::test]
async fn an_issuer_that_says_it_names_itself_must() {
    let play = Play::new();
    play.upstream.script().metadata["authorization_response_iss_parameter_supported"] = true.into();
    let provider = play.oidc("");

    let named = provider.identify(&handshake(), &callback(Some("https://sso.test"))).await;
    let silent = provider.identify(&handshake(), &callback(None)).await;

    assert!(named.is_ok());
    assert!(super::distrust(silent).contains("does not say"));
}

#[tokio::test]
async fn the_same_subject_elsewhere_is_somebody_else() {
    let play = Play::new();
    super::super::stage::upstream::Upstream::open(
        &play.internet,
        "other.test",
        crate::clock::Clock::now(&*play.clock).unix_timestamp(),
    );
    let repointed = play.open("sso", &OIDC.replace(HOST, "other.test"));

    let (one, other) = (sign_in(&*play.oidc("")).await.unwrap(), sign_in(&*repointed).await.unwrap());

    assert_eq!(one.subject.subject, other.subject.subject);
    assert_ne!(one.subject, other.subject);
}

#[tokio::test]
async fn the_section_rules_over_linking_and_signup() {
    let play = Play::new();

    let (own, inherited) = (play.oidc("link = \"verified-email\"\nsignup = \"closed\"\nenabled = true"), play.oidc(""));

    assert_eq!((own.rules().link, own.rules().signup), (Some(LinkPolicy::VerifiedEmail), Some(false)));
    assert_eq!((inherited.rules().link, inherited.rules().signup), (None, None));
    assert_eq!((own.button().name.as_str(), own.button().icon), ("SSO", "openid"));
}

#[test]
fn sections_that_cannot_work_are_refused() {
    let play = Play::new();
    for (more, expected) in [
        ("scopes = [\"email\"]", "`openid` is needed"),
        ("id_token_algs = []", "at least one algorithm"),
        ("id_token_algs = [\"HS256\"]", "HS256"),
        ("timeout = \"31s\"", "timeout"),
        ("clock_skew = \"6m\"", "clock_skew"),
        ("allowed_email_domains = [\"@x\"]", "is not a domain"),
        ("ca_file = \"nowhere.pem\"", "cannot be read"),
        ("[providers.sso.claims]\nsubject = \"email\"", "addresses change hands"),
        ("[providers.sso.claims]\nsubject = { const = \"x\" }", "the same for everybody"),
        ("[providers.sso.claims]\nname = { expr = \"x\" }", "not in this version"),
        ("[providers.sso.claims]\nemail_verified = { const = \"true\" }", "see `email_trust`"),
        ("hosted_domain = []", "unknown"),
    ] {
        let wrong = play.wrong("sso", &format!("{OIDC}{more}"));

        assert!(wrong.iter().any(|message| message.contains(expected)), "{more}: {wrong:?}");
    }
    for (from, to, expected) in [
        ("https://sso.test", "http://sso.test", "https address"),
        ("https://sso.test", "https://127.0.0.1", "allow_private"),
        ("https://sso.test", "sso", "https address"),
        ("name = \"SSO\"", "", "stands on the button"),
        ("client_secret = \"s3cret\"", "client_auth = \"client_secret_post\"", "needs a `client_secret`"),
    ] {
        let wrong = play.wrong("sso", &OIDC.replace(from, to));

        assert!(wrong.iter().any(|message| message.contains(expected)), "{to}: {wrong:?}");
    }
}

#[test]
fn a_private_authority_is_read_from_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let made = rcgen::generate_simple_self_signed(vec!["sso.test".into()]).unwrap();
    std::fs::write(&path, made.cert.pem()).unwrap();
    let play = Play::new();

    let fine = play.wrong("sso", &format!("{OIDC}ca_file = '{}'", path.display()));
    std::fs::write(&path, "nothing").unwrap();
    let empty = play.wrong("sso", &format!("{OIDC}ca_file = '{}'", path.display()));

    assert_eq!(fine, [""; 0]);
    assert!(empty[0].contains("no PEM certificate"));
}

#[tokio::test]
async fn a_probe_tells_what_it_found() {
    let found = Play::new().oidc("").probe().await.unwrap();

    assert!(found.iter().any(|line| line == "1 usable signing keys from https://sso.test/jwks"), "{found:?}");
}

#[test]
fn an_upstream_on_loopback_has_to_be_asked_for_except_in_dev_mode() {
    let text = OIDC.replace("https://sso.test", "http://127.0.0.1:4000");
    let mut play = Play::new();

    let unasked = play.wrong("sso", &text);
    let asked = play.wrong("sso", &format!("{text}allow_private = true"));
    play.tools.is_dev = true;
    let dev = play.wrong("sso", &text);
    let unwanted = play.wrong("sso", &format!("{text}allow_private = false"));

    assert!(unasked[0].contains("allow_private"), "{unasked:?}");
    assert_eq!((asked.len(), dev.len(), unwanted.len()), (0, 0, 1));
}

#[tokio::test]
async fn a_code_verifier_of_a_wrong_length_is_noticed() {
    for (length, is_fine) in [(42, false), (43, true), (128, true), (129, false)] {
        let bad = Handshake { verifier: "v".repeat(length), ..handshake() };

        assert_eq!(Play::new().oidc("").authorize_url(&bad).await.is_ok(), is_fine, "{length}");
    }
}

#[tokio::test]
async fn the_sections_limits_go_along_with_every_request() {
    struct Listening(std::sync::Arc<std::sync::Mutex<Vec<Limits>>>);
    impl Transport for Listening {
        fn send(&self, _: HttpRequest, limits: &Limits) -> Answer<'_> {
            self.0.lock().unwrap().push(limits.clone());
            Box::pin(async { Err(NetError::Late("sso.test".into())) })
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let made = rcgen::generate_simple_self_signed(vec!["sso.test".into()]).unwrap();
    std::fs::write(&path, made.cert.pem()).unwrap();
    let heard = std::sync::Arc::default();
    let mut play = Play::new();
    play.tools.net = Net::new(Listening(std::sync::Arc::clone(&heard)));

    let more = format!("timeout = \"7s\"\nallow_private = true\nca_file = '{}'", path.display());
    let _ = play.oidc(&more).probe().await;
    let _ = play.oidc("").probe().await;

    let heard = heard.lock().unwrap();
    assert_eq!((heard[0].deadline, heard[0].allow_private), (Some(std::time::Duration::from_secs(7)), true));
    assert_eq!(heard[0].extra_ca.as_deref(), Some(made.cert.pem().as_bytes()));
    assert_eq!((heard[1].deadline, heard[1].allow_private), (Some(std::time::Duration::from_secs(5)), false));
    assert_eq!(heard[1].extra_ca, None);
}
