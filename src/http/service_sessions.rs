//! `/api/v1/sessions`: sessions for a service's own front end. A developer who uses it needs no page of ours.
//!
//! What one service keeps is nothing to another: a token of somebody else's is as unknown as one that never was.

use std::net::IpAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use super::auth::answer;
use super::credentials::{Said, prove};
use super::error::{Code, Error, Problem};
use super::fields::Json;
use super::limit::{Limit, count_all};
use super::service_caller::ServiceCaller;
use super::site::Running;
use crate::account::service_sessions::{MOST_DATA, Merged, NewSession, fits, token_hash};
use crate::app::Claimant;
use crate::domain::id::{SessionId, UserId};
use crate::domain::proof;
use crate::domain::user::User;
use crate::store::service_sessions::{Kept, Key};

/// Longest `user_agent` that is kept, in code points.
const LONGEST_AGENT: usize = 300;
/// The shortest session.
const SHORTEST: Duration = Duration::MINUTE;

/// What this area says of itself.
#[derive(utoipa::OpenApi)]
#[openapi(paths(create, look_up, attach, end, end_all, confirm, check_password))]
pub struct Description;

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/api/v1/sessions", post(create))
        .route("/api/v1/sessions/lookup", post(look_up))
        .route("/api/v1/sessions/data", post(attach))
        .route("/api/v1/sessions/end", post(end))
        .route("/api/v1/sessions/end-all", post(end_all))
        .route("/api/v1/sessions/confirm", post(confirm))
        .route("/api/v1/check-password", post(check_password))
        .method_not_allowed_fallback(async || Error::new(Code::MethodNotAllowed))
}

/// A session to begin.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSessionFields {
    /// Address or username. Without it nobody is signed in, and the session is anonymous.
    name: Option<String>,
    /// With `name`.
    password: Option<String>,
    /// A code of the person's app, or a recovery code, where a second factor is needed.
    otp: Option<String>,
    /// Where the person is: wrong passwords are counted by it.
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// The person's browser.
    user_agent: Option<String>,
    /// In seconds; at most, and unless given, `session.absolute_timeout`.
    lifetime: Option<u32>,
    /// What to keep with it: at most 4096 bytes of JSON.
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
    /// The token of an earlier session of the same browser, which ends as this one begins.
    replaces: Option<String>,
}

/// A session, as its service sees it.
#[derive(Serialize, utoipa::ToSchema)]
struct Shown<'a> {
    /// The session's secret, this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Its name; not a secret.
    #[schema(value_type = String)]
    id: SessionId,
    /// Whose it is, as they are now; null: anonymous.
    user: Option<ShownUser<'a>>,
    /// What they proved (RFC 8176), with `mfa` where it was more than one factor.
    amr: Vec<&'static str>,
    /// When they proved it last.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    proven_at: Option<OffsetDateTime>,
    /// What is attached.
    #[schema(value_type = Object)]
    data: &'a Map<String, Value>,
    ip: Option<&'a str>,
    user_agent: Option<&'a str>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: OffsetDateTime,
}

/// A user, to a service that keeps a session of theirs.
#[derive(Serialize, utoipa::ToSchema)]
struct ShownUser<'a> {
    #[schema(value_type = String)]
    id: UserId,
    username: Option<&'a str>,
    name: Option<&'a str>,
    email: Option<&'a str>,
    email_verified: bool,
    avatar_url: Option<&'a str>,
    roles: &'a [String],
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
}

impl<'a> Shown<'a> {
    fn of(kept: &'a Kept, token: Option<String>) -> Self {
        Self {
            token,
            id: kept.id,
            user: kept.user.as_ref().map(ShownUser::of),
            amr: proof::names(&kept.amr),
            proven_at: kept.proven_at,
            data: &kept.data,
            ip: kept.ip.as_deref(),
            user_agent: kept.user_agent.as_deref(),
            created_at: kept.created_at,
            expires_at: kept.expires_at,
        }
    }
}

impl<'a> ShownUser<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            id: user.id,
            username: user.username.as_deref(),
            name: user.name.as_deref(),
            email: user.email.as_ref().map(|address| address.email.as_str()),
            email_verified: user.email.as_ref().is_some_and(|address| address.verified),
            avatar_url: user.avatar_url.as_deref(),
            roles: &user.roles,
            created_at: user.created_at,
        }
    }
}

