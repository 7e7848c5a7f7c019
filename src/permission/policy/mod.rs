//! Permissions from a policy file: who may do what to whose items, by role; in our own format, or in that of authnzerver.

mod ancestor;
mod decide;
mod fault;
mod format;
mod grants;
mod inherit;
mod json;
mod own_tests;
mod reader;
mod rules;
mod vocabulary;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use time::Duration;

use super::common::{config_hash, read_text, section};
use super::{Ask, PermissionError, PermissionProvider, ProviderPolicy, Rule};
use crate::config::{Mistake, Section};
use crate::domain::access::{Access, Wish};
use crate::domain::permission::Decision;
use crate::plugin::Kind;

/// `kind = "policy"`.
pub const KIND: Kind<dyn PermissionProvider> = Kind {
    name: "policy",
    schema: |generator| generator.subschema_for::<PolicyPermissions>(),
    open: |section, _| Ok(Arc::new(Policy::open(section, &section.read()?)?)),
};

/// A policy file that cannot be read.
const UNREADABLE: &str = "CS-C130";
/// Something wrong in a policy file.
const WRONG: &str = "CS-C131";
/// A policy file that fails one of its own tests.
const FAILED_TEST: &str = "CS-C132";

/// Largest policy file, in bytes.
pub const LARGEST: u64 = 2 * 1024 * 1024;
/// Most mistakes of one file that are shown.
const MOST_SHOWN: usize = 20;

section! {
    /// Permissions from a policy file.
    pub struct PolicyPermissions {
        /// The policy: a JSON file. It belongs to the configuration and is read with it.
        file: PathBuf,
        /// How the file is written: `countersign`, or `authnzerver` for the permission model of that server.
        #[serde(default)]
        format: Format,
    }
}

/// How a policy file is written.
#[derive(Debug, Clone, Copy, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Our own.
    #[default]
    Countersign,
    /// That of authnzerver.
    Authnzerver,
}

/// Permissions from a policy file.
#[derive(Debug)]
pub struct Policy {
    speaks: Speaks,
    policy: ProviderPolicy,
}

#[derive(Debug)]
enum Speaks {
    Ours(Box<rules::Rules>),
    Ancestors(Box<ancestor::Model>),
}

impl Policy {
    /// Reads and checks the file, and plays its own tests. All that is wrong is at the key `file`, with its place in the file.
    pub fn open(section: &Section, config: &PolicyPermissions) -> Result<Self, Vec<Mistake>> {
        let name = config.file.display().to_string();
        let text = read_text(&section.path_of(&config.file), LARGEST)
            .map_err(|wrong| vec![section.mistake_at("file", UNREADABLE, format!("the policy `{name}` {wrong}"))])?;
        let speaks = match config.format {
            Format::Countersign => format::read(&name, &text).map(|rules| Speaks::Ours(Box::new(rules))),
            Format::Authnzerver => ancestor::read(&name, &text).map(|model| Speaks::Ancestors(Box::new(model))),
        };
        let speaks = speaks.map_err(|faults| mistakes(section, &fault::Lines::new(&name, &text), &faults))?;
        let mut hasher = DefaultHasher::new();
        (config_hash("policy", config, &[]), &text).hash(&mut hasher);
        let policy = config.common().policy(section, Duration::milliseconds(50), hasher.finish());
        Ok(Self { speaks, policy: policy.map_err(|wrong| vec![wrong])? })
    }
}

fn mistakes(section: &Section, lines: &fault::Lines<'_>, faults: &[fault::Fault]) -> Vec<Mistake> {
    let mut mistakes: Vec<_> = faults
        .iter()
        .take(MOST_SHOWN)
        .map(|fault| {
            let code = if fault.is_failed_test { FAILED_TEST } else { WRONG };
            section.mistake_at("file", code, format!("{}: {}", lines.place(fault.at), fault.message))
        })
        .collect();
    if let Some(more) = faults.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
        mistakes.push(section.mistake_at("file", WRONG, format!("{more} more mistakes in the policy")));
    }
    mistakes
}

/// Reads a text as a policy of either format, and asks it about somebody, or says where its mistakes are: for fuzzers.
///
/// # Panics
/// Where a policy that is taken grants what is no permission.
#[cfg(any(test, feature = "fuzzing"))]
pub fn probe(text: &str) {
    const NAME: &str = "fuzzed.json";
    let roles = || ["member", "staff", "locked"].into_iter();
    let ours = format::read(NAME, text).map(|rules| rules.decide(roles()));
    let ancestors = ancestor::read(NAME, text).map(|model| model.decide(roles()));
    let lines = fault::Lines::new(NAME, text);
    for read in [ours, ancestors] {
        match read {
            Ok(decision) => assert!(decision.permissions.keys().all(|name| crate::domain::permission::is_name(name))),
            Err(faults) => {
                assert!(!faults.is_empty(), "a policy is refused for a reason");
                assert!(faults.iter().take(MOST_SHOWN).all(|fault| lines.place(fault.at).starts_with(NAME)));
            }
        }
    }
}

fn held<'a>(ask: &Ask<'a>) -> impl Iterator<Item = &'a str> + Clone {
    ask.who.roles().iter().map(String::as_str)
}

#[async_trait]
impl PermissionProvider for Policy {
    async fn permissions(&self, ask: &Ask<'_>) -> Result<Decision, PermissionError> {
        Ok(match &self.speaks {
            Speaks::Ours(rules) => rules.decide(held(ask)),
            Speaks::Ancestors(model) => model.decide(held(ask)),
        })
    }

    fn policy(&self) -> &ProviderPolicy {
        &self.policy
    }

    fn is_instant(&self) -> bool {
        true
    }

    fn access(&self, ask: &Ask<'_>, wish: &Wish) -> Option<Access> {
        Some(match &self.speaks {
            Speaks::Ours(rules) => rules.access(held(ask), &ask.who.subject(), wish),
            Speaks::Ancestors(model) => model.access(held(ask), &ask.who.subject(), wish),
        })
    }

    fn within(&self, ask: &Ask<'_>, name: &str, value: f64) -> Option<Access> {
        Some(match &self.speaks {
            Speaks::Ours(rules) => rules.within(held(ask), name, value),
            Speaks::Ancestors(model) => model.within(held(ask), name, value),
        })
    }

    fn rules(&self, ask: &Ask<'_>) -> Vec<Rule> {
        match &self.speaks {
            Speaks::Ours(rules) => rules.rules(held(ask)),
            Speaks::Ancestors(model) => model.rules(held(ask)),
        }
    }
}
