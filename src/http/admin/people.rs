//! What is done to one user: locks, proven addresses, sessions, identities, merges.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{delete, get, post};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::guard::Administrator;
use super::once::once;
use super::shown::Done;
use crate::account::administration::Preview;
use crate::domain::id::{SessionId, UserId};
use crate::domain::scope::Scope;
use crate::http::auth::answer;
use crate::http::error::{Code, Error, Problem};
use crate::http::fields::{Json, Query};
use crate::http::site::Running;
use crate::store::sessions::Listed;

/// The routes of this file.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/api/v1/users/{who}/lock", post(lock))
        .route("/api/v1/users/{who}/unlock", post(unlock))
        .route("/api/v1/users/{who}/verify", post(verify))
        .route("/api/v1/users/{who}/reset", post(reset))
        .route("/api/v1/users/{who}/reset-factors", post(reset_factors))
        .route("/api/v1/users/{who}/sessions", get(sessions).delete(end_sessions))
        .route("/api/v1/users/{who}/sessions/{session}", delete(end_session))
        .route("/api/v1/users/{who}/identities", get(identities))
        .route("/api/v1/users/{who}/identities/{provider}", delete(unlink))
        .route("/api/v1/users/{who}/merge", post(merge))
        .route("/api/v1/users/{who}/unmerge", post(unmerge))
}

/// Locks a user out: every session ends at once, roles stay for the day they come back.
#[utoipa::path(
    post, path = "/api/v1/users/{who}/lock", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "They are locked.", body = Done),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn lock(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    Ok(answer(&Done { changed: admin.office().lock(user.id).await? }))
}

/// Lets a locked user in again, as they were.
#[utoipa::path(
    post, path = "/api/v1/users/{who}/unlock", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "They may sign in.", body = Done),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn unlock(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    Ok(answer(&Done { changed: admin.office().unlock(user.id).await? }))
}

/// Notes that the main address is the user's.
#[utoipa::path(
    post, path = "/api/v1/users/{who}/verify", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "The address counts as proven.", body = Done),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: it contradicts what is there. `under-way`: the same request is being answered.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn verify(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    Ok(answer(&Done { changed: admin.office().verify(user.id).await? }))
}

/// Mails a user the link that sets another password. The one they have stays until they use it.
#[utoipa::path(
    post, path = "/api/v1/users/{who}/reset", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "The letter is on its way; earlier links are over.", body = Done),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, `account-locked`, or `deed-refused`: the user is above the caller.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such user.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: they have no address, or this server has no passwords or sends no letters.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn reset(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    admin.reset(&user).await?;
    Ok(answer(&Done { changed: true }))
}

/// Takes all second factors and passkeys from somebody who has lost them; they are told by mail.
#[utoipa::path(
    post, path = "/api/v1/users/{who}/reset-factors", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "They have none.", body = Done),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: the user is above the caller.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such user.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn reset_factors(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    Ok(answer(&Done { changed: admin.office().reset_factors(user.id).await? }))
}

/// Where a user is signed in.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UserSessions {
    sessions: Vec<UserSession>,
}

/// One session.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UserSession {
    /// `ses_…`; not a secret.
    #[schema(value_type = String)]
    id: SessionId,
    /// The provider or method it began with.
    method: String,
    user_agent: Option<String>,
    ip: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    seen_at: OffsetDateTime,
}

impl From<Listed> for UserSession {
    fn from(one: Listed) -> Self {
        Self {
            id: one.id,
            method: one.method,
            user_agent: one.user_agent,
            ip: one.ip,
            created_at: one.created_at,
            seen_at: one.seen_at,
        }
    }
}

/// The sessions of a user that may be used now.
#[utoipa::path(
    get, path = "/api/v1/users/{who}/sessions", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "The last used first.", body = UserSessions),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn sessions(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersRead)?;
    let user = admin.find(&who).await?;
    let idle = admin.site.app.settings.session.idle_timeout;
    let all = admin.site.app.store().sessions_of(user.id, idle).await?;
    Ok(answer(&UserSessions { sessions: all.into_iter().map(UserSession::from).collect() }))
}

/// How many sessions ended.
#[derive(Serialize, utoipa::ToSchema)]
pub struct EndedSessions {
    ended: u64,
}

/// Ends all sessions of a user.
#[utoipa::path(
    delete, path = "/api/v1/users/{who}/sessions", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "They are over.", body = EndedSessions),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn end_sessions(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    Ok(answer(&EndedSessions { ended: admin.office().end_sessions(user.id).await? }))
}

