//! What our tokens say: one type and one `typ` for each class, so that none passes for another.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::id::{SessionId, TokenId, UserId};
use super::permission::Permissions;

/// The `jwt` of the JSON API: HS256, `typ: login+jwt`. Only this server verifies it, and it dies with its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginClaims {
    /// Our issuer.
    pub iss: String,
    /// Our issuer too: nobody else reads it.
    pub aud: String,
    /// The user.
    pub sub: UserId,
    /// The session it dies with.
    pub sid: SessionId,
    /// Issued at, in seconds since 1970.
    pub iat: i64,
    /// Dies at, in seconds since 1970; dead in that very second.
    pub exp: i64,
    /// Its own name.
    pub jti: TokenId,
}

/// Whom a service token is about: a person, or a service that acts for itself. No service has the name of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Sub {
    /// `usr_…`.
    User(UserId),
    /// A service's id.
    Service(String),
}

/// A service token, `typ: at+jwt` (RFC 9068 §2).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceClaims<'a> {
    pub iss: &'a str,
    pub sub: Sub,
    /// One audience stands as a string, several as a list (RFC 7519 §4.1.3).
    pub aud: Audience<'a>,
    pub client_id: &'a str,
    pub iat: i64,
    pub exp: i64,
    pub jti: TokenId,
    /// The session it comes from; an API key has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// What was proven (RFC 8176), with `mfa` where it was more than one factor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Spelled<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    pub roles: Vec<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub limits: Map<String, Value>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub perm_stale: bool,
    /// Where permissions, limits and extra claims are that did not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_ref: Option<&'a str>,
    /// What permission providers add; never a reserved name.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One audience or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Audience<'a> {
    One(&'a str),
    Many(Vec<&'a str>),
}

/// Permissions as a service wants them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Spelled<'a> {
    /// What is granted.
    List(Vec<&'a str>),
    /// Denials too.
    Map(&'a Permissions),
}

/// A service token for verifiers of the classic contract: no `aud`, which they refuse.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassicClaims<'a> {
    pub userid: Sub,
    pub service: String,
    pub permissions: Value,
    /// Where the permissions are if they did not fit; then `permissions` is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_ref: Option<&'a str>,
    pub iss: String,
    pub iat: i64,
    pub exp: i64,
    pub jti: TokenId,
}

/// Names that no permission provider may set: the registered claims and our own (RFC 7519 §4.1, RFC 9068 §2.2).
pub const RESERVED: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "typ",
    "cty",
    "alg",
    "kid",
    "client_id",
    "auth_time",
    "acr",
    "amr",
    "sid",
    "azp",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "scope",
    "permissions",
    "roles",
    "groups",
    "entitlements",
    "limits",
    "perm_stale",
    "permissions_ref",
    "userid",
    "service",
    "cnf",
    "act",
    "may_act",
    "events",
    "authorization_details",
    "email",
    "email_verified",
    "username",
    "preferred_username",
];

/// Whether permission providers must leave the name alone.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}
