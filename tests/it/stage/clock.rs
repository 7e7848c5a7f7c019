//! A clock that stands still until it is turned.

use std::sync::atomic::{AtomicI64, Ordering};

use time::{Duration, OffsetDateTime};

use crate::clock::Clock;

/// A clock that stands still until it is turned.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Stands at noon of 1 January 2020, on purpose in the past: whoever reads the machine's clock sees everything expired.
    pub fn new() -> Self {
        Self(AtomicI64::new(1_577_880_000))
    }

    /// Turns the clock; negative durations turn it back.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.whole_seconds(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0.load(Ordering::SeqCst)).unwrap()
    }
}
