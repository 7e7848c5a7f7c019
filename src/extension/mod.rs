//! Who is told about new users, logins and logouts, and who is asked before they happen.

pub mod decide;
pub mod delivery;
pub mod log;
pub mod webhook;

use async_trait::async_trait;
use serde_json::Value;

use self::decide::{Decider, Moment};
use crate::config::{Mistake, Section};
use crate::domain::user::User;
use crate::plugin::{Kind, OUT_OF_RANGE};

/// An event of the other mode.
const OTHER_MODE: &str = "CS-C180";

/// Every kind of extension.
pub const KINDS: &[Kind<dyn Extension>] = &[log::KIND, webhook::KIND];

/// Something that happened to a user.
#[expect(clippy::enum_variant_names, reason = "the names are those of the file: `user.created`")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum EventKind {
    /// `on_new_user`.
    #[serde(rename = "user.created")]
    UserCreated,
    /// `on_user_login`.
    #[serde(rename = "user.login")]
    UserLogin,
    /// `on_user_logout`.
    #[serde(rename = "user.logout")]
    UserLogout,
    /// `on_user_deleted`.
    #[serde(rename = "user.deleted")]
    UserDeleted,
}

impl EventKind {
    /// Its name in the file and in payloads.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserCreated => "user.created",
            Self::UserLogin => "user.login",
            Self::UserLogout => "user.logout",
            Self::UserDeleted => "user.deleted",
        }
    }
}

/// The events an extension listens to: some, or `"*"`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Events(Vec<Listened>);

/// One event, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
enum Listened {
    #[serde(rename = "user.created")]
    UserCreated,
    #[serde(rename = "user.login")]
    UserLogin,
    #[serde(rename = "user.logout")]
    UserLogout,
    #[serde(rename = "user.deleted")]
    UserDeleted,
    #[serde(rename = "user.creating")]
    UserCreating,
    #[serde(rename = "login.completing")]
    LoginCompleting,
    #[serde(rename = "token.issuing")]
    TokenIssuing,
    #[serde(rename = "*")]
    All,
}

/// What an extension does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It is told of what has happened.
    #[default]
    Notify,
    /// It is asked about what is about to happen, and can stop it.
    Decide,
}

/// What an entry of the list stands for.
enum Meant {
    Told(EventKind),
    Asked(Moment),
    All,
}

impl Listened {
    fn meant(self) -> Meant {
        match self {
            Self::UserCreated => Meant::Told(EventKind::UserCreated),
            Self::UserLogin => Meant::Told(EventKind::UserLogin),
            Self::UserLogout => Meant::Told(EventKind::UserLogout),
            Self::UserDeleted => Meant::Told(EventKind::UserDeleted),
            Self::UserCreating => Meant::Asked(Moment::UserCreating),
            Self::LoginCompleting => Meant::Asked(Moment::LoginCompleting),
            Self::TokenIssuing => Meant::Asked(Moment::TokenIssuing),
            Self::All => Meant::All,
        }
    }
}

impl Events {
    /// Whether the event is among them.
    pub fn include(&self, kind: EventKind) -> bool {
        self.0.iter().any(|listened| match listened.meant() {
            Meant::All => true,
            Meant::Told(told) => told == kind,
            Meant::Asked(_) => false,
        })
    }

    /// Whether the moment is among them.
    pub fn ask(&self, moment: Moment) -> bool {
        self.0.iter().any(|listened| match listened.meant() {
            Meant::All => true,
            Meant::Asked(asked) => asked == moment,
            Meant::Told(_) => false,
        })
    }

    /// What is wrong with them for an extension of this mode.
    pub fn mistakes(&self, section: &Section, mode: Mode) -> Vec<Mistake> {
        if self.0.is_empty() {
            return vec![section.mistake_at("events", OUT_OF_RANGE, "`events` names no event".into())];
        }
        let wrong = self.0.iter().enumerate().filter_map(|(index, listened)| {
            let message = match (listened.meant(), mode) {
                (Meant::Told(kind), Mode::Decide) => {
                    format!("`{}` has happened already: it goes with `mode = \"notify\"`", kind.name())
                }
                (Meant::Asked(moment), Mode::Notify) => {
                    format!("`{}` is about to happen: it goes with `mode = \"decide\"`", moment.name())
                }
                _ => return None,
            };
            Some(section.mistake_in("events", index, OTHER_MODE, message))
        });
        wrong.collect()
    }
}

/// What happened, to whom, when, by what.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub kind: EventKind,
    pub user: &'a User,
    /// The method or provider of the login.
    pub method: &'a str,
    /// The service the person was on the way to.
    pub service: Option<&'a str>,
    pub at: time::OffsetDateTime,
}

/// One telling, kept in the outbox in the transaction of the change, delivered at least once.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The same at every try.
    pub id: String,
    pub kind: EventKind,
    pub at: time::OffsetDateTime,
    pub payload: Value,
}

/// Is told.
#[async_trait]
pub trait Extension: Send + Sync {
    /// What to tell it about this event; `None` if it does not listen to the kind.
    fn payload(&self, event: &Event<'_>) -> Option<Value>;
    /// For how long a delivery that fails is tried again.
    fn retry_for(&self) -> time::Duration;
    /// Tells it.
    async fn deliver(&self, delivery: &Delivery) -> Result<(), ExtensionError>;
    /// The same extension as one that is asked; `None` if it is only told.
    fn decider(&self) -> Option<&dyn Decider> {
        None
    }
}

/// Why an extension was not told.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ExtensionError(pub String);
