//! The login token: made here, read here, and by nobody else.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::sealed::{Master, sha256};
use super::{KeyError, TokenError};
use crate::domain::claims::LoginClaims;
use crate::domain::id::{SessionId, TokenId, UserId};
use crate::memo::Memo;

/// What the header of a login token says it is (RFC 8725 §3.11).
const TYP: &str = "login+jwt";
/// Longer texts are not even looked at; ours have under 600 bytes.
const LONGEST: usize = 4096;
/// How many verified tokens are remembered, at least; one takes about half a kilobyte.
const REMEMBERED: usize = 4096;
/// How far the clock of another server of ours may be ahead.
const SKEW: Duration = Duration::seconds(60);

/// Signs login tokens and is the only one to verify them.
pub struct LoginKey {
    issuer: String,
    lifetime: Duration,
    rules: Validation,
    secret: hmac::Key,
    /// The key that signs, then those of earlier master keys.
    verifiers: Vec<Verifier>,
    /// What was found to be signed and spelled by us says so for ever; whether it lives is asked each time.
    verified: Memo<Box<str>, LoginClaims>,
}

struct Verifier {
    /// The only header that this key has ever signed, as it stands in the token, with its dot.
    header: String,
    key: DecodingKey,
}

impl LoginKey {
    /// A key of its own out of the master key; no token of another issuer or of a longer life is believed. It is tried once.
    pub fn new(master: &Master, issuer: &str, lifetime: Duration) -> Result<Self, KeyError> {
        let keys = master.sub_keys("login token");
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.set_issuer(&[issuer]);
        rules.set_audience(&[issuer]);
        rules.validate_exp = false; // jsonwebtoken can only ask the machine's clock
        let made = Self {
            issuer: issuer.to_owned(),
            lifetime,
            rules,
            secret: hmac::Key::new(hmac::HMAC_SHA256, &keys[0]),
            verifiers: keys.iter().map(Verifier::new).collect(),
            verified: Memo::new(REMEMBERED),
        };
        made.prove().map_err(KeyError::Login)?;
        Ok(made)
    }

    /// The token.
    pub fn sign_login(&self, claims: &LoginClaims) -> Result<String, TokenError> {
        let payload = serde_json::to_vec(claims).map_err(|_| TokenError::Unmade("its claims are not JSON"))?;
        let mut token = self.verifiers[0].header.clone();
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = hmac::sign(&self.secret, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// What the token says, if we made it and it lives now.
    ///
    /// Its header and its payload must stand there exactly as we write them. So there is no other algorithm, type or `crit`, no
    /// key of the sender's, no repeated member, no other spelling of the same bytes.
    pub fn verify_login(&self, token: &str, now: OffsetDateTime) -> Result<LoginClaims, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Refused("it is too long"));
        }
        if let Some(claims) = self.verified.get(token) {
            self.check(&claims, now)?;
            return Ok(claims);
        }
        let verifier = self.verifiers.iter().find(|verifier| token.starts_with(&verifier.header));
        let verifier = verifier.ok_or(TokenError::Refused("its header is not ours"))?;
        let claims = jsonwebtoken::decode::<LoginClaims>(token, &verifier.key, &self.rules)
            .map_err(|_| TokenError::Refused("its signature or its claims are not ours"))?
            .claims;
        self.check(&claims, now)?;
        let payload = token[verifier.header.len()..].split('.').next().unwrap_or_default();
        let ours = serde_json::to_vec(&claims).map_err(|_| TokenError::Refused("its claims are not JSON"))?;
        if payload != URL_SAFE_NO_PAD.encode(ours) {
            return Err(TokenError::Refused("its claims are not spelled as ours"));
        }
        self.verified.insert(token.into(), claims.clone());
        Ok(claims)
    }

    fn check(&self, claims: &LoginClaims, now: OffsetDateTime) -> Result<(), TokenError> {
        let LoginClaims { iss, aud, sub: _, sid: _, iat, exp, jti: _ } = claims;
        if *iss != self.issuer || *aud != self.issuer {
            return Err(TokenError::Refused("it is of another issuer or for another audience"));
        }
        let life = exp.checked_sub(*iat).filter(|life| *life > 0 && *life <= self.lifetime.whole_seconds());
        if *iat < 0 || life.is_none() {
            return Err(TokenError::Refused("its life is longer than ours or ends before it begins"));
        }
        if *iat > (now + SKEW).unix_timestamp() {
            return Err(TokenError::Refused("it comes from the future"));
        }
        if *exp <= now.unix_timestamp() {
            return Err(TokenError::Expired);
        }
        Ok(())
    }

    fn prove(&self) -> Result<(), TokenError> {
        let claims = LoginClaims {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            sub: UserId(Uuid::nil()),
            sid: SessionId(Uuid::nil()),
            iat: 0,
            exp: 1,
            jti: TokenId(Uuid::nil()),
        };
        self.verify_login(&self.sign_login(&claims)?, OffsetDateTime::UNIX_EPOCH).map(drop)
    }
}

impl std::fmt::Debug for LoginKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginKey").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Verifier {
    fn new(secret: &[u8; 32]) -> Self {
        let kid = URL_SAFE_NO_PAD.encode(&sha256(secret)[..9]);
        let header = format!(r#"{{"typ":"{TYP}","alg":"HS256","kid":"{kid}"}}"#);
        Self { header: format!("{}.", URL_SAFE_NO_PAD.encode(header)), key: DecodingKey::from_secret(secret) }
    }
}
