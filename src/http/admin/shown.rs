//! How users are shown to administrators' programs.

use axum::http::HeaderValue;
use axum::http::header::ETAG;
use axum::response::Response;
use serde::Serialize;
use time::OffsetDateTime;

use crate::domain::id::UserId;
use crate::http::auth::answer;
use crate::store::people::Person;

/// A user.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ShownUser {
    /// `usr_…`
    #[schema(value_type = String)]
    id: UserId,
    username: Option<String>,
    name: Option<String>,
    avatar_url: Option<String>,
    /// The main address.
    email: Option<String>,
    /// Whether its owner has proven it.
    email_verified: bool,
    roles: Vec<String>,
    /// As `provider:value`.
    groups: Vec<String>,
    /// Since when they may not sign in.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    locked_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    /// When they last signed in; null: never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    signed_in_at: Option<OffsetDateTime>,
    /// Grows with every change; `ETag` and `If-Match` speak of it.
    version: i64,
}

impl From<Person> for ShownUser {
    fn from(person: Person) -> Self {
        let Person { user, signed_in_at } = person;
        Self {
            id: user.id,
            username: user.username,
            name: user.name,
            avatar_url: user.avatar_url,
            email_verified: user.email.as_ref().is_some_and(|address| address.verified),
            email: user.email.map(|address| address.email.into()),
            roles: user.roles,
            groups: user.groups,
            locked_at: user.locked_at,
            created_at: user.created_at,
            signed_in_at,
            version: user.version,
        }
    }
}

/// A user, and what else is known of them.
#[derive(Serialize, utoipa::ToSchema)]
pub struct WholeUser {
    #[serde(flatten)]
    pub user: ShownUser,
    /// Whatever was put there.
    #[schema(value_type = Object)]
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// Names they are found by beside id, address and username: ids of older servers and of accounts that were merged.
    pub old_ids: Vec<String>,
}

/// Whether something changed.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Done {
    /// `false`: it was so already.
    pub changed: bool,
}

/// The tag of a version.
pub fn tag(version: i64) -> String {
    format!("\"v{version}\"")
}

/// The user with their tag.
pub fn tagged(user: &WholeUser) -> Response {
    let mut response = answer(user);
    if let Ok(value) = HeaderValue::from_str(&tag(user.user.version)) {
        response.headers_mut().insert(ETAG, value);
    }
    response
}
