//! Roles: which there are, and who has them.

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, put};
use serde::Serialize;

use super::guard::Administrator;
use super::shown::Done;
use crate::domain::scope::Scope;
use crate::http::auth::answer;
use crate::http::error::{Error, Problem};
use crate::http::site::Running;

/// The routes of this file.
pub fn router() -> Router<Running> {
    Router::new().route("/api/v1/roles", get(list)).route("/api/v1/users/{who}/roles/{role}", put(grant).delete(revoke))
}

/// The roles of this server.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Roles {
    roles: Vec<Role>,
}

/// One role.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Role {
    #[serde(rename = "role")]
    name: String,
    description: Option<String>,
    /// Whether everybody gets it.
    is_default: bool,
}

/// The roles that the file knows.
#[utoipa::path(
    get, path = "/api/v1/roles", tag = "roles", security(("api-key" = [])),
    responses(
        (status = 200, description = "All of them.", body = Roles),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(admin: Administrator) -> Result<Response, Error> {
    admin.may(&Scope::UsersRead)?;
    let settings = &admin.site.app.settings;
    let roles = settings.roles.iter().map(|role| Role {
        name: role.clone(),
        description: settings.role_descriptions.get(role).cloned(),
        is_default: settings.login.default_roles.contains(role),
    });
    Ok(answer(&Roles { roles: roles.collect() }))
}

/// Gives a user a role.
#[utoipa::path(
    put, path = "/api/v1/users/{who}/roles/{role}", tag = "roles", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id."), ("role" = String, Path, description = "The role.")),
    responses(
        (status = 200, description = "They have it.", body = Done),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn grant(admin: Administrator, Path((who, role)): Path<(String, String)>) -> Result<Response, Error> {
    admin.may(&Scope::RolesWrite)?;
    let user = admin.find(&who).await?;
    Ok(answer(&Done { changed: admin.office().grant(user.id, &role).await? }))
}

/// Takes a role from a user; one that left the file, too.
#[utoipa::path(
    delete, path = "/api/v1/users/{who}/roles/{role}", tag = "roles", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id."), ("role" = String, Path, description = "The role.")),
    responses(
        (status = 200, description = "They do not have it.", body = Done),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn revoke(admin: Administrator, Path((who, role)): Path<(String, String)>) -> Result<Response, Error> {
    admin.may(&Scope::RolesWrite)?;
    let user = admin.find(&who).await?;
    Ok(answer(&Done { changed: admin.office().revoke(user.id, &role).await? }))
}
