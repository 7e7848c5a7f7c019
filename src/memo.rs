//! A bounded memory of answers that are dear to find, with the clock of nobody.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Remembers at least the last `generation` answers that were asked for, and at most twice as many.
///
/// When the young ones are as many as a generation they become the old ones, and the old ones are forgotten; an old one that
/// is asked for is young again.
pub struct Memo<K, V> {
    generation: usize,
    shelves: Mutex<Shelves<K, V>>,
}

struct Shelves<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    /// Nothing is remembered yet.
    pub fn new(generation: usize) -> Self {
        Self { generation, shelves: Mutex::new(Shelves { young: HashMap::new(), old: HashMap::new() }) }
    }

    /// The answer, if it is remembered.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = shelves.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = shelves.old.remove_entry(key)?;
        let forgotten = shelves.put(key, value.clone(), self.generation);
        drop(shelves);
        drop(forgotten);
        Some(value)
    }

    /// Remembers an answer, in place of an earlier one.
    pub fn insert(&self, key: K, value: V) {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.old.remove(&key);
        let forgotten = shelves.put(key, value, self.generation);
        drop(shelves);
        drop(forgotten);
    }
}

impl<K: Eq + Hash> Memo<K, i64> {
    /// Whether the key was not noted within the last `again` seconds; it is noted at `now`, in seconds, if so.
    pub fn is_news(&self, key: K, now: i64, again: i64) -> bool {
        let is_news = self.get(&key).is_none_or(|at| now - at >= again);
        if is_news {
            self.insert(key, now);
        }
        is_news
    }
}

impl<K: Eq + Hash, V> Shelves<K, V> {
    /// What is forgotten for it is the caller's to drop, who holds the lock now.
    fn put(&mut self, key: K, value: V, generation: usize) -> Option<HashMap<K, V>> {
        let is_full = self.young.len() >= generation && !self.young.contains_key(&key);
        let forgotten = is_full.then(|| std::mem::replace(&mut self.old, std::mem::take(&mut self.young)));
        self.young.insert(key, value);
        forgotten
    }
}
