//! What a user may do in a service, and how several answers become one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Permission name → granted (`true`) or denied (`false`).
pub type Permissions = BTreeMap<String, bool>;

/// How the answers of a chain come together. An explicit deny wins in all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Merge {
    /// Everything any provider grants.
    #[default]
    Union,
    /// The first that does not abstain.
    First,
    /// Only what every provider that did not abstain grants.
    Intersect,
}

/// What one permission provider answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// Whether there is a token at all.
    pub verdict: Verdict,
    /// Name → granted or denied.
    pub permissions: Permissions,
    /// Named limits.
    pub limits: Map<String, Value>,
    /// Extra claims; never reserved ones.
    pub claims: Map<String, Value>,
    /// How long the answer may be remembered, in seconds, if the provider said so.
    pub cache_ttl: Option<u64>,
    /// Why, for the admin.
    pub reason: String,
    /// What to tell the person, for a deny.
    pub message: String,
}

/// The first word of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Use the permissions.
    #[default]
    Allow,
    /// No token for this service.
    Deny,
    /// As if not in the chain.
    Abstain,
}
