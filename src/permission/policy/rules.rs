//! A policy, compiled: whoever has a role has its rules and those of every role it inherits.

use std::collections::HashMap;

use serde_json::Number;

use super::vocabulary::{Deed, Scope, Vocabulary};
use crate::domain::permission::Pattern;

/// A role with this name turns limits round: of everything it meets, the smallest counts.
pub const LOCKED: &str = "locked";

/// A policy that has been checked.
#[derive(Debug)]
pub struct Rules {
    pub words: Vocabulary,
    pub by_name: HashMap<String, u32>,
    pub roles: Vec<Role>,
    /// Every rule as it stands in the file.
    pub sources: Vec<Source>,
    /// Names of permissions, each once.
    pub names: Names,
    /// The file, for people.
    pub file: String,
}

/// A role.
#[derive(Debug, Default)]
pub struct Role {
    pub name: String,
    /// Itself, and all roles it inherits, by way of others too; ascending.
    pub closure: Vec<u32>,
    /// What its own rules stand for, by deed.
    pub clauses: Vec<Clause>,
    /// What its own denials reach in the answers of others; and the rule they are in.
    pub patterns: Vec<(Pattern, u32)>,
    /// Its own limits.
    pub limits: Vec<Limit>,
}

/// What a role may do, or must not: one permission that a rule of the file stands for.
#[derive(Debug, Clone, Copy)]
pub struct Clause {
    pub deed: Deed,
    pub scope: Scope,
    pub granted: bool,
    /// Whether its name stands in answers: what a denying wildcard stands for does not, for its pattern says it.
    pub is_named: bool,
    /// Of [`Names`].
    pub name: u32,
    /// Of [`Rules::sources`].
    pub source: u32,
}

/// A rule as it stands in the file.
#[derive(Debug)]
pub struct Source {
    pub text: String,
    pub line: usize,
}

/// A named limit of a role.
#[derive(Debug, Clone)]
pub struct Limit {
    pub name: String,
    pub most: Number,
    pub line: usize,
}

/// Names of permissions, each once.
#[derive(Debug, Default)]
pub struct Names {
    all: Vec<String>,
    known: HashMap<(Deed, Scope), u32>,
}

impl Names {
    /// The number of the name of this deed and scope.
    pub fn number(&mut self, words: &Vocabulary, deed: Deed, scope: Scope) -> u32 {
        *self.known.entry((deed, scope)).or_insert_with(|| {
            self.all.push(words.name(deed, scope));
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// The name with this number.
    pub fn get(&self, number: u32) -> &str {
        &self.all[number as usize]
    }
}

impl Role {
    /// What its own rules say about a deed.
    pub fn about(&self, deed: Deed) -> &[Clause] {
        let from = self.clauses.partition_point(|clause| clause.deed < deed);
        let to = from + self.clauses[from..].partition_point(|clause| clause.deed == deed);
        &self.clauses[from..to]
    }
}

impl Rules {
    /// Every role that somebody with these roles has; roles that the policy does not know say nothing.
    pub fn reach<'r>(&self, held: impl Iterator<Item = &'r str>) -> Vec<u32> {
        let mut reach = Vec::new();
        for number in held.filter_map(|name| self.by_name.get(name)) {
            reach.extend_from_slice(&self.roles[*number as usize].closure);
        }
        reach.sort_unstable();
        reach.dedup();
        reach
    }

    pub fn role(&self, number: u32) -> &Role {
        &self.roles[number as usize]
    }

    pub fn source(&self, number: u32) -> &Source {
        &self.sources[number as usize]
    }
}
