//! An OpenID issuer that lies, or that somebody else speaks for: one refusal per check.

use serde_json::{Value, json};

use super::super::stage::upstream::{Key, Script, token};
use super::{Play, callback, distrust, handshake, sign_in};

type Change = fn(&mut Script);

async fn refused(cases: &[(&str, Change)]) {
    for (expected, change) in cases {
        let reason = distrust(Play::new().sign_in("", change).await);

        assert!(reason.contains(expected), "{expected}: {reason}");
    }
}

fn without(value: &mut Value, name: &str) {
    value.as_object_mut().unwrap().remove(name);
}

#[tokio::test]
async fn another_issuers_token_is_refused() {
    refused(&[
        ("another issuer", |script| script.claims["iss"] = "https://SSO.test".into()),
        ("another issuer", |script| script.claims["iss"] = "https://sso.test/".into()),
        ("another issuer", |script| script.claims["iss"] = "https://evil.test".into()),
        ("wrong type", |script| script.claims["iss"] = json!(["https://sso.test"])),
        ("lacks a claim", |script| without(&mut script.claims, "iss")),
    ])
    .await;
}

#[tokio::test]
async fn another_clients_token_is_refused() {
    refused(&[
        ("somebody else", |script| script.claims["aud"] = "other".into()),
        ("somebody else", |script| script.claims["aud"] = json!([])),
        ("somebody else", |script| script.claims["aud"] = json!(["client", "evil"])),
        ("wrong type", |script| script.claims["aud"] = json!({ "client": true })),
        ("somebody else", |script| without(&mut script.claims, "aud")),
        ("another client", |script| script.claims["azp"] = "other".into()),
        ("wrong type", |script| script.claims["azp"] = json!(["client"])),
    ])
    .await;
}

#[tokio::test]
async fn another_logins_token_is_refused() {
    refused(&[
        ("not of this sign-in", |script| script.claims["nonce"] = "nonce-2".into()),
        ("not of this sign-in", |script| script.claims["nonce"] = Value::Null),
        ("not of this sign-in", |script| script.claims["nonce"] = "".into()),
    ])
    .await;
}

#[tokio::test]
async fn a_token_of_another_time_is_refused() {
    refused(&[
        ("has expired", |script| script.claims["exp"] = 1_577_000_000.into()),
        ("lacks a claim", |script| without(&mut script.claims, "exp")),
        ("wrong type", |script| script.claims["exp"] = "4000000000".into()),
        ("issued just now", |script| script.claims["iat"] = 1_577_880_300.into()),
        ("issued just now", |script| script.claims["iat"] = 1_500_000_000.into()),
        ("lacks a claim", |script| without(&mut script.claims, "iat")),
        ("not valid yet", |script| script.claims["nbf"] = 1_577_990_000.into()),
        ("not valid yet", |script| script.claims["nbf"] = "1".into()),
    ])
    .await;
}

#[tokio::test]
async fn a_signature_by_anybody_else_is_refused() {
    refused(&[
        ("not signed by the issuer", |script| script.signs = Key::OtherRsa),
        ("algorithm", |script| {
            script.header["alg"] = "HS256".into();
            script.signs = Key::Shared("s3cret");
        }),
        ("is not signed", |script| {
            script.header["alg"] = "none".into();
            script.signs = Key::Nothing;
        }),
        ("lacks a claim", |script| {
            script.header["alg"] = "nOnE".into();
            script.signs = Key::Nothing;
        }),
        ("not signed by the issuer", |script| script.signs = Key::Nothing),
    ])
    .await;
}

#[tokio::test]
async fn an_algorithm_counts_only_if_the_section_lists_it() {
    let more = "id_token_algs = [\"ES256\"]";

    let reason = distrust(Play::new().sign_in(more, |_| ()).await);

    assert!(reason.contains("algorithm"), "{reason}");
}

#[tokio::test]
async fn keys_that_may_not_sign_do_not() {
    refused(&[
        ("not among", |script| script.header["kid"] = "two".into()),
        ("not among", |script| script.keys[0]["use"] = "enc".into()),
        ("not among", |script| script.keys[0]["key_ops"] = json!(["encrypt"])),
        ("not among", |script| {
            let modulus = script.keys[0]["n"].as_str().unwrap()[..171].to_owned();
            script.keys[0]["n"] = modulus.into();
        }),
        ("not among", |script| script.keys = vec![Key::Ec.jwk("one")]),
        ("more than one key", |script| script.keys = vec![Key::Rsa.jwk("one"), Key::OtherRsa.jwk("one")]),
        ("more than one key", |script| {
            script.keys = vec![Key::Rsa.jwk("one"), Key::OtherRsa.jwk("two")];
            without(&mut script.header, "kid");
        }),
        ("key set is too large", |script| script.keys = vec![Key::Rsa.jwk("one"); 101]),
    ])
    .await;
}

