//! Who comes in, who is made, what is linked: the rule by itself, and carried out on a real database.

mod accounts;
mod profile;
mod rule;

use std::sync::Arc;

use crate::account::{Arrival, Outcome, Way};
use crate::app::App;
use crate::app::boot::{self, World};
use crate::config::{self, Input};
use crate::domain::email::{Email, VerifiedEmail};
use crate::domain::identity::{Identity, Subject};
use crate::domain::linking::LinkPolicy;
use crate::domain::user::User;
use crate::it::stage::clock::ManualClock;
use crate::net::Net;

const WAY: Way<'static> = Way { method: "github", service: None };

struct House {
    directory: tempfile::TempDir,
    clock: Arc<ManualClock>,
    login: String,
    app: App,
}

impl House {
    /// A house whose `[login]` says this.
    async fn open(login: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new());
        let app = open(&directory, clock.clone(), login).await;
        Self { directory, clock, login: login.to_owned(), app }
    }

    /// Another server on the same database.
    async fn twin(&self) -> App {
        open(&self.directory, self.clock.clone(), &self.login).await
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
        self.app.store().users(None, None, 1000).await.unwrap().len()
    }
}

async fn open(directory: &tempfile::TempDir, clock: Arc<ManualClock>, login: &str) -> App {
    let data = directory.path().display();
    let text = format!(
        "version = 1\n[server]\nissuer = \"http://localhost:8383\"\ndata_dir = \"{data}\"\n\
         [database]\nurl = \"sqlite:{data}/house.db\"\n[login]\n{login}\n\
         [login.password]\nargon2_memory = \"8 MiB\"\nargon2_iterations = 1\n"
    );
    let world = World { clock, net: Net::real() };
    let loaded = boot::load(vec![Input::text("test", &text)], &config::World::none(), &world);
    let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human(false))));
    boot::open(loaded, world).await.unwrap().app
}

fn arrival(identity: &Identity) -> Arrival<'_> {
    Arrival { identity, link: None, signup: None, way: WAY }
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
    }
}

/// Somebody at GitHub whose address GitHub vouches for.
fn vouched(subject: &str, address: &str) -> Identity {
    Identity { email: VerifiedEmail::vouched(email(address), true), ..bare(subject) }
}
