//! `/auth`: the JSON API that services and their pages speak.

mod answers;
mod cors;

use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tower_sessions::SessionManagerLayer;

use super::browser::Browser;
use super::client::ClientIp;
use super::error::{Code, Error};
use super::federated::Target;
use super::fields::{Form, JsonOrForm, Query};
use super::limit::{Limit, count_all};
use super::login::start_path;
use super::site::{Running, Site};
use crate::account::{Renamed, rename};
use crate::app::Refusal;
use crate::domain::service::Service;
use crate::keys::{is_equal, sha256};
use crate::store::sessions::Sessions;
use answers::{Authorized, Checked, NoPermissions, Offered, PublicProfile, Resolved, SignedIn, Updated, answer};

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
        .route("/auth/token", post(token))
        // Said here, so that the layer hears preflights, too: a fallback that is set from outside would replace it.
        .method_not_allowed_fallback(async || Error::new(Code::MethodNotAllowed))
        .layer(axum::middleware::from_fn_with_state(running.clone(), cors::layer))
}

/// The login token of a request: `Authorization: Bearer`, else `auth-token`, else the parameter `jwt`. A bad header is not
/// rescued by a good parameter; an empty one and `undefined` mean none.
///
/// # Errors
/// `bad-request` if there are two that differ in the same place.
fn bearer(headers: &HeaderMap, jwt: Option<String>) -> Result<Option<String>, Error> {
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
        Some(token) => Some(token.to_owned()),
        None => match once("auth-token")?.filter(|value| !value.is_empty()) {
            Some(token) => Some(token.to_owned()),
            None => jwt,
        },
    };
    Ok(found.filter(|token| !token.is_empty() && token != "undefined"))
}

/// The parameter `jwt`, which stands in one place.
fn only(query: Option<String>, body: Option<String>) -> Result<Option<String>, Error> {
    match (query, body) {
        (Some(_), Some(_)) => Err(Error::bad_request("`jwt` stands in the query and in the body.")),
        (query, body) => Ok(query.or(body)),
    }
}

#[derive(Deserialize)]
struct CheckQuery {
    jwt: Option<String>,
    next: Option<String>,
    service: Option<String>,
}

async fn check(site: Site, headers: HeaderMap, Query(query): Query<CheckQuery>) -> Result<Response, Error> {
    let token = bearer(&headers, query.jwt)?;
    let next = Target { next: query.next, service: query.service.clone() }.parse(&site)?;
    if let Some(id) = query.service.as_deref().filter(|id| site.app.service(id).is_none()) {
        return Err(Error::new(Code::ServiceUnknown).detail(format!("There is no service `{}`.", printable(id))));
    }
    let live = match &token {
        Some(token) => site.app.session_of_token(token).await?,
        None => None,
    };
    if let Some((live, expires_in)) = live {
        return Ok(answer(&SignedIn::of(&live.user, expires_in)));
    }
    let offered = site.app.providers.iter().filter(|(id, _)| site.app.may_use(id, next.as_ref()));
    let providers = offered.map(|(id, provider)| {
        let path = start_path(&site, id, next.as_ref());
        let path = path.strip_prefix(&site.shell.base).unwrap_or(&path);
        (id.to_owned(), Offered { url: site.app.url(path), label: format!("Continue with {}", provider.button().name) })
    });
    let login_url = format!("{}{}", site.app.url("/login"), super::login::query(next.as_ref()));
    Ok(answer(&Checked { authenticated: false, providers: providers.collect(), login_url }))
}

#[derive(Deserialize)]
struct AuthorizeQuery {
    jwt: Option<String>,
    service: Option<String>,
}

async fn authorize(
    site: Site,
    ip: Option<axum::Extension<ClientIp>>,
    headers: HeaderMap,
    Query(query): Query<AuthorizeQuery>,
) -> Result<Response, Error> {
    let token = bearer(&headers, query.jwt)?;
    let (Some(token), Some(id)) = (token, query.service.filter(|id| !id.is_empty())) else {
        return Ok(answer(&NoPermissions::default()));
    };
    let Some((live, _)) = site.app.session_of_token(&token).await? else {
        return Ok(answer(&NoPermissions::default()));
    };
    let service = site.app.service(&id).ok_or(Code::ServiceUnknown)?;
    let issued = site.app.issue(service, &live, ip.map(|ip| ip.0.0)).await.map_err(refused)?;
    Ok(answer(&Authorized {
        token: issued.token,
        userid: issued.user,
        permissions: issued.permissions,
        service: &service.id,
        expires_in: issued.expires_in,
        token_type: "Bearer",
    }))
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Denied(message) if message.is_empty() => Code::AccessDenied.into(),
        Refusal::Denied(message) => Error::new(Code::AccessDenied).detail(message),
        Refusal::Chain(error) => Error::new(Code::PermissionProviderFailed).because(error),
        Refusal::Token(error) => error.into(),
    }
}

