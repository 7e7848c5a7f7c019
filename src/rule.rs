//! A rule of the file in CEL: a sentence about somebody that holds or does not, found out in bounded time.

mod bounds;
mod check;
mod claims;
mod facts;
mod functions;
mod run;

use std::fmt;
use std::sync::Arc;
use std::thread;

pub use claims::Claims;
pub use facts::{Facts, Person};
pub use run::RuleError;

use serde_json::Value as Json;

/// Reading recurses: a text of the greatest length fits into this even in debug code.
const STACK: usize = 64 << 20;

/// What a rule speaks of, which says what it may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Somebody as a provider describes them: `claims`, `email`, `email_verified`, `groups`, `provider`.
    Identity,
    /// Somebody on the way into a service: also `roles`, `service`, `mfa`.
    Access,
}

impl About {
    /// The names it may use.
    pub fn names(self) -> &'static [&'static str] {
        let all = &["claims", "email", "email_verified", "groups", "provider", "roles", "service", "mfa"];
        match self {
            Self::Identity => &all[..5],
            Self::Access => all,
        }
    }
}

/// A text that is no rule: what is wrong with it and where, counted from 1 in characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleMistake {
    pub message: String,
    pub line: usize,
    pub column: usize,
    /// What to write instead.
    pub help: Option<String>,
}

/// A rule that was read. Cheap to clone; two are the same if their texts are.
#[derive(Clone)]
pub struct Rule(Arc<check::Read>);

impl Rule {
    /// Reads a rule. Everything it names must be known, its patterns must be patterns, and its loops short.
    ///
    /// # Errors
    /// The first mistake, with its place in the text.
    pub fn parse(text: &str, about: About) -> Result<Self, RuleMistake> {
        let read = Self::expression(text, about)?;
        match check::surely_not_a_verdict(&read.0) {
            Some(what) => Err(RuleMistake::at(text, 0, format!("a rule is true or false, and this is {what}"))),
            None => Ok(read),
        }
    }

    /// Reads an expression that may come to any value.
    ///
    /// # Errors
    /// The first mistake, with its place in the text.
    pub fn expression(text: &str, about: About) -> Result<Self, RuleMistake> {
        bounds::check(text)?;
        let owned = text.to_owned();
        // On its own stack, and whatever breaks there breaks nothing here.
        let reading =
            thread::Builder::new().name("rule".into()).stack_size(STACK).spawn(move || check::read(owned, about));
        match reading.map(thread::JoinHandle::join) {
            Ok(Ok(read)) => read.map(|read| Self(Arc::new(read))),
            Ok(Err(_)) | Err(_) => Err(RuleMistake::at(text, 0, "the rule cannot be read".into())),
        }
    }

    /// Whether it holds. What is missing, of another type or too much work is an error, never a yes.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn holds(&self, facts: &Facts) -> Result<bool, RuleError> {
        run::verdict(&self.0, facts)
    }

    /// Whether it holds, where holding is to somebody's advantage: no answer is no.
    pub fn grants(&self, facts: &Facts) -> bool {
        self.holds(facts).unwrap_or(false)
    }

    /// Whether it holds, where holding is to somebody's disadvantage: no answer is yes.
    pub fn denies(&self, facts: &Facts) -> bool {
        self.holds(facts).unwrap_or(true)
    }

    /// What it comes to, as JSON.
    ///
    /// # Errors
    /// If there is no answer, or one that JSON has no words for.
    pub fn value(&self, facts: &Facts) -> Result<Json, RuleError> {
        run::value(&self.0, facts)
    }

    /// As it stands in the file.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether it speaks of this: `mfa`.
    pub fn names(&self, name: &str) -> bool {
        self.0.names.contains(name)
    }

    /// The claims it speaks of.
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }
}

impl RuleMistake {
    /// At the character of this index.
    fn at(text: &str, index: usize, message: String) -> Self {
        let before: String = text.chars().take(index).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Self { message, line, column, help: None }
    }

    fn help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Rule {}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({})", self.0.text)
    }
}
