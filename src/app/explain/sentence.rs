//! Why or why not, in one sentence for people.

use super::told::{Answer, Explained, Held};
use super::{said, wildcard};
use crate::domain::permission::{Decision, Merge, Verdict};
use crate::permission::{OnError, PermissionError, ProviderPolicy, Rule};

/// Most roles that are named as a way to a permission.
const MOST_ROLES: usize = 5;

/// What one provider said about one permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speech {
    /// The chain ended before it.
    NotAsked,
    /// It has no answer.
    Failed(String),
    /// It lets nobody in.
    Closed(String),
    /// It said nothing about anything.
    Abstained,
    /// It grants it; in its own words, why.
    Granted(String),
    /// It grants a wildcard that stands for it.
    GrantedBy(String),
    /// It denies it.
    Denied(String),
    /// It does not mention it.
    Silent,
}

impl Speech {
    /// What an answer says about the name.
    pub fn of(answer: &Result<Decision, PermissionError>, name: &str) -> Self {
        let decision = match answer {
            Ok(decision) => decision,
            Err(error) => return Self::Failed(error.to_string()),
        };
        let words = [&decision.reason, &decision.message].into_iter().find(|text| !text.is_empty());
        let words = words.cloned().unwrap_or_default();
        match (decision.verdict, said(decision, name)) {
            (Verdict::Deny, _) => Self::Closed(words),
            (Verdict::Abstain, _) => Self::Abstained,
            (Verdict::Allow, Some(true)) => Self::Granted(words),
            (Verdict::Allow, Some(false)) => Self::Denied(words),
            (Verdict::Allow, None) => match wildcard(&decision.permissions, name) {
                Some(wider) => Self::GrantedBy(wider.to_owned()),
                None => Self::Silent,
            },
        }
    }
}

/// What there is to say it with.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub provider: &'a str,
    pub permission: &'a str,
    /// What to call the user.
    pub who: &'a str,
    /// Their roles, and where they come from.
    pub roles: &'a [Held],
    /// The provider's rules about the permission that speak about them.
    pub rules: &'a [Rule],
    /// Those that would if they had another role.
    pub needed: &'a [Rule],
}

impl Facts<'_> {
    /// The sentence.
    pub fn say(&self, speech: &Speech, policy: Option<&ProviderPolicy>) -> String {
        let (provider, permission) = (self.provider, self.permission);
        if *speech == Speech::NotAsked && policy.is_some_and(|policy| policy.observe) {
            return format!("`{provider}` only runs beside the others and decides nothing.");
        }
        let said = match speech {
            Speech::NotAsked => format!("`{provider}` was not asked: the chain ended before it"),
            Speech::Failed(error) => format!("`{provider}` has no answer ({error}){}", what_follows(policy)),
            Speech::Closed(words) => format!("`{provider}` lets {} not in at all{}", self.who, in_words(words)),
            Speech::Abstained => format!("`{provider}` abstains{}", self.way()),
            Speech::Granted(words) => format!("`{provider}` grants `{permission}`{}", self.because(true, words)),
            Speech::GrantedBy(wider) => {
                let because = self.because(true, "");
                format!("`{provider}` grants `{wider}`, which stands for `{permission}`{because}")
            }
            Speech::Denied(words) => {
                format!("`{provider}` denies `{permission}`{}, and a denial wins", self.because(false, words))
            }
            Speech::Silent => format!("`{provider}` says nothing about `{permission}`{}", self.way()),
        };
        format!("{said}.")
    }

    /// The rules that decide it, else the provider's own words.
    fn because(&self, granted: bool, words: &str) -> String {
        let mut rules = self.rules.iter().filter(|rule| rule.granted == granted);
        match rules.next() {
            Some(rule) => {
                let more = rules.count();
                let others = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!(" because of {}{others}{}", named(rule), self.origin(rule))
            }
            None => in_words(words),
        }
    }

    /// Since when they have the role that the rule needs, and why.
    fn origin(&self, rule: &Rule) -> String {
        let held = self.roles.iter().find(|held| Some(&held.role) == rule.role.as_ref());
        match held.and_then(|held| Some((&held.role, held.since?.date(), held.by.as_ref()?))) {
            Some((role, since, by)) => format!("; {} has `{role}` since {since} by {by}", self.who),
            None => String::new(),
        }
    }

    /// Which role would do.
    fn way(&self) -> String {
        let mut roles: Vec<&Rule> = Vec::new();
        for rule in self.needed {
            if !roles.iter().any(|have| have.role == rule.role) {
                roles.push(rule);
            }
        }
        let names: Vec<_> = roles.iter().take(MOST_ROLES).map(|rule| named(rule)).collect();
        match names.as_slice() {
            [] => String::new(),
            names => format!("; it would need {}", names.join(" or ")),
        }
    }
}

/// A rule as people look for it: `the role `staff` (providers.toml:12)`.
fn named(rule: &Rule) -> String {
    let name = match &rule.role {
        Some(role) => format!("the role `{role}`"),
        None => format!("the rule `{}`", rule.name),
    };
    match &rule.at {
        Some(at) => format!("{name} ({at})"),
        None => name,
    }
}

fn in_words(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {}", words.trim_end_matches('.')) }
}

fn what_follows(policy: Option<&ProviderPolicy>) -> &'static str {
    match policy.map(|policy| policy.on_error) {
        Some(OnError::Skip) => ", and is skipped",
        Some(OnError::Stale) => ", so its last answer counts while it is young enough, else there is no token",
        Some(OnError::Deny) | None => ", so there is no token",
    }
}

/// Whether they have it, all providers taken together.
pub fn verdict(name: &str, explained: &Explained) -> Answer {
    let (who, service) = (&explained.name, &explained.service);
    let counting = || explained.steps.iter().filter(|step| !step.observe);
    let answer = |is_granted, why| Answer { name: name.to_owned(), is_granted, why };
    let Some(granted) = &explained.granted else {
        let why = explained.refusal.as_deref().unwrap_or_default();
        return answer(false, format!("{who} gets no token for `{service}`: {}.", why.trim_end_matches('.')));
    };
    let is_granted_by_one = counting().any(|step| step.permissions.get(name) == Some(&true));
    match granted.permissions.get(name) {
        Some(true) => answer(true, format!("{who} has `{name}` in `{service}`.")),
        Some(false) => answer(false, format!("{who} does not have `{name}`: it is denied, and a denial wins.")),
        None => match wildcard(&granted.permissions, name) {
            Some(wider) => answer(
                true,
                format!(
                    "{who} has `{wider}` in `{service}`, which stands for `{name}` where the service reads wildcards."
                ),
            ),
            None if is_granted_by_one && explained.merge == Merge::First => {
                answer(false, format!("{who} does not have `{name}`: only the first provider that answers counts."))
            }
            None if is_granted_by_one && explained.merge == Merge::Intersect => answer(
                false,
                format!("{who} does not have `{name}`: every provider that answers would have to grant it."),
            ),
            None => answer(false, format!("{who} does not have `{name}`: nobody grants it.")),
        },
    }
}
