//! Public keys, and keys that change while tokens are made.

use std::collections::HashSet;

use serde_json::Value;
use time::Duration;

use crate::it::stage::request::{claims_of, header_of};
use crate::it::stage::{House, Stage};
use crate::jobs;

const JWKS: &str = "/.well-known/jwks.json";

async fn kids(house: &House) -> HashSet<String> {
    let jwks = house.get(JWKS).await.json();
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn all_published_keys_are_in_the_set_and_nothing_private() {
    let stage = Stage::open().await;

    let reply = stage.get(JWKS).await;

    assert_eq!(reply.header("content-type"), Some("application/jwk-set+json"));
    assert!(reply.header("cache-control").unwrap().starts_with("public, max-age=900"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    let keys = reply.json()["keys"].as_array().unwrap().clone();
    let algs: Vec<_> = keys.iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(algs, ["ES256", "EdDSA", "RS256"]);
    for key in keys {
        assert_eq!(key["use"], "sig");
        assert!(["d", "p", "q", "dp", "dq", "qi", "k"].iter().all(|private| key.get(private).is_none()));
    }

    let etag = reply.header("etag").unwrap();
    let again = stage.get(JWKS).header("if-none-match", etag).await;
    assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", Some(etag)));
    assert!(again.header("cache-control").unwrap().starts_with("public"));
    assert_eq!(stage.get(JWKS).header("if-none-match", "\"other\"").await.status, 200);
    let head = stage.ask("HEAD", JWKS).await;
    assert_eq!((head.status, head.body.as_str(), head.header("etag")), (200, "", Some(etag)));
}

#[tokio::test]
async fn a_stored_answer_is_recognised_however_the_cache_asks() {
    let stage = Stage::open().await;
    let etag = stage.get(JWKS).await.header("etag").unwrap().to_owned();

    for asked in [format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        assert_eq!(stage.get(JWKS).header("if-none-match", &asked).await.status, 304, "{asked}");
    }
}

#[tokio::test]
async fn a_public_key_is_one_pem_with_its_name() {
    let stage = Stage::with("[services.rsa]\ntoken_alg = \"RS256\"").await;
    let published = kids(&stage).await;

    for query in ["", "?format=der", "?service=wiki", "?service=rsa"] {
        let reply = stage.get(&format!("/auth/public-key{query}")).header("accept", "application/json").await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/plain; charset=utf-8")));
        assert_eq!(reply.body.matches("-----BEGIN PUBLIC KEY-----\n").count(), 1);
        assert!(reply.body.ends_with("-----END PUBLIC KEY-----\n") && !reply.body.contains("PRIVATE"));
        let kid = reply.header("x-key-id").unwrap().to_owned();
        assert!(published.contains(&kid));
        let by_name = stage.get(&format!("/auth/public-key?kid={kid}")).await;
        assert_eq!((&by_name.body, by_name.header("x-key-id")), (&reply.body, Some(kid.as_str())));
    }
    let es256 = stage.get("/auth/public-key").await.body;
    assert_ne!(stage.get("/auth/public-key?service=rsa").await.body, es256);
    let all = stage.get("/auth/public-key?all=1").await;
    assert_eq!(all.body.matches("BEGIN PUBLIC KEY").count(), 3);
    assert!(all.body.contains(&es256));
    for (query, slug) in
        [("?service=nobody", "service-unknown"), ("?service=closed", "service-unknown"), ("?kid=nothing", "not-found")]
    {
        let reply = stage.get(&format!("/auth/public-key{query}")).await;
        assert_eq!((reply.status, reply.problem().as_str()), (404, slug), "{query}");
    }
}

/// A token made now, and its key's name.
async fn sign(stage: &Stage, house: &House) -> (String, String) {
    let login = stage.browser().login_token().await;
    let reply = house.get("/auth/authorize?service=wiki").bearer(&login).await;
    let token = reply.json()["token"].as_str().unwrap().to_owned();
    let kid = header_of(&token)["kid"].as_str().unwrap().to_owned();
    (token, kid)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_change_under_traffic_without_a_gap_in_either_process() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    stage.upstream_knows("ada-1", "ada@example.org");
    let first = sign(&stage, &stage).await.1;
    let later = async |time: Duration| {
        stage.wait(time);
        stage.upstream_knows("ada-1", "ada@example.org");
    };

    later(Duration::days(88)).await;
    let (one, two) = tokio::join!(jobs::rotate(&stage.app), jobs::rotate(&twin.app));
    one.and(two).unwrap();
    let published = kids(&stage).await;
    assert_eq!((published.len(), kids(&twin).await), (6, published.clone()));
    assert_eq!(sign(&stage, &twin).await.1, first, "the new key is announced, and does not sign yet");

    later(Duration::days(2) - Duration::SECOND).await;
    assert_eq!(sign(&stage, &stage).await.1, first);
    later(Duration::SECOND).await;
    let (here, there) = (sign(&stage, &stage).await.1, sign(&stage, &twin).await.1);
    assert!(here == there && here != first && published.contains(&here));
    assert!(kids(&stage).await.contains(&first), "what the old key signed still verifies");
    let pem = stage.get(&format!("/auth/public-key?kid={first}")).await;
    assert_eq!(pem.status, 200);

    later(Duration::days(8)).await;
    let (one, two) = tokio::join!(jobs::rotate(&stage.app), jobs::rotate(&twin.app));
    one.and(two).unwrap();
    assert!(!kids(&stage).await.contains(&first) && !kids(&twin).await.contains(&first));
    let (token, kid) = sign(&stage, &twin).await;
    assert!(kids(&stage).await.contains(&kid));
    assert!(claims_of(&token)["exp"].as_i64().unwrap() > stage.now());
}

#[tokio::test]
async fn readiness_knows_the_keys_and_the_database() {
    let stage = Stage::open().await;

    let reply = stage.get("/health/ready").await;

    assert_eq!((reply.status, reply.json()["checks"]["keys"].clone()), (200, Value::from("ok")));
    stage.readiness.drain();
    let draining = stage.get("/health/ready").await;
    assert_eq!((draining.status, draining.json()["checks"]["serving"].clone()), (503, Value::from("failed")));
}
