//! Login tokens of an older server, during a cut-over.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use time::Duration;

use super::stage::Stage;
use crate::domain::id::UserId;
use crate::domain::old_token::OldKind;
use crate::keys::old::OldKey;
use crate::keys::sha256;
use crate::store::imports::put_alias;

/// What an older server calls its private key; the stage's environment says it.
const SECRET: &str = "value-of-THE_PRIVATE_KEY_OF_THE_OLDER_SERVER";
const OLD: &str = "0cc175b9c0f1b6a831c399e269772661";
/// The clock of the stage begins in 2020.
const FILE: &str =
    "[login.legacy_tokens]\nsecret = { env = \"THE_PRIVATE_KEY_OF_THE_OLDER_SERVER\" }\nuntil = \"2099-01-31\"";

fn signed(header: &Header, claims: &Value, key: &[u8]) -> String {
    encode(header, claims, &EncodingKey::from_secret(key)).unwrap()
}

/// As the older server made them.
fn token(userid: &str, exp: i64) -> String {
    signed(&Header::new(Algorithm::HS256), &json!({ "userid": userid, "exp": exp }), SECRET.as_bytes())
}

async fn ada(stage: &Stage) -> UserId {
    stage.browser().sign_in().await;
    let id = stage.user("ada@example.org").await.id;
    assert!(put_alias(stage.app.store().write(), OLD, id).await.unwrap());
    id
}

