//! Upstreams that are down, slow or busy, and keys that change.

use serde_json::json;
use time::Duration;

use super::super::stage::upstream::Key;
use super::{HOST, Play, distrust, handshake, sign_in};
use crate::provider::ProviderError;

const DISCOVERY: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn opening_asks_nobody() {
    let play = Play::new();

    play.oidc("");

    assert!(play.internet.seen().is_empty());
}

#[tokio::test]
async fn an_upstream_that_comes_back_is_used_without_a_restart() {
    let play = Play::new();
    let provider = play.oidc("");
    let router = play.internet.take_down(HOST).unwrap();

    let down = provider.authorize_url(&handshake()).await;
    play.internet.host(HOST, router);
    play.clock.advance(Duration::seconds(4));
    let remembered = provider.authorize_url(&handshake()).await;
    play.clock.advance(Duration::seconds(1));
    let up = provider.authorize_url(&handshake()).await;

    assert!(matches!(down, Err(ProviderError::Unreachable(_))));
    assert!(matches!(remembered, Err(ProviderError::Unreachable(_))));
    assert!(up.is_ok());
    assert_eq!(play.internet.count(DISCOVERY), 2);
}

#[tokio::test]
async fn an_outage_is_no_stampede() {
    let play = Play::new();
    let provider = play.oidc("");
    play.internet.take_down(HOST);

    for _ in 0..100 {
        assert!(provider.authorize_url(&handshake()).await.is_err());
    }

    assert_eq!(play.internet.count(DISCOVERY), 1);
}

#[tokio::test]
async fn many_at_once_ask_once() {
    let play = Play::new();
    let provider = play.oidc("");
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let provider = provider.clone();
            tokio::spawn(async move { provider.authorize_url(&handshake()).await.is_ok() })
        })
        .collect();

    for one in waiting {
        assert!(one.await.unwrap());
    }

    assert_eq!(play.internet.count(DISCOVERY), 1);
}

#[tokio::test]
async fn discovery_and_keys_are_believed_for_an_hour() {
    let play = Play::new();
    let provider = play.oidc("");
    play.upstream.script().claims["exp"] = 4_000_000_000_i64.into();
    for (advance, fetched) in [(0, 1), (3599, 1), (1, 2)] {
        play.clock.advance(Duration::seconds(advance));
        play.upstream.script().claims["iat"] = crate::clock::Clock::now(&*play.clock).unix_timestamp().into();

        sign_in(&*provider).await.unwrap();

        assert_eq!((play.internet.count(DISCOVERY), play.internet.count("/jwks")), (fetched, fetched));
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_first_seen_and_the_old_one_is_gone() {
    let play = Play::new();
    let provider = play.oidc("");
    sign_in(&*provider).await.unwrap();
    {
        let mut script = play.upstream.script();
        script.keys = vec![Key::OtherRsa.jwk("two")];
        (script.signs, script.header) = (Key::OtherRsa, json!({ "alg": "RS256", "kid": "two" }));
    }

    let rotated = sign_in(&*provider).await;
    {
        let mut script = play.upstream.script();
        (script.signs, script.header) = (Key::Rsa, json!({ "alg": "RS256", "kid": "one" }));
    }
    let old = sign_in(&*provider).await;

    assert!(rotated.is_ok(), "{rotated:?}");
    assert!(distrust(old).contains("not among"));
}

#[tokio::test]
async fn unknown_keys_make_us_ask_once_in_half_a_minute() {
    let play = Play::new();
    let provider = play.oidc("");
    for at in 0..100 {
        play.upstream.script().header["kid"] = format!("made-up-{at}").into();

        assert!(distrust(sign_in(&*provider).await).contains("not among"));
    }
    assert_eq!(play.internet.count("/jwks"), 2);

    play.clock.advance(Duration::seconds(29));
    distrust(sign_in(&*provider).await);
    assert_eq!(play.internet.count("/jwks"), 2);

    play.clock.advance(Duration::seconds(1));
    distrust(sign_in(&*provider).await);
    assert_eq!(play.internet.count("/jwks"), 3);
}

#[tokio::test]
async fn busy_means_later() {
    for path in [DISCOVERY, "/jwks", "/token", "/userinfo"] {
        for status in [429, 500, 502, 503] {
            let outcome = Play::new()
                .sign_in("userinfo = \"always\"", |script| {
                    script.answers.insert(path, (status, "text/html", b"<secret>".to_vec()));
                })
                .await;

            let Err(ProviderError::Unreachable(cause)) = outcome else { panic!("{path} {status}: {outcome:?}") };
            assert!(!format!("{cause:?}").contains("secret"));
        }
    }
}

#[tokio::test]
async fn a_missing_page_is_no_outage() {
    let play = Play::new();
    play.upstream.script().answers.insert(DISCOVERY, (404, "text/html", Vec::new()));

    assert!(distrust(play.oidc("").probe().await).contains("404"));
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_given_up_after_its_timeout() {
    let play = Play::new();
    play.internet.host(HOST, axum::Router::new().fallback(std::future::pending::<()>));

    let outcome = play.oidc("timeout = \"1s\"").authorize_url(&handshake()).await;

    assert!(matches!(outcome, Err(ProviderError::Unreachable(crate::net::NetError::Late(_)))));
}
