//! The only way out: no redirects, a size cap, a deadline, and only addresses that may be reached.

mod guard;
pub mod place;
mod real;
pub mod signing;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A request on its way out.
pub type HttpRequest = axum::http::Request<Vec<u8>>;
/// A whole answer, within the cap.
pub type HttpAnswer = axum::http::Response<Vec<u8>>;
/// An answer to come.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpAnswer, NetError>> + Send + 'a>>;

/// What one caller may do out there.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// From the first byte sent to the last byte read; `None`: ten seconds.
    pub deadline: Option<Duration>,
    /// Longest body, decoded, in bytes; `None`: 1 MiB.
    pub body: Option<usize>,
    /// Whether loopback and private addresses may be reached.
    pub allow_private: bool,
    /// More certificate authorities, PEM, for this caller only.
    pub extra_ca: Option<Arc<[u8]>>,
}

/// Carries requests. Production has one; tests hand each host to a router.
pub trait Transport: Send + Sync + 'static {
    /// Sends the request and reads the whole answer.
    fn send(&self, request: HttpRequest, limits: &Limits) -> Answer<'_>;
}

/// The way out that is given to everybody who needs one.
#[derive(Clone)]
pub struct Net(Arc<dyn Transport>);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The address is one that this caller may not reach.
    #[error("{0} is not an address that may be reached")]
    Forbidden(String),
    /// No connection, a broken one, or no trust in the other side's certificate.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// Who.
        host: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("{0} did not answer in time")]
    Late(String),
    /// The answer is longer than the cap.
    #[error("the answer of {0} is too large")]
    TooLarge(String),
}

impl Net {
    /// A way out over this transport.
    pub fn new(transport: impl Transport) -> Self {
        Self(Arc::new(transport))
    }

    /// The real internet: TLS by rustls, names resolved by the system, every address judged when it is connected to.
    pub fn real() -> Self {
        Self::new(real::Real::default())
    }

    /// Sends the request and reads the whole answer, whatever its status.
    pub async fn send(&self, request: HttpRequest, limits: &Limits) -> Result<HttpAnswer, NetError> {
        self.0.send(request, limits).await
    }
}

/// The way out with one caller's limits, as `oauth2` and `openidconnect` want it.
#[derive(Clone)]
pub struct Outward {
    /// The way out.
    pub net: Net,
    /// What this caller may do out there.
    pub limits: Limits,
}

impl<'c> oauth2::AsyncHttpClient<'c> for Outward {
    type Error = NetError;
    type Future = Answer<'c>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.net.send(request, &self.limits))
    }
}

/// Whether a caller with these limits could reach the address at all; names are judged later, when they are resolved.
pub fn permits(url: &url::Url, limits: &Limits) -> bool {
    real::allowed(url, limits).is_ok()
}

/// Whether the text holds at least one certificate authority, as `Limits::extra_ca` wants it.
pub fn holds_authority(pem: &[u8]) -> bool {
    reqwest::Certificate::from_pem_bundle(pem).is_ok_and(|found| !found.is_empty())
}