#[tokio::test]
async fn headers_that_change_what_a_signature_means_are_refused() {
    refused(&[
        ("not understood", |script| script.header["crit"] = json!(["exp"])),
        ("not understood", |script| script.header["jku"] = "https://evil.test/jwks".into()),
        ("not understood", |script| script.header["jwk"] = Key::OtherRsa.jwk("one")),
        ("not understood", |script| script.header["x5u"] = "https://evil.test/cert".into()),
        ("not understood", |script| script.header["x5c"] = json!(["MII"])),
        ("not understood", |script| script.header["cty"] = "JWT".into()),
        ("not understood", |script| script.header["zip"] = "DEF".into()),
        ("another type", |script| script.header["typ"] = "logout+jwt".into()),
        ("another type", |script| script.header["typ"] = "at+jwt".into()),
        ("cannot be one", |script| script.header["kid"] = 7.into()),
        ("cannot be one", |script| script.header["kid"] = "k".repeat(10_000).into()),
    ])
    .await;
}

#[tokio::test]
async fn a_token_that_can_be_read_in_two_ways_is_refused() {
    let header = r#"{"alg":"RS256","kid":"one"}"#;
    let claims = r#"{"iss":"https://sso.test","aud":"client","sub":"eve","sub":"ada-1","iat":1577880000,"exp":1577880300,"nonce":"nonce-1"}"#;
    let twice = token(header, claims, Key::Rsa);
    let twice_header = token(r#"{"alg":"RS256","alg":"none"}"#, &claims.replace(r#""sub":"eve","#, ""), Key::Rsa);
    let fine = token(header, &claims.replace(r#""sub":"eve","#, ""), Key::Rsa);
    assert!(Play::new().sign_in("", |script| script.id_token = Some(fine.clone())).await.is_ok());
    for (expected, bad) in [
        ("unreadable claims", twice),
        ("unreadable header", twice_header),
        ("three parts", format!("{fine}.x")),
        ("three parts", fine.rsplit_once('.').unwrap().0.to_owned()),
        ("wrong type", format!("{fine}=")),
        ("wrong type", format!("{fine}\n")),
        ("unreadable header", format!(" {fine}")),
        ("three parts", String::new()),
    ] {
        let reason = distrust(Play::new().sign_in("", |script| script.id_token = Some(bad.clone())).await);

        assert!(reason.contains(expected), "{expected}: {reason}");
    }
}

#[tokio::test]
async fn a_subject_that_cannot_be_kept_is_refused() {
    refused(&[
        ("lacks a claim", |script| without(&mut script.claims, "sub")),
        ("cannot be kept", |script| script.claims["sub"] = "".into()),
        ("wrong type", |script| script.claims["sub"] = 7.into()),
        ("cannot be kept", |script| script.claims["sub"] = "a\u{0}b".into()),
        ("cannot be kept", |script| script.claims["sub"] = "s".repeat(256).into()),
    ])
    .await;
    for sub in ["s".repeat(255), " spaced ".into(), "ABC".into(), "abc".into()] {
        let who = Play::new()
            .sign_in("", |script| {
                script.claims["sub"] = sub.clone().into();
                script.userinfo["sub"] = sub.clone().into();
            })
            .await
            .unwrap();

        assert_eq!(who.subject.subject, sub);
    }
}

#[tokio::test]
async fn user_info_of_somebody_else_counts_for_nothing() {
    for userinfo in [json!({ "sub": "eve" }), json!({}), json!({ "sub": 1 }), json!({ "sub": "ada-1 " })] {
        let more = "userinfo = \"always\"";

        let reason = distrust(Play::new().sign_in(more, |script| script.userinfo = userinfo.clone()).await);

        assert!(reason.contains("somebody else"), "{userinfo}: {reason}");
    }
}

#[tokio::test]
async fn an_access_token_that_was_exchanged_is_noticed() {
    use base64::Engine as _;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"at-1");
    let right = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16]);

    let fine = Play::new().sign_in("", |script| script.claims["at_hash"] = right.clone().into()).await;
    let wrong = Play::new().sign_in("", |script| script.claims["at_hash"] = "AAAA".into()).await;

    assert!(fine.is_ok(), "{fine:?}");
    assert!(distrust(wrong).contains("another access token"));
}

#[tokio::test]
async fn an_access_token_that_would_break_a_header_is_refused() {
    for bad in ["a\nb", "a\u{0}b", "a b", "", "\u{e4}"] {
        let more = "userinfo = \"always\"";

        let outcome = Play::new().sign_in(more, |script| script.token["access_token"] = bad.into()).await;

        assert!(distrust(outcome).contains("no token may hold"), "{bad:?}");
    }
}

