//! What a compiled policy answers.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::rules::{Clause, LOCKED, Limit, Role, Rules};
use super::vocabulary::Scope;
use crate::domain::access::{Access, Item, Said, Wish};
use crate::domain::permission::{Decision, Permissions};
use crate::permission;

impl Rules {
    /// Everything that somebody with these roles may do, by name.
    pub fn decide<'r>(&self, held: impl Iterator<Item = &'r str>) -> Decision {
        let reach = self.reach(held);
        let own = || reach.iter().flat_map(|number| &self.role(*number).clauses);
        let closed: HashSet<_> =
            own().filter(|clause| !clause.granted && clause.scope == Scope::Any).map(|clause| clause.deed).collect();
        let mut permissions = Permissions::new();
        for clause in own().filter(|clause| clause.granted || clause.is_named) {
            let granted = clause.granted && (closed.is_empty() || !closed.contains(&clause.deed));
            match permissions.get_mut(self.names.get(clause.name)) {
                Some(said) => *said &= granted,
                None => drop(permissions.insert(self.names.get(clause.name).to_owned(), granted)),
            }
        }
        let patterns = reach.iter().flat_map(|number| &self.role(*number).patterns);
        let mut denied: Vec<_> = patterns.map(|(pattern, _)| pattern.clone()).collect();
        denied.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        denied.dedup();
        Decision { permissions, denied, limits: self.limits(&reach), ..Decision::default() }
    }

    /// What it says about one deed on one item. A denial wins; whether the owner's account may be used changes nothing.
    pub fn access<'r>(&self, held: impl Iterator<Item = &'r str>, who: &str, wish: &Wish) -> Access {
        let reach = self.reach(held);
        let Some(deed) = self.words.deed(&wish.item.kind, &wish.action) else { return self.unknown(&reach, wish) };
        let mut granted = None;
        for role in reach.iter().map(|number| self.role(*number)) {
            for clause in role.about(deed).iter().filter(|clause| self.is_about(clause, who, &wish.item)) {
                if !clause.granted {
                    return Access { said: Said::Denied, by: self.by(role, clause) };
                }
                granted.get_or_insert((role, clause));
            }
        }
        match granted {
            Some((role, clause)) => Access { said: Said::Allowed, by: self.by(role, clause) },
            None => Access::silent(),
        }
    }

    /// Words that the policy does not know: nothing grants them, and a denial of everything denies them.
    fn unknown(&self, reach: &[u32], wish: &Wish) -> Access {
        let name = format!("{}:{}", wish.item.kind, wish.action);
        for role in reach.iter().map(|number| self.role(*number)) {
            if let Some((_, source)) = role.patterns.iter().find(|(pattern, _)| pattern.matches(&name)) {
                return Access { said: Said::Denied, by: self.said_by(role, *source) };
            }
        }
        Access::silent()
    }

    /// A grant by visibility is for what is open to them; a denial is for whatever has that visibility.
    fn is_about(&self, clause: &Clause, who: &str, item: &Item) -> bool {
        match clause.scope {
            Scope::Any => true,
            Scope::Own => item.is_of(who),
            Scope::Of(wanted) => item.visibility.as_deref().is_some_and(|visibility| {
                self.words.visibility(visibility) == Some(wanted)
                    && match visibility {
                        _ if !clause.granted => true,
                        "private" => item.is_of(who),
                        "shared" => item.is_of(who) || item.is_shared_with(who),
                        _ => true,
                    }
            }),
        }
    }

    fn by(&self, role: &Role, clause: &Clause) -> String {
        self.said_by(role, clause.source)
    }

    fn said_by(&self, role: &Role, source: u32) -> String {
        let source = self.source(source);
        format!("`{}` of the role `{}` ({}:{})", source.text, role.name, self.file, source.line)
    }

    /// Whether the value is at most the limit; silent about a limit that nobody has set for these roles.
    pub fn within<'r>(&self, held: impl Iterator<Item = &'r str>, name: &str, value: f64) -> Access {
        let reach = self.reach(held);
        let Some((role, limit)) = self.counting(&reach).remove(name) else { return Access::silent() };
        let said = if value <= as_float(limit) { Said::Allowed } else { Said::Denied };
        let by = format!("`{name}` {} of the role `{}` ({}:{})", limit.most, role.name, self.file, limit.line);
        Access { said, by }
    }

    fn limits(&self, reach: &[u32]) -> Map<String, Value> {
        let counting = self.counting(reach).into_iter();
        counting.map(|(name, (_, limit))| (name.to_owned(), Value::Number(limit.most.clone()))).collect()
    }

    /// The limits that count for these roles: the largest of each, and with the role `locked` among them the smallest.
    fn counting(&self, reach: &[u32]) -> BTreeMap<&str, (&Role, &Limit)> {
        let roles = || reach.iter().map(|number| self.role(*number));
        let beats = if roles().any(|role| role.name == LOCKED) { Ordering::Less } else { Ordering::Greater };
        let mut counting: BTreeMap<&str, (&Role, &Limit)> = BTreeMap::new();
        for (role, limit) in roles().flat_map(|role| role.limits.iter().map(move |limit| (role, limit))) {
            let counts = counting.entry(&limit.name).or_insert((role, limit));
            if as_float(limit).total_cmp(&as_float(counts.1)) == beats {
                *counts = (role, limit);
            }
        }
        counting
    }

    /// Which rules speak about somebody with these roles.
    pub fn rules<'r>(&self, held: impl Iterator<Item = &'r str>) -> Vec<permission::Rule> {
        let mut rules = Vec::new();
        let mut seen = HashSet::new();
        for held in held.filter_map(|name| self.by_name.get(name)).map(|number| self.role(*number)) {
            for number in held.closure.iter().filter(|number| seen.insert(**number)) {
                let role = self.role(*number);
                let own =
                    role.clauses.iter().map(|clause| (self.names.get(clause.name), clause.granted, clause.source));
                let patterns = role.patterns.iter().map(|(pattern, source)| (pattern.as_str(), false, *source));
                rules.extend(own.chain(patterns).map(|(permission, granted, source)| {
                    let source = self.source(source);
                    permission::Rule {
                        permission: permission.to_owned(),
                        granted,
                        name: format!("role {}: {}", role.name, source.text),
                        role: Some(held.name.clone()),
                        at: Some(format!("{}:{}", self.file, source.line)),
                    }
                }));
            }
        }
        rules
    }
}

fn as_float(limit: &Limit) -> f64 {
    limit.most.as_f64().unwrap_or(0.0)
}
