//! Who is told about new users, logins and logouts.

pub mod delivery;
pub mod log;
pub mod webhook;

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::user::User;
use crate::plugin::Kind;

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
    #[serde(rename = "*")]
    All,
}

impl Events {
    /// Whether the event is among them.
    pub fn include(&self, kind: EventKind) -> bool {
        self.0.iter().any(|listened| match listened {
            Listened::All => true,
            Listened::UserCreated => kind == EventKind::UserCreated,
            Listened::UserLogin => kind == EventKind::UserLogin,
            Listened::UserLogout => kind == EventKind::UserLogout,
            Listened::UserDeleted => kind == EventKind::UserDeleted,
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
}

/// Why an extension was not told.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ExtensionError(pub String);
