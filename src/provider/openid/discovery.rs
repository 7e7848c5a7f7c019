//! What an issuer says about itself, and its keys (OpenID Connect Discovery §4, RFC 7517).

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKeySet, CoreProviderMetadata};
use serde_json::{Value, json};
use url::Url;

use super::super::{ProviderError, line};
use super::untrusted;
use crate::net::{self, Outward};

/// Most keys that are looked at.
const MOST_KEYS: usize = 100;
/// Shortest RSA modulus, in bits (RFC 7518 §3.3).
const SHORTEST_RSA: usize = 2048;

/// Where the issuer's endpoints are.
pub struct Metadata {
    pub authorization: Url,
    pub token: Url,
    pub userinfo: Option<Url>,
    pub keys: Url,
    /// Whether every answer says which issuer it is from (RFC 9207 §3).
    pub sends_iss: bool,
}

/// Asks the issuer. It must name itself as we know it, and no endpoint may be one that we may not reach.
pub async fn metadata(out: &Outward, issuer: &str) -> Result<Metadata, ProviderError> {
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let address = Url::parse(&address).map_err(|_| untrusted("the issuer is not an address"))?;
    let document = line::document(&line::get(out, &address, None).await?, "discovery")?;
    if document["issuer"].as_str() != Some(issuer) {
        return Err(untrusted("discovery names another issuer than the configured one"));
    }
    let sends_iss = document["authorization_response_iss_parameter_supported"] == Value::Bool(true);
    let found: CoreProviderMetadata =
        serde_json::from_value(document).map_err(|_| untrusted("discovery lacks something, or it is misspelt"))?;
    let metadata = Metadata {
        authorization: found.authorization_endpoint().url().clone(),
        token: found.token_endpoint().ok_or_else(|| untrusted("discovery names no token endpoint"))?.url().clone(),
        userinfo: found.userinfo_endpoint().map(|endpoint| endpoint.url().clone()),
        keys: found.jwks_uri().url().clone(),
        sends_iss,
    };
    let endpoints =
        [Some(&metadata.authorization), Some(&metadata.token), metadata.userinfo.as_ref(), Some(&metadata.keys)];
    let is_safe = endpoints.into_iter().flatten().all(|url| net::permits(url, &out.limits));
    if is_safe { Ok(metadata) } else { Err(untrusted("discovery names an endpoint that may not be reached")) }
}

/// The keys that may sign: no encryption keys, no weak ones, none that we cannot use.
pub async fn keys(out: &Outward, address: &Url) -> Result<CoreJsonWebKeySet, ProviderError> {
    let document = line::document(&line::get(out, address, None).await?, "the key set")?;
    let listed = document["keys"].as_array().ok_or_else(|| untrusted("the key set holds no list of keys"))?;
    if listed.len() > MOST_KEYS {
        return Err(untrusted("the key set is too large"));
    }
    let usable: Vec<_> = listed.iter().filter(|key| may_sign(key)).cloned().collect();
    serde_json::from_value(json!({ "keys": usable })).map_err(|_| untrusted("the key set cannot be read"))
}

fn may_sign(key: &Value) -> bool {
    let is_for_signing = matches!(key["use"].as_str(), None | Some("sig"))
        && key["key_ops"].as_array().is_none_or(|operations| operations.iter().any(|what| what == "verify"));
    let is_strong = match key["kty"].as_str() {
        Some("RSA") => key["n"].as_str().is_some_and(|modulus| bits(modulus) >= SHORTEST_RSA),
        Some("EC" | "OKP") => true,
        _ => false,
    };
    is_for_signing && is_strong
}

fn bits(modulus: &str) -> usize {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(modulus).unwrap_or_default();
    let significant = bytes.iter().position(|&byte| byte != 0).map_or(&[][..], |start| &bytes[start..]);
    significant.first().map_or(0, |first| significant.len() * 8 - first.leading_zeros() as usize)
}
