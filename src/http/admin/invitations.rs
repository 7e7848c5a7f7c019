//! Invitations: whom an account is kept for.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{delete, get};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::guard::Administrator;
use super::once::once;
use super::page;
use super::shown::Done;
use super::users::{may_give, may_make};
use crate::account::inviting::Invite;
use crate::domain::id::InvitationId;
use crate::domain::scope::Scope;
use crate::http::auth::answer;
use crate::http::error::{Code, Error, Problem};
use crate::http::fields::{Json, Query};
use crate::http::site::Running;
use crate::store::invitations::Invitation;

/// The routes of this file.
pub fn router() -> Router<Running> {
    Router::new().route("/api/v1/invitations", get(list).post(invite)).route("/api/v1/invitations/{id}", delete(revoke))
}

#[derive(Deserialize, utoipa::IntoParams)]
pub struct InvitationsQuery {
    /// 1 to 200; 50 unless given.
    page_size: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// Some invitations.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Invitations {
    invitations: Vec<ShownInvitation>,
    /// The `cursor` of the next page; null: this was the last.
    next: Option<String>,
}

/// An invitation.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ShownInvitation {
    #[schema(value_type = String)]
    id: InvitationId,
    email: String,
    /// Beside the default ones.
    roles: Vec<String>,
    /// Where they go first.
    service: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    accepted_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<OffsetDateTime>,
}

impl From<Invitation> for ShownInvitation {
    fn from(one: Invitation) -> Self {
        Self {
            id: one.id,
            email: one.email.into(),
            roles: one.roles,
            service: one.service,
            created_at: one.created_at,
            expires_at: one.expires_at,
            accepted_at: one.accepted_at,
            revoked_at: one.revoked_at,
        }
    }
}

/// Invitations, the newest first.
#[utoipa::path(
    get, path = "/api/v1/invitations", tag = "invitations", security(("api-key" = [])), params(InvitationsQuery),
    responses(
        (status = 200, description = "A page.", body = Invitations),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(admin: Administrator, Query(query): Query<InvitationsQuery>) -> Result<Response, Error> {
    admin.may(&Scope::InvitationsWrite)?;
    let size = page::size(query.page_size)?;
    let after: Option<InvitationId> = page::open(&admin, &"invitations", query.cursor.as_deref())?;
    let mut all = admin.site.app.accounts.invitations(after, size as u64 + 1).await?;
    let more = all.len() > size;
    all.truncate(size);
    let next = all.last().filter(|_| more).map(|last| page::seal(&admin, &"invitations", &last.id));
    Ok(answer(&Invitations { invitations: all.into_iter().map(ShownInvitation::from).collect(), next }))
}

/// Whom to invite.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteFields {
    email: String,
    /// Beside the default ones; asks for the scope `roles:write`.
    #[serde(default)]
    roles: Vec<String>,
    /// Where they go first.
    service: Option<String>,
    /// In days: 1 to 30; 7 unless given.
    days: Option<u8>,
}

/// An invitation that was made.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MadeInvitation {
    #[serde(flatten)]
    invitation: ShownInvitation,
    /// The link that accepts it, this once; it is mailed as well. Only administrators see it: it proves the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// Invites somebody by mail; an earlier invitation of the same address is over then.
#[utoipa::path(
    post, path = "/api/v1/invitations", tag = "invitations", security(("api-key" = [])), params(("idempotency-key" = Option<String>, Header, description = "1 to 200 visible characters; the same request with the same key within 24 hours acts once, and has the same answer.")), request_body = InviteFields,
    responses(
        (status = 201, description = "The invitation.", body = MadeInvitation),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody gives a role they do not have.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`address-taken`: the address has an account. `under-way`: the same request is being answered.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency-key-reused`: the key came with another request before.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn invite(
    admin: Administrator,
    headers: HeaderMap,
    Json(fields): Json<InviteFields>,
) -> Result<Response, Error> {
    admin.may(&Scope::InvitationsWrite)?;
    may_give(&admin, &fields.roles)?;
    may_make(&admin, &fields.email)?;
    let lasts = match fields.days.unwrap_or(7) {
        days @ 1..=30 => Duration::days(days.into()),
        _ => return Err(Error::bad_request("`days` is 1 to 30.")),
    };
    if fields.service.as_deref().is_some_and(|id| admin.site.app.service(id).is_none()) {
        return Err(Error::bad_request("There is no such service."));
    }
    let email = fields.email.parse().map_err(|_| Error::bad_request("`email` is not an e-mail address."))?;
    let invite = Invite { email, roles: fields.roles.clone(), service: fields.service.clone(), lasts };
    once(&admin, &headers, ("POST /api/v1/invitations", &fields), async || {
        let made = admin.site.app.invite(admin.by(), invite).await?;
        // The link proves the address: it goes there, and to administrators, who could prove it anyway.
        let link = admin.is_admin().then_some(made.link);
        Ok((StatusCode::CREATED, MadeInvitation { invitation: made.invitation.into(), link }))
    })
    .await
}

/// Takes an invitation back.
#[utoipa::path(
    delete, path = "/api/v1/invitations/{id}", tag = "invitations", security(("api-key" = [])), params(("id" = String, Path, description = "The invitation's id.")),
    responses(
        (status = 200, description = "It is over.", body = Done),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn revoke(admin: Administrator, Path(id): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::InvitationsWrite)?;
    let id: InvitationId = id.parse().map_err(|_| Error::new(Code::NotFound).detail("There is no such invitation."))?;
    Ok(answer(&Done { changed: admin.site.app.accounts.revoke_invitation(admin.by(), id).await? }))
}
