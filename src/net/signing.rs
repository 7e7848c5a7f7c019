//! Standard Webhooks: the headers that prove to a plug-in who calls, when, and with what body.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use time::OffsetDateTime;
use url::Url;

use super::{Limits, permits};

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
    pub fn new(secret: &str) -> Result<Self, BadSecret> {
        use base64::Engine;
        let key = match secret.strip_prefix("whsec_") {
            Some(encoded) => base64::engine::general_purpose::STANDARD.decode(encoded).map_err(|_| BadSecret)?,
            None => secret.as_bytes().to_vec(),
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

/// The address of a plug-in as a request wants it; the reason if it may not be called there with these limits.
pub fn check_url(url: &Url, limits: &Limits) -> Result<Uri, &'static str> {
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("expected an address without user, password and fragment");
    }
    if !permits(url, limits) {
        return Err("expected `https` and a public address, or `allow_private = true` and a private one");
    }
    url.as_str().parse().map_err(|_| "expected an address without unusual characters")
}
