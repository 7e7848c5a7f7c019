//! Counts wrong API keys by client, and questions by caller, in memory: one more costs no write anywhere. Each process counts for
//! itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::config::Rate;

/// Most that are remembered. When they are more, those who may try again are forgotten, then all.
const MOST: usize = 10_000;

/// Who has guessed how often: for each client, when its next try would be free, in milliseconds since 1970.
#[derive(Debug)]
pub struct Guesses<K = IpAddr>(Mutex<HashMap<K, i64>>);

impl<K> Default for Guesses<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Guesses<K> {
    /// Counts one try before it is judged, so that parallel ones count too.
    ///
    /// # Errors
    /// How long to wait, if none is left.
    pub fn count(&self, who: K, rate: Rate, now: i64) -> Result<(), Duration> {
        let (now, step) = (now * 1000, step(rate));
        let most = now + step * i64::from(rate.burst.max(1));
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= MOST {
            tries.retain(|_, free_at| *free_at > now);
            if tries.len() >= MOST {
                tries.clear();
            }
        }
        let free_at = tries.entry(who).or_insert(now);
        let next = (*free_at).max(now) + step;
        if next > most {
            return Err(Duration::from_millis((next - most).unsigned_abs()));
        }
        *free_at = next;
        Ok(())
    }
}

impl Guesses {
    /// Counts one try of a client, as [`Self::count`].
    ///
    /// # Errors
    /// How long to wait, if none is left.
    pub fn take(&self, client: Option<IpAddr>, rate: Rate, now: i64) -> Result<(), Duration> {
        self.count(name(client), rate, now)
    }

    /// Takes one try back: it was a good key.
    pub fn give_back(&self, client: Option<IpAddr>, rate: Rate) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free_at) = tries.get_mut(&name(client)) {
            *free_at -= step(rate);
        }
    }
}

fn name(client: Option<IpAddr>) -> IpAddr {
    client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Milliseconds that one try costs.
fn step(rate: Rate) -> i64 {
    let per = i64::try_from(rate.per.0.whole_milliseconds()).unwrap_or(i64::MAX);
    (per / i64::from(rate.limit.max(1))).max(1)
}
