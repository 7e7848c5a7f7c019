//! What happened.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::guard::Administrator;
use super::page;
use crate::domain::scope::Scope;
use crate::http::auth::answer;
use crate::http::error::{Error, Problem};
use crate::http::fields::Query;
use crate::http::site::Running;
use crate::store::audit::search::{Cursor, Filter, Recorded};

/// The routes of this file.
pub fn router() -> Router<Running> {
    Router::new().route("/api/v1/audit", get(list))
}

#[derive(Deserialize, Serialize, utoipa::IntoParams)]
pub struct AuditQuery {
    /// The id of who did it.
    actor: Option<String>,
    /// The id of whom it happened to.
    target: Option<String>,
    /// `user.login`, or all of a family: `credential.*`.
    event: Option<String>,
    /// The service's id.
    service: Option<String>,
    /// The id of the request, as error pages show it.
    reference: Option<String>,
    /// From this second since 1970 on.
    since: Option<i64>,
    /// Before this second.
    until: Option<i64>,
    /// 1 to 200; 50 unless given.
    #[serde(skip_serializing)]
    page_size: Option<u32>,
    /// Where the page before ended.
    #[serde(skip_serializing)]
    cursor: Option<String>,
}

/// Some events.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Events {
    events: Vec<Recorded>,
    /// The `cursor` of the next page; null: this was the last.
    next: Option<String>,
}

/// Events, the newest first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", security(("api-key" = [])), params(AuditQuery),
    responses(
        (status = 200, description = "A page.", body = Events),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(admin: Administrator, Query(query): Query<AuditQuery>) -> Result<Response, Error> {
    admin.may(&Scope::AuditRead)?;
    let size = page::size(query.page_size)?;
    let list = ("audit", &query);
    let behind: Option<String> = page::open(&admin, &list, query.cursor.as_deref())?;
    let behind = behind.and_then(|cursor| cursor.parse::<Cursor>().ok());
    let filter = Filter {
        actor: query.actor.clone(),
        target: query.target.clone(),
        about: None,
        events: query.event.clone().into_iter().collect(),
        service: query.service.clone(),
        reference: query.reference.clone(),
        since: query.since,
        until: query.until,
    };
    let page = admin.site.app.store().audit(&filter, behind, size as u64).await?;
    let next = page.next.map(|cursor| page::seal(&admin, &list, &cursor.to_string()));
    Ok(answer(&Events { events: page.events, next }))
}
