//! Standard Webhooks: the headers that prove to a plug-in who calls, when, and with what body.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use time::OffsetDateTime;

use crate::config::Secret;

/// Shortest key, in bytes.
const SHORTEST: usize = 16;

/// Signs requests with one secret.
pub struct Signer(Webhook);

/// The secret cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `whsec_` and base64, or any text, of at least {SHORTEST} bytes")]
pub struct BadSecret;

impl Signer {
    /// From `whsec_` and base64, or from any other text as it stands.
    pub fn new(secret: &Secret) -> Result<Self, BadSecret> {
        use base64::Engine;
        let key = match secret.reveal().strip_prefix("whsec_") {
            Some(encoded) => base64::engine::general_purpose::STANDARD.decode(encoded).map_err(|_| BadSecret)?,
            None => secret.reveal().as_bytes().to_vec(),
        };
        if key.len() < SHORTEST {
            return Err(BadSecret);
        }
        Webhook::from_bytes(key).map(Self).map_err(|_| BadSecret)
    }

    /// Adds `webhook-id`, `webhook-timestamp` and `webhook-signature`. The id holds no dot, the body is UTF-8.
    pub fn sign(&self, headers: &mut HeaderMap, id: &str, now: OffsetDateTime, body: &[u8]) {
        let timestamp = now.unix_timestamp();
        let signature = self.0.sign(id, timestamp, body).expect("the body is JSON, so it is UTF-8");
        let value = |text: &str| HeaderValue::from_str(text).expect("ids, numbers and base64 are header values");
        headers.insert(HeaderName::from_static(HEADER_WEBHOOK_ID), value(id));
        headers.insert(HeaderName::from_static(HEADER_WEBHOOK_TIMESTAMP), HeaderValue::from(timestamp));
        headers.insert(HeaderName::from_static(HEADER_WEBHOOK_SIGNATURE), value(&signature));
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

/// The address of a plug-in as a request wants it; the reason if it may not be called there.
///
/// Plain `http` is for private addresses and for development; a private address must be asked for; a password has a key of its own.
pub fn check_url(url: &url::Url, allow_private: bool, is_dev: bool) -> Result<Uri, &'static str> {
    let is_private = match url.host() {
        Some(url::Host::Ipv4(ip)) => Some(ip.is_loopback() || ip.is_private()),
        Some(url::Host::Ipv6(ip)) => Some(ip.is_loopback() || ip.is_unique_local()),
        Some(url::Host::Domain("localhost")) => Some(true),
        Some(url::Host::Domain(_)) => None,
        None => return Err("expected an `https` address with a host"),
    };
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("expected an address without user, password and fragment");
    }
    if is_private == Some(true) && !allow_private {
        return Err("a private address is only called with `allow_private = true`");
    }
    match url.scheme() {
        "https" => {}
        "http" if is_dev || (allow_private && is_private != Some(false)) => {}
        "http" => return Err("expected `https`; plain `http` is for private addresses with `allow_private = true`"),
        _ => return Err("expected an `https` address with a host"),
    }
    url.as_str().parse().map_err(|_| "expected an address without unusual characters")
}
