//! `/auth`: the JSON API that services and their pages speak.

mod access;
mod answers;
mod asker;
mod cors;
mod exchange;
mod limit;
mod noted;
mod password;
mod permissions;
mod token;

use std::convert::Infallible;
use std::net::IpAddr;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use tower_sessions::SessionManagerLayer;

use super::browser::Browser;
use super::caller::{key_in_address, keyed};
use super::client::ClientIp;
use super::error::{Code, Error, Problem};
use super::federated::Target;
use super::fields::{JsonOrForm, Query};
use super::login::start_path;
use super::site::{Running, Site};
use crate::account::Renamed;
use crate::app::{Claimant, Closed, Issued, Refusal};
use crate::domain::api_key::ApiKey;
use crate::domain::audit::{Actor, By};
use crate::domain::service::{PermissionsIn, Service};
use crate::domain::user::User;
use crate::store::sessions::Sessions;
pub use answers::answer;
use answers::{
    Authorized, Checked, Granted, NoPermissions, NotSignedIn, Offered, PublicProfile, Resolved, SignedIn, Updated,
};
pub use noted::by;
use noted::issue;
pub use token::{credentials, proves};

/// What this area says of itself.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    check,
    authorize,
    update,
    public_key,
    resolve,
    get_profile,
    token::token,
    exchange::exchange,
    password::validate,
    access::access,
    limit::limit,
    permissions::own,
    permissions::of_token,
    logout
))]
pub struct Description;

/// The routes of this area.
/// Only logout looks at the session cookie: all else is for callers who hold a token.
pub fn router(running: &Running, session: SessionManagerLayer<Sessions>) -> Router<Running> {
    let with_cookie = Router::new().route("/auth/logout", post(logout)).layer(session);
    with_cookie
        .route("/auth/check", get(check))
        .route("/auth/authorize", get(authorize))
        .route("/auth/update", post(update))
        .route("/auth/public-key", get(public_key))
        .route("/auth/resolve", get(resolve))
        .route("/auth/get_profile", get(get_profile))
        .route("/auth/token", post(token::token))
        .route("/auth/exchange", post(exchange::exchange))
        .route("/auth/password/validate", post(password::validate))
        .route("/auth/access", post(access::access))
        .route("/auth/limit", post(limit::limit))
        .route("/auth/permissions", get(permissions::own).post(permissions::of_token))
        // Said here, so that the layer hears preflights, too: a fallback that is set from outside would replace it.
        .method_not_allowed_fallback(async || Error::new(Code::MethodNotAllowed))
        .layer(cors::Layer(running.clone()))
}

/// The login token of a request: `Authorization: Bearer`, else `auth-token`, else the parameter `jwt`. A bad header is not
/// rescued by a good parameter; an empty one and `undefined` mean none.
struct Bearer(Result<Option<String>, Error>);

impl Bearer {
    /// # Errors
    /// `bad-request` if there are two that differ in the same place.
    fn or(self, jwt: Option<String>) -> Result<Option<String>, Error> {
        Ok(self.0?.or(jwt).filter(|token| !token.is_empty() && token != "undefined"))
    }
}

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(in_headers(&parts.headers)))
    }
}

fn in_headers(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let once = |name: &str| {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(Error::bad_request(format!("There is more than one {name} header."))),
            (first, None) => Ok(first.map(|value| value.to_str().unwrap_or("\u{fffd}"))),
        }
    };
    let of_header = match once(AUTHORIZATION.as_str())? {
        Some(value) => {
            let scheme = value.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
            scheme.map(|_| value[7..].trim())
        }
        None => None,
    };
    let found = match of_header {
        Some(token) => Some(token),
        None => once("auth-token")?.filter(|value| !value.is_empty()),
    };
    Ok(found.map(ToOwned::to_owned))
}

