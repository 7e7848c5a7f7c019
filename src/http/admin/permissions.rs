//! Why somebody may do what they may do.
//!
//! The providers of the service are really asked, as for a token: their addresses are the file's, and nothing of the request chooses
//! where it goes or what is evaluated. Because they are asked, it takes the right to administrate, and not only to look: a key with
//! `permissions:read` is an administrator's or a service's that an administrator gave it to.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::guard::{Administrator, NotLetIn};
use crate::app::explain::{ExplainError, Explained, Query as Asked, roles_in};
use crate::domain::scope::Scope;
use crate::http::auth::answer;
use crate::http::error::{Code, Error, Problem};
use crate::http::fields::Query;
use crate::http::login::PASSWORD;
use crate::http::site::Running;

/// The routes of this file.
pub fn router() -> Router<Running> {
    Router::new().route("/api/v1/permissions/explain", get(explain))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// The service's id.
    #[param(required = true)]
    service: Option<String>,
    /// An id, an address, a username, or an old id.
    #[param(required = true)]
    user: Option<String>,
    /// The one permission that is of interest: then each provider says why or why not.
    permission: Option<String>,
    /// `true`: as if they had proven more than one factor.
    mfa: Option<bool>,
    /// As if they had these roles, too; several with commas between them.
    role: Option<String>,
    /// The provider or method they would have signed in with; `password` unless given.
    method: Option<String>,
}

/// What somebody may do in a service, and why. Every permission provider of the service is asked; nothing is remembered, and no
/// token is made.
#[utoipa::path(
    get, path = "/api/v1/permissions/explain", tag = "permissions", security(("api-key" = [])), params(ExplainQuery),
    responses(
        (status = 200, description = "Why, also where they would get no token: then `refusal` says so.", body = Explained),
        (status = 400, description = "`bad-request`: the request cannot be understood, or names a role that the file does not have.", body = Problem, content_type = "application/problem+json"),
        NotLetIn,
        (status = 404, description = "`service-unknown`, or `not-found`: there is no such user.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn explain(admin: Administrator, Query(query): Query<ExplainQuery>) -> Result<Response, Error> {
    admin.may(&Scope::PermissionsRead)?;
    let app = &admin.site.app;
    let missing = |name| move || Error::bad_request(format!("`{name}` is missing."));
    let (wanted, who) = (query.service.ok_or_else(missing("service"))?, query.user.ok_or_else(missing("user"))?);
    let service = app.settings.service(&wanted);
    let service = service.ok_or(Code::ServiceUnknown)?;
    let user = admin.find(&who).await?;
    let roles = roles_in(query.role.as_deref());
    let asked = Asked {
        service,
        user: &user,
        method: query.method.as_deref().unwrap_or(PASSWORD),
        mfa: query.mfa.unwrap_or_default(),
        roles: &roles,
        permission: query.permission.as_deref(),
    };
    Ok(answer(&app.explain(&asked).await?))
}

impl From<ExplainError> for Error {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Senseless(why) => Self::bad_request(format!("{why}.")),
            ExplainError::Token(error) => error.into(),
            ExplainError::Store(error) => error.into(),
        }
    }
}
