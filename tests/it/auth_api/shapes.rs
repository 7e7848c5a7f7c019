//! The shapes of service tokens, verified with the public key alone.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::it::stage::Stage;
use crate::it::stage::request::{claims_of, header_of};

const SHAPES: &str = r#"
[services.map]
permissions = ["house"]
permissions_format = "map"
[services.scope]
permissions = ["house"]
permissions_format = "scope"
[services.none]
permissions = ["house"]
permissions_format = "none"
[services.empty]
[services.rsa]
token_alg = "RS256"
permissions = ["house"]
audience = ["https://rsa.example", "https://second.example"]
[services.ed]
token_alg = "EdDSA"
access_token_ttl = "1m"
permissions = ["house"]
"#;

async fn token_for(stage: &Stage, login: &str, service: &str) -> (String, Value) {
    let reply = stage.get(&format!("/auth/authorize?service={service}")).bearer(login).await;
    assert_eq!(reply.status, 200, "{service}: {}", reply.body);
    let answer = reply.json();
    (answer["token"].as_str().unwrap().to_owned(), answer)
}

#[tokio::test]
async fn permissions_stand_in_the_token_as_the_service_wants_them() {
    let stage = Stage::with(SHAPES).await;
    let login = stage.browser().login_token().await;
    let claims = async |service: &str| claims_of(&token_for(&stage, &login, service).await.0);

    assert_eq!(claims("wiki").await["permissions"], json!(["wiki:read"]));
    assert_eq!(claims("map").await["permissions"], json!({ "wiki:read": true }));
    let scope = claims("scope").await;
    assert_eq!((scope["scope"].as_str(), scope.get("permissions")), (Some("wiki:read"), None));
    let none = claims("none").await;
    assert_eq!((none.get("scope"), none.get("permissions")), (None, None));
    assert_eq!(claims("empty").await["permissions"], json!([]));
    assert_eq!(token_for(&stage, &login, "empty").await.1["permissions"], json!({}));
    assert_eq!(token_for(&stage, &login, "none").await.1["permissions"], json!({ "wiki:read": true }));
}

#[tokio::test]
async fn classic_tokens_have_what_the_ancestor_reads_and_no_audience() {
    let stage = Stage::open().await;
    let login = stage.browser().login_token().await;

    let (token, answer) = token_for(&stage, &login, "old").await;

    let header = header_of(&token);
    assert_eq!(header.as_object().unwrap().keys().collect::<Vec<_>>(), ["alg", "kid"]);
    let claims = claims_of(&token);
    let expected = json!({
        "userid": answer["userid"], "service": "old", "permissions": { "wiki:read": true },
        "iss": "https://auth.example", "iat": stage.now(), "exp": stage.now() + 900, "jti": claims["jti"],
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn every_token_verifies_with_the_public_key_of_its_service() {
    let stage = Stage::with(SHAPES).await;
    let login = stage.browser().login_token().await;

    for (service, algorithm, audience, lasts) in [
        ("wiki", Algorithm::ES256, "wiki", 900),
        ("rsa", Algorithm::RS256, "https://second.example", 900),
        ("ed", Algorithm::EdDSA, "ed", 60),
    ] {
        let (token, answer) = token_for(&stage, &login, service).await;
        let pem = stage.get(&format!("/auth/public-key?service={service}")).await;
        assert_eq!(pem.header("x-key-id"), header_of(&token)["kid"].as_str());
        let key = match algorithm {
            Algorithm::ES256 => DecodingKey::from_ec_pem(pem.body.as_bytes()),
            Algorithm::EdDSA => DecodingKey::from_ed_pem(pem.body.as_bytes()),
            _ => DecodingKey::from_rsa_pem(pem.body.as_bytes()),
        };
        let mut rules = Validation::new(algorithm);
        rules.validate_exp = false; // the play is set in 2020
        rules.set_audience(&[audience]);
        rules.set_issuer(&["https://auth.example"]);
        let verified = jsonwebtoken::decode::<Value>(&token, &key.unwrap(), &rules).unwrap();
        assert_eq!(verified.claims["exp"].as_i64().unwrap() - verified.claims["iat"].as_i64().unwrap(), lasts);
        assert_eq!(answer["expires_in"], lasts);
    }
}

#[tokio::test]
async fn two_tokens_are_never_the_same() {
    let stage = Stage::open().await;
    let login = stage.browser().login_token().await;

    let (one, _) = token_for(&stage, &login, "wiki").await;
    let (two, _) = token_for(&stage, &login, "wiki").await;

    assert_ne!(claims_of(&one)["jti"], claims_of(&two)["jti"]);
    assert_eq!(claims_of(&one)["sid"], claims_of(&two)["sid"]);
}
