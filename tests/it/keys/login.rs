//! Tokens that are almost login tokens.

mod form;
mod header;
mod payload;

use aws_lc_rs::hmac;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{b64, master, unb64};
use crate::clock::Clock as _;
use crate::domain::claims::LoginClaims;
use crate::domain::id::{SessionId, TokenId, UserId};
use crate::it::stage::clock::ManualClock;
use crate::keys::{LoginKey, Master, TokenError};

const OURS: &str = "https://auth.example.com";
const LIFE: Duration = Duration::hours(1);

fn now() -> OffsetDateTime {
    ManualClock::new().now()
}

/// A key, and its secret for those who break in.
struct Forge {
    key: LoginKey,
    secret: Vec<u8>,
}

impl Forge {
    fn new() -> Self {
        let master = master();
        Self { key: LoginKey::new(&master, OURS, LIFE).unwrap(), secret: master.sub_keys("login token")[0].to_vec() }
    }

    fn claims() -> LoginClaims {
        let iat = now().unix_timestamp();
        let (sub, sid, jti) = (UserId::new(), SessionId::new(), TokenId::new());
        LoginClaims { iss: OURS.into(), aud: OURS.into(), sub, sid, iat, exp: iat + LIFE.whole_seconds(), jti }
    }

    fn good(&self) -> String {
        self.key.sign_login(&Self::claims()).unwrap()
    }

    fn header(&self) -> Value {
        serde_json::from_slice(&unb64(self.good().split('.').next().unwrap())).unwrap()
    }

    /// Signed with our own secret.
    fn signed(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", b64(header), b64(payload));
        self.resigned(&message)
    }

    fn resigned(&self, message: &str) -> String {
        format!("{message}.{}", b64(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.secret), message.as_bytes())))
    }

    /// Our token with another value in its claims.
    fn with(&self, name: &str, value: &Value) -> String {
        let mut claims = serde_json::to_value(Self::claims()).unwrap();
        claims[name] = value.clone();
        self.signed(&self.header().to_string(), &claims.to_string())
    }

    fn without(&self, name: &str) -> String {
        let mut claims = serde_json::to_value(Self::claims()).unwrap();
        claims.as_object_mut().unwrap().shift_remove(name);
        self.signed(&self.header().to_string(), &claims.to_string())
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.signed(&header.to_string(), &serde_json::to_string(&Self::claims()).unwrap())
    }

    #[track_caller]
    fn refuses(&self, token: &str) {
        let shown: String = token.chars().take(120).collect();
        let said = self.key.verify_login(token, now());
        assert!(matches!(said, Err(TokenError::Refused(_))), "{said:?}: {shown}");
    }
}

#[test]
fn a_login_token_says_again_what_was_put_in() {
    let forge = Forge::new();
    let claims = Forge::claims();
    let token = forge.key.sign_login(&claims).unwrap();

    assert_eq!(forge.key.verify_login(&token, now()), Ok(claims.clone()));
    assert_eq!(forge.header()["typ"], "login+jwt");
    assert_eq!(forge.header()["alg"], "HS256");
    let by_hand = forge.signed(&forge.header().to_string(), &serde_json::to_string(&claims).unwrap());
    assert_eq!(by_hand, token, "the forge makes tokens as we do, so what it changes is what is refused");
}

#[test]
fn a_token_of_another_deployment_is_refused() {
    let (ours, theirs) = (Forge::new(), Forge::new());
    ours.refuses(&theirs.good());
    let header = ours.header().to_string();
    ours.refuses(&theirs.signed(&header, &serde_json::to_string(&Forge::claims()).unwrap()));
}

#[test]
fn tokens_of_the_last_master_key_are_believed_while_it_is_named() {
    let (old, new) = (Master::generate(), Master::generate());
    let key = |now: &str, earlier: &[&str]| LoginKey::new(&Master::new(now, earlier).unwrap(), OURS, LIFE).unwrap();
    let token = key(&old, &[]).sign_login(&Forge::claims()).unwrap();

    assert!(key(&new, &[&old]).verify_login(&token, now()).is_ok());
    assert!(key(&new, &[]).verify_login(&token, now()).is_err());
    let fresh = key(&new, &[&old]).sign_login(&Forge::claims()).unwrap();
    assert!(key(&new, &[]).verify_login(&fresh, now()).is_ok());
}