#[derive(Default, Deserialize)]
struct UpdateFields {
    jwt: Option<String>,
    username: Option<String>,
}

async fn update(
    State(running): State<Running>,
    headers: HeaderMap,
    Query(query): Query<UpdateFields>,
    JsonOrForm(body): JsonOrForm<UpdateFields>,
) -> Result<Response, Error> {
    let site = running.now();
    let failed = |error| Ok(answer(&Updated::failed(error)));
    let Some(token) = bearer(&headers, only(query.jwt, body.jwt)?)? else { return failed("No token") };
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
    let rule = site.app.settings.login.username;
    match rename(site.app.store(), rule, &live.user, &wish).await? {
        Renamed::Yes => Ok(answer(&Updated::done())),
        Renamed::AlreadySet => failed("Cannot modify username, already set"),
        Renamed::Taken => failed("Username taken"),
        Renamed::NotAllowed => failed("Username not allowed"),
    }
}

#[derive(Deserialize)]
struct KeyQuery {
    service: Option<String>,
    kid: Option<String>,
    all: Option<String>,
}

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

#[derive(Deserialize)]
struct ByName {
    username: Option<String>,
}

async fn resolve(site: Site, Query(query): Query<ByName>) -> Result<Response, Error> {
    let user = site.app.store().user_by_username(query.username.as_deref().unwrap_or_default()).await?;
    Ok(answer(&Resolved { userid: user.map(|user| user.id) }))
}

async fn get_profile(site: Site, Query(query): Query<ByName>) -> Result<Response, Error> {
    let user = site.app.store().user_by_username(query.username.as_deref().unwrap_or_default()).await?;
    Ok(answer(&PublicProfile::of(user.as_ref())))
}

#[derive(Deserialize)]
struct TokenFields {
    code: String,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// A one-time code for a login token, for the service it was made for (RFC 6749 §2.3.1 for how it says who it is).
async fn token(
    State(running): State<Running>,
    ip: Option<axum::Extension<ClientIp>>,
    headers: HeaderMap,
    Form(fields): Form<TokenFields>,
) -> Result<Response, Error> {
    let site = running.now();
    let ip = ip.map(|ip| ip.0.0);
    let (id, secret) = credentials(&headers, fields.client_id, fields.client_secret)?;
    let limit = Limit::of_name("token", &id, site.app.settings.rate_limit.token_client);
    count_all(&site, ip, &[limit]).await?;
    let service = site.app.service(&id).filter(|service| proves(service, &secret)).ok_or(Code::InvalidClient)?;
    let redeemed = site.app.redeem(&fields.code, &service.id).await?.ok_or(Code::CodeSpent)?;
    Ok(answer(&redeemed))
}

fn credentials(headers: &HeaderMap, id: Option<String>, secret: Option<String>) -> Result<(String, String), Error> {
    let basic = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let scheme = value.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case("basic "))?;
        let plain = String::from_utf8(STANDARD.decode(value[scheme.len()..].trim()).ok()?).ok()?;
        let (id, secret) = plain.split_once(':')?;
        Some((form_decoded(id), form_decoded(secret)))
    });
    match (basic, id, secret) {
        (Some(_), _, Some(_)) => Err(Error::bad_request("Use one way to authenticate, not two.")),
        (Some((basic, _)), Some(id), None) if basic != id => Err(Error::bad_request("There are two client ids.")),
        (Some(basic), _, None) => Ok(basic),
        (None, Some(id), Some(secret)) => Ok((id, secret)),
        _ => Err(Code::InvalidClient.into()),
    }
}

/// RFC 6749 §2.3.1 has both parts form-encoded.
fn form_decoded(text: &str) -> String {
    let plus = text.replace('+', " ");
    percent_encoding::percent_decode_str(&plus).decode_utf8_lossy().into_owned()
}

fn proves(service: &Service, secret: &str) -> bool {
    service.client_secret_hash.is_some_and(|hash| is_equal(&hash, &sha256(secret.as_bytes())))
}

#[derive(Default, Deserialize)]
struct LogoutFields {
    jwt: Option<String>,
}

async fn logout(
    State(running): State<Running>,
    mut browser: Browser,
    headers: HeaderMap,
    Query(query): Query<LogoutFields>,
    JsonOrForm(body): JsonOrForm<LogoutFields>,
) -> Result<Response, Error> {
    let site = running.now();
    let token = bearer(&headers, only(query.jwt, body.jwt)?)?;
    let live = match &token {
        Some(token) => site.app.session_of_token(token).await?.map(|(live, _)| live),
        None => {
            browser.check_same_site()?;
            browser.visitor().await?
        }
    };
    if let Some(live) = live {
        site.app.accounts.sign_out(&live.user, live.id, &live.method).await?;
        site.app.house.parcels.notify_one();
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
