//! What the JSON API says. "Not signed in" and "no permissions" are answers, not errors.

use std::fmt::Write as _;

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use md5::{Digest as _, Md5};
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::domain::claims::Sub;
use crate::domain::id::UserId;
use crate::domain::permission::Permissions;
use crate::domain::user::User;
use crate::keys::sha256_hex;

/// JSON that nobody may keep.
pub fn answer(body: &impl Serialize) -> Response {
    let mut json = Vec::with_capacity(1024);
    serde_json::to_writer(&mut json, body).expect("our answers are plain JSON");
    let mut response = Response::new(json.into());
    let headers = response.headers_mut();
    headers.reserve(12);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `/auth/check`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Checked<'a> {
    In(SignedIn<'a>),
    Out(NotSignedIn),
}

/// `/auth/check` of a live session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SignedIn<'a> {
    authenticated: bool,
    profile: Profile<'a>,
    /// Seconds until the login token dies.
    expires_in: i64,
}

/// The user, to themselves.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Profile<'a> {
    #[schema(value_type = String)]
    id: UserId,
    /// Hexadecimal SHA-256 of `id`.
    idhash: String,
    name: Option<&'a str>,
    email: Option<&'a str>,
    avatar_url: Option<&'a str>,
    username: Option<&'a str>,
    /// An HTTP date.
    join_date: String,
}

impl<'a> SignedIn<'a> {
    pub fn of(user: &'a User, expires_in: i64) -> Self {
        let profile = Profile {
            id: user.id,
            idhash: sha256_hex(user.id.to_string().as_bytes()),
            name: user.name.as_deref(),
            email: user.email.as_ref().map(|address| address.email.as_str()),
            avatar_url: user.avatar_url.as_deref(),
            username: user.username.as_deref(),
            join_date: http_date(user.created_at),
        };
        Self { authenticated: true, profile, expires_in }
    }
}

/// `/auth/check` otherwise.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NotSignedIn {
    pub authenticated: bool,
    /// Every provider, in file order.
    #[serde(serialize_with = "as_map")]
    #[schema(value_type = std::collections::HashMap<String, Offered>)]
    pub providers: Vec<(String, Offered)>,
    pub login_url: String,
}

/// A way to sign in that starts with a click.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Offered {
    /// On our own origin, so that the login is bound to the browser.
    pub url: String,
    pub label: String,
}

fn as_map<S: Serializer>(pairs: &[(String, Offered)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(id, offered)| (id, offered)))
}

/// `/auth/authorize`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Authorized<'a> {
    Yes(Granted<'a>),
    No(NoPermissions),
}

/// `/auth/authorize` without a token, a service, or a live session: exactly `{"permissions":{}}`.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoPermissions {
    #[schema(value_type = std::collections::HashMap<String, bool>)]
    permissions: Permissions,
}

/// `/auth/authorize` of somebody who may use the service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Granted<'a> {
    pub token: String,
    /// The user's id; of a service that acts for itself, the service's.
    #[schema(value_type = String)]
    pub userid: Sub,
    /// Everything, also where the token has no room for it; missing where `permissions_in` says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::HashMap<String, bool>>)]
    pub permissions: Option<Permissions>,
    pub service: &'a str,
    /// In seconds.
    pub expires_in: i64,
    pub token_type: &'static str,
}

/// `/auth/update` and `/auth/logout`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Updated {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

impl Updated {
    pub fn done() -> Self {
        Self { success: true, error: None }
    }

    pub fn failed(error: &'static str) -> Self {
        Self { success: false, error: Some(error) }
    }
}

/// `/auth/resolve`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Resolved {
    #[schema(value_type = Option<String>)]
    pub userid: Option<UserId>,
}

/// `/auth/get_profile`: what everybody may see of a user.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PublicProfile<'a> {
    found: bool,
    profile: Option<Shown<'a>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Shown<'a> {
    #[schema(value_type = String)]
    id: UserId,
    name: Option<&'a str>,
    join_date: String,
    avatar_url: Option<&'a str>,
    /// MD5 of the address, where the user shows a Gravatar; an MD5 of an address is as good as the address.
    gravatar: Option<String>,
}

impl<'a> PublicProfile<'a> {
    pub fn of(user: Option<&'a User>) -> Self {
        let profile = user.filter(|user| !user.is_locked()).map(|user| Shown {
            id: user.id,
            name: user.name.as_deref(),
            join_date: http_date(user.created_at),
            avatar_url: user.avatar_url.as_deref(),
            gravatar: gravatar(user),
        });
        Self { found: profile.is_some(), profile }
    }
}

/// `None` unless the user's own picture comes from there: then everybody can see the hash already.
fn gravatar(user: &User) -> Option<String> {
    let shows = user.avatar_url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let shows = shows
        .as_ref()
        .and_then(url::Url::host_str)
        .is_some_and(|host| host == "gravatar.com" || host.ends_with(".gravatar.com"));
    let email = user.email.as_ref().filter(|_| shows)?;
    let hash = Md5::digest(email.email.as_str().as_bytes());
    Some(hash.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing into a string cannot fail");
        hex
    }))
}

/// `Sun, 22 Nov 2026 03:10:17 GMT` (RFC 9110 §5.6.7).
fn http_date(at: OffsetDateTime) -> String {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    at.to_offset(time::UtcOffset::UTC).format(format).expect("all parts are in the value")
}