#[tokio::test]
async fn an_answer_from_another_issuer_never_reaches_the_token_endpoint() {
    let play = Play::new();
    for iss in ["https://evil.test", "https://sso.test/", ""] {
        let outcome = play.oidc("").identify(&handshake(), &callback(Some(iss))).await;

        assert!(distrust(outcome).contains("another issuer"), "{iss}");
    }
    assert_eq!(play.internet.count("/token"), 0);
}

#[tokio::test]
async fn discovery_must_name_the_issuer_byte_for_byte() {
    for issuer in [json!("https://sso.test/"), json!("https://SSO.test"), json!("https://evil.test"), Value::Null] {
        let play = Play::new();
        play.upstream.script().metadata["issuer"] = issuer.clone();

        let outcome = play.oidc("").authorize_url(&handshake()).await;

        assert!(distrust(outcome).contains("another issuer"), "{issuer}");
    }
}

#[tokio::test]
async fn discovery_may_not_send_us_inside() {
    let endpoints = ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"];
    let inside = [
        "http://sso.test/x",
        "https://127.0.0.1/x",
        "https://169.254.169.254/x",
        "https://[::ffff:127.0.0.1]/x",
        "ftp://sso.test/x",
    ];
    for (endpoint, address) in endpoints.iter().flat_map(|endpoint| inside.map(|address| (endpoint, address))) {
        let play = Play::new();
        play.upstream.script().metadata[endpoint] = address.into();

        let outcome = play.oidc("").authorize_url(&handshake()).await;

        assert!(distrust(outcome).contains("may not be reached"), "{endpoint} {address}");
        assert_eq!(play.internet.seen().len(), 1);
    }
}

#[tokio::test]
async fn redirects_are_followed_nowhere() {
    for path in ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"] {
        for status in [301, 302, 307, 308] {
            let play = Play::new();
            play.internet.host("canary.test", axum::Router::new());

            let outcome = play
                .sign_in("userinfo = \"always\"", |script| {
                    script.answers.insert(path, (status, "application/json", b"{}".to_vec()));
                    script.location = "https://canary.test/";
                })
                .await;

            distrust(outcome);
            assert!(!play.internet.seen().iter().any(|line| line.contains("canary")), "{path} {status}");
        }
    }
}

#[tokio::test]
async fn what_is_not_clean_json_is_refused_everywhere() {
    let bad: [(&str, &[u8]); 9] = [
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("text/html", b"<html>"),
        ("text/html", b"{}"),
        ("application/json", b"\xef\xbb\xbf{}"),
        ("application/json", b"{\"a\":1,\"a\":2}"),
        ("application/json", b"{\"a\":\"\xff\"}"),
        ("application/json", b"{\"a\":NaN}"),
        ("application/json", b""),
    ];
    let deep = [b"[".repeat(200), b"]".repeat(200)].concat();
    let bad = bad.iter().map(|(kind, body)| (*kind, body.to_vec())).chain([("application/json", deep)]);
    for (kind, body) in bad {
        for path in ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"] {
            let outcome = Play::new()
                .sign_in("userinfo = \"always\"", |script| {
                    script.answers.insert(path, (200, kind, body.clone()));
                })
                .await;

            distrust(outcome);
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    for path in ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"] {
        let outcome = Play::new()
            .sign_in("userinfo = \"always\"", |script| {
                script.answers.insert(path, (200, "application/json", vec![b' '; 1024 * 1024 + 1]));
            })
            .await;

        assert!(matches!(outcome, Err(crate::provider::ProviderError::Unreachable(_))), "{path}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_token_answer_without_id_token_is_refused() {
    let outcome = Play::new().sign_in("", |script| script.token["id_token"] = Value::Null).await;

    assert!(distrust(outcome).contains("no ID token"));
}

#[tokio::test]
async fn a_refused_code_is_told_in_our_words() {
    let play = Play::new();
    let body = br#"{"error":"invalid_grant","error_description":"<script>"}"#.to_vec();
    play.upstream.script().answers.insert("/token", (400, "application/json", body));

    let reason = super::refusal(sign_in(&*play.oidc("")).await);

    assert_eq!(reason, "it did not accept this sign-in (invalid_grant)");
}

#[tokio::test]
async fn a_refused_client_is_the_admins_matter() {
    let play = Play::new();
    let body = br#"{"error":"invalid_client"}"#.to_vec();
    play.upstream.script().answers.insert("/token", (401, "application/json", body));

    assert!(distrust(sign_in(&*play.oidc("")).await).contains("client_secret"));
}
