//! Asks the extensions that decide, outside of every transaction: nobody waits for the network with the database in hand.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::linking::TRIES;
use super::{AccountError, Accounts, Way};
use crate::domain::audit::By;
use crate::domain::user::User;
use crate::extension::decide::{About, Hooks, Moment, Question, Stopped};
use crate::store::Tx;
use crate::store::users::{self, NewUser};

/// The tries of one deed, and whom the extensions let pass.
///
/// A try that comes to the point where an account is to be made ends with [`AccountError::Unasked`]; then they are asked, and the deed is
/// tried again. Who is made in the end is exactly who they were asked about, whatever changed in between.
#[derive(Debug, Default)]
pub(super) struct Tries {
    count: usize,
    /// Whom nobody objects to.
    pub passed: Option<NewUser>,
}

impl Accounts {
    /// The same, where these are asked.
    #[must_use]
    pub fn asking(self, hooks: Arc<Hooks>) -> Self {
        Self { hooks, ..self }
    }

    /// What they add. Who fails and may be skipped is written down.
    pub async fn ask(&self, question: &Question<'_>) -> Result<Map<String, Value>, Stopped> {
        let heard = self.hooks.ask(question).await?;
        for skipped in &heard.skipped {
            if let Err(error) = self.note_stopped(skipped, question, &By::system()).await {
                tracing::error!(%error, "a skipped extension was not written down");
            }
        }
        Ok(heard.claims)
    }

    /// Whether somebody who has proven everything may come in. Who says no is written down.
    pub async fn may_complete(
        &self,
        user: &User,
        method: &str,
        service: Option<&str>,
        by: &By,
    ) -> Result<(), AccountError> {
        if !self.hooks.hear(Moment::LoginCompleting) {
            return Ok(());
        }
        let about = About::User(user);
        self.ask_first(Question { moment: Moment::LoginCompleting, about, method, service, at: self.at() }, by).await
    }

    /// Makes a user whom nobody objects to; `passed` is who was asked about.
    pub(super) async fn make_user(
        &self,
        db: &Tx,
        new: NewUser,
        passed: Option<&NewUser>,
    ) -> Result<User, AccountError> {
        if self.hooks.hear(Moment::UserCreating) && passed != Some(&new) {
            return Err(AccountError::Unasked(Box::new(new)));
        }
        Ok(users::create(db, new, self.store.now()).await?)
    }

    /// Whether to try again after this: somebody was quicker, or somebody is to be made and has been asked about by now.
    pub(super) async fn again(&self, tries: &mut Tries, error: AccountError, way: Way<'_>) -> Result<(), AccountError> {
        tries.count += 1;
        match error {
            AccountError::Store(error) if error.is_conflict() && tries.count < TRIES => Ok(()),
            AccountError::Unasked(new) if tries.count <= TRIES => {
                let (moment, about) = (Moment::UserCreating, About::Newcomer(&new));
                let Way { method, service, by } = way;
                self.ask_first(Question { moment, about, method, service, at: self.at() }, by).await?;
                tries.passed = Some(*new);
                Ok(())
            }
            other => Err(other),
        }
    }

    async fn ask_first(&self, question: Question<'_>, by: &By) -> Result<(), AccountError> {
        match self.ask(&question).await {
            Ok(_) => Ok(()),
            Err(stopped) => {
                self.note_stopped(&stopped, &question, by).await?;
                Err(AccountError::Stopped(stopped))
            }
        }
    }

    async fn note_stopped(&self, stopped: &Stopped, question: &Question<'_>, by: &By) -> Result<(), AccountError> {
        if !self.hooks.is_news(stopped, self.store.now()) {
            return Ok(());
        }
        let mut what = stopped.what().service(question.service).provider(question.method);
        if let About::User(user) = question.about {
            what.target = Some(user.id);
        }
        self.note(by, what).await
    }
}
