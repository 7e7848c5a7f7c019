//! Keeps one failing or hanging provider from harming anybody else.

use std::future::Future;

use super::{PermissionError, ProviderPolicy};
use crate::clock::Clock;
use crate::domain::permission::Decision;
use crate::plugin::guard::{Bounds, Guard};

/// Asks within the provider's own deadline, unless the provider is left alone; the answer, or the failure, is remembered in the breaker.
pub async fn call(
    guard: &Guard,
    policy: &ProviderPolicy,
    clock: &dyn Clock,
    ask: impl Future<Output = Result<Decision, PermissionError>>,
) -> Result<Decision, PermissionError> {
    let bounds =
        Bounds { timeout: policy.timeout, failures: policy.breaker_failures, open_for: policy.breaker_open_for };
    let answer = guard.call(bounds, clock, policy.timeout, ask).await;
    answer.unwrap_or_else(|none| Err(PermissionError::Unreachable(none.to_string())))
}
