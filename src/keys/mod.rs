//! The keys that sign tokens, and the master key that hides them.

pub mod file;
pub mod login;
pub mod old;
mod pair;
pub mod schedule;
mod sealed;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

pub use file::FileError;
pub use login::LoginKey;
use pair::Pair;
pub use pair::generate;
use schedule::KeyTimes;
pub use sealed::{Master, is_equal, random, random_token, sha1_hex, sha256, sha256_hex};

use crate::domain::service::Algorithm;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is no master key.
    #[error("the master key must be 32 random bytes in base64: {0}")]
    Master(&'static str),
    /// No key came out.
    #[error("no {} key could be made", .0.name())]
    Generate(Algorithm),
    /// The key does not do its work.
    #[error("the {} key cannot be used: {}", .0.name(), .1)]
    Unusable(Algorithm, &'static str),
    /// The login key does not verify what it signs.
    #[error("login tokens cannot be verified: {0}")]
    Login(TokenError),
}

/// Why a token was not made or not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was ours, and its time is over.
    #[error("the token has expired")]
    Expired,
    /// It is not to be believed; the reason is for the log.
    #[error("the token is refused: {0}")]
    Refused(&'static str),
    /// Nothing signs with this algorithm.
    #[error("there is no {} key", .0.name())]
    NoKey(Algorithm),
    /// It would be larger than the service allows, whatever is left out.
    #[error("the token would have {size} bytes, and `max_token_size` is {most}")]
    TooLarge {
        /// In bytes.
        size: usize,
        /// In bytes.
        most: usize,
    },
    /// The claims are not JSON, or the key failed.
    #[error("the token cannot be made: {0}")]
    Unmade(&'static str),
}

/// A key pair and when it signs.
pub struct SigningKey {
    algorithm: Algorithm,
    times: KeyTimes,
    pair: Pair,
}

impl SigningKey {
    /// Parses a private key (PKCS #8) and tries it once.
    pub fn open(algorithm: Algorithm, times: KeyTimes, pkcs8: &[u8]) -> Result<Self, KeyError> {
        Ok(Self { algorithm, times, pair: Pair::open(algorithm, pkcs8)? })
    }

    /// Its name, in headers and in the JWKS: the thumbprint of the public key (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.pair.kid
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// When it signs.
    pub fn times(&self) -> &KeyTimes {
        &self.times
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid()).field("times", &self.times).finish_non_exhaustive()
    }
}

/// All keys at one moment. It never changes: whoever wants newer ones loads another ring.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: Vec<SigningKey>,
    jwks: String,
    etag: String,
}

/// What sort of token is signed.
#[derive(Debug, Clone, Copy)]
pub struct Kind<'a> {
    pub algorithm: Algorithm,
    pub typ: Option<&'a str>,
    /// How large it may be, in bytes.
    pub most: usize,
}

/// A token, or how large it would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    Token(String),
    TooLarge(usize),
}

/// Longer texts are no tokens of ours, in bytes: no budget is larger than half of it.
const LONGEST: usize = 32 * 1024;

/// How long so many bytes are in base64url without padding.
fn encoded(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

#[derive(Serialize)]
struct Header<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<&'a str>,
    alg: &'static str,
    kid: &'a str,
}

/// With room for what tokens usually say.
fn json_of(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(512);
    serde_json::to_writer(&mut json, value)?;
    Ok(json)
}

impl KeyRing {
    /// The keys that are published; those whose time is over stay out.
    pub fn new(mut keys: Vec<SigningKey>, now: OffsetDateTime) -> Self {
        keys.retain(|key| !key.times.is_over(now));
        keys.sort_by_key(|key| (key.algorithm, key.times.slot));
        let jwks = json!({ "keys": keys.iter().map(|key| &key.pair.jwk).collect::<Vec<_>>() }).to_string();
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(sha256(jwks.as_bytes())));
        Self { keys, jwks, etag }
    }

    /// A signed token, however large.
    #[cfg(test)]
    pub fn sign(
        &self,
        algorithm: Algorithm,
        typ: Option<&str>,
        claims: &impl Serialize,
        now: OffsetDateTime,
    ) -> Result<String, TokenError> {
        match self.sign_within(Kind { algorithm, typ, most: usize::MAX }, claims, now)? {
            Signed::Token(token) => Ok(token),
            Signed::TooLarge(_) => Err(TokenError::Unmade("it has no end")),
        }
    }

    /// A signed token (RFC 7515 §7.1), its header in the order `typ`, `alg`, `kid`. One that would be larger than allowed is not signed.
    pub fn sign_within(
        &self,
        kind: Kind<'_>,
        claims: &impl Serialize,
        now: OffsetDateTime,
    ) -> Result<Signed, TokenError> {
        let Kind { algorithm, typ, most } = kind;
        let key = self.active(algorithm, now).ok_or(TokenError::NoKey(algorithm))?;
        let header = Header { typ, alg: algorithm.name(), kid: key.kid() };
        let header = json_of(&header).map_err(|_| TokenError::Unmade("its header is not JSON"))?;
        let claims = json_of(claims).map_err(|_| TokenError::Unmade("its claims are not JSON"))?;
        let size = encoded(header.len()) + encoded(claims.len()) + encoded(pair::signature_len(algorithm)) + 2;
        if size > most {
            return Ok(Signed::TooLarge(size));
        }
        let mut token = String::with_capacity(size);
        URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = key.pair.sign(token.as_bytes()).map_err(|_| TokenError::Unmade("the key did not sign"))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(Signed::Token(token))
    }

    /// What a token says that a published key of ours has signed as `typ`; `None` for any other text. Whether it lives is asked
    /// elsewhere.
    pub fn verify(&self, token: &str, typ: Option<&str>) -> Option<Value> {
        if token.len() > LONGEST {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let key = self.keys.iter().find(|key| {
            let ours = Header { typ, alg: key.algorithm.name(), kid: key.kid() };
            // Its header stands there exactly as we write it, or it is not ours.
            json_of(&ours).is_ok_and(|ours| URL_SAFE_NO_PAD.encode(ours) == header)
        })?;
        key.pair.verify(message.as_bytes(), &decoded(signature)?).ok()?;
        serde_json::from_slice(&decoded(claims)?).ok()
    }

    /// The key that signs now; `None` only if the algorithm has no key at all.
    pub fn active(&self, algorithm: Algorithm, now: OffsetDateTime) -> Option<&SigningKey> {
        let keys = || self.keys.iter().filter(move |key| key.algorithm == algorithm);
        let slot = schedule::active(keys().map(SigningKey::times), now)?;
        keys().find(|key| key.times.slot == slot)
    }

    /// All published keys, by algorithm and age.
    pub fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    /// The JWK Set (RFC 7517 §5), as it is served.
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// A strong entity tag, with its quotes (RFC 9110 §8.8.3): another one exactly if the JWK Set is another.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The public key of this name as PEM.
    pub fn pem(&self, kid: &str) -> Option<&str> {
        self.keys.iter().find(|key| key.kid() == kid).map(|key| key.pair.pem.as_str())
    }

    /// Name and PEM of the key that signs now.
    pub fn pem_active(&self, algorithm: Algorithm, now: OffsetDateTime) -> Option<(&str, &str)> {
        self.active(algorithm, now).map(|key| (key.kid(), key.pair.pem.as_str()))
    }
}
