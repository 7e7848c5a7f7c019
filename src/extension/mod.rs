//! Who is told about new users, logins and logouts.

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::user::User;
use crate::plugin::Kind;

/// Every kind of extension.
pub const KINDS: &[Kind<dyn Extension>] = &[];

/// Something that happened to a user.
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