async fn check(stage: &Stage, token: &str) -> Value {
    let reply = stage.get("/auth/check").bearer(token).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

#[tokio::test]
async fn two_routes_take_them_and_no_other() {
    let stage = Stage::with(FILE).await;
    let id = ada(&stage).await;
    let old = token(OLD, stage.now() + 3600);

    let checked = check(&stage, &old).await;
    assert_eq!((&checked["authenticated"], &checked["profile"]["id"]), (&json!(true), &json!(id)));
    assert_eq!(checked["expires_in"], 3600);
    let granted = stage.get("/auth/authorize?service=wiki").bearer(&old).await.json();
    assert_eq!((&granted["userid"], &granted["permissions"]["wiki:read"]), (&json!(id), &json!(true)));
    assert_eq!(stage.app.old_tokens.as_ref().unwrap().accepted(), 2);

    let update = stage.post("/auth/update").bearer(&old).json(&json!({ "username": "countess" })).await.json();
    assert_eq!(update["error"], "Not authenticated");
    stage.post("/auth/logout").bearer(&old).await;
    assert_eq!(check(&stage, &old).await["authenticated"], true, "there is no session that could end");
    assert_eq!(stage.get("/api/v1/users").bearer(&old).await.status, 401);
    assert_eq!(stage.app.old_tokens.as_ref().unwrap().accepted(), 3);
    let resolved = stage.get(&format!("/auth/resolve?username={OLD}")).await.json();
    assert_eq!(resolved["userid"], json!(id));
}

#[tokio::test]
async fn without_the_switch_or_after_its_day_they_are_nothing() {
    let off = Stage::open().await;
    ada(&off).await;
    assert_eq!(check(&off, &token(OLD, off.now() + 3600)).await["authenticated"], false);

    let day = |stage: &Stage| {
        let today = time::OffsetDateTime::from_unix_timestamp(stage.now()).unwrap().date();
        format!("{}-{:02}-{:02}", today.year(), u8::from(today.month()), today.day())
    };
    let until = FILE.replace("2099-01-31", &day(&off));
    let stage = Stage::with(&until).await;
    ada(&stage).await;
    let midnight = (stage.now() / 86_400 + 1) * 86_400;
    stage.wait(Duration::seconds(midnight - stage.now() - 1));
    let old = token(OLD, stage.now() + 3600);
    assert_eq!(check(&stage, &old).await["authenticated"], true, "the last second of the last day");
    assert_eq!(check(&stage, &old).await["expires_in"], 1);
    stage.wait(Duration::SECOND);
    assert_eq!(check(&stage, &old).await["authenticated"], false);
}

#[tokio::test]
async fn whoever_is_locked_leaving_unknown_or_to_prove_more_stays_out() {
    let stage = Stage::with(&format!("{FILE}\n[login.mfa]\nrequire = \"admins\"")).await;
    let id = ada(&stage).await;
    let old = token(OLD, stage.now() + 3600);

    assert_eq!(check(&stage, &token("somebody", stage.now() + 3600)).await["authenticated"], false);
    assert_eq!(check(&stage, &token(&id.to_string(), stage.now() + 3600)).await["authenticated"], false);
    stage.set_locked(id, true).await;
    assert_eq!(check(&stage, &old).await["authenticated"], false);
    stage.set_locked(id, false).await;
    assert_eq!(check(&stage, &old).await["authenticated"], true);
    super::stage::set_roles(stage.app.store(), id, &["admin"]).await;
    assert_eq!(check(&stage, &old).await["authenticated"], false, "an administrator needs a second factor");
}

#[test]
fn only_what_the_older_server_wrote_is_believed() {
    let now = time::OffsetDateTime::from_unix_timestamp(1_577_836_800).unwrap();
    let (at, day) = (now.unix_timestamp(), 86_400);
    let key = OldKey::new(OldKind::Datahq, SECRET);
    let good = |exp: i64| token(OLD, exp);
    assert_eq!(key.verify(&good(at + 1), now).unwrap().old_id, OLD);
    assert!(key.verify(&good(at + 14 * day), now).is_ok());
    assert!(key.verify(&good(at), now).is_err(), "it is over");
    assert!(key.verify(&good(at + 14 * day + 1), now).is_err(), "no token of theirs lived that long");

    let claims = json!({ "userid": OLD, "exp": at + 60 });
    let hs = Header::new(Algorithm::HS256);
    let with = |change: fn(&mut Header)| {
        let mut header = Header::new(Algorithm::HS256);
        change(&mut header);
        header
    };
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let raw = |header: &str, claims: &str| {
        let text = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
        let mac = aws_lc_rs::hmac::sign(
            &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes()),
            text.as_bytes(),
        );
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
    };
    let text = claims.to_string();
    assert!(key.verify(&raw(r#"{"alg":"HS256"}"#, &text), now).is_ok(), "without a type");
    let refused = [
        ("another key", signed(&hs, &claims, b"another")),
        ("the hash of the key", signed(&hs, &claims, &sha256(SECRET.as_bytes()))),
        ("hs384", signed(&Header::new(Algorithm::HS384), &claims, SECRET.as_bytes())),
        ("hs512", signed(&Header::new(Algorithm::HS512), &claims, SECRET.as_bytes())),
        ("none", format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(&claims))),
        ("no signature", format!("{}.{}", part(&json!({ "alg": "HS256" })), part(&claims))),
        ("rs256 by name", raw(r#"{"alg":"RS256","typ":"JWT"}"#, &text)),
        ("lower case", raw(r#"{"alg":"hs256","typ":"JWT"}"#, &text)),
        ("our login token", signed(&with(|h| h.typ = Some("login+jwt".into())), &claims, SECRET.as_bytes())),
        ("our service token", signed(&with(|h| h.typ = Some("at+jwt".into())), &claims, SECRET.as_bytes())),
        ("a key id", signed(&with(|h| h.kid = Some("1".into())), &claims, SECRET.as_bytes())),
        ("a key of the sender's", signed(&with(|h| h.jku = Some("https://x".into())), &claims, SECRET.as_bytes())),
        ("crit", raw(r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, &text)),
        ("two algorithms", raw(r#"{"alg":"none","alg":"HS256"}"#, &text)),
        ("two users", raw(r#"{"alg":"HS256"}"#, &format!(r#"{{"userid":"a","userid":"{OLD}","exp":{}}}"#, at + 60))),
        ("more claims", signed(&hs, &json!({ "userid": OLD, "exp": at + 60, "sub": "x" }), SECRET.as_bytes())),
        ("no end", signed(&hs, &json!({ "userid": OLD }), SECRET.as_bytes())),
        ("an end in a text", signed(&hs, &json!({ "userid": OLD, "exp": "9999999999" }), SECRET.as_bytes())),
        ("nobody", signed(&hs, &json!({ "userid": "", "exp": at + 60 }), SECRET.as_bytes())),
        ("a long name", signed(&hs, &json!({ "userid": "x".repeat(129), "exp": at + 60 }), SECRET.as_bytes())),
        ("a long token", format!("{}{}", good(at + 60), "A".repeat(2048))),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
    ];
    for (what, token) in refused {
        assert!(key.verify(&token, now).is_err(), "{what}");
    }

    let hashed = OldKey::new(OldKind::DgpOauth2, SECRET);
    assert!(hashed.verify(&signed(&hs, &claims, &sha256(SECRET.as_bytes())), now).is_ok());
    assert!(hashed.verify(&signed(&hs, &claims, SECRET.as_bytes()), now).is_err());
}

#[test]
fn the_switch_needs_a_secret_that_is_long_and_a_day() {
    let mistakes = |text: &str| crate::it::config::mistakes(&crate::it::config::text(text));
    let long = "x".repeat(32);
    let section = |keys: &str| format!("[login.legacy_tokens]\n{keys}\n");
    let day = "until = \"2027-01-31\"";
    assert_eq!(mistakes(&section(&format!("secret = \"{long}\"\n{day}"))), Vec::<String>::new());
    assert_eq!(mistakes(&section(&format!("kind = \"dgp-oauth2\"\nsecret = \"{long}\"\n{day}"))), Vec::<String>::new());
    for wrong in [
        format!("secret = \"{long}\""),
        day.to_owned(),
        format!("secret = \"short\"\n{day}"),
        format!("secret = \"{long}\"\nuntil = \"31.1.2027\""),
        format!("secret = \"{long}\"\nuntil = \"2027-02-30\""),
        format!("kind = \"rs256\"\nsecret = \"{long}\"\n{day}"),
    ] {
        assert_eq!(mistakes(&section(&wrong)).len(), 1, "{wrong}: {:?}", mistakes(&section(&wrong)));
    }
}
