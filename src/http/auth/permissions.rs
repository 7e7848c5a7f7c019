//! `/auth/permissions`: what a service token did not have room for (`permissions_ref`).

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answers::answer;
use super::refused;
use crate::app::{OfToken, Unresolved};
use crate::domain::claims::Sub;
use crate::domain::permission::Permissions;
use crate::domain::scope::Scope;
use crate::http::caller::bearer;
use crate::http::error::{Code, Error, Problem};
use crate::http::fields::JsonOrForm;
use crate::http::service_caller::ServiceCaller;
use crate::http::site::{Running, Site};

/// What a token stands for now.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Permitted {
    service: String,
    #[schema(value_type = String)]
    sub: Sub,
    #[schema(value_type = std::collections::HashMap<String, bool>)]
    permissions: Permissions,
    #[schema(value_type = Object)]
    limits: Map<String, Value>,
    /// What permission providers add.
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
    /// Whether an answer from before a failure is part of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    perm_stale: bool,
}

/// The same for the service, or that the token stands for nothing.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Introspected {
    /// Whether the token stands for anything.
    active: bool,
    #[serde(flatten)]
    permitted: Option<Permitted>,
}

impl Introspected {
    const INACTIVE: Self = Self { active: false, permitted: None };
}

impl From<OfToken> for Permitted {
    fn from(found: OfToken) -> Self {
        let OfToken { service, sub, granted } = found;
        let (permissions, limits, claims) = (granted.permissions, granted.limits, granted.claims);
        Self { service, sub, permissions, limits, claims, perm_stale: granted.is_stale }
    }
}

/// The token of the request, which is a service token here.
pub(super) struct ServiceToken(String);

impl FromRequestParts<Running> for ServiceToken {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Running) -> Result<Self, Error> {
        bearer(&parts.headers)?.map(Self).ok_or_else(|| Code::TokenRefused.into())
    }
}

/// What a service token stands for now: permissions, limits and claims, decided anew.
///
/// A token that had no room for them says so in `permissions_ref`, which leads here; any service token of ours is answered. It has to
/// be alive, and so have its session, its user and its service.
#[utoipa::path(
    get, path = "/auth/permissions", tag = "auth", security(("bearer" = [])),
    responses(
        (status = 200, description = "What it stands for.", body = Permitted),
        (status = 401, description = "`token-refused`: it is not a service token of ours, or it stands for nothing any more.", body = Problem, content_type = "application/problem+json", headers(("www-authenticate" = String, description = "`Bearer`"))),
        (status = 403, description = "`access-denied`: there would be no token now.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`permission-provider-failed`: it cannot be determined now.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
pub(super) async fn own(site: Site, ServiceToken(token): ServiceToken) -> Result<Response, Error> {
    match site.app.permissions_of(&token, None).await {
        Ok(found) => Ok(answer(&Permitted::from(found))),
        Err(Unresolved::Dead) => Err(Code::TokenRefused.into()),
        Err(Unresolved::Refused(refusal)) => Err(refused(refusal)),
        Err(Unresolved::Store(error)) => Err(error.into()),
    }
}

/// The service that calls: by its secret, or by a key with the scope `permissions`.
pub(super) struct Caller(ServiceCaller);

impl FromRequestParts<Running> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, running: &Running) -> Result<Self, Error> {
        ServiceCaller::with(parts, running, &Scope::Permissions).await.map(Self)
    }
}

#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct FetchFields {
    /// A token of the service that calls.
    token: String,
}

/// The same for the service, which sends the token in the body (as RFC 7662 §2 does).
///
/// `active` is false for a token of another service, too.
#[utoipa::path(
    post, path = "/auth/permissions", tag = "auth", security(("client" = []), ("api-key" = [])),
    request_body(content((FetchFields = "application/x-www-form-urlencoded"), (FetchFields = "application/json"))),
    responses(
        (status = 200, description = "What it stands for, or that it stands for nothing.", body = Introspected),
        (status = 400, description = "`bad-request`: `token` is missing or given twice.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid-client`, `api-key-refused`: the caller is not a service.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`: the key lacks `permissions`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor a form.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`permission-provider-failed`: it cannot be determined now.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
pub(super) async fn of_token(
    Caller(caller): Caller,
    JsonOrForm(fields): JsonOrForm<FetchFields>,
) -> Result<Response, Error> {
    let introspected = match caller.site.app.permissions_of(&fields.token, Some(caller.id())).await {
        Ok(found) => Introspected { active: true, permitted: Some(found.into()) },
        Err(Unresolved::Refused(refusal)) => match refused(refusal) {
            error if error.code.status() == StatusCode::FORBIDDEN => Introspected::INACTIVE,
            error => return Err(error),
        },
        Err(Unresolved::Store(error)) => return Err(error.into()),
        Err(Unresolved::Dead) => Introspected::INACTIVE,
    };
    Ok(answer(&introspected))
}
