//! What permission providers that only run beside the others would change: of one provider for administrators, of one service for
//! those who administer it.

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::guard::{Administrator, NotLetIn};
use super::page;
use crate::domain::scope::Scope;
use crate::http::auth::answer;
use crate::http::error::{Code, Error, Problem};
use crate::http::fields::Query;
use crate::http::site::Running;
use crate::store::shadows::{Counted, Differing, Place, Which};

/// The routes of this file.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/api/v1/permissions/shadow", get(of_provider))
        .route("/api/v1/services/{service}/shadow", get(of_service))
}

/// Whose differences, and which part of them.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShadowQuery {
    /// The permission provider's id.
    #[param(required = true)]
    provider: Option<String>,
    /// Only differences in this service.
    service: Option<String>,
    /// 1 to 200; 50 unless given.
    page_size: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Which part of the differences.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShadowPart {
    /// 1 to 200; 50 unless given.
    page_size: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// How a provider has done that runs beside the others.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ShownShadow {
    /// Whether it only observes; if not, what is told here is from before.
    observes: bool,
    /// In all services and processes; written once a minute.
    counts: ShownCounts,
    /// Since when it is counted, in seconds since 1970; null: it was not asked yet.
    since: Option<i64>,
    /// Those that showed last first; at most 1,000 of a provider are kept, for 30 days.
    differences: Vec<ShownDifference>,
    /// For the next page; null: this was the last.
    next: Option<String>,
}

/// How often it was asked, and what came of it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ShownCounts {
    asked: i64,
    /// It would have changed nothing.
    agreed: i64,
    differed: i64,
    /// It had no answer.
    failed: i64,
}

/// What would change in a service.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ShownDifferences {
    /// Those that showed last first.
    differences: Vec<ShownDifference>,
    /// For the next page; null: this was the last.
    next: Option<String>,
}

/// What a provider would change about one permission of somebody.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ShownDifference {
    provider: String,
    service: String,
    /// A user's id, or a service that acts for itself.
    who: String,
    /// A permission, `limits[…]`, or `(token)`.
    permission: String,
    /// `granted`, `denied`, `nothing`; the value of a limit; of a token `allow`, `deny` or `abstain`.
    was: String,
    /// The same, as the provider would have it.
    would: String,
    /// When it showed first, in seconds since 1970.
    first_at: i64,
    /// When it showed last, in seconds since 1970.
    last_at: i64,
    times: i64,
}

impl From<Differing> for ShownDifference {
    fn from(row: Differing) -> Self {
        let Differing { provider, service, who, permission, was, would, first_at, last_at, times } = row;
        Self { provider, service, who, permission, was, would, first_at, last_at, times }
    }
}

impl From<Counted> for ShownCounts {
    fn from(Counted { asked, agreed, differed, failed }: Counted) -> Self {
        Self { asked, agreed, differed, failed }
    }
}

/// What a permission provider with `observe = true` would change, as `countersign permission shadow` says it.
#[utoipa::path(
    get, path = "/api/v1/permissions/shadow", tag = "permissions", security(("api-key" = [])), params(ShadowQuery),
    responses(
        (status = 200, description = "A page of it; of a provider that never observed it is empty.", body = ShownShadow),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        NotLetIn,
        (status = 404, description = "`not-found`: there is no such permission provider. `service-unknown`.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn of_provider(admin: Administrator, Query(query): Query<ShadowQuery>) -> Result<Response, Error> {
    admin.may(&Scope::PermissionsRead)?;
    let app = &admin.site.app;
    let provider = query.provider.ok_or_else(|| Error::bad_request("`provider` is missing."))?;
    let unknown = || Error::new(Code::NotFound).detail("There is no such permission provider.");
    let observes = app.observes(&provider).ok_or_else(unknown)?;
    if query.service.as_deref().is_some_and(|id| app.settings.service(id).is_none()) {
        return Err(Code::ServiceUnknown.into());
    }
    let providers = [provider];
    let which = Which { providers: &providers, service: query.service.as_deref() };
    let part = ShadowPart { page_size: query.page_size, cursor: query.cursor };
    let ShownDifferences { differences, next } = listed(&admin, which, &part).await?;
    let (counts, since) = app.store().shadow_counts(&providers[0]).await?;
    Ok(answer(&ShownShadow { observes, counts: counts.into(), since, differences, next }))
}

/// What the observing permission providers of one service would change there, for those who administer it.
#[utoipa::path(
    get, path = "/api/v1/services/{service}/shadow", tag = "services", security(("api-key" = [])),
    params(("service" = String, Path, description = "The service."), ShadowPart),
    responses(
        (status = 200, description = "A page of it.", body = ShownDifferences),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        NotLetIn,
        (status = 404, description = "`not-found`: there is no such service for the caller.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn of_service(
    admin: Administrator,
    Path(service): Path<String>,
    Query(part): Query<ShadowPart>,
) -> Result<Response, Error> {
    let service = admin.steward(&service)?.service;
    let which = Which { providers: &service.permissions, service: Some(&service.id) };
    Ok(answer(&listed(&admin, which, &part).await?))
}

async fn listed(admin: &Administrator, which: Which<'_>, part: &ShadowPart) -> Result<ShownDifferences, Error> {
    let (list, size) = (("shadow", which.providers, which.service), page::size(part.page_size)?);
    let place: Option<Place> = page::open(admin, &list, part.cursor.as_deref())?;
    let store = admin.site.app.store();
    let mut found = store.shadow_differences(which, place.as_ref(), size as u64 + 1).await?;
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|last| page::seal(admin, &list, &Place::after(last)));
    Ok(ShownDifferences { differences: found.into_iter().map(ShownDifference::from).collect(), next })
}
