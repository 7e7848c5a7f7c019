//! Something fetched from an upstream: once for everybody who waits, kept for a while, and not asked for again right after a failure.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use super::ProviderError;
use crate::net::NetError;

/// How long an answer is believed.
const KEPT: Duration = Duration::hours(1);
/// How long a failure is remembered, so that an outage is not answered by a stampede.
const FAILURE_KEPT: Duration = Duration::seconds(5);
/// Least time between two early renewals: strangers can provoke them (RFC 8725 §3.10).
const RENEWAL_GAP: Duration = Duration::seconds(30);

/// One thing that is fetched when it is needed.
pub struct Cached<T> {
    kept: ArcSwapOption<Kept<T>>,
    gate: Mutex<Gate>,
}

struct Kept<T> {
    value: Arc<T>,
    at: OffsetDateTime,
}

#[derive(Default)]
struct Gate {
    failed: Option<(OffsetDateTime, Failure)>,
    renewed: Option<OffsetDateTime>,
}

/// A failure that can be told twice.
enum Failure {
    Unreachable(String),
    Untrusted(String),
}

impl<T> Cached<T> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { kept: ArcSwapOption::empty(), gate: Mutex::default() }
    }

    /// What is kept, or what `fetch` brings; of many callers at once one fetches.
    pub async fn get(
        &self,
        now: OffsetDateTime,
        fetch: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<Arc<T>, ProviderError> {
        if let Some(value) = self.fresh(now) {
            return Ok(value);
        }
        let mut gate = self.gate.lock().await;
        if let Some(value) = self.fresh(now) {
            return Ok(value);
        }
        if let Some((at, failure)) = &gate.failed
            && is_within(now, *at, FAILURE_KEPT)
        {
            return Err(failure.again());
        }
        self.fill(&mut gate, now, fetch).await
    }

    /// Something newer than `seen`, if it may be asked for now; `None` if not.
    pub async fn renewed(
        &self,
        seen: &Arc<T>,
        now: OffsetDateTime,
        fetch: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<Option<Arc<T>>, ProviderError> {
        let mut gate = self.gate.lock().await;
        if let Some(value) = self.fresh(now)
            && !Arc::ptr_eq(&value, seen)
        {
            return Ok(Some(value));
        }
        if gate.renewed.is_some_and(|at| is_within(now, at, RENEWAL_GAP)) {
            return Ok(None);
        }
        gate.renewed = Some(now);
        self.fill(&mut gate, now, fetch).await.map(Some)
    }

    async fn fill(
        &self,
        gate: &mut Gate,
        now: OffsetDateTime,
        fetch: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<Arc<T>, ProviderError> {
        match fetch.await {
            Ok(value) => {
                let value = Arc::new(value);
                gate.failed = None;
                self.kept.store(Some(Arc::new(Kept { value: value.clone(), at: now })));
                Ok(value)
            }
            Err(error) => {
                gate.failed = Some((now, Failure::of(&error)));
                Err(error)
            }
        }
    }

    fn fresh(&self, now: OffsetDateTime) -> Option<Arc<T>> {
        let kept = self.kept.load();
        kept.as_ref().filter(|kept| is_within(now, kept.at, KEPT)).map(|kept| kept.value.clone())
    }
}

/// A clock that was turned back makes everything old, never eternal.
fn is_within(now: OffsetDateTime, at: OffsetDateTime, span: Duration) -> bool {
    (Duration::ZERO..span).contains(&(now - at))
}

impl Failure {
    fn of(error: &ProviderError) -> Self {
        match error {
            ProviderError::Unreachable(cause) => Self::Unreachable(cause.to_string()),
            ProviderError::Refused(reason) | ProviderError::Untrusted(reason) => Self::Untrusted(reason.clone()),
        }
    }

    fn again(&self) -> ProviderError {
        match self {
            Self::Unreachable(cause) => {
                NetError::Unreachable { host: "the provider".into(), source: cause.clone().into() }.into()
            }
            Self::Untrusted(reason) => ProviderError::Untrusted(reason.clone()),
        }
    }
}
