//! `/api/v1/keys/refresh`: an API key becomes the next one, with a secret that is good once.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::auth::answer;
use super::caller::{Caller, Try, by, no_key_in};
use super::client::ClientIp;
use super::error::{Code, Error, Problem};
use super::fields::Json;
use super::site::Running;
use crate::account::api_keys::{MadeKey, Refreshed};
use crate::app::Holding;
use crate::domain::api_key::{ApiKey, Tag};
use crate::domain::audit::Actor;
use crate::domain::id::KeyId;

/// What this area says of itself.
#[derive(utoipa::OpenApi)]
#[openapi(paths(refresh, own))]
pub struct Description;

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new().route("/api/v1/keys/refresh", post(refresh)).route("/api/v1/keys/self", get(own))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshFields {
    /// The key's id, `key_…`.
    id: String,
    /// Its refresh secret, `csr_…`.
    refresh_secret: String,
}

/// A key as it is shown, this once.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ShownKey {
    /// Its name in the API.
    id: String,
    /// The key; we keep only its hash.
    key: String,
    scopes: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: OffsetDateTime,
    /// What the next key is fetched with, once; null: there is none.
    refresh_secret: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    refresh_until: Option<OffsetDateTime>,
}

impl ShownKey {
    /// All of a key that was just made.
    pub fn of(made: &MadeKey) -> Self {
        Self {
            id: made.stored.id.to_string(),
            key: made.key.reveal().to_owned(),
            scopes: made.stored.scopes.iter().map(ToString::to_string).collect(),
            expires_at: made.stored.expires_at,
            refresh_secret: made.refresh.as_ref().map(|secret| secret.reveal().to_owned()),
            refresh_until: made.stored.refresh_until,
        }
    }
}

/// Exchanges a key for the next one.
///
/// The old key and the old secret are dead from then on. Of several exchanges at once one wins. A secret that comes again ten
/// seconds later or more has a copy somewhere: every key that came from the first one is revoked.
#[utoipa::path(
    post, path = "/api/v1/keys/refresh", tag = "keys", security(()),
    request_body = RefreshFields,
    responses(
        (status = 200, description = "The next key, for as long as the first one was good.", body = ShownKey),
        (status = 400, description = "`bad-request`: a member is missing or unknown.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`refresh-refused`: the secret is not the key's, is late, or was used, or the key is revoked, or its owner may not use it any more.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong secrets.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
async fn refresh(
    State(running): State<Running>,
    ip: Option<axum::Extension<ClientIp>>,
    uri: Uri,
    headers: HeaderMap,
    Json(fields): Json<RefreshFields>,
) -> Result<Response, Error> {
    let site = running.now();
    if !site.app.settings.api.enabled {
        return Err(Code::NotFound.into());
    }
    no_key_in(&uri)?;
    let ip = ip.map(|ip| ip.0.0);
    let counted = Try::count(&site, ip)?;
    let id: KeyId = fields.id.parse().map_err(|_| Code::RefreshRefused)?;
    let secret = ApiKey::parse(Tag::Refresh, &fields.refresh_secret).ok_or(Code::RefreshRefused)?;
    let by = by(Actor::Anonymous, &headers, ip);
    match site.app.accounts.refresh_key(id, &secret, ip, &site.app.settings, &by).await? {
        Refreshed::New(made) => {
            counted.was_good();
            Ok(answer(&ShownKey::of(&made)))
        }
        Refreshed::Refused => Err(Code::RefreshRefused.into()),
        Refreshed::Reused => {
            tracing::warn!(key.id = %id, "a refresh secret came a second time; all keys of its family are revoked");
            Err(Code::RefreshRefused.into())
        }
    }
}

/// What a key is.
#[derive(Serialize, utoipa::ToSchema)]
struct OwnKey {
    /// Its name in the API.
    id: String,
    /// The part that may be shown.
    prefix: String,
    /// The person it belongs to.
    user: Option<String>,
    /// The service it belongs to.
    service: Option<String>,
    scopes: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: OffsetDateTime,
}

/// The key that asks: whose it is, and what it is for.
#[utoipa::path(
    get, path = "/api/v1/keys/self", tag = "keys", security(("api-key" = [])),
    responses(
        (status = 200, description = "The key.", body = OwnKey),
        (status = 400, description = "`bad-request`: a key stands in the address.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json", headers(("www-authenticate" = String, description = "`Bearer`"))),
        (status = 429, description = "Too many wrong keys.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
async fn own(caller: Caller) -> Response {
    let key = caller.key;
    let (user, service) = match &key.holder {
        Holding::User(user) => (Some(user.id.to_string()), None),
        Holding::Service(id) => (None, Some(id.clone())),
    };
    answer(&OwnKey {
        id: key.id.to_string(),
        prefix: key.prefix,
        user,
        service,
        scopes: key.scopes.iter().map(ToString::to_string).collect(),
        expires_at: key.expires_at,
    })
}
