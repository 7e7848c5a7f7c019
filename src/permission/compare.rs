//! What two answers say differently about somebody.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::domain::permission::{Decision, Merge, Merged, Permissions, Verdict};

/// Stands in a [`Difference`] for whether there is a token at all.
pub const TOKEN: &str = "(token)";

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Its first word.
    pub verdict: Verdict,
    /// Name → granted or denied; patterns that deny are names here.
    pub permissions: Permissions,
    /// Named limits.
    pub limits: Map<String, Value>,
}

/// One thing that two answers say differently.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// A permission, `limits[name]`, or [`TOKEN`].
    pub permission: String,
    /// `granted`, `denied`, `nothing`; of limits their value; of the token `allow`, `deny`, `abstain`.
    pub was: String,
    /// The same of the other answer.
    pub would: String,
}

impl Said {
    /// No token.
    pub fn deny() -> Self {
        Self { verdict: Verdict::Deny, permissions: Permissions::new(), limits: Map::new() }
    }

    /// One provider's answer as it is.
    pub fn of(decision: &Decision) -> Self {
        let mut permissions = decision.permissions.clone();
        permissions.extend(decision.denied.iter().map(|pattern| (pattern.as_str().to_owned(), false)));
        Self { verdict: decision.verdict, permissions, limits: decision.limits.clone() }
    }

    /// What comes of one provider's answer where nobody else is asked: an abstention is an empty set.
    pub fn alone(decision: Decision, merge: Merge) -> Self {
        if decision.verdict == Verdict::Deny {
            return Self::deny();
        }
        let mut merged = Merged::new(merge);
        merged.add(decision);
        let (permissions, limits, _) = merged.into_parts();
        Self { verdict: Verdict::Allow, permissions, limits }
    }
}

/// Everything that `would` says differently from `was`. Where one of them is a deny, or nothing at all, that is the difference.
pub fn differences(was: &Said, would: &Said) -> Vec<Difference> {
    if was.verdict != would.verdict {
        let (was, would) = (word(was.verdict).to_owned(), word(would.verdict).to_owned());
        return vec![Difference { permission: TOKEN.into(), was, would }];
    }
    let names: BTreeSet<&String> = was.permissions.keys().chain(would.permissions.keys()).collect();
    let permissions = names.into_iter().map(|name| Difference {
        permission: name.clone(),
        was: meaning(was.permissions.get(name)).into(),
        would: meaning(would.permissions.get(name)).into(),
    });
    let limits: BTreeSet<&String> = was.limits.keys().chain(would.limits.keys()).collect();
    let limits = limits.into_iter().map(|name| Difference {
        permission: format!("limits[{name}]"),
        was: shown(was.limits.get(name)),
        would: shown(would.limits.get(name)),
    });
    permissions.chain(limits).filter(|difference| difference.was != difference.would).collect()
}

impl Difference {
    /// Whether anybody would notice: that a name is denied or not mentioned is the same to whoever reads a token.
    pub fn is_felt(&self) -> bool {
        !matches!((self.was.as_str(), self.would.as_str()), ("nothing", "denied") | ("denied", "nothing"))
    }
}

/// The first word of an answer, as plug-ins write it.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
        Verdict::Abstain => "abstain",
    }
}

fn meaning(said: Option<&bool>) -> &'static str {
    match said {
        Some(true) => "granted",
        Some(false) => "denied",
        None => "nothing",
    }
}

fn shown(limit: Option<&Value>) -> String {
    limit.map_or_else(|| "nothing".to_owned(), Value::to_string)
}
