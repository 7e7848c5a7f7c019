//! Who may do what in a service.

pub mod answer;
pub mod cache;
pub mod chain;
pub mod common;
pub mod guard;
pub mod http;
pub mod r#static;

use async_trait::async_trait;

use crate::domain::permission::{Decision, Permissions};
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::plugin::Kind;

/// Every kind of permission provider.
pub const KINDS: &[Kind<dyn PermissionProvider>] = &[http::KIND, r#static::KIND];

/// Who is asked about.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// A person.
    Person(&'a User),
    /// A service that acts for itself, by its id.
    Machine(&'a str),
}

impl<'a> Who<'a> {
    /// Their roles; a machine has none.
    pub fn roles(&self) -> &'a [String] {
        match self {
            Self::Person(user) => &user.roles,
            Self::Machine(_) => &[],
        }
    }
}

impl<'a> From<&'a User> for Who<'a> {
    fn from(user: &'a User) -> Self {
        Self::Person(user)
    }
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// In which service.
    pub service: &'a Service,
    /// Who.
    pub who: Who<'a>,
    /// The provider the session began with.
    pub provider: &'a str,
    /// The client's address, for providers that ask for it.
    pub ip: Option<std::net::IpAddr>,
    /// The merged answer of the providers earlier in the chain.
    pub previous: &'a Permissions,
}

/// Says what a user may do in a service.
#[async_trait]
pub trait PermissionProvider: Send + Sync {
    /// What the user may do. Nothing is an empty set, not an error.
    async fn permissions(&self, ask: &Ask<'_>) -> Result<Decision, PermissionError>;
    /// How the chain treats it: deadline, caching, what a failure means.
    fn policy(&self) -> &ProviderPolicy;
    /// Whether it answers from memory: then there is nothing to wait for, to remember or to break.
    fn is_instant(&self) -> bool {
        false
    }
}

/// How the chain treats a permission provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderPolicy {
    /// Deadline of one answer.
    pub timeout: std::time::Duration,
    /// How long an allow is remembered.
    pub cache_ttl: time::Duration,
    /// How long a deny is remembered.
    pub negative_ttl: time::Duration,
    /// What a failure means.
    pub on_error: OnError,
    /// How old a remembered answer may be when `on_error` is `stale`.
    pub stale_max_age: time::Duration,
    /// Failures in a row until it is left alone.
    pub breaker_failures: u32,
    /// For how long it is left alone.
    pub breaker_open_for: time::Duration,
    /// Context that is sent and belongs to the cache key.
    pub vary: Vec<Vary>,
    /// Changes whenever the section changes.
    pub config_hash: u64,
}

/// What a failing permission provider means. There is no "allow".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// No token.
    #[default]
    Deny,
    /// The last good answer, if it is young enough.
    Stale,
    /// As if it abstained.
    Skip,
}

/// Context a provider may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Vary {
    Ip,
    Provider,
}

/// Why a provider has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PermissionError {
    /// It cannot be reached, or took too long.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// What it said is not an answer.
    #[error("its answer is not to be used: {0}")]
    Unusable(String),
}
