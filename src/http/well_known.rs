//! Keys for everybody, health, the API's description, and what pages are dressed in.

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use super::error::{Code, Error};
use super::openapi;
use super::server::Readiness;
use super::site::{Running, Site};

/// What this area says of itself.
#[derive(utoipa::OpenApi)]
#[openapi(paths(jwks, live, ready))]
pub struct Description;

/// The routes of this area.
pub fn router(readiness: Readiness) -> Router<Running> {
    Router::new()
        .route("/.well-known/jwks.json", get(jwks))
        .route("/openapi.json", get(describe))
        .route("/assets/{hash}/{name}", get(asset))
        .route("/health/live", get(live))
        .route("/health/ready", get(move |site: Site| ready(site, readiness.clone())))
}

/// All published keys (RFC 7517 §5).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "keys", security(()),
    responses(
        (status = 200, description = "The keys, with `kid`, `alg` and `use`.", body = KeySet, content_type = "application/jwk-set+json", headers(("etag" = String), ("cache-control" = String))),
        (status = 304, description = "They are those that `If-None-Match` names."),
    )
)]
async fn jwks(site: Site, headers: HeaderMap) -> Result<Response, Error> {
    let ring = site.app.house.ring.load();
    let is_known = knows(&headers, ring.etag());
    let mut response = Response::new(if is_known { String::new() } else { ring.jwks().to_owned() }.into());
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let age = site.app.settings.keys.jwks_max_age.whole_seconds();
    let cache = format!("public, max-age={age}, stale-while-revalidate=86400");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::try_from(cache).map_err(Error::internal)?);
    headers.insert(ETAG, HeaderValue::try_from(ring.etag()).map_err(Error::internal)?);
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    Ok(response)
}

/// Whether the other side has it already (RFC 9110 §13.1.2): one of several tags, compared weakly, since proxies that compress weaken them.
fn knows(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

async fn describe(site: Site) -> Response {
    json_answer(StatusCode::OK, openapi::document(&site.app.issuer))
}

async fn asset(site: Site, Path((hash, name)): Path<(String, String)>) -> Result<Response, Error> {
    site.assets.answer(&hash, &name).ok_or_else(|| Code::NotFound.into())
}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/health/live", tag = "health", security(()),
    responses((status = 200, description = "It does.", body = Live))
)]
async fn live() -> Response {
    json_answer(StatusCode::OK, json(&Live { status: "ok" }))
}

/// Whether the database answers, there are keys, and the server is not on its way out.
#[utoipa::path(
    get, path = "/health/ready", tag = "health", security(()),
    responses(
        (status = 200, description = "All of it.", body = Ready),
        (status = 503, description = "Not all of it: send no requests.", body = Ready),
    )
)]
async fn ready(site: Site, readiness: Readiness) -> Response {
    let database = site.app.store().ping().await.is_ok();
    let now = site.app.now();
    let keys = site.app.house.ring.load().active(site.app.settings.keys.access_token_alg, now).is_some();
    let serving = readiness.is_ready();
    let is_ready = database && keys && serving;
    let word = |ok: bool| if ok { "ok" } else { "failed" };
    let checks = Checks { database: word(database), keys: word(keys), serving: word(serving) };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_answer(status, json(&Ready { status: word(is_ready), checks }))
}

/// A JSON Web Key Set.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes what the ring has written out already")]
struct KeySet {
    #[schema(value_type = Vec<Object>)]
    keys: (),
}

/// `/health/live`.
#[derive(Serialize, utoipa::ToSchema)]
struct Live {
    status: &'static str,
}

/// `/health/ready`; each word is `ok` or `failed`.
#[derive(Serialize, utoipa::ToSchema)]
struct Ready {
    status: &'static str,
    checks: Checks,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Checks {
    database: &'static str,
    keys: &'static str,
    serving: &'static str,
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("words are plain JSON")
}

fn json_answer(status: StatusCode, body: impl Into<String>) -> Response {
    let mut response = Response::new(body.into().into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
