//! What a user may do in a service, and how several answers become one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

/// Permission name → granted (`true`) or denied (`false`).
pub type Permissions = BTreeMap<String, bool>;

/// Longest permission name, in bytes.
pub const LONGEST_NAME: usize = 128;
/// Most names in one answer.
pub const MOST_NAMES: usize = 500;

/// How the answers of a chain come together. An explicit deny wins in all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Merge {
    /// Everything any provider grants.
    #[default]
    Union,
    /// What the first that does not abstain grants.
    First,
    /// Only what every provider that did not abstain grants.
    Intersect,
}

/// What one permission provider answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// Whether there is a token at all.
    pub verdict: Verdict,
    /// Name → granted or denied.
    pub permissions: Permissions,
    /// Denies every matching name of the whole chain, whoever grants it.
    pub denied: Vec<Pattern>,
    /// Named limits.
    pub limits: Map<String, Value>,
    /// Extra claims; never reserved ones.
    pub claims: Map<String, Value>,
    /// How long the answer may be remembered, in seconds, if the provider said so.
    pub cache_ttl: Option<u64>,
    /// Why, for the admin.
    pub reason: String,
    /// What to tell the person, for a deny.
    pub message: String,
}

/// The first word of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Use the permissions.
    #[default]
    Allow,
    /// No token for this service.
    Deny,
    /// As if not in the chain.
    Abstain,
}

/// A permission name in which each `*` stands for any run of characters, colons too; `*` alone is every name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// `None` unless the text is `*` or a permission name.
    pub fn new(text: &str) -> Option<Self> {
        (text == "*" || is_name(text)).then(|| Self(text.to_owned()))
    }

    /// Whether it stands for the name.
    pub fn matches(&self, name: &str) -> bool {
        glob(&self.0, name)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the text is a permission name: segments between colons, of `a-z 0-9 _ . -`; `*` too, but not in the first one.
pub fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME
        && text.split(':').enumerate().all(|(place, segment)| {
            let first = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || (place > 0 && b == b'*');
            let bytes = segment.as_bytes();
            bytes.first().is_some_and(|b| first(*b)) && bytes.iter().all(|b| first(*b) || b"_.-".contains(b))
        })
}

/// Whether the name stands for others to whoever reads it.
pub fn is_wildcard(name: &str) -> bool {
    name.contains('*')
}

/// The answers of a chain so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Merged {
    merge: Merge,
    is_decided: bool,
    permissions: Permissions,
    denied: Vec<Pattern>,
    limits: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Merged {
    /// Nothing yet.
    pub fn new(merge: Merge) -> Self {
        Self { merge, ..Self::default() }
    }

    /// Adds the next answer of the chain. Only an allow counts: an abstention says nothing, and at a deny there is nothing to merge.
    ///
    /// A limit or claim that two answers name keeps the earlier value, so that nobody changes what the chain has said.
    pub fn add(&mut self, answer: Decision) {
        let Decision { verdict, permissions, denied, limits, claims, cache_ttl: _, reason: _, message: _ } = answer;
        if verdict != Verdict::Allow {
            return;
        }
        let is_first = !std::mem::replace(&mut self.is_decided, true);
        match self.merge {
            _ if is_first => self.permissions = permissions,
            Merge::Union => self.widen(permissions),
            Merge::First => self.widen(permissions.into_iter().filter(|(_, granted)| !granted).collect()),
            Merge::Intersect => {
                self.permissions.retain(|name, granted| !*granted || permissions.get(name) == Some(&true));
                self.widen(permissions.into_iter().filter(|(_, granted)| !granted).collect());
            }
        }
        if is_first || self.merge != Merge::First {
            for (name, limit) in limits {
                self.limits.entry(name).or_insert(limit);
            }
            for (name, claim) in claims {
                self.claims.entry(name).or_insert(claim);
            }
        }
        self.denied.extend(denied);
        self.forbid();
    }

    /// The permissions so far, denials included.
    pub fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    /// The permissions, the limits and the extra claims.
    pub fn into_parts(self) -> (Permissions, Map<String, Value>, Map<String, Value>) {
        (self.permissions, self.limits, self.claims)
    }

    fn widen(&mut self, permissions: Permissions) {
        for (name, granted) in permissions {
            *self.permissions.entry(name).or_insert(granted) &= granted;
        }
    }

    /// Lets the denials win: over names that match a denying pattern, and over granted wildcards that would bring a denied name back.
    fn forbid(&mut self) {
        for (name, granted) in &mut self.permissions {
            *granted &= !self.denied.iter().any(|pattern| pattern.matches(name));
        }
        let denied: Vec<String> = self
            .permissions
            .iter()
            .filter(|(_, granted)| !**granted)
            .map(|(name, _)| name.clone())
            .chain(self.denied.iter().map(|pattern| pattern.0.clone()))
            .collect();
        if !denied.is_empty() {
            self.permissions.retain(|name, granted| {
                !*granted || !is_wildcard(name) || !denied.iter().any(|denied| overlap(name, denied))
            });
        }
    }
}

/// Whether each `*` of the pattern can be replaced so that the text comes out.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    true
}

/// Whether some name matches both patterns.
fn overlap(one: &str, other: &str) -> bool {
    let ends = |pattern: &str| {
        pattern.split_once('*').map(|(head, rest)| {
            let tail = rest.rsplit('*').next().unwrap_or_default();
            (head.to_owned(), tail.to_owned())
        })
    };
    match (ends(one), ends(other)) {
        (Some((head, tail)), Some((other_head, other_tail))) => {
            // Between the ends, the first star of each takes in whatever the other one needs.
            (head.starts_with(&other_head) || other_head.starts_with(&head))
                && (tail.ends_with(&other_tail) || other_tail.ends_with(&tail))
        }
        (Some(_), None) => glob(one, other),
        (None, _) => glob(other, one),
    }
}
