//! Questions under way: the same one is asked once, however many wait for it, and whoever of them leaves.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::PermissionError;
use super::cache::{Key, Outcome};

/// Most questions under way; more fail at once.
const MOST_FLIGHTS: usize = 10_000;

/// The questions under way, each in a task of its own: it ends when the provider's deadline says so, not when somebody stops waiting.
#[derive(Debug, Default)]
pub struct Flights(Mutex<HashMap<(Key, u64), Flight>>);

/// One question under way.
#[derive(Debug, Clone)]
pub struct Flight(watch::Receiver<Option<Outcome>>);

impl Flight {
    /// What comes of it.
    pub async fn landed(mut self) -> Outcome {
        match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(broken_off())),
            Err(_) => Err(broken_off()),
        }
    }
}

fn broken_off() -> PermissionError {
    PermissionError::Unusable("it broke off".into())
}

impl Flights {
    /// The flight of this question; `start` makes it if there is none. Nobody joins a flight that began before something was forgotten
    /// (`since`, see [`super::cache::Memory::forgotten`]).
    pub fn join<F>(
        self: &Arc<Self>,
        key: &Key,
        since: u64,
        start: impl FnOnce() -> F,
    ) -> Result<Flight, PermissionError>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let key = (key.clone(), since);
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = under_way.get(&key) {
            return Ok(flight.clone());
        }
        if under_way.len() >= MOST_FLIGHTS {
            return Err(PermissionError::Unreachable("too many questions wait for an answer".into()));
        }
        let (tell, told) = watch::channel(None);
        let landing = Landing { flights: Arc::clone(self), key: key.clone() };
        let flight = start();
        tokio::spawn(async move {
            let landing = landing;
            tell.send_replace(Some(flight.await));
            drop(landing);
        });
        under_way.insert(key, Flight(told.clone()));
        Ok(Flight(told))
    }
}

/// Takes the flight off the list, however it ends.
struct Landing {
    flights: Arc<Flights>,
    key: (Key, u64),
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
