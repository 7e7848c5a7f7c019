//! `/api/v1` for administrators' programs: users, roles, permissions, services, invitations and events, each route with the least
//! right it needs.

mod audit;
mod guard;
mod invitations;
mod once;
mod page;
mod people;
mod permissions;
mod roles;
mod services;
mod shadow;
mod shown;
mod users;

use axum::Router;

pub use guard::{Administrator, is_near};

use super::error::{Code, Error};
use super::site::Running;

/// What this area says of itself.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    users::list,
    users::add,
    users::show,
    users::edit,
    users::erase,
    users::export,
    people::lock,
    people::unlock,
    people::verify,
    people::reset,
    people::reset_factors,
    people::sessions,
    people::end_sessions,
    people::end_session,
    people::identities,
    people::unlink,
    people::merge,
    people::unmerge,
    roles::list,
    roles::grant,
    roles::revoke,
    services::list,
    services::roles,
    services::holders,
    services::give,
    services::take,
    services::end_sessions,
    permissions::explain,
    shadow::of_provider,
    shadow::of_service,
    invitations::list,
    invitations::invite,
    invitations::revoke,
    audit::list,
))]
pub struct Description;

/// The routes of this area.
pub fn router() -> Router<Running> {
    users::router()
        .merge(people::router())
        .merge(roles::router())
        .merge(services::router())
        .merge(permissions::router())
        .merge(shadow::router())
        .merge(invitations::router())
        .merge(audit::router())
        .method_not_allowed_fallback(async || Error::new(Code::MethodNotAllowed))
}
