//! Who comes in, who is made, what is linked: the rule by itself, and carried out on a real database.

mod accounts;
mod profile;
mod rule;

use std::ops::Deref;

use super::stage::Stage;
use crate::account::{AccountError, Arrival, Outcome, Way};
use crate::config::Refresh;
use crate::domain::audit::By;
use crate::domain::email::{Email, VerifiedEmail};
use crate::domain::identity::{Identity, Subject};
use crate::domain::linking::LinkPolicy;
use crate::domain::user::User;
use crate::store::people::Wanted;

static NOBODY: By = By::command();
const WAY: Way<'static> = Way { method: "github", service: None, by: &NOBODY };

/// A house whose `[login]` says this.
struct House(Stage);

impl Deref for House {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.0
    }
}

impl House {
    /// What somebody who types this name and this password comes to.
    async fn sign_in(&self, name: &str, password: &str) -> Result<Option<User>, AccountError> {
        let user = self.app.accounts.called(name).await?;
        self.app.accounts.arrive_by_password(user, password).await
    }

    async fn open(login: &str) -> Self {
        let signup = if login.contains("signup") { "" } else { "signup = \"providers\"" };
        let text = format!(
            "[login]\ndefault_roles = []\n{signup}\n{login}\n\
             [login.password]\nargon2_memory = \"8 MiB\"\nargon2_iterations = 1\n"
        );
        Self(Stage::with(&text).await)
    }

    async fn arrive(&self, identity: &Identity) -> Outcome {
        self.app.accounts.arrive(arrival(identity)).await.unwrap()
    }

    /// Somebody who comes in.
    async fn enter(&self, identity: &Identity) -> User {
        match self.arrive(identity).await {
            Outcome::In(user) => user,
            Outcome::Ask(user) => panic!("asked to prove to be {user}"),
        }
    }

    async fn count(&self) -> usize {
        self.app.store().people(&Wanted::default(), None, 1000).await.unwrap().people.len()
    }
}

fn arrival(identity: &Identity) -> Arrival<'_> {
    Arrival { identity, link: None, signup: None, refresh: Refresh::default(), way: WAY }
}

fn allowing(identity: &Identity, link: LinkPolicy) -> Arrival<'_> {
    Arrival { link: Some(link), ..arrival(identity) }
}

fn email(text: &str) -> Email {
    text.parse().unwrap()
}

/// Somebody at GitHub, without an address.
fn bare(subject: &str) -> Identity {
    at("github", "https://github.example", subject)
}

fn at(provider: &str, realm: &str, subject: &str) -> Identity {
    Identity {
        subject: Subject::new(provider, realm, subject).unwrap(),
        email: None,
        name: None,
        username: None,
        avatar_url: None,
        groups: Vec::new(),
        says_mfa: false,
        claims: None,
        grant: None,
    }
}

/// Somebody at GitHub whose address GitHub vouches for.
fn vouched(subject: &str, address: &str) -> Identity {
    Identity { email: VerifiedEmail::vouched(email(address), true), ..bare(subject) }
}
