//! The permission model of authnzerver: which role may do what to its own items, and to others' by their visibility.

mod decide;
mod read;

use std::collections::{HashMap, HashSet};

use serde_json::Number;

pub use read::read;

/// Most actions of a model.
const MOST_ACTIONS: usize = 128;
/// Most visibilities of a model.
const MOST_VISIBILITIES: usize = 64;

/// A model that has been checked. The numbers of actions, visibilities, items and roles are their places in its lists.
#[derive(Debug, Default)]
pub struct Model {
    actions: HashMap<String, usize>,
    visibilities: HashMap<String, usize>,
    items: HashMap<String, usize>,
    roles: HashMap<String, usize>,
    /// By role; `None` if the model says nothing about it.
    role_rules: Vec<Option<RoleRules>>,
    /// By item; `None` if the model says nothing about it.
    item_rules: Vec<Option<ItemRules>>,
    /// The file, for people.
    file: String,
}

/// Some of a model's actions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Actions(u128);

/// Actions, and the line that grants them.
#[derive(Debug, Clone, Copy, Default)]
struct Granted {
    actions: Actions,
    line: usize,
}

/// What a role may do.
#[derive(Debug, Default)]
struct RoleRules {
    name: String,
    /// Items that it may own.
    ownable: HashSet<usize>,
    own: Granted,
    /// By visibility.
    others: Vec<Granted>,
    limits: HashMap<String, Limit>,
}

/// What may be done to an item.
#[derive(Debug, Default)]
struct ItemRules {
    actions: Actions,
    visibilities: HashSet<usize>,
    barred_roles: HashSet<usize>,
}

/// A limit; a value must be strictly below it, or above.
#[derive(Debug)]
struct Limit {
    bound: Number,
    is_whole: bool,
    is_most: bool,
    line: usize,
}

impl Actions {
    fn has(self, action: usize) -> bool {
        action < MOST_ACTIONS && self.0 & (1 << action) != 0
    }

    fn with(self, action: usize) -> Self {
        Self(self.0 | 1 << action)
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
