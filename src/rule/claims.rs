//! Which of a provider's claims anybody asks for: only those are worth keeping.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Claims by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claims {
    /// These.
    Named(BTreeSet<String>),
    /// Whatever there is: a rule goes through all of them.
    All,
}

impl Default for Claims {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl Claims {
    /// Whether nobody asks for any.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Named(names) if names.is_empty())
    }

    /// These and those.
    pub fn add(&mut self, others: &Self) {
        match (&mut *self, others) {
            (Self::Named(names), Self::Named(others)) => names.extend(others.iter().cloned()),
            _ => *self = Self::All,
        }
    }

    /// What of `all` is asked for, as long as it has at most `most` bytes; the largest go first.
    pub fn of(&self, all: &Map<String, Value>, most: usize) -> Map<String, Value> {
        let asked = |name: &String| match self {
            Self::Named(names) => names.contains(name),
            Self::All => true,
        };
        let mut found: Vec<_> = all.iter().filter(|(name, _)| asked(name)).collect();
        found.sort_by_cached_key(|(name, value)| name.len() + value.to_string().len());
        let mut left = most;
        let fits = |(name, value): &(&String, &Value)| {
            let size = name.len() + value.to_string().len() + 4;
            left = left.saturating_sub(size);
            left > 0
        };
        found.into_iter().take_while(fits).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}
