//! An OpenID issuer that can be told to lie. It holds no logins: the code is the nonce.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use super::internet::Internet;

/// What signs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Rsa,
    OtherRsa,
    Ec,
    Ed,
    /// HMAC with this text.
    Shared(&'static str),
    /// Nothing: an empty signature.
    Nothing,
}

/// What the issuer says; tests change it.
pub struct Script {
    pub metadata: Value,
    pub keys: Vec<Value>,
    pub signs: Key,
    pub header: Value,
    /// Beside `nonce`, which is the code unless it stands here.
    pub claims: Value,
    /// Members of the token answer beside `id_token`.
    pub token: Value,
    pub userinfo: Value,
    /// Whole answers by path: status, content type, body.
    pub answers: HashMap<&'static str, (u16, &'static str, Vec<u8>)>,
    /// Where redirects lead that `answers` asks for.
    pub location: &'static str,
    /// Replaces the ID token.
    pub id_token: Option<String>,
    /// The last form at the token endpoint, and its `Authorization`.
    pub form: HashMap<String, String>,
    pub authorization: Option<String>,
}

/// An issuer at `https://<host>`. Clones are the same issuer.
#[derive(Clone)]
pub struct Upstream(Arc<Mutex<Script>>);

struct Pairs {
    rsa: RsaKeyPair,
    other: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

/// Made once: making RSA keys takes its time.
static PAIRS: LazyLock<Pairs> = LazyLock::new(|| Pairs {
    rsa: RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap(),
    other: RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap(),
    ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
    ed: Ed25519KeyPair::generate().unwrap(),
});

/// Where the modulus of a 2048-bit PKCS #1 public key stands.
const MODULUS: std::ops::Range<usize> = 9..265;

impl Key {
    pub fn jwk(self, kid: &str) -> Value {
        let rsa = |pair: &RsaKeyPair| {
            let modulus = BASE64.encode(&pair.public_key().as_ref()[MODULUS]);
            json!({ "kty": "RSA", "kid": kid, "use": "sig", "n": modulus, "e": "AQAB" })
        };
        match self {
            Self::Rsa => rsa(&PAIRS.rsa),
            Self::OtherRsa => rsa(&PAIRS.other),
            Self::Ec => {
                let point = PAIRS.ec.public_key().as_ref();
                let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
                json!({ "kty": "EC", "kid": kid, "use": "sig", "crv": "P-256", "x": x, "y": y })
            }
            Self::Ed => {
                let x = BASE64.encode(PAIRS.ed.public_key().as_ref());
                json!({ "kty": "OKP", "kid": kid, "use": "sig", "crv": "Ed25519", "x": x })
            }
            Self::Shared(_) | Self::Nothing => Value::Null,
        }
    }

    fn sign(self, message: &[u8]) -> Vec<u8> {
        let rsa = |pair: &RsaKeyPair| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        };
        match self {
            Self::Rsa => rsa(&PAIRS.rsa),
            Self::OtherRsa => rsa(&PAIRS.other),
            Self::Ec => PAIRS.ec.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed => PAIRS.ed.sign(message).as_ref().to_vec(),
            Self::Shared(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message).as_ref().to_vec()
            }
            Self::Nothing => Vec::new(),
        }
    }
}

/// A token of exactly these texts.
pub fn token(header: &str, claims: &str, signs: Key) -> String {
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    format!("{message}.{}", BASE64.encode(signs.sign(message.as_bytes())))
}

impl Upstream {
    /// An honest issuer at `https://<host>`, for the client `client`; Ada signs in.
    pub fn open(internet: &Internet, host: &str, now: i64) -> Self {
        let issuer = format!("https://{host}");
        let upstream = Self(Arc::new(Mutex::new(Script {
            metadata: json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "userinfo_endpoint": format!("{issuer}/userinfo"),
                "jwks_uri": format!("{issuer}/jwks"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }),
            keys: vec![Key::Rsa.jwk("one")],
            signs: Key::Rsa,
            header: json!({ "alg": "RS256", "typ": "JWT", "kid": "one" }),
            claims: json!({
                "iss": issuer,
                "aud": "client",
                "sub": "ada-1",
                "iat": now,
                "exp": now + 300,
                "email": "Ada@Example.org",
                "email_verified": true,
                "name": "Ada Lovelace",
                "preferred_username": "ada",
                "picture": "https://pictures.test/ada.png",
            }),
            token: json!({ "access_token": "at-1", "token_type": "Bearer" }),
            userinfo: json!({ "sub": "ada-1" }),
            answers: HashMap::new(),
            location: "",
            id_token: None,
            form: HashMap::new(),
            authorization: None,
        })));
        internet.host(host, Router::new().fallback(answer).with_state(upstream.clone()));
        upstream
    }

    /// What it says, to read or change.
    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }
}

async fn answer(State(upstream): State<Upstream>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let mut script = upstream.script();
    if let Some((status, kind, body)) = script.answers.get(uri.path()).cloned() {
        let builder = Response::builder().status(status).header("content-type", kind);
        return builder.header("location", script.location).body(body.into()).unwrap();
    }
    let document = match uri.path() {
        "/.well-known/openid-configuration" => script.metadata.clone(),
        "/jwks" => json!({ "keys": script.keys }),
        "/userinfo" => script.userinfo.clone(),
        "/token" => {
            script.form = url::form_urlencoded::parse(&body).into_owned().collect();
            script.authorization =
                headers.get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
            let mut claims = script.claims.clone();
            if claims.get("nonce").is_none()
                && let Some(code) = script.form.get("code").cloned()
            {
                claims["nonce"] = code.into();
            }
            let made = token(&script.header.to_string(), &claims.to_string(), script.signs);
            let mut answer = script.token.clone();
            if answer.get("id_token").is_none() {
                answer["id_token"] = script.id_token.clone().unwrap_or(made).into();
            }
            answer
        }
        _ => return Response::builder().status(404).body(Body::empty()).unwrap(),
    };
    Response::builder().header("content-type", "application/json").body(document.to_string().into()).unwrap()
}
