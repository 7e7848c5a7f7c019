//! What accounts are kept with: second factors, passkeys, the administration, the audit trail.

use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{days, minutes};
use crate::config::settings::{MfaRule, UserVerification};
use crate::config::{Secret, Span};
use crate::domain::old_token::OldKind;

/// Sign-in with a passkey.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Passkey {
    /// Whether it is offered.
    pub enabled: bool,
    /// The issuer's host or a parent of it, unless given; changing it orphans all passkeys.
    pub rp_id: Option<String>,
    /// What authenticators show; `theme.name` unless given.
    pub rp_name: Option<String>,
    /// Other origins that may use the passkeys of this server; served at /.well-known/webauthn.
    pub extra_origins: Vec<String>,
    /// Whether the authenticator checks who uses it.
    pub user_verification: UserVerification,
    /// Of one person.
    #[schemars(range(min = 1, max = 100))]
    pub max_per_user: u32,
}

impl Default for Passkey {
    fn default() -> Self {
        Self {
            enabled: true,
            rp_id: None,
            rp_name: None,
            extra_origins: Vec::new(),
            user_verification: UserVerification::default(),
            max_per_user: 20,
        }
    }
}

/// Login tokens of an older server, believed during a cut-over.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LegacyTokens {
    /// How that server made its key.
    pub kind: OldKind,
    /// What it was made of: the text of `PRIVATE_KEY`.
    pub secret: Option<Secret>,
    /// The last day on which they are believed, in UTC: `2027-01-31`.
    pub until: Option<String>,
}

/// Second factors.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mfa {
    /// Who needs one; `admins` in production and `never` in dev, unless given.
    pub require: Option<MfaRule>,
    /// Whether codes of an app are offered.
    pub totp: bool,
    /// How many recovery codes somebody gets; 0 is none.
    #[schemars(range(min = 0, max = 20))]
    pub recovery_codes: u32,
    /// Whether "mfa" in the `amr` of a provider counts as a second factor.
    pub trust_upstream_amr: bool,
}

impl Default for Mfa {
    fn default() -> Self {
        Self { require: None, totp: true, recovery_codes: 10, trust_upstream_amr: false }
    }
}

/// Those who run the server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Who has one of these addresses, verified, gets the role `admin` when signing in.
    pub emails: Vec<String>,
    /// Whether the administration asks for a second factor; as `login.mfa.require` unless given.
    pub require_mfa: Option<bool>,
    /// From where the admin API may be used; from anywhere unless given.
    #[schemars(with = "Vec<String>")]
    pub allowed_networks: Vec<IpNet>,
    /// How long a one-time admin link works.
    #[schemars(extend("x-min" = "5m", "x-max" = "24h"))]
    pub setup_link_ttl: Span,
}

impl Default for Admin {
    fn default() -> Self {
        Self { emails: Vec::new(), require_mfa: None, allowed_networks: Vec::new(), setup_link_ttl: minutes(60) }
    }
}

/// The API for programs, `/api/v1`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Whether it is there.
    pub enabled: bool,
    /// Longest life of an API key.
    #[schemars(extend("x-min" = "1d", "x-max" = "10y"))]
    pub max_key_ttl: Span,
    /// Whether people may make API keys of their own. Keys that are there work either way, until they are revoked.
    pub user_keys: bool,
}

impl Default for Api {
    fn default() -> Self {
        Self { enabled: true, max_key_ttl: days(365), user_keys: false }
    }
}

/// The audit trail.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// For how long events are kept.
    #[schemars(extend("x-min" = "1d", "x-max" = "10y"))]
    pub retention: Span,
    /// Whether each row carries the hash of the one before.
    pub hash_chain: bool,
    /// Whether every service token leaves an event.
    pub tokens: bool,
    /// Where copies go.
    pub sinks: Vec<AuditSink>,
}

impl Default for Audit {
    fn default() -> Self {
        Self { retention: days(365), hash_chain: true, tokens: false, sinks: Vec::new() }
    }
}

/// Where copies of events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditSink {
    Log,
}

/// What is kept of people, and for how long.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// For how long network addresses stay on sessions and events.
    #[schemars(extend("x-min" = "0s", "x-max" = "1y"))]
    pub ip_retention: Span,
    /// A `MaxMind` database that names the place of an address.
    pub geoip_db: Option<PathBuf>,
    /// How long somebody may take back that their account is to go.
    #[schemars(extend("x-min" = "0s", "x-max" = "90d"))]
    pub delete_grace: Span,
}

impl Default for Privacy {
    fn default() -> Self {
        Self { ip_retention: days(30), geoip_db: None, delete_grace: days(14) }
    }
}

/// When a client that fails too often is shut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ban {
    /// After this many failures …
    pub after: u32,
    /// … within this time …
    pub per: Span,
    /// … it is shut out for this long.
    pub r#for: Span,
}
