//! Who may do what in a service.

pub mod answer;
pub mod cache;
pub mod cedar;
pub mod chain;
pub mod common;
pub mod compare;
pub mod delay;
pub mod exec;
mod flights;
pub mod guard;
mod hearing;
pub mod http;
mod kept;
mod notes;
pub mod policy;
pub mod question;
pub mod record;
mod shadow;
pub mod sql;
pub mod r#static;
pub mod wasm;
#[cfg(any(feature = "wasm", feature = "cedar"))]
pub mod workers;

use async_trait::async_trait;

use crate::domain::access::{Access, Wish};
use crate::domain::permission::{Decision, Permissions};
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::plugin::Kind;

/// Every kind of permission provider.
pub const KINDS: &[Kind<dyn PermissionProvider>] =
    &[cedar::KIND, exec::KIND, http::KIND, policy::KIND, sql::KIND, r#static::KIND, wasm::KIND];

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

    /// The `sub` of their tokens.
    pub fn subject(&self) -> String {
        match self {
            Self::Person(user) => user.id.to_string(),
            Self::Machine(id) => (*id).to_owned(),
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
    /// Whether more than one factor was proven, for providers that ask for it.
    pub is_multi_factor: bool,
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
    /// What it says about one deed on one item. `None`: it knows no items, and what it grants by name decides
    /// ([`crate::domain::access::by_name`]).
    fn access(&self, _ask: &Ask<'_>, _wish: &Wish) -> Option<Access> {
        None
    }
    /// The same about several, in their order. Those that take their time over it do it where no request waits for the thread.
    ///
    /// # Errors
    /// As [`Self::permissions`].
    async fn access_all(&self, ask: &Ask<'_>, wishes: &[Wish]) -> Result<Vec<Option<Access>>, PermissionError> {
        Ok(wishes.iter().map(|wish| self.access(ask, wish)).collect())
    }
    /// Whether `value` is within the limit `name`. `None`: the number in `limits` of its answer decides, as the most that is allowed.
    fn within(&self, _ask: &Ask<'_>, _name: &str, _value: f64) -> Option<Access> {
        None
    }
    /// Which of its rules speak about them, for people who ask why; empty where only its answer is known.
    fn rules(&self, _ask: &Ask<'_>) -> Vec<Rule> {
        Vec::new()
    }
    /// What it would send now to ask this outside, for people who look why; no secret is in it. `None`: it asks nobody.
    fn sent(&self, _ask: &Ask<'_>) -> Option<Sent> {
        None
    }
}

/// One rule of a provider that speaks about somebody.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Rule {
    /// What it is about: a permission, or a pattern of permissions.
    pub permission: String,
    /// Whether it grants or denies.
    pub granted: bool,
    /// What it is called: `role staff`, `user ada@example.com`, the id of a policy.
    pub name: String,
    /// The role it needs, if it needs one.
    pub role: Option<String>,
    /// Where it is written: `policies/wiki.json:12`.
    pub at: Option<String>,
}

/// A question as it goes outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The question, as JSON.
    pub body: String,
    /// A command that asks the same, freshly signed; `None` where there is nobody to send it to.
    pub curl: Option<String>,
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
    /// Whether it only runs beside the others: it is asked and compared, and its answer is not used.
    pub observe: bool,
    /// What is kept of its questions, to ask them again.
    pub record: record::Record,
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
    /// Whether more than one factor was proven.
    Mfa,
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
