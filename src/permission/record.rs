//! What providers were asked lately, so that it can be asked again of another version of them.

use std::sync::atomic::{AtomicI64, Ordering};

use serde::Deserialize;

use super::Ask;
use super::chain::Link;
use super::compare::{Said, word};
use super::question::question;
use crate::domain::permission::{Decision, Verdict};
use crate::store::records::Recorded;

/// What is kept of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// Nothing.
    Off,
    /// Who, in which service, how they signed in, and what was answered.
    #[default]
    Ids,
    /// The whole question beside, with the person's address.
    Full,
}

/// Lets one question a second through.
#[derive(Debug, Default)]
pub struct Sampler(AtomicI64);

impl Sampler {
    /// Whether this is the first of its second.
    pub fn takes(&self, second: i64) -> bool {
        self.0.load(Ordering::Relaxed) != second && self.0.swap(second, Ordering::Relaxed) != second
    }
}

/// The first word of an answer that was kept.
pub fn verdict(word: &str) -> Verdict {
    match word {
        "deny" => Verdict::Deny,
        "abstain" => Verdict::Abstain,
        _ => Verdict::Allow,
    }
}

/// What is kept of a question and its answer; `None` if the provider's section says so.
pub(super) fn recorded(link: &Link, ask: &Ask<'_>, decision: &Decision, at: i64) -> Option<Recorded> {
    let policy = link.provider.policy();
    let request = match policy.record {
        Record::Off => return None,
        Record::Ids => None,
        Record::Full => String::from_utf8(question("recorded", ask, &policy.vary, None)).ok(),
    };
    let Said { verdict, permissions, limits } = Said::of(decision);
    Some(Recorded {
        provider: link.id.clone(),
        service: ask.service.id.clone(),
        who: ask.who.subject(),
        is_machine: matches!(ask.who, super::Who::Machine(_)),
        method: ask.provider.to_owned(),
        is_multi_factor: ask.is_multi_factor,
        previous: ask.previous.clone(),
        verdict: word(verdict).to_owned(),
        permissions,
        limits,
        request,
        at,
    })
}
