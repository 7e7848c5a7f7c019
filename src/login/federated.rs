//! A provider as a way to sign in: adds what every provider login needs and none may forget.

use time::Duration;
use url::Url;

use super::door::{Attempt, Door, Next};
use crate::domain::identity::Identity;
use crate::keys::random_token;
use crate::provider::{Callback, Handshake, Provider, ProviderError};

/// How long a person may take at the provider.
pub const PATIENCE: Duration = Duration::minutes(10);

/// How a login at a provider begins.
pub struct Start {
    /// Where the provider sends the browser back to.
    pub callback: Url,
    /// Where the login ends.
    pub next: Option<Next>,
    /// Whether the provider is to ask who it is even if it knows.
    pub again: bool,
}

/// Begins a login at the provider: the attempt to seal into the browser, and where to send it.
pub async fn begin(
    door: &Door,
    id: &str,
    provider: &dyn Provider,
    start: Start,
) -> Result<(Attempt, Url), ProviderError> {
    let mut attempt = door.begin(id, start.next, PATIENCE, serde_json::Value::Null);
    let handshake = Handshake {
        redirect_uri: start.callback,
        state: attempt.id.clone(),
        nonce: random_token(),
        verifier: random_token(),
        again: start.again,
    };
    let to = provider.authorize_url(&handshake).await?;
    attempt.memory = serde_json::to_value(&handshake).expect("a handshake is plain JSON");
    Ok((attempt, to))
}

/// Finishes a login that was spent just now: who it is.
pub async fn resume(
    provider: &dyn Provider,
    attempt: &Attempt,
    callback: &Callback,
) -> Result<Identity, ProviderError> {
    let handshake = serde_json::from_value(attempt.memory.clone())
        .map_err(|_| ProviderError::Untrusted("the login was begun by another version of this server".into()))?;
    provider.identify(&handshake, callback).await
}