/// Ends one session of a user.
#[utoipa::path(
    delete, path = "/api/v1/users/{who}/sessions/{session}", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id."), ("session" = String, Path, description = "`ses_…`")),
    responses(
        (status = 200, description = "It is over.", body = Done),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn end_session(
    admin: Administrator,
    Path((who, session)): Path<(String, String)>,
) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    let session: SessionId =
        session.parse().map_err(|_| Error::new(Code::NotFound).detail("There is no such session."))?;
    Ok(answer(&Done { changed: admin.office().end_session(user.id, session).await? }))
}

/// Who a user is upstream.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Identities {
    identities: Vec<ShownIdentity>,
}

/// One identity.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ShownIdentity {
    provider: String,
    /// The provider's name for the person.
    subject: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    linked_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    used_at: OffsetDateTime,
}

/// The identities a user can sign in with.
#[utoipa::path(
    get, path = "/api/v1/users/{who}/identities", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "The oldest first.", body = Identities),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn identities(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersRead)?;
    let user = admin.find(&who).await?;
    let all = admin.site.app.store().identities(user.id).await?;
    let identities = all.into_iter().map(|one| ShownIdentity {
        provider: one.subject.provider,
        subject: one.subject.subject,
        linked_at: one.linked_at,
        used_at: one.used_at,
    });
    Ok(answer(&Identities { identities: identities.collect() }))
}

#[derive(Deserialize, utoipa::IntoParams)]
pub struct UnlinkQuery {
    /// Which one, where there are several of the provider.
    subject: Option<String>,
}

/// Takes an identity from a user; the last way to sign in stays.
#[utoipa::path(
    delete, path = "/api/v1/users/{who}/identities/{provider}", tag = "users", security(("api-key" = [])), params(UnlinkQuery, ("who" = String, Path, description = "An id, an address, a username, or an old id."), ("provider" = String, Path, description = "The provider's id.")),
    responses(
        (status = 200, description = "They cannot sign in with it any more.", body = Done),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: it contradicts what is there. `under-way`: the same request is being answered.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn unlink(
    admin: Administrator,
    Path((who, provider)): Path<(String, String)>,
    Query(query): Query<UnlinkQuery>,
) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    let all = admin.site.app.store().identities(user.id).await?;
    let mut meant = all.into_iter().map(|one| one.subject).filter(|subject| {
        subject.provider == provider && query.subject.as_ref().is_none_or(|said| *said == subject.subject)
    });
    let (first, second) = (meant.next(), meant.next());
    let subject = first.ok_or_else(|| Error::new(Code::NotFound).detail("They have no such identity."))?;
    if second.is_some() {
        return Err(Error::bad_request("There are several of this provider: say which with `subject`."));
    }
    Ok(answer(&Done { changed: admin.office().unlink(user.id, &subject).await? }))
}

/// In whom the account goes on.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeFields {
    /// An id, an address, a username, or an old id.
    into: String,
    /// Only says what would move.
    #[serde(default)]
    dry_run: bool,
}

/// What moved, or would.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MergeAnswer {
    #[serde(flatten)]
    preview: Preview,
    /// Until then the two can be parted again; null: it was a dry run.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    undo_until: Option<OffsetDateTime>,
}

/// Makes two accounts of one person one. The one in the address goes.
#[utoipa::path(
    post, path = "/api/v1/users/{who}/merge", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id."), ("idempotency-key" = Option<String>, Header, description = "1 to 200 visible characters; the same request with the same key within 24 hours acts once, and has the same answer.")), request_body = MergeFields,
    responses(
        (status = 200, description = "What moved, or would.", body = MergeAnswer),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: it contradicts what is there. `under-way`: the same request is being answered.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency-key-reused`: the key came with another request before.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn merge(
    admin: Administrator,
    Path(who): Path<String>,
    headers: HeaderMap,
    Json(fields): Json<MergeFields>,
) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    once(&admin, &headers, (&format!("POST /api/v1/users/{who}/merge"), &fields), async || {
        let (gone, into) = (admin.find(&who).await?, admin.find(&fields.into).await?);
        let office = admin.office();
        let preview = office.preview_merge(gone.id, into.id).await?;
        let merged = office.rehearsal(fields.dry_run).merge(gone.id, into.id).await?;
        let undo_until = (!fields.dry_run).then_some(merged.undo_until);
        Ok((StatusCode::OK, MergeAnswer { preview, undo_until }))
    })
    .await
}

/// Who stayed.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Parted {
    #[schema(value_type = String)]
    was_in: UserId,
}

/// Parts two accounts that were merged: what moved and is still there goes back.
#[utoipa::path(
    post, path = "/api/v1/users/{who}/unmerge", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "The id of the one who went.")),
    responses(
        (status = 200, description = "They are two again.", body = Parted),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: it contradicts what is there. `under-way`: the same request is being answered.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn unmerge(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let gone: UserId = who.parse().map_err(|_| Error::new(Code::NotFound).detail("There is no such user."))?;
    Ok(answer(&Parted { was_in: admin.office().undo_merge(gone).await? }))
}
