//! The services of the file; and one service for those who administer it: who has its roles, and its sessions. They see and touch
//! nothing else.

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{delete, get, put};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::guard::{Administrator, NotForThem, NotLetIn};
use super::page;
use super::shown::Done;
use crate::account::administration::AdminError;
use crate::app::observed::{ListedService, listed};
use crate::domain::audit::{Event, What};
use crate::domain::id::UserId;
use crate::domain::scope::Scope;
use crate::domain::user::User;
use crate::http::auth::answer;
use crate::http::error::{Error, Problem};
use crate::http::fields::Query;
use crate::http::limit::count_ask;
use crate::http::site::Running;
use crate::store::people::Wanted;

/// The routes of this file.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/api/v1/services", get(list))
        .route("/api/v1/services/{service}/roles", get(roles))
        .route("/api/v1/services/{service}/roles/{role}", get(holders))
        .route("/api/v1/services/{service}/roles/{role}/{who}", put(give).delete(take))
        .route("/api/v1/services/{service}/sessions/{who}", delete(end_sessions))
}

/// The services of the file.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Services {
    services: Vec<ListedService>,
}

/// The services of the file, and how soon it works in each to take something from somebody.
#[utoipa::path(
    get, path = "/api/v1/services", tag = "services", security(("api-key" = [])),
    responses(
        (status = 200, description = "All of them.", body = Services),
        NotLetIn,
    )
)]
pub async fn list(admin: Administrator) -> Result<Response, Error> {
    admin.may(&Scope::PermissionsRead)?;
    let app = &admin.site.app;
    Ok(answer(&Services { services: listed(&app.settings, &app.chain) }))
}

/// The roles of a service.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ServiceRoles {
    roles: Vec<ServiceRole>,
}

/// One role of a service.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ServiceRole {
    #[serde(rename = "role")]
    name: String,
    description: Option<String>,
}

/// The roles that the service's administrators give and take.
#[utoipa::path(
    get, path = "/api/v1/services/{service}/roles", tag = "services", security(("api-key" = [])), params(("service" = String, Path, description = "The service.")),
    responses(
        (status = 200, description = "All of them.", body = ServiceRoles),
        NotForThem,
    )
)]
pub async fn roles(admin: Administrator, Path(service): Path<String>) -> Result<Response, Error> {
    let steward = admin.steward(&service)?;
    let settings = &admin.site.app.settings;
    let role =
        |role: &String| ServiceRole { name: role.clone(), description: settings.role_descriptions.get(role).cloned() };
    Ok(answer(&ServiceRoles { roles: steward.service.roles.iter().map(role).collect() }))
}

/// Which part of the list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
pub struct Part {
    /// 1 to 200; 50 unless given.
    page_size: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Who has a role of a service.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Holders {
    users: Vec<RoleHolder>,
    /// For the next page; null: this was the last.
    next: Option<String>,
}

/// As much of a user as those who administer one service see.
#[derive(Serialize, utoipa::ToSchema)]
pub struct RoleHolder {
    /// `usr_…`
    #[schema(value_type = String)]
    id: UserId,
    username: Option<String>,
    name: Option<String>,
    /// The main address, with stars in it.
    address: Option<String>,
    /// Those of this service.
    roles: Vec<String>,
}

impl RoleHolder {
    fn of(user: User, roles: &[String]) -> Self {
        Self {
            id: user.id,
            username: user.username,
            name: user.name,
            address: user.email.map(|address| address.email.masked()),
            roles: user.roles.into_iter().filter(|role| roles.contains(role)).collect(),
        }
    }
}

/// Who has the role.
#[utoipa::path(
    get, path = "/api/v1/services/{service}/roles/{role}", tag = "services", security(("api-key" = [])),
    params(("service" = String, Path, description = "The service."), ("role" = String, Path, description = "One of its roles."), Part),
    responses(
        (status = 200, description = "A page of them.", body = Holders),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        NotForThem,
    )
)]
pub async fn holders(
    admin: Administrator,
    Path((service, role)): Path<(String, String)>,
    Query(part): Query<Part>,
) -> Result<Response, Error> {
    let steward = admin.steward(&service)?;
    let role = steward.role(&role)?;
    let (list, size) = (("service role", &service, role), page::size(part.page_size)?);
    let place = page::open(&admin, &list, part.cursor.as_deref())?;
    let wanted = Wanted { role: Some(role.to_owned()), ..Wanted::default() };
    let found = admin.site.app.store().people(&wanted, place, size).await?;
    let own = &steward.service.roles;
    Ok(answer(&Holders {
        users: found.people.into_iter().map(|person| RoleHolder::of(person.user, own)).collect(),
        next: found.next.map(|place| page::seal(&admin, &list, &place)),
    }))
}

/// Gives a user a role of the service.
#[utoipa::path(
    put, path = "/api/v1/services/{service}/roles/{role}/{who}", tag = "services", security(("api-key" = [])),
    params(("service" = String, Path, description = "The service."), ("role" = String, Path, description = "One of its roles."), ("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "They have it.", body = Done),
        NotForThem,
    )
)]
pub async fn give(
    admin: Administrator,
    Path((service, role, who)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let steward = admin.steward(&service)?;
    let role = steward.role(&role)?;
    let user = admin.find(&who).await?;
    Ok(answer(&Done { changed: steward.office().grant(user.id, role).await? }))
}

/// Takes a role of the service from a user.
#[utoipa::path(
    delete, path = "/api/v1/services/{service}/roles/{role}/{who}", tag = "services", security(("api-key" = [])),
    params(("service" = String, Path, description = "The service."), ("role" = String, Path, description = "One of its roles."), ("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "They do not have it.", body = Done),
        NotForThem,
    )
)]
pub async fn take(
    admin: Administrator,
    Path((service, role, who)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let steward = admin.steward(&service)?;
    let role = steward.role(&role)?;
    let user = admin.find(&who).await?;
    Ok(answer(&Done { changed: steward.office().revoke(user.id, role).await? }))
}

/// Ends the sessions that the service keeps for a user.
#[utoipa::path(
    delete, path = "/api/v1/services/{service}/sessions/{who}", tag = "services", security(("api-key" = [])),
    params(("service" = String, Path, description = "The service."), ("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "Whether any were ended. Nobody, somebody without sessions in the service and somebody above the caller are answered alike: `changed` is false.", body = Done),
        NotLetIn,
        (status = 404, description = "`not-found`: there is no such service for the caller.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`: too often with this key.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
pub async fn end_sessions(
    admin: Administrator,
    Path((service, who)): Path<(String, String)>,
) -> Result<Response, Error> {
    let steward = admin.steward(&service)?;
    let who_asks = format!("key {}", admin.key_id());
    count_ask(&admin.site, admin.by().ip, who_asks, admin.site.app.settings.rate_limit.api_key)?;
    let office = steward.office();
    let ended = match office.find(&who).await {
        Ok(user) => office.end_kept(user.id, &service).await,
        Err(error) => Err(error),
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(AdminError::NotFound | AdminError::Refused(_)) => 0,
        Err(error) => return Err(error.into()),
    };
    if ended == 0 {
        // It names nobody: their own page tells people what happened to them, and nothing did.
        let what = What::new(Event::SessionRevoked).service(Some(&service)).details(json!({ "sessions": 0 }));
        admin.site.app.accounts.note(admin.by(), what).await?;
    }
    Ok(answer(&Done { changed: ended > 0 }))
}
