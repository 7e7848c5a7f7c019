//! A service: who receives tokens, and how.

use serde_json::Value;
use time::Duration;

use crate::domain::permission::Merge;
use crate::rule::{Claims, Rule};

/// A service as the file describes it.
#[derive(Debug, Clone)]
pub struct Service {
    /// The section's name.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where its people start.
    pub homepage: Option<String>,
    /// A disabled service receives no tokens and no sign-ins.
    pub enabled: bool,
    /// `aud` of its tokens.
    pub audience: Vec<String>,
    /// Patterns a `next` must match, byte for byte; at most one `*`, at the end.
    pub next_urls: Vec<String>,
    /// How a finished sign-in comes back.
    pub next_delivery: Delivery,
    /// The shape of its tokens.
    pub token_format: TokenFormat,
    /// Origins whose pages may call the JSON API with credentials.
    pub cors_origins: Vec<String>,
    /// How long its tokens live.
    pub access_token_ttl: Duration,
    /// Signature algorithm of its tokens.
    pub token_alg: Algorithm,
    /// Whether HTTP Basic can be exchanged for its tokens.
    pub basic_exchange: bool,
    /// Ids of its permission providers, in order.
    pub permissions: Vec<String>,
    /// How their answers come together.
    pub merge: Merge,
    /// How permissions stand in the token.
    pub permissions_format: PermissionsFormat,
    /// Where permissions stand.
    pub permissions_in: Vec<PermissionsIn>,
    /// How large a token may be, in bytes; what does not fit is fetched.
    pub max_token_size: usize,
    /// Whether its people need a second factor.
    pub require_mfa: bool,
    /// A sign-in older than this is asked for again; `None` is any.
    pub max_auth_age: Option<Duration>,
    /// Only these methods may be used; empty means all.
    pub allowed_providers: Vec<String>,
    /// Only users with one of these roles; empty means all.
    pub allowed_roles: Vec<String>,
    /// What must hold of whoever enters; all of it.
    pub access: Vec<Rule>,
    /// What its tokens say beside the usual, by name; never a reserved one.
    pub claims: Vec<(String, Extra)>,
    /// Whoever has one of these roles administers this service.
    pub admins: Vec<String>,
    /// Roles of this service alone, which its administrators give and take.
    pub roles: Vec<String>,
    /// SHA-256 of the client secret; `None` for a service without one.
    pub client_secret_hash: Option<[u8; 32]>,
}

impl Service {
    /// Whether somebody with these roles administers it.
    pub fn is_administered_by(&self, roles: &[String]) -> bool {
        self.admins.iter().any(|admin| roles.contains(admin))
    }

    /// Whether the file says what this claim of its tokens is.
    pub fn says(&self, claim: &str) -> bool {
        self.claims.iter().any(|(name, _)| name == claim)
    }

    /// Whether people who came in by this method, or the provider of this id, may use the service.
    pub fn accepts(&self, method: &str) -> bool {
        self.allowed_providers.is_empty() || self.allowed_providers.iter().any(|allowed| allowed == method)
    }

    /// Whether permissions stand there.
    pub fn has_permissions_in(&self, place: PermissionsIn) -> bool {
        self.permissions_in.contains(&place)
    }
}

impl Service {
    /// The claims of providers that it asks for.
    pub fn wanted_claims(&self) -> Claims {
        let mut wanted = Claims::default();
        self.access.iter().for_each(|rule| wanted.add(rule.claims()));
        for (_, extra) in &self.claims {
            match extra {
                Extra::Const(_) => {}
                Extra::Expr(expression) => wanted.add(expression.claims()),
                Extra::Path(path) => {
                    let first = path.split('.').next().unwrap_or_default();
                    wanted.add(&Claims::Named([path.clone(), first.to_owned()].into()));
                }
            }
        }
        wanted
    }
}

/// Where a claim of a service's tokens comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Extra {
    /// The same for everybody.
    Const(Value),
    /// A path in the provider's claims: `org.name`.
    Path(String),
    /// Worked out.
    Expr(Rule),
}

/// How a finished sign-in comes back to `next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// `?jwt=TOKEN`, the classic contract.
    #[default]
    Query,
    /// `#jwt=TOKEN`, which no server sees.
    Fragment,
    /// `?code=CODE`, redeemed once at `POST /auth/token`.
    Code,
}

/// The shape of a service token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// RFC 9068, `typ: at+jwt`.
    #[default]
    Rfc9068,
    /// `userid`, `service`, `permissions` and no `aud`.
    Classic,
}

/// How permissions stand in the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PermissionsFormat {
    /// A list of granted names.
    #[default]
    List,
    /// Name to boolean.
    Map,
    /// One string, separated by spaces, in `scope`.
    Scope,
    /// Not in the token.
    None,
}

/// Where permissions stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PermissionsIn {
    /// In the service token.
    AccessToken,
    /// In the answer of `/auth/authorize`, beside the token.
    Authorize,
    /// Not in this version.
    IdToken,
    /// Not in this version.
    Userinfo,
}

/// A signature algorithm for tokens (RFC 7518 §3.1, RFC 8037).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits.
    RS256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ES256, Self::EdDSA, Self::RS256];

    /// The JOSE name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
            Self::RS256 => "RS256",
        }
    }
}