/// Begins a session, for a person who proves who they are, or for nobody yet.
#[utoipa::path(
    post, path = "/api/v1/sessions", tag = "sessions", security(("client" = []), ("api-key" = [])),
    request_body = NewSessionFields,
    responses(
        (status = 201, description = "The session with its token. Keep the token in the browser; we keep only its hash.", body = Shown<'static>),
        (status = 400, description = "`bad-request`: a member is missing, unknown or out of range.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid-client`, `api-key-refused`: the caller is not a service.", body = Problem, content_type = "application/problem+json", headers(("www-authenticate" = String, description = "How to authenticate."))),
        (status = 403, description = "`person-refused`: name and password are not right. `person-needs-factor`: send `otp`. `access-denied`: the user may not use the service. `scope-missing`: the key lacks `sessions`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body, or what is to be attached, is longer than the limit.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
async fn create(caller: ServiceCaller, Json(fields): Json<NewSessionFields>) -> Result<Response, Error> {
    let NewSessionFields { name, password, otp, ip, user_agent, lifetime, data, replaces } = fields;
    let (site, service) = (&caller.site, caller.service()?);
    let (lasts, data) = (lasts(&caller, lifetime)?, small(data.unwrap_or_default())?);
    let who = format!("{} sessions", service.id);
    count_all(site, None, &[Limit::of_name("token", &who, site.app.settings.rate_limit.token_client)]).await?;
    let proven = match (&name, &password) {
        (Some(name), Some(password)) => Some(person(&caller, name, password, otp.as_deref(), ip).await?),
        (None, None) => None,
        _ => return Err(Error::bad_request("`name` and `password` come together.")),
    };
    let replaces = match &replaces {
        Some(token) => site.app.store().kept_session(key(&caller, &token_hash(token))).await?.map(|kept| kept.id),
        None => None,
    };
    let new = NewSession {
        service: &service.id,
        user: proven.as_ref().map(|(user, _)| user.id),
        amr: proven.as_ref().map_or(&[], |(_, proof)| proof.amr.as_slice()),
        data,
        ip: ip.map(|ip| ip.to_string()),
        user_agent: user_agent.map(|text| text.chars().take(LONGEST_AGENT).collect()),
        lasts,
        replaces,
        most: site.app.settings.session.max_per_user,
    };
    if let Some((user, proof)) = &proven {
        site.app.accounts.may_complete(user, &proof.method, Some(&service.id), &caller.by).await?;
        site.app.accounts.signed_in(user, proof, Some(&service.id), &caller.by).await?;
    }
    let (token, _) = site.app.accounts.begin_kept(new, &caller.by).await?;
    let kept = found(&caller, &token).await?;
    let mut response = answer(&Shown::of(&kept, Some(token)));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// How long the session lasts.
fn lasts(caller: &ServiceCaller, wish: Option<u32>) -> Result<Duration, Error> {
    let most = caller.site.app.settings.session.absolute_timeout;
    let Some(wish) = wish.map(|seconds| Duration::seconds(i64::from(seconds))) else { return Ok(most) };
    if wish >= SHORTEST && wish <= most {
        return Ok(wish);
    }
    let (shortest, longest) = (SHORTEST.whole_seconds(), most.whole_seconds());
    Err(Error::bad_request(format!("`lifetime` is {shortest} to {longest} seconds.")))
}

fn small(data: Map<String, Value>) -> Result<Map<String, Value>, Error> {
    if fits(&data) { Ok(data) } else { Err(too_long()) }
}

fn too_long() -> Error {
    Error::new(Code::PayloadTooLarge).detail(format!("`data` has at most {MOST_DATA} bytes."))
}

/// Who proves with name and password to be somebody who may use the service.
async fn person(
    caller: &ServiceCaller,
    name: &str,
    password: &str,
    otp: Option<&str>,
    ip: Option<IpAddr>,
) -> Result<(User, proof::Proof), Error> {
    let service = caller.service()?;
    let said = Said { name, password, otp, ip, is_reported: true, service, by: &caller.by };
    let (user, proof) = prove(&caller.site, said).await.map_err(about_the_person)?;
    let app = &caller.site.app;
    let missing = app.missing_now(service, &Claimant::of_proof(&user, &proof, app.now())).await?;
    if !missing.is_empty() {
        return Err(Error::missing(missing));
    }
    if app.closed(&user).is_some() {
        return Err(Code::AccessDenied.into());
    }
    Ok((user, proof))
}

/// Unlike at other addresses, 401 is about the calling service here, and 403 about the person.
fn about_the_person(error: Error) -> Error {
    let code = match error.code {
        Code::CredentialsRefused => Code::PersonRefused,
        Code::FactorNeeded => Code::PersonNeedsFactor,
        other => other,
    };
    Error { code, ..error }
}

fn key<'a>(caller: &'a ServiceCaller, token_hash: &'a str) -> Key<'a> {
    Key { service: caller.id(), token_hash, idle: caller.site.app.settings.session.idle_timeout }
}

/// The session of this token; a session of another service is none.
async fn found(caller: &ServiceCaller, token: &str) -> Result<Kept, Error> {
    let store = caller.site.app.store();
    let kept = store.kept_session(key(caller, &token_hash(token))).await?;
    let kept = kept.ok_or_else(|| Error::new(Code::NotFound).detail("There is no such session."))?;
    store.touch_kept(&kept, caller.site.app.settings.session.touch_interval).await?;
    Ok(kept)
}

/// Which session.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenField {
    /// The session's secret. It never stands in an address.
    token: String,
}

/// The session of a token, with its user.
#[utoipa::path(
    post, path = "/api/v1/sessions/lookup", tag = "sessions", security(("client" = []), ("api-key" = [])),
    request_body = TokenField,
    responses(
        (status = 200, description = "The session.", body = Shown<'static>),
        (status = 401, description = "`invalid-client`, `api-key-refused`: the caller is not a service.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: it is over, its user is locked or gone, it is another service's, or it never was.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn look_up(caller: ServiceCaller, Json(fields): Json<TokenField>) -> Result<Response, Error> {
    let kept = found(&caller, &fields.token).await?;
    Ok(answer(&Shown::of(&kept, None)))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct AttachFields {
    /// The session's secret.
    token: String,
    /// Put into what is attached (RFC 7396): null removes a member.
    #[schema(value_type = Object)]
    data: Map<String, Value>,
}

/// Changes what is attached to a session.
#[utoipa::path(
    post, path = "/api/v1/sessions/data", tag = "sessions", security(("client" = []), ("api-key" = [])),
    request_body = AttachFields,
    responses(
        (status = 200, description = "The session as it is now.", body = Shown<'static>),
        (status = 401, description = "`invalid-client`, `api-key-refused`: the caller is not a service.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such session.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload-too-large`: it would be longer than 4096 bytes; nothing changed.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn attach(caller: ServiceCaller, Json(fields): Json<AttachFields>) -> Result<Response, Error> {
    let hash = token_hash(&fields.token);
    match caller.site.app.accounts.merge_kept(key(&caller, &hash), &fields.data).await? {
        Merged::Yes(kept) => Ok(answer(&Shown::of(&kept, None))),
        Merged::NoSession => Err(Error::new(Code::NotFound).detail("There is no such session.")),
        Merged::TooLong => Err(too_long()),
    }
}

/// How many sessions ended.
#[derive(Serialize, utoipa::ToSchema)]
struct Ended {
    ended: u64,
}

/// Ends one session.
#[utoipa::path(
    post, path = "/api/v1/sessions/end", tag = "sessions", security(("client" = []), ("api-key" = [])),
    request_body = TokenField,
    responses(
        (status = 200, description = "It is over.", body = Ended),
        (status = 401, description = "`invalid-client`, `api-key-refused`: the caller is not a service.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such session, or it was over.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn end(caller: ServiceCaller, Json(fields): Json<TokenField>) -> Result<Response, Error> {
    let kept = found(&caller, &fields.token).await?;
    let ended = caller.site.app.accounts.end_kept(caller.id(), &kept, &caller.by).await?;
    Ok(answer(&Ended { ended: u64::from(ended) }))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct EndAllFields {
    /// Whose.
    user: String,
    /// The token of the session that goes on.
    spare: Option<String>,
}

/// Ends all sessions that a user has in this service, sparing one if asked. Their sessions elsewhere go on.
#[utoipa::path(
    post, path = "/api/v1/sessions/end-all", tag = "sessions", security(("client" = []), ("api-key" = [])),
    request_body = EndAllFields,
    responses(
        (status = 200, description = "How many ended; 0 for a user who has none here.", body = Ended),
        (status = 401, description = "`invalid-client`, `api-key-refused`: the caller is not a service.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: the session to be spared is not one of this user here; nothing ended.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn end_all(caller: ServiceCaller, Json(fields): Json<EndAllFields>) -> Result<Response, Error> {
    let user: UserId = fields.user.parse().map_err(|_| Error::bad_request("`user` is no user id."))?;
    let spared = match &fields.spare {
        None => None,
        Some(token) => {
            let kept = found(&caller, token).await?;
            if kept.user.as_ref().map(|user| user.id) != Some(user) {
                return Err(Error::new(Code::NotFound).detail("There is no such session."));
            }
            Some(kept.id)
        }
    };
    let ended = caller.site.app.accounts.end_all_kept(user, caller.id(), spared, &caller.by).await?;
    Ok(answer(&Ended { ended }))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmFields {
    /// The session's secret.
    token: String,
    password: String,
    /// A code of the person's app, or a recovery code, where a second factor is needed.
    otp: Option<String>,
    /// Where the person is.
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
}

/// Has the session's user prove again who they are, before a sensitive step of the service.
#[utoipa::path(
    post, path = "/api/v1/sessions/confirm", tag = "sessions", security(("client" = []), ("api-key" = [])),
    request_body = ConfirmFields,
    responses(
        (status = 200, description = "It is the user: `proven_at` is now.", body = Shown<'static>),
        (status = 401, description = "`invalid-client`, `api-key-refused`: the caller is not a service.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`person-refused`, `person-needs-factor`: it may be somebody else; the session goes on.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such session, or nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
async fn confirm(caller: ServiceCaller, Json(fields): Json<ConfirmFields>) -> Result<Response, Error> {
    let kept = found(&caller, &fields.token).await?;
    let user = kept.user.as_ref().ok_or_else(|| Error::new(Code::NotFound).detail("Nobody is signed in."))?;
    let name = user.email.as_ref().map(|address| address.email.to_string()).or_else(|| user.username.clone());
    let name = name.ok_or(Code::PersonRefused)?;
    let (again, proof) = person(&caller, &name, &fields.password, fields.otp.as_deref(), fields.ip).await?;
    if again.id != user.id {
        return Err(Code::PersonRefused.into());
    }
    caller.site.app.accounts.prove_kept(&kept, &proof.amr).await?;
    let kept = found(&caller, &fields.token).await?;
    Ok(answer(&Shown::of(&kept, None)))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckFields {
    /// Address or username.
    name: String,
    password: String,
    /// A code of the person's app, or a recovery code, where a second factor is needed.
    otp: Option<String>,
    /// Where the person is.
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
}

/// Who proved it.
#[derive(Serialize, utoipa::ToSchema)]
struct Proven<'a> {
    user: ShownUser<'a>,
    /// What they proved (RFC 8176).
    amr: Vec<&'static str>,
}

/// Whether a password is right; no session begins.
#[utoipa::path(
    post, path = "/api/v1/check-password", tag = "sessions", security(("client" = []), ("api-key" = [])),
    request_body = CheckFields,
    responses(
        (status = 200, description = "It is right, and whose it is.", body = Proven<'static>),
        (status = 401, description = "`invalid-client`, `api-key-refused`: the caller is not a service.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`person-refused`: name and password are not right. `person-needs-factor`: send `otp`. `access-denied`: the user may not use the service.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
async fn check_password(caller: ServiceCaller, Json(fields): Json<CheckFields>) -> Result<Response, Error> {
    let CheckFields { name, password, otp, ip } = fields;
    let (user, proof) = person(&caller, &name, &password, otp.as_deref(), ip).await?;
    Ok(answer(&Proven { user: ShownUser::of(&user), amr: proof::names(&proof.amr) }))
}
