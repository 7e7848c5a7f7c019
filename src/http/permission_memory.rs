//! `/api/v1/permissions/invalidate`: what permission providers said is forgotten before its time.

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;

use super::admin::Administrator;
use super::caller::{bearer, entrance, keyed};
use super::error::{Code, Error, Problem};
use super::fields::Json;
use super::limit::{Limit, count_all};
use super::service_caller::ServiceCaller;
use super::site::{Running, Site};
use super::tree::Tree;
use crate::app::Holding;
use crate::domain::audit::By;
use crate::domain::scope::Scope;
use crate::store::invalidations::Invalidation;

/// What this area says of itself.
#[derive(utoipa::OpenApi)]
#[openapi(paths(invalidate))]
pub struct Description;

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/api/v1/permissions/invalidate", post(invalidate))
        .method_not_allowed_fallback(async || Error::new(Code::MethodNotAllowed))
}

/// Who may have something forgotten: a service its own, an administrator anything.
enum Forgetter {
    Service(Box<ServiceCaller>),
    Administrator(Box<Administrator>),
}

impl FromRequestParts<Running> for Forgetter {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, running: &Running) -> Result<Self, Error> {
        if let Some(text) = bearer(&parts.headers)? {
            let (site, ip) = entrance(parts, running)?;
            let key = keyed(&site, &text, ip).await?;
            if matches!(key.holder, Holding::Service(_)) {
                let caller = ServiceCaller::of_key(site, &key, &Scope::Permissions, (parts, ip))?;
                return Ok(Self::Service(Box::new(caller)));
            }
            let administrator = Administrator::from_request_parts(parts, running).await?;
            administrator.may(&Scope::Permissions)?;
            return Ok(Self::Administrator(Box::new(administrator)));
        }
        Ok(Self::Service(Box::new(ServiceCaller::with(parts, running, &Scope::Permissions).await?)))
    }
}

impl Forgetter {
    fn site(&self) -> &Site {
        match self {
            Self::Service(caller) => &caller.site,
            Self::Administrator(administrator) => &administrator.site,
        }
    }

    fn by(&self) -> &By {
        match self {
            Self::Service(caller) => &caller.by,
            Self::Administrator(administrator) => administrator.by(),
        }
    }

    /// Whose asks are counted.
    fn counted(&self) -> String {
        match self {
            Self::Service(caller) => format!("{} permissions", caller.id()),
            Self::Administrator(administrator) => format!("{} permissions", administrator.key_id()),
        }
    }

    /// The service that is meant: its own, or the one that an administrator names.
    fn service(&self, named: Option<&str>) -> Result<Option<String>, Error> {
        match self {
            Self::Service(caller) if named.is_none_or(|id| id == caller.id()) => Ok(Some(caller.id().to_owned())),
            Self::Service(_) => Err(Error::new(Code::AccessDenied).detail("A service has its own answers forgotten.")),
            Self::Administrator(administrator) => {
                let known = |id: &str| administrator.site.app.settings.service(id).is_some();
                match named {
                    Some(id) if !known(id) => Err(Code::ServiceUnknown.into()),
                    named => Ok(named.map(str::to_owned)),
                }
            }
        }
    }
}

/// What is to be forgotten.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the body is read member by member; this describes it")]
struct InvalidateFields {
    /// Id, also one from before accounts were merged, username or proven address; null and missing are everybody.
    user: Option<String>,
    /// Only administrators name one; null and missing are then all services.
    service: Option<String>,
}

/// Forgets what permission providers said: a service's word that somebody's rights changed there.
///
/// Fresh answers and those kept for failures are gone: in this process at once, in others within two seconds. Tokens that were issued
/// live on until they end.
#[utoipa::path(
    post, path = "/api/v1/permissions/invalidate", tag = "permissions", security(("client" = []), ("api-key" = [])),
    request_body = InvalidateFields,
    responses(
        (status = 204, description = "It is forgotten."),
        (status = 400, description = "`bad-request`: a member is too long or of another type; the detail names it.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid-client`, `api-key-refused`: the caller is neither a service nor an administrator.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`: the key lacks `permissions`. `access-denied`: it is another service's.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`service-unknown`: an administrator named a service that is not there. `not-found`: there is no such user, or the address is not proven; nothing is forgotten.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too often.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
async fn invalidate(forgetter: Forgetter, Json(tree): Json<Tree>) -> Result<Response, Error> {
    let body = tree.body()?;
    let (who, named) = (body.get("user").text(320)?, body.get("service").text(40)?);
    let service = forgetter.service(named)?;
    let site = forgetter.site();
    let rate = site.app.settings.rate_limit.token_client;
    count_all(site, None, &[Limit::of_name("permissions", &forgetter.counted(), rate)]).await?;
    let user = match who {
        None => None,
        Some(who) => match site.app.meant_for_good(who).await? {
            Some(user) => Some(user.id),
            None => return Err(Error::new(Code::NotFound).detail("There is no such user.")),
        },
    };
    site.app.invalidate(&Invalidation { service, user }, forgetter.by()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
