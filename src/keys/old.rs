//! Login tokens of an older server, believed for a time: HS256 (RFC 7518 §3.2), and nothing else.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::TokenError;
use super::sealed::sha256;
use crate::domain::old_token::OldKind;

/// Longer texts are not even looked at.
const LONGEST: usize = 2048;
/// Longest name of a user there, in bytes.
const LONGEST_ID: usize = 128;
/// How long those servers let a token live.
const LIFE: Duration = Duration::days(14);

/// Verifies login tokens of an older server. It signs nothing.
pub struct OldKey(hmac::Key);

/// All that a header may say. Whatever else it says is somebody else's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: Option<String>,
}

/// All that the claims may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    userid: String,
    exp: i64,
}

/// What an old token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldClaims {
    /// The user's id there.
    pub old_id: String,
    /// When it dies, in seconds since 1970.
    pub exp: i64,
}

impl OldKey {
    /// The key that is made of the secret.
    pub fn new(kind: OldKind, secret: &str) -> Self {
        let hashed = sha256(secret.as_bytes());
        let key: &[u8] = match kind {
            OldKind::Datahq => secret.as_bytes(),
            OldKind::DgpOauth2 => &hashed,
        };
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// What the token says, if the older server made it and it lives now.
    pub fn verify(&self, token: &str, now: OffsetDateTime) -> Result<OldClaims, TokenError> {
        let refused = TokenError::Refused;
        if token.len() > LONGEST {
            return Err(refused("it is too long"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(refused("it has no signature"))?;
        let (header, payload) = signed.split_once('.').ok_or(refused("it has no claims"))?;
        let header: Header = read(header).ok_or(refused("its header is not that of an old token"))?;
        let typ_fits = header.typ.is_none_or(|typ| typ == "JWT");
        if header.alg != "HS256" || !typ_fits {
            return Err(refused("its algorithm or its type is not that of an old token"));
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| refused("its signature is not base64"))?;
        hmac::verify(&self.0, signed.as_bytes(), &signature).map_err(|_| refused("its signature is wrong"))?;
        let Claims { userid, exp } = read(payload).ok_or(refused("its claims are not those of an old token"))?;
        if userid.is_empty() || userid.len() > LONGEST_ID {
            return Err(refused("it names nobody"));
        }
        if exp <= now.unix_timestamp() {
            return Err(TokenError::Expired);
        }
        if exp > (now + LIFE).unix_timestamp() {
            return Err(refused("it lives longer than those servers let any"));
        }
        Ok(OldClaims { old_id: userid, exp })
    }
}

impl std::fmt::Debug for OldKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OldKey(…)")
    }
}

fn read<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
