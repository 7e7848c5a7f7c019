//! What is noted on the way and written down later: what observers would change, and what providers were asked.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::shadow::Counts;
use crate::domain::id::UserId;
use crate::store::records::{self, KEPT, Recorded};
use crate::store::shadows::{self, Counted, Differing};
use crate::store::{Store, StoreError};

/// Differences that wait to be written.
const MOST_WAITING: usize = 2_000;

/// What waits to be written.
#[derive(Debug, Default)]
pub struct Notes {
    observers: Mutex<HashMap<String, Observer>>,
    differing: Mutex<BTreeMap<(String, String, String, String), Differing>>,
    asked: Mutex<HashMap<String, VecDeque<Recorded>>>,
}

#[derive(Debug, Default)]
struct Observer {
    counts: Arc<Counts>,
    written: Counted,
}

impl Notes {
    /// The counts of this observer, from when this process began.
    pub fn counts(&self, provider: &str) -> Arc<Counts> {
        let mut observers = lock(&self.observers);
        Arc::clone(&observers.entry(provider.to_owned()).or_default().counts)
    }

    /// Notes differences; the same one is only counted. What has no room is left out.
    pub fn differ(&self, found: Vec<Differing>) {
        if found.is_empty() {
            return;
        }
        let mut waiting = lock(&self.differing);
        for new in found {
            let key = (new.provider.clone(), new.service.clone(), new.who.clone(), new.permission.clone());
            let fits = waiting.len() < MOST_WAITING;
            match waiting.get_mut(&key) {
                Some(have) => {
                    *have = Differing { first_at: have.first_at, times: have.times.saturating_add(1), ..new };
                }
                None if fits => drop(waiting.insert(key, new)),
                None => {}
            }
        }
    }

    /// Notes what a provider was asked; the oldest goes where there are too many.
    pub fn record(&self, recorded: Recorded) {
        let mut asked = lock(&self.asked);
        let of_one = asked.entry(recorded.provider.clone()).or_default();
        if of_one.len() >= KEPT {
            of_one.pop_front();
        }
        of_one.push_back(recorded);
    }

    /// Writes what waits, but nothing of users who were erased meanwhile.
    pub async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let mut differing: Vec<_> = std::mem::take(&mut *lock(&self.differing)).into_values().collect();
        let mut asked = std::mem::take(&mut *lock(&self.asked));
        let counted: Vec<_> = lock(&self.observers).iter().map(|(id, of)| (id.clone(), of.counts.now())).collect();
        let whose = differing.iter().map(|row| &row.who);
        let gone = gone(store, whose.chain(asked.values().flatten().map(|row| &row.who))).await?;
        differing.retain(|row| !gone.contains(&row.who));
        let news = self.since_written(&counted);
        shadows::write(store, &news, differing).await?;
        for (id, now) in counted {
            lock(&self.observers).entry(id).or_default().written = now;
        }
        for recorded in asked.values_mut() {
            recorded.retain(|row| !gone.contains(&row.who));
        }
        for (provider, recorded) in asked {
            records::write(store, &provider, recorded.into()).await?;
        }
        Ok(())
    }
}

impl Notes {
    /// What was counted since it was last written, of observers of which there is something.
    fn since_written(&self, counted: &[(String, Counted)]) -> Vec<(String, Counted)> {
        let observers = lock(&self.observers);
        let written = |id: &String| observers.get(id).map(|of| of.written).unwrap_or_default();
        let news = counted.iter().map(|(id, now)| (id.clone(), now.since(written(id))));
        news.filter(|(_, news)| *news != Counted::default()).collect()
    }
}

/// Those of these who are users without an account any more. Other names are those of services.
async fn gone(store: &Store, whose: impl Iterator<Item = &String>) -> Result<BTreeSet<String>, StoreError> {
    let ids: BTreeSet<UserId> = whose.filter_map(|who| who.parse().ok()).collect();
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let there = store.existing(&ids).await?;
    Ok(ids.difference(&there).map(ToString::to_string).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
