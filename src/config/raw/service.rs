//! Services, roles, and how the pages look.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::claim::ExtraClaim;
use super::{minutes, seconds};
use crate::config::settings::ThemeMode;
use crate::config::{Secret, Size, Span};
use crate::domain::permission::Merge;
use crate::domain::service::{Algorithm, Delivery, PermissionsFormat, PermissionsIn, TokenFormat};

/// Who receives tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// What people call it; the id unless given.
    pub name: Option<String>,
    /// Where its people start.
    pub homepage: Option<String>,
    /// A disabled service receives no sign-ins and no tokens.
    pub enabled: bool,
    /// `aud` of its tokens; the id unless given.
    pub audience: Vec<String>,
    /// Lets its server redeem codes at /auth/token.
    pub client_secret: Option<Secret>,
    /// Where a sign-in may come back to: exact, or with one `*` at the end.
    pub next_urls: Vec<String>,
    /// How it comes back.
    pub next_delivery: Delivery,
    /// `classic` is for verifiers written for the ancestor.
    pub token_format: TokenFormat,
    /// Origins whose pages may call the JSON API with cookies.
    pub cors_origins: Vec<String>,
    /// How long its tokens live.
    #[schemars(extend("x-min" = "1m", "x-max" = "24h"))]
    pub access_token_ttl: Span,
    /// Signature algorithm of its tokens; `inherit` is `keys.access_token_alg`.
    pub token_alg: TokenAlg,
    /// Whether programs may exchange a name and a password, or an API key, for its tokens at /auth/exchange.
    pub basic_exchange: bool,
    /// Its permission providers, asked in this order.
    pub permissions: Vec<String>,
    /// How their answers come together; a deny wins in all three.
    pub permissions_merge: Merge,
    /// How permissions stand in the token.
    pub permissions_format: PermissionsFormat,
    /// Where permissions stand: in the token, and in the answer of /auth/authorize.
    pub permissions_in: Vec<PermissionsIn>,
    /// How large a token may be. Permissions, then limits, then claims that do not fit are fetched from /auth/permissions.
    #[schemars(extend("x-min" = "1 KiB", "x-max" = "16 KiB"))]
    pub max_token_size: Size,
    /// Whether its people need a second factor.
    pub require_mfa: bool,
    /// A sign-in older than this is asked for again; `0s` is any.
    #[schemars(extend("x-min" = "0s", "x-max" = "1y"))]
    pub max_auth_age: Span,
    /// Only these providers, `password`, `magic-link`, `passkey` or `api-key`; all unless given.
    pub allowed_providers: Vec<String>,
    /// Only users with one of these roles; all unless given.
    pub allowed_roles: Vec<String>,
    /// Rules in CEL over `claims`, `email`, `email_verified`, `groups`, `provider`, `roles`, `service` and `mfa`; all must hold.
    #[schemars(length(max = 50))]
    pub access: Vec<String>,
    /// What its tokens say beside the usual, by name: a path in the provider's claims, `{ const = … }` or `{ expr = "CEL" }`.
    pub claims: BTreeMap<String, ExtraClaim>,
    /// Who has one of these roles administers this service and nothing else: gives and takes the service's `roles`, and ends the
    /// sessions it keeps.
    pub admins: Vec<String>,
    /// Roles of this service alone, which its `admins` give and take.
    pub roles: Vec<String>,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            name: None,
            homepage: None,
            enabled: true,
            audience: Vec::new(),
            client_secret: None,
            next_urls: Vec::new(),
            next_delivery: Delivery::default(),
            token_format: TokenFormat::default(),
            cors_origins: Vec::new(),
            access_token_ttl: minutes(15),
            token_alg: TokenAlg::Inherit,
            basic_exchange: false,
            permissions: Vec::new(),
            permissions_merge: Merge::default(),
            permissions_format: PermissionsFormat::default(),
            permissions_in: vec![PermissionsIn::AccessToken, PermissionsIn::Authorize],
            max_token_size: Size(4 << 10),
            require_mfa: false,
            max_auth_age: seconds(0),
            allowed_providers: Vec::new(),
            allowed_roles: Vec::new(),
            access: Vec::new(),
            claims: BTreeMap::new(),
            admins: Vec::new(),
            roles: Vec::new(),
        }
    }
}

/// The signature algorithm of a service's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TokenAlg {
    /// As `keys.access_token_alg` says.
    #[serde(rename = "inherit")]
    Inherit,
    ES256,
    EdDSA,
    RS256,
}

impl TokenAlg {
    pub fn or(self, inherited: Algorithm) -> Algorithm {
        match self {
            Self::Inherit => inherited,
            Self::ES256 => Algorithm::ES256,
            Self::EdDSA => Algorithm::EdDSA,
            Self::RS256 => Algorithm::RS256,
        }
    }
}

/// A name an admin gives to people, and permission providers read.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Role {
    /// What people see.
    pub description: String,
    /// Rules in CEL over `claims`, `email`, `email_verified`, `groups` and `provider`; whoever signs in has the role while one holds.
    #[schemars(length(max = 50))]
    pub assign: Vec<String>,
}

/// How the pages look.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Theme {
    /// The issuer's host unless given.
    pub name: Option<String>,
    /// An SVG or PNG file of at most 256 KiB.
    pub logo: Option<PathBuf>,
    /// `#rrggbb`; made darker where white text on it could not be read.
    #[schemars(regex(pattern = "^#[0-9a-fA-F]{6}$"))]
    pub accent: String,
    /// Light or dark.
    pub mode: ThemeMode,
}

impl Default for Theme {
    fn default() -> Self {
        Self { name: None, logo: None, accent: "#2563eb".to_owned(), mode: ThemeMode::default() }
    }
}
