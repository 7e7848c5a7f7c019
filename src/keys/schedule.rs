//! When keys are made, sign, rest and go: a pure function of their times, the policy and now.

use time::{Duration, OffsetDateTime};

/// The times of one key. Slots count up within an algorithm, and the newest key that has begun is the one that signs: so there is
/// exactly one, whatever a crash left unwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTimes {
    /// Its number within its algorithm.
    pub slot: i64,
    /// From here on it signs, if no newer key does.
    pub signs_from: OffsetDateTime,
    /// When its successor takes over; `None` while it has none.
    pub signs_until: Option<OffsetDateTime>,
    /// When nobody can hold one of its tokens any more.
    pub drops_at: Option<OffsetDateTime>,
}

impl KeyTimes {
    /// Whether it is no longer published.
    pub fn is_over(&self, now: OffsetDateTime) -> bool {
        self.drops_at.is_some_and(|at| at <= now)
    }
}

/// How often keys change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// A new key signs this often; zero: only by hand.
    pub rotation_interval: Duration,
    /// A key is public this long before it signs.
    pub publish_before: Duration,
    /// A key stays public this long after it signed.
    pub retire_after: Duration,
}

/// What is to be done with the keys of an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Make the key of this slot.
    Create {
        /// A slot nobody had.
        slot: i64,
        /// From here on it signs.
        signs_from: OffsetDateTime,
    },
    /// Note when its successor takes over and when it goes.
    Retire {
        /// The older key.
        slot: i64,
        /// When the successor begins.
        signs_until: OffsetDateTime,
        /// When it is dropped.
        drops_at: OffsetDateTime,
    },
    /// Forget the key.
    Drop {
        /// The key.
        slot: i64,
    },
}

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Published, not yet signing.
    Next,
    /// The one that signs.
    Active,
    /// Published so that its tokens still verify.
    Retired,
}

/// The slot that signs: the newest that has begun, or the oldest if the clock went back before all of them.
pub fn active<'a>(keys: impl Iterator<Item = &'a KeyTimes>, now: OffsetDateTime) -> Option<i64> {
    // Begun keys rank above the others; among them the newest, among the others the oldest.
    keys.map(|key| if key.signs_from <= now { (true, key.slot) } else { (false, -key.slot) })
        .max()
        .map(|(_, slot)| slot.abs())
}

/// Where each key of one algorithm stands, in the order given.
pub fn stages(keys: &[KeyTimes], now: OffsetDateTime) -> Vec<Stage> {
    let active = active(keys.iter(), now);
    let stage = |key: &KeyTimes| match active {
        Some(slot) if key.slot == slot => Stage::Active,
        Some(slot) if key.slot > slot => Stage::Next,
        _ => Stage::Retired,
    };
    keys.iter().map(stage).collect()
}

/// What is due for the keys of one algorithm. Doing it twice, or stopping halfway, does no harm.
pub fn due(keys: &[KeyTimes], policy: &Policy, now: OffsetDateTime) -> Vec<Change> {
    let Some(active) = active(keys.iter(), now) else {
        return vec![Change::Create { slot: 1, signs_from: now }];
    };
    let mut keys = keys.to_vec();
    keys.sort_by_key(|key| key.slot);
    let newest = keys[keys.len() - 1];

    let mut changes = Vec::new();
    if newest.slot == active && policy.rotation_interval > Duration::ZERO {
        let ends = newest.signs_from + policy.rotation_interval;
        if ends <= now + policy.publish_before {
            changes.push(Change::Create { slot: newest.slot + 1, signs_from: ends.max(now + policy.publish_before) });
        }
    }
    for pair in keys.windows(2) {
        let (key, next) = (pair[0], pair[1]);
        let (signs_until, drops_at) = (next.signs_from, next.signs_from + policy.retire_after);
        if key.slot != active && drops_at <= now {
            changes.push(Change::Drop { slot: key.slot });
        } else if (key.signs_until, key.drops_at) != (Some(signs_until), Some(drops_at)) {
            changes.push(Change::Retire { slot: key.slot, signs_until, drops_at });
        }
    }
    changes
}

#[cfg(test)]
mod tests;
