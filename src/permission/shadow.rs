//! Providers that only observe: they are asked beside the chain, nobody waits for them, and what they would change is noted.
//!
//! The question is whether the observer alone would do what the others do together: what it says, standing where it stands in the
//! chain, is held against what the chain came to. A deny of the service and an allow differ in one thing, the token; else names
//! and limits are compared. A name that one denies and the other does not mention is no difference: neither grants it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use time::OffsetDateTime;

use super::cache::Key;
use super::chain::{Chain, ChainError, Granted, Link};
use super::compare::{Said, differences};
use super::kept::Kept;
use super::{Ask, guard};
use crate::domain::permission::Verdict;
use crate::memo::Memo;
use crate::store::shadows::{Counted, Differing};

/// Observers that are asked at once; what comes beyond is not asked.
pub const MOST_OBSERVING: usize = 32;
/// Questions that are remembered as asked, at least.
const ASKED: usize = 10_000;
/// Differences that are noted of one answer.
const MOST_OF_ONE: usize = 50;

/// How one observer has done since this process began.
#[derive(Debug, Default)]
pub struct Counts {
    asked: AtomicU64,
    agreed: AtomicU64,
    differed: AtomicU64,
    failed: AtomicU64,
}

impl Counts {
    /// As they are now.
    pub fn now(&self) -> Counted {
        let of = |count: &AtomicU64| i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        Counted {
            asked: of(&self.asked),
            agreed: of(&self.agreed),
            differed: of(&self.differed),
            failed: of(&self.failed),
        }
    }
}

/// When which question to an observer may be asked again.
pub struct Asked(Memo<Key, OffsetDateTime>);

impl Default for Asked {
    fn default() -> Self {
        Self(Memo::new(ASKED))
    }
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked")
    }
}

/// An observer and what it is to be asked.
pub struct Watching {
    link: Arc<Link>,
    kept: Kept,
}

impl Chain {
    /// The observer's question, unless it was asked so lately that a provider's answer would still be remembered.
    pub(super) fn watching(&self, link: &Arc<Link>, ask: &Ask<'_>) -> Option<Watching> {
        let policy = link.provider.policy();
        let key = self.state.memory.key(&link.id, policy, ask);
        let (asked, now) = (&self.state.asked.0, self.clock.now());
        if asked.get(&key).is_some_and(|until| now < until) {
            return None;
        }
        asked.insert(key, now + policy.cache_ttl);
        Some(Watching { link: Arc::clone(link), kept: Kept::of(ask) })
    }

    /// Asks the observers, each in a task of its own, and notes what they would change. A chain without an answer says nothing to
    /// compare with.
    pub(super) fn compare(&self, watching: Vec<Watching>, outcome: &Result<Granted, ChainError>) {
        let was = match outcome {
            Ok(Granted { permissions, limits, .. }) => {
                Said { verdict: Verdict::Allow, permissions: permissions.clone(), limits: limits.clone() }
            }
            Err(ChainError::Denied { .. }) => Said::deny(),
            Err(ChainError::Unavailable { .. }) => return,
        };
        let was = Arc::new(was);
        for Watching { link, kept } in watching {
            let Ok(permit) = Arc::clone(&self.state.observing).try_acquire_owned() else { return };
            let (state, clock, was) = (Arc::clone(&self.state), Arc::clone(&self.clock), Arc::clone(&was));
            tokio::spawn(async move {
                let _permit = permit;
                let found = differing(&link, &kept, &was, clock.as_ref()).await;
                state.notes.differ(found);
            });
        }
    }
}

async fn differing(link: &Link, kept: &Kept, was: &Said, clock: &dyn crate::clock::Clock) -> Vec<Differing> {
    let (counts, ask) = (&link.counts, kept.ask());
    counts.asked.fetch_add(1, Ordering::Relaxed);
    let answer = guard::call(&link.guard, link.provider.policy(), clock, link.provider.permissions(&ask)).await;
    let decision = match answer {
        Ok(decision) => decision,
        Err(error) => {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(permission.provider = %link.id, %error, "an observing permission provider has no answer");
            return Vec::new();
        }
    };
    let would = Said::alone(decision, ask.service.merge);
    let felt: Vec<_> = differences(was, &would).into_iter().filter(super::compare::Difference::is_felt).collect();
    let counted = if felt.is_empty() { &counts.agreed } else { &counts.differed };
    counted.fetch_add(1, Ordering::Relaxed);
    let (who, at) = (ask.who.subject(), clock.now().unix_timestamp());
    let noted = felt.into_iter().take(MOST_OF_ONE).map(|difference| Differing {
        provider: link.id.clone(),
        service: ask.service.id.clone(),
        who: who.clone(),
        permission: difference.permission,
        was: difference.was,
        would: difference.would,
        first_at: at,
        last_at: at,
        times: 1,
    });
    noted.collect()
}