/// The parameter `jwt`, which stands in one place.
fn only(query: Option<String>, body: Option<String>) -> Result<Option<String>, Error> {
    match (query, body) {
        (Some(_), Some(_)) => Err(Error::bad_request("`jwt` stands in the query and in the body.")),
        (query, body) => Ok(query.or(body)),
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
struct CheckQuery {
    #[param(ignore)]
    jwt: Option<String>,
    /// Where the sign-in is to end; one of a service's `next_urls`.
    next: Option<String>,
    /// The service to sign in to, where several have registered `next`.
    service: Option<String>,
}

/// Whether somebody is signed in, and where to sign in.
#[utoipa::path(
    get, path = "/auth/check", tag = "auth", params(CheckQuery), security((), ("bearer" = []), ("auth-token" = []), ("jwt" = [])),
    responses(
        (status = 200, description = "Who is signed in; without a live session, the ways in.", body = Checked<'static>),
        (status = 400, description = "`next-not-allowed`: no service expects sign-ins to end there. `bad-request`: a parameter or header is given twice.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`service-unknown`: there is no such service, or it is switched off.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn check(site: Site, bearer: Bearer, Query(query): Query<CheckQuery>) -> Result<Response, Error> {
    let token = bearer.or(query.jwt)?;
    let next = Target { next: query.next, service: query.service.clone() }.parse(&site)?;
    if let Some(id) = query.service.as_deref().filter(|id| site.app.service(id).is_none()) {
        return Err(Error::new(Code::ServiceUnknown).detail(format!("There is no service `{}`.", printable(id))));
    }
    let live = match &token {
        Some(token) => site.app.session_or_old_token(token).await?,
        None => None,
    };
    if let Some((live, expires_in)) = live {
        return Ok(answer(&Checked::In(SignedIn::of(&live.user, expires_in))));
    }
    let offered = site.app.providers.iter().filter(|(id, _)| site.app.may_use(id, next.as_ref()));
    let providers = offered.map(|(id, provider)| {
        let path = start_path(&site, id, next.as_ref());
        let path = path.strip_prefix(&site.shell.base).unwrap_or(&path);
        (id.to_owned(), Offered { url: site.app.url(path), label: format!("Continue with {}", provider.button().name) })
    });
    let login_url = format!("{}{}", site.app.url("/login"), super::login::query(next.as_ref()));
    Ok(answer(&Checked::Out(NotSignedIn { authenticated: false, providers: providers.collect(), login_url })))
}

#[derive(Deserialize, utoipa::IntoParams)]
struct AuthorizeQuery {
    #[param(ignore)]
    jwt: Option<String>,
    /// The service the token is for.
    service: Option<String>,
}

/// A short-lived token for one service, with what the user may do there.
///
/// An API key in a header takes the place of a login token: a person's key gets the person's token, a service's key a token
/// about that service. A key never stands in the address.
#[utoipa::path(
    get, path = "/auth/authorize", tag = "auth", params(AuthorizeQuery), security((), ("bearer" = []), ("auth-token" = []), ("jwt" = []), ("api-key" = [])),
    responses(
        (status = 200, description = "The token. Without a login token, a live session or a service: exactly `{\"permissions\":{}}`.", body = Authorized<'static>),
        (status = 400, description = "`bad-request`: a parameter or header is given twice.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: the API key cannot be used here and now.", body = Problem, content_type = "application/problem+json", headers(("www-authenticate" = String, description = "`Bearer`"))),
        (status = 403, description = "`access-denied`: the user may not use the service. `scope-missing`: the API key is not for it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`service-unknown`: there is no such service, or it is switched off.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong API keys.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
        (status = 503, description = "`permission-provider-failed`: what the user may do cannot be determined now.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
async fn authorize(
    site: Site,
    ip: Option<axum::Extension<ClientIp>>,
    bearer: Bearer,
    Query(query): Query<AuthorizeQuery>,
) -> Result<Response, Error> {
    if query.jwt.as_deref().is_some_and(ApiKey::is_meant) {
        return Err(key_in_address());
    }
    let token = bearer.or(query.jwt)?;
    let (Some(token), Some(id)) = (token, query.service.filter(|id| !id.is_empty())) else {
        return Ok(answer(&Authorized::No(NoPermissions::default())));
    };
    let ip = ip.map(|ip| ip.0.0);
    if ApiKey::is_meant(&token) {
        return by_key(&site, &token, &id, ip).await;
    }
    let Some((live, _)) = site.app.session_or_old_token(&token).await? else {
        return Ok(answer(&Authorized::No(NoPermissions::default())));
    };
    let service = site.app.service(&id).ok_or(Code::ServiceUnknown)?;
    let issued = issue(&site, service, &Claimant::of(&live), ip).await?;
    Ok(answer(&granted(service, issued)))
}

/// The same for the holder of an API key: a person, or a service that acts for itself.
async fn by_key(site: &Site, text: &str, id: &str, ip: Option<IpAddr>) -> Result<Response, Error> {
    let key = keyed(site, text, ip).await?;
    let service = site.app.service(id).ok_or(Code::ServiceUnknown)?;
    if !key.may_authorize(&service.id) {
        return Err(Error::new(Code::ScopeMissing).detail("The key is not for this service."));
    }
    let issued = issue(site, service, &Claimant::of_key(&key), ip).await?;
    Ok(answer(&granted(service, issued)))
}

fn granted(service: &Service, issued: Issued) -> Authorized<'_> {
    Authorized::Yes(Granted {
        token: issued.token,
        userid: issued.sub,
        permissions: service.has_permissions_in(PermissionsIn::Authorize).then_some(issued.permissions),
        service: &service.id,
        expires_in: issued.expires_in,
        token_type: "Bearer",
    })
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Closed(Closed::Unverified) => Code::AddressUnverified.into(),
        Refusal::Closed(Closed::Leaving) => Code::AccountLeaving.into(),
        Refusal::Denied(message) if message.is_empty() => Code::AccessDenied.into(),
        Refusal::Denied(message) => Error::new(Code::AccessDenied).detail(message),
        Refusal::Missing(missing) => Error::missing(missing),
        Refusal::Store(error) => error.into(),
        Refusal::Chain(error) => Error::new(Code::PermissionProviderFailed).because(error),
        Refusal::Stopped(stopped) => stopped.into(),
        Refusal::Token(error) => error.into(),
    }
}

#[derive(Default, Deserialize, utoipa::IntoParams, utoipa::ToSchema)]
struct UpdateFields {
    /// The login token, where no header and no query carries it.
    #[param(ignore)]
    jwt: Option<String>,
    /// The name they wish for.
    username: Option<String>,
}

/// Sets the username, once.
#[utoipa::path(
    post, path = "/auth/update", tag = "auth", params(UpdateFields), security((), ("bearer" = []), ("auth-token" = []), ("jwt" = [])),
    request_body(content((UpdateFields = "application/json"), (UpdateFields = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Whether it is set, and why not: `No token`, `Not authenticated`, `Unknown User`, `Cannot modify username, already set`, `Username taken`, `Username not allowed`.", body = Updated),
        (status = 400, description = "`bad-request`: a parameter, member or header is given twice.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is longer than the limit.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor a form.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn update(
    State(running): State<Running>,
    bearer: Bearer,
    Query(query): Query<UpdateFields>,
    JsonOrForm(body): JsonOrForm<UpdateFields>,
) -> Result<Response, Error> {
    let site = running.now();
    let failed = |error| Ok(answer(&Updated::failed(error)));
    let Some(token) = bearer.or(only(query.jwt, body.jwt)?)? else { return failed("No token") };
    let Ok(claims) = site.app.login_key.verify_login(&token, site.app.now()) else {
        return failed("Not authenticated");
    };
    let Some(live) = site.app.live(claims.sid).await?.filter(|live| live.user.id == claims.sub) else {
        let is_gone = site.app.store().user(claims.sub).await?.is_none();
        return failed(if is_gone { "Unknown User" } else { "Not authenticated" });
    };
    let Some(wish) = query.username.or(body.username).filter(|wish| !wish.is_empty()) else {
        return Ok(answer(&Updated::done()));
    };
    let by = By { actor: Actor::User(live.user.id), ..By::system() };
    match site.app.accounts.rename(&by, &live.user, &wish).await? {
        Renamed::Yes => Ok(answer(&Updated::done())),
        Renamed::AlreadySet => failed("Cannot modify username, already set"),
        Renamed::Taken | Renamed::LooksTaken => failed("Username taken"),
        Renamed::Unusable(_) | Renamed::NotAllowed => failed("Username not allowed"),
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
struct KeyQuery {
    /// The service whose tokens are to be verified; without it, the key of the default algorithm.
    service: Option<String>,
    /// The `kid` of a token.
    kid: Option<String>,
    /// `1`: all published keys, one behind the other.
    all: Option<String>,
}

/// The key that verifies service tokens, as PEM.
#[utoipa::path(
    get, path = "/auth/public-key", tag = "keys", params(KeyQuery), security(()),
    responses(
        (status = 200, description = "SubjectPublicKeyInfo in PEM.", body = String, content_type = "text/plain", headers(("x-key-id" = String, description = "Its `kid`; of several, with spaces between."))),
        (status = 400, description = "`bad-request`: a parameter is given twice.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`service-unknown`, or `not-found`: there is no such key.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn public_key(site: Site, Query(query): Query<KeyQuery>) -> Result<Response, Error> {
    let ring = site.app.house.ring.load();
    let algorithm = match query.service.as_deref() {
        Some(id) => site.app.service(id).ok_or(Code::ServiceUnknown)?.token_alg,
        None => site.app.settings.keys.access_token_alg,
    };
    let found = match (query.kid.as_deref(), query.all.as_deref()) {
        (Some(kid), _) => ring.pem(kid).map(|pem| (kid.to_owned(), pem.to_owned())),
        (None, Some("1")) => {
            let kids: Vec<_> = ring.keys().iter().map(|key| key.kid().to_owned()).collect();
            let pems = kids.iter().filter_map(|kid| ring.pem(kid)).collect::<String>();
            Some((kids.join(" "), pems))
        }
        (None, _) => ring.pem_active(algorithm, site.app.now()).map(|(kid, pem)| (kid.to_owned(), pem.to_owned())),
    };
    let (kid, pem) = found.ok_or_else(|| Error::new(Code::NotFound).detail("There is no such key."))?;
    let mut response = Response::new(pem.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    headers.insert("x-key-id", HeaderValue::try_from(kid).map_err(Error::internal)?);
    Ok(response)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct ByName {
    /// In any case.
    username: Option<String>,
}

/// Whose username it is.
#[utoipa::path(
    get, path = "/auth/resolve", tag = "users", params(ByName), security(()),
    responses(
        (status = 200, description = "The user's id, or null.", body = Resolved),
        (status = 400, description = "`bad-request`: a parameter is given twice.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn resolve(site: Site, Query(query): Query<ByName>) -> Result<Response, Error> {
    let user = by_name(&site, query.username.as_deref().unwrap_or_default()).await?;
    Ok(answer(&Resolved { userid: user.map(|user| user.id) }))
}

/// Whose username it is, or whose id on an older server.
async fn by_name(site: &Site, name: &str) -> Result<Option<User>, Error> {
    let store = site.app.store();
    match store.user_by_username(name).await? {
        Some(user) => Ok(Some(user)),
        None => Ok(store.user_by_alias(name).await?),
    }
}

/// What everybody may see of a user.
#[utoipa::path(
    get, path = "/auth/get_profile", tag = "users", params(ByName), security(()),
    responses(
        (status = 200, description = "The profile, or null.", body = PublicProfile<'static>),
        (status = 400, description = "`bad-request`: a parameter is given twice.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn get_profile(site: Site, Query(query): Query<ByName>) -> Result<Response, Error> {
    let user = site.app.store().user_by_username(query.username.as_deref().unwrap_or_default()).await?;
    Ok(answer(&PublicProfile::of(user.as_ref())))
}

#[derive(Default, Deserialize, utoipa::IntoParams, utoipa::ToSchema)]
struct LogoutFields {
    /// The login token, where no header and no query carries it.
    #[param(ignore)]
    jwt: Option<String>,
}

/// Ends the session of the login token or, without one, of the browser. It is dead everywhere at once.
#[utoipa::path(
    post, path = "/auth/logout", tag = "auth",
    security((), ("bearer" = []), ("auth-token" = []), ("jwt" = []), ("session" = [])),
    request_body(content((LogoutFields = "application/json"), (LogoutFields = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "The session is over, or there was none.", body = Updated),
        (status = 400, description = "`bad-request`: a member or header is given twice.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`csrf`: another site asked for the end of the browser's session.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor a form.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn logout(
    State(running): State<Running>,
    mut browser: Browser,
    bearer: Bearer,
    Query(query): Query<LogoutFields>,
    JsonOrForm(body): JsonOrForm<LogoutFields>,
) -> Result<Response, Error> {
    let site = running.now();
    let token = bearer.or(only(query.jwt, body.jwt)?)?;
    let live = if let Some(token) = &token {
        site.app.session_of_token(token).await?.map(|(live, _)| live)
    } else {
        browser.check_same_site()?;
        browser.visitor().await?
    };
    // First here, where extensions are told; a session that the cookie's layer has ended is over already and tells nobody.
    if let Some(live) = live {
        let by = browser.by(Actor::User(live.user.id));
        site.app.accounts.sign_out(&live.user, live.id, &live.method, &by).await?;
    }
    if token.is_none() {
        browser.sign_out().await?;
    }
    Ok(browser.answer(answer(&Updated::done())))
}

/// Text from outside, fit for a sentence.
fn printable(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(60).collect()
}
