//! The ID token, believed only after every check (OpenID Connect Core §3.1.3.7, RFC 8725).

use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IssuerUrl, Nonce, SignatureVerificationError,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::super::{ProviderError, json};

/// Oldest `iat` that is believed: the token was made for this sign-in.
const OLDEST: Duration = Duration::minutes(10);

/// Algorithms an ID token may be signed with; never `none`, never one with a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Alg {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Alg {
    /// What is accepted where nothing else is said.
    pub const USUAL: [Self; 3] = [Self::RS256, Self::ES256, Self::EdDSA];

    fn core(self) -> CoreJwsSigningAlgorithm {
        match self {
            Self::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            Self::RS384 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
            Self::RS512 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
            Self::PS256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            Self::PS384 => CoreJwsSigningAlgorithm::RsaSsaPssSha384,
            Self::PS512 => CoreJwsSigningAlgorithm::RsaSsaPssSha512,
            Self::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            Self::ES384 => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
            Self::EdDSA => CoreJwsSigningAlgorithm::EdDsa,
        }
    }
}

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// No key at hand fits; newer ones may.
    #[error("the ID token's key is not among the issuer's keys")]
    UnknownKey,
    /// Nothing will help.
    #[error("the ID token {0}")]
    Wrong(&'static str),
}

impl From<Flaw> for ProviderError {
    fn from(flaw: Flaw) -> Self {
        Self::Untrusted(flaw.to_string())
    }
}

/// A token that can be read, and is not believed yet.
pub struct Read {
    token: CoreIdToken,
    claims: Value,
}

/// What the token must say.
pub struct Check<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    /// `None`: it is of no sign-in, and its nonce says nothing (OpenID Connect Core §12.2).
    pub nonce: Option<&'a str>,
    pub access_token: &'a str,
    pub algs: &'a [Alg],
    pub skew: Duration,
    pub now: OffsetDateTime,
}

impl Read {
    /// Reads header and claims strictly, and refuses headers that would change what the signature means.
    pub fn new(raw: &str) -> Result<Self, Flaw> {
        let parts: Vec<&str> = raw.split('.').collect();
        let [header, payload, _] = parts[..] else { return Err(Flaw::Wrong("has not three parts")) };
        let object = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok().and_then(|bytes| json::parse(&bytes));
        let header = object(header).ok_or(Flaw::Wrong("has an unreadable header"))?;
        let claims = object(payload).ok_or(Flaw::Wrong("has unreadable claims"))?;
        // RFC 8725 §3.10, §3.11, RFC 7515 §4.1.11.
        if ["crit", "jku", "jwk", "x5u", "x5c", "cty", "zip", "b64"].iter().any(|name| header.get(name).is_some()) {
            return Err(Flaw::Wrong("has a header that is not understood"));
        }
        if header.get("typ").is_some_and(|typ| !typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("JWT"))) {
            return Err(Flaw::Wrong("is of another type"));
        }
        if header.get("kid").is_some_and(|kid| kid.as_str().is_none_or(|kid| kid.len() > 1024)) {
            return Err(Flaw::Wrong("has a key id that cannot be one"));
        }
        let token = CoreIdToken::from_str(raw).map_err(|_| Flaw::Wrong("lacks a claim, or one is of a wrong type"))?;
        Ok(Self { token, claims })
    }
}

impl Check<'_> {
    /// The claims, if everything holds.
    pub fn verify(&self, read: &Read, keys: &CoreJsonWebKeySet) -> Result<Value, Flaw> {
        let issuer = IssuerUrl::new(self.issuer.to_owned()).map_err(|_| Flaw::Wrong("has no issuer to compare"))?;
        let latest = (self.now - self.skew).unix_timestamp();
        let verifier =
            CoreIdTokenVerifier::new_public_client(ClientId::new(self.client_id.to_owned()), issuer, keys.clone())
                .set_allowed_algs(self.algs.iter().map(|alg| alg.core()))
                .set_time_fn(move || chrono::DateTime::from_timestamp(latest, 0).unwrap_or_default());
        let claims = match self.nonce {
            Some(nonce) => read.token.claims(&verifier, &Nonce::new(nonce.to_owned())),
            None => read.token.claims(&verifier, |_: Option<&Nonce>| Ok(())),
        };
        claims.map_err(flaw)?;
        self.own_checks(&read.claims)?;
        self.access_token_is_meant(read, &verifier)?;
        Ok(read.claims.clone())
    }

    /// What openidconnect leaves to its caller.
    fn own_checks(&self, claims: &Value) -> Result<(), Flaw> {
        let seconds = |name: &str| claims.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in 53 bits")]
        let at = |time: OffsetDateTime| time.unix_timestamp() as f64;
        let (oldest, latest) = (at(self.now - OLDEST), at(self.now + self.skew));
        if claims["iss"].as_str() != Some(self.issuer) {
            return Err(Flaw::Wrong("is from another issuer"));
        }
        if !seconds("iat").is_some_and(|iat| (oldest..=latest).contains(&iat)) {
            return Err(Flaw::Wrong("was not issued just now"));
        }
        if !seconds("nbf").is_none_or(|nbf| nbf <= latest) {
            return Err(Flaw::Wrong("is not valid yet"));
        }
        if claims.get("azp").is_some_and(|azp| azp.as_str() != Some(self.client_id)) {
            return Err(Flaw::Wrong("was issued to another client"));
        }
        let sub = claims["sub"].as_str().unwrap_or_default();
        if sub.is_empty() || sub.len() > 255 || sub.contains(char::is_control) {
            return Err(Flaw::Wrong("has a subject that cannot be kept"));
        }
        Ok(())
    }

    /// OpenID Connect Core §3.1.3.8.
    fn access_token_is_meant(&self, read: &Read, verifier: &CoreIdTokenVerifier<'_>) -> Result<(), Flaw> {
        let Some(said) = read.claims.get("at_hash") else { return Ok(()) };
        let token = AccessToken::new(self.access_token.to_owned());
        let hash = read.token.signing_key(verifier).ok().zip(read.token.signing_alg().ok());
        let hash = hash.and_then(|(key, alg)| AccessTokenHash::from_token(&token, alg, key).ok());
        match hash {
            Some(hash) if said.as_str() == Some(hash.as_str()) => Ok(()),
            _ => Err(Flaw::Wrong("belongs to another access token")),
        }
    }
}

fn flaw(error: ClaimsVerificationError) -> Flaw {
    use SignatureVerificationError as Signature;
    match error {
        ClaimsVerificationError::Expired(_) => Flaw::Wrong("has expired"),
        ClaimsVerificationError::InvalidAudience(_) => Flaw::Wrong("is for somebody else"),
        ClaimsVerificationError::InvalidIssuer(_) => Flaw::Wrong("is from another issuer"),
        ClaimsVerificationError::InvalidNonce(_) => Flaw::Wrong("is not of this sign-in"),
        ClaimsVerificationError::SignatureVerification(error) => match error {
            Signature::NoMatchingKey => Flaw::UnknownKey,
            Signature::AmbiguousKeyId(_) => Flaw::Wrong("could be by more than one key"),
            Signature::DisallowedAlg(_) | Signature::UnsupportedAlg(_) => {
                Flaw::Wrong("is signed with an algorithm that is not accepted")
            }
            Signature::NoSignature => Flaw::Wrong("is not signed"),
            _ => Flaw::Wrong("is not signed by the issuer"),
        },
        _ => Flaw::Wrong("cannot be verified"),
    }
}
