//! Keeps one failing or hanging provider from harming anybody else: a deadline, a gate and a breaker.

use std::future::Future;
use std::sync::Mutex;

use time::OffsetDateTime;
use tokio::sync::Semaphore;

use super::{PermissionError, ProviderPolicy};
use crate::clock::Clock;
use crate::domain::permission::Decision;

/// Calls to one provider at once; more wait, within their deadline.
const MOST_CALLS: usize = 64;

/// What is known about one provider's health.
#[derive(Debug)]
pub struct Guard {
    gate: Semaphore,
    breaker: Mutex<Breaker>,
}

#[derive(Debug, Default)]
struct Breaker {
    /// In a row.
    failures: u32,
    /// With enough failures: when the next call may try.
    next_try: Option<OffsetDateTime>,
}

impl Guard {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self { gate: Semaphore::new(MOST_CALLS), breaker: Mutex::default() }
    }

    /// Asks, unless the provider is left alone; the answer, or the failure, is remembered in the breaker.
    pub async fn call(
        &self,
        policy: &ProviderPolicy,
        clock: &dyn Clock,
        ask: impl Future<Output = Result<Decision, PermissionError>>,
    ) -> Result<Decision, PermissionError> {
        if !self.lets_through(policy, clock.now()) {
            return Err(PermissionError::Unreachable("it failed too often and is left alone for a while".into()));
        }
        let asked = async {
            let _permit = self.gate.acquire().await;
            ask.await
        };
        let Ok(answer) = tokio::time::timeout(policy.timeout, asked).await else {
            self.note(policy, clock.now(), false);
            return Err(PermissionError::Unreachable("it did not answer in time".into()));
        };
        self.note(policy, clock.now(), answer.is_ok());
        answer
    }

    /// While the breaker is open, one call in each `breaker_open_for` may try.
    fn lets_through(&self, policy: &ProviderPolicy, now: OffsetDateTime) -> bool {
        let mut breaker = self.breaker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match breaker.next_try {
            Some(next) if now < next => false,
            Some(_) => {
                breaker.next_try = Some(now + policy.breaker_open_for);
                true
            }
            None => true,
        }
    }

    fn note(&self, policy: &ProviderPolicy, now: OffsetDateTime, is_good: bool) {
        let mut breaker = self.breaker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if is_good {
            *breaker = Breaker::default();
            return;
        }
        breaker.failures = breaker.failures.saturating_add(1);
        if breaker.failures >= policy.breaker_failures {
            breaker.next_try = Some(now + policy.breaker_open_for);
        }
    }
}
