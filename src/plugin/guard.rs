//! Keeps one failing or hanging plug-in from harming anybody else: a deadline, a gate and a breaker.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Semaphore;

use crate::clock::Clock;

/// Calls to one plug-in at once; more wait, within their deadline.
const MOST_CALLS: usize = 64;

/// How long one plug-in may take, and when it is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Deadline of one answer.
    pub timeout: Duration,
    /// Failures in a row until it is left alone.
    pub failures: u32,
    /// For how long it is left alone.
    pub open_for: time::Duration,
}

/// Why there is no answer, good or bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The breaker is open.
    #[error("it failed too often and is left alone for a while")]
    LeftAlone,
    /// The time was up.
    #[error("it did not answer in time")]
    Late,
}

/// What is known about one plug-in's health.
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

impl Default for Guard {
    fn default() -> Self {
        Self { gate: Semaphore::new(MOST_CALLS), breaker: Mutex::default() }
    }
}

impl Guard {
    /// Asks, unless the plug-in is left alone; the answer, or the failure, is remembered in the breaker. `patience`: what is left of
    /// the time of everybody who is asked.
    pub async fn call<T, E>(
        &self,
        bounds: Bounds,
        clock: &dyn Clock,
        patience: Duration,
        ask: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, NoAnswer> {
        if !self.lets_through(bounds, clock.now()) {
            return Err(NoAnswer::LeftAlone);
        }
        let asked = async {
            let _permit = self.gate.acquire().await;
            ask.await
        };
        let deadline = patience.min(bounds.timeout);
        let Ok(answer) = tokio::time::timeout(deadline, asked).await else {
            // A chain that ran out of time says nothing about its last plug-in.
            if deadline == bounds.timeout {
                self.note(bounds, clock.now(), false);
            }
            return Err(NoAnswer::Late);
        };
        self.note(bounds, clock.now(), answer.is_ok());
        Ok(answer)
    }

    /// While the breaker is open, one call in each `open_for` may try.
    fn lets_through(&self, bounds: Bounds, now: OffsetDateTime) -> bool {
        let mut breaker = self.breaker();
        match breaker.next_try {
            Some(next) if now < next => false,
            Some(_) => {
                breaker.next_try = Some(now + bounds.open_for);
                true
            }
            None => true,
        }
    }

    fn note(&self, bounds: Bounds, now: OffsetDateTime, is_good: bool) {
        let mut breaker = self.breaker();
        if is_good {
            *breaker = Breaker::default();
            return;
        }
        breaker.failures = breaker.failures.saturating_add(1);
        if breaker.failures >= bounds.failures {
            breaker.next_try = Some(now + bounds.open_for);
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The guards of one family of plug-ins, by id and the hash of what the file says of each. They outlive a reload.
#[derive(Debug, Default)]
pub struct Guards(Mutex<HashMap<(String, u64), Arc<Guard>>>);

impl Guards {
    /// The guards of these plug-ins; those of plug-ins that are gone, or written differently now, are forgotten.
    pub fn of(&self, wanted: &[(String, u64)]) -> Vec<Arc<Guard>> {
        let mut guards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guards.retain(|key, _| wanted.contains(key));
        wanted.iter().map(|key| Arc::clone(guards.entry(key.clone()).or_default())).collect()
    }
}
