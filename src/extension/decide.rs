//! Extensions that are asked: before an account is made, before a session begins, before a token is signed.
//!
//! A yes is said, never assumed: an extension that fails, or answers something else, stops what it was asked about, unless the file says
//! that it may be skipped.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::Extension;
use crate::clock::Clock;
use crate::domain::audit::{Event, What};
use crate::domain::user::User;
use crate::memo::Memo;
use crate::plugin::Registry;
use crate::plugin::guard::{Bounds, Guard, Guards};
use crate::store::users::NewUser;

/// Longest run of all extensions that are asked about one thing.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same failure is written down once in so many seconds.
const AGAIN: i64 = 60;
/// How many failures are remembered as written down, at least.
const NOTED: usize = 1000;

/// When an extension is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// An account is about to be made for somebody who signs up, comes by a provider or a mailed link, or accepts an invitation.
    UserCreating,
    /// Everything is proven, and a session is about to begin.
    LoginCompleting,
    /// The chain has granted, and a service token is about to be signed.
    TokenIssuing,
}

impl Moment {
    /// Its name in the file and in questions.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserCreating => "user.creating",
            Self::LoginCompleting => "login.completing",
            Self::TokenIssuing => "token.issuing",
        }
    }

    /// Whether there is a token for claims to stand in.
    pub fn takes_claims(self) -> bool {
        self == Self::TokenIssuing
    }
}

/// Whom it is about.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// Somebody who has no account yet.
    Newcomer(&'a NewUser),
    /// Somebody who has one.
    User(&'a User),
    /// A service that acts for itself.
    Machine(&'a str),
}

/// What an extension is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub moment: Moment,
    pub about: About<'a>,
    /// The method or provider they came by.
    pub method: &'a str,
    /// The service they are on the way to, or whose token it is.
    pub service: Option<&'a str>,
    pub at: OffsetDateTime,
}

/// What an extension says.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Go on, with these claims; never reserved ones, and only where there is a token.
    Allow(Map<String, Value>),
    /// Stop. The text is for the person, and may be empty.
    Deny(String),
}

/// What a failing extension means. There is no "allow".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// It stops what it was asked about.
    #[default]
    Deny,
    /// As if it had not been asked.
    Skip,
}

/// How an extension is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub bounds: Bounds,
    pub on_error: OnError,
    /// Changes whenever the section changes.
    pub config_hash: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeciderError(pub String);

/// Is asked, and decides.
#[async_trait]
pub trait Decider: Send + Sync {
    /// Whether it is asked then.
    fn hears(&self, moment: Moment) -> bool;
    /// How it is asked.
    fn terms(&self) -> Terms;
    /// Its answer.
    async fn decide(&self, question: &Question<'_>) -> Result<Answer, DeciderError>;
}

/// Why something does not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the extension `{extension}` {why}")]
pub struct Stopped {
    /// Whose doing it is.
    pub extension: String,
    pub moment: Moment,
    pub why: Why,
}

/// Whether an extension said no, or nothing that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It said no, and this to the person; may be empty.
    Denied(String),
    /// It has no answer.
    Failed(DeciderError),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(_) => f.write_str("denies it"),
            Self::Failed(error) => write!(f, "has no answer: {error}"),
        }
    }
}

impl Stopped {
    /// For the audit trail. What was said to the person stays between them.
    pub fn what(&self) -> What {
        let (extension, event) = (&self.extension, self.moment.name());
        match &self.why {
            Why::Denied(_) => What::new(Event::HookDenied).details(json!({ "extension": extension, "event": event })),
            Why::Failed(error) => {
                let details = json!({ "extension": extension, "event": event, "error": error.to_string() });
                What::new(Event::HookFailed).details(details)
            }
        }
    }
}

/// What all of them said together, where none stopped it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Heard {
    /// What an earlier one claims, a later one does not change.
    pub claims: Map<String, Value>,
    /// Who failed, and may be skipped.
    pub skipped: Vec<Stopped>,
}

