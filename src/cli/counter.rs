//! What commands that change accounts have in common: who asks, what may be rehearsed, and what a refusal says.

use clap::Args;
use serde_json::{Value, json};

use super::{Desk, Failure};
use crate::account::Accounts;
use crate::account::administration::{AdminError, Caller, Office};
use crate::app::App;
use crate::domain::audit::By;

/// How a change is made.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Manner {
    /// Tries it, says what would happen, and changes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// For programs.
    #[arg(long)]
    pub json: bool,
}

/// Somebody at the machine's command line.
pub struct Counter {
    pub app: App,
    caller: Caller,
    by: By,
}

impl Counter {
    /// Opens the broker of the files.
    pub async fn open(desk: &Desk) -> Result<Self, Failure> {
        Ok(Self { app: desk.app().await?, caller: Caller::command(), by: By::command() })
    }

    /// Where changes are made.
    pub fn office(&self, manner: Manner) -> Office<'_> {
        Office::new(&self.app.accounts, &self.app.settings, &self.caller, &self.by).rehearsal(manner.dry_run)
    }

    /// Where accounts are changed without a guard.
    pub fn accounts(&self, manner: Manner) -> Accounts {
        self.app.accounts.rehearsal(manner.dry_run)
    }

    /// Who asks.
    pub fn by(&self) -> &By {
        &self.by
    }
}

impl Manner {
    /// Says what was done: a sentence for people, or the answer for programs with `dry_run` in it.
    pub fn report(self, desk: &mut Desk, sentence: &str, mut answer: Value) -> Result<(), Failure> {
        if self.json {
            answer["dry_run"] = json!(self.dry_run);
            return desk.json(&answer);
        }
        desk.say(sentence)?;
        if self.dry_run { desk.hint("This was a dry run: nothing has changed.") } else { Ok(()) }
    }
}

/// What a refusal says, with its exit code.
pub fn failed(error: AdminError) -> Failure {
    match error {
        AdminError::NotFound => Failure::not_found("there is no such user"),
        AdminError::RoleUnknown | AdminError::TooMuch | AdminError::SameAccount => Failure::usage(error.to_string()),
        AdminError::Account(error) => error.into(),
        error => error.into(),
    }
}