/// What outlives a reload: who is left alone, and which failures were written down.
pub struct HookState {
    guards: Guards,
    noted: Memo<String, i64>,
}

impl Default for HookState {
    fn default() -> Self {
        Self { guards: Guards::default(), noted: Memo::new(NOTED) }
    }
}

/// The extensions that decide, in file order.
#[derive(Default)]
pub struct Hooks {
    hooks: Vec<Hook>,
    state: Arc<HookState>,
}

struct Hook {
    id: String,
    extension: Arc<dyn Extension>,
    guard: Arc<Guard>,
    clock: Arc<dyn Clock>,
}

impl Hooks {
    /// Those of the registry that decide. `state` comes from before a reload, if there was one.
    pub fn new(registry: &Registry<dyn Extension>, state: Arc<HookState>, clock: &Arc<dyn Clock>) -> Self {
        let deciding = registry.iter().filter_map(|(id, extension)| {
            let terms = extension.decider()?.terms();
            Some((id.to_owned(), terms.config_hash, Arc::clone(extension)))
        });
        let deciding: Vec<_> = deciding.collect();
        let keys: Vec<_> = deciding.iter().map(|(id, hash, _)| (id.clone(), *hash)).collect();
        let guards = state.guards.of(&keys);
        let hook = |((id, _, extension), guard)| Hook { id, extension, guard, clock: Arc::clone(clock) };
        Self { hooks: deciding.into_iter().zip(guards).map(hook).collect(), state }
    }

    /// Whether anybody is asked then.
    pub fn hear(&self, moment: Moment) -> bool {
        self.asked(moment).next().is_some()
    }

    /// Who is asked then, in this order.
    pub fn who(&self, moment: Moment) -> Vec<String> {
        self.asked(moment).map(|(hook, _)| hook.id.clone()).collect()
    }

    /// Asks those who listen, one after the other, until one of them stops it.
    pub async fn ask(&self, question: &Question<'_>) -> Result<Heard, Stopped> {
        let until = Instant::now() + PATIENCE;
        let mut heard = Heard::default();
        for (hook, decider) in self.asked(question.moment) {
            let stopped = |why| Stopped { extension: hook.id.clone(), moment: question.moment, why };
            let left = until.saturating_duration_since(Instant::now());
            match hook.ask(decider, question, left).await {
                Ok(Answer::Allow(claims)) => {
                    for (name, claim) in claims {
                        heard.claims.entry(name).or_insert(claim);
                    }
                }
                Ok(Answer::Deny(message)) => return Err(stopped(Why::Denied(message))),
                Err(error) if decider.terms().on_error == OnError::Skip => {
                    tracing::warn!(extension.id = %hook.id, event = question.moment.name(), %error, "an extension is skipped");
                    heard.skipped.push(stopped(Why::Failed(error)));
                }
                Err(error) => return Err(stopped(Why::Failed(error))),
            }
        }
        Ok(heard)
    }

    /// Whether it is to be written down now: a denial is, each time, and the same failure once in a minute.
    pub fn is_news(&self, stopped: &Stopped, now: i64) -> bool {
        if matches!(stopped.why, Why::Denied(_)) {
            return true;
        }
        let same = format!("{} {}", stopped.moment.name(), stopped.extension);
        self.state.noted.is_news(same, now, AGAIN)
    }

    fn asked(&self, moment: Moment) -> impl Iterator<Item = (&Hook, &dyn Decider)> {
        let deciders = self.hooks.iter().filter_map(|hook| Some((hook, hook.extension.decider()?)));
        deciders.filter(move |(_, decider)| decider.hears(moment))
    }
}

impl Hook {
    async fn ask(
        &self,
        decider: &dyn Decider,
        question: &Question<'_>,
        left: Duration,
    ) -> Result<Answer, DeciderError> {
        let asked = decider.decide(question);
        let answer = self.guard.call(decider.terms().bounds, self.clock.as_ref(), left, asked).await;
        answer.unwrap_or_else(|none| Err(DeciderError(none.to_string())))
    }
}
