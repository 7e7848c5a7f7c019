//! What every request passes, once and in one place: its id, its host, its limits, its headers, its line in the log.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use http_body_util::Limited;
use tower::Service;
use uuid::Uuid;

use super::client::{self, ClientIp, Peer};
use super::error::{Code, Error};
use super::face::{self, Draw};
use crate::config::settings;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// On every answer that does not say otherwise itself.
static HEADERS: [(HeaderName, HeaderValue); 8] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Two years; only this host, since nobody asked the others.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Names one request: in the log, in `X-Request-Id`, on error pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

tokio::task_local! {
    static UNDERWAY: Underway;
}

/// What is known of the request this task answers.
struct Underway {
    id: RequestId,
    client: IpAddr,
    route: OnceLock<MatchedPath>,
}

impl RequestId {
    /// The one of the request this task answers; `None` outside a request.
    pub fn current() -> Option<Self> {
        UNDERWAY.try_with(|underway| underway.id).ok()
    }
}

/// The client of the request this task answers; `None` outside a request.
pub fn client() -> Option<IpAddr> {
    UNDERWAY.try_with(|underway| underway.client).ok()
}

/// The pattern of the route that answers the request of this task; `None` before there is one.
pub fn route() -> Option<String> {
    UNDERWAY.try_with(|underway| underway.route.get().map(|route| route.as_str().to_owned())).ok().flatten()
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the edge has to know of the file. A reload puts another in its place.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Lower case; the port where it is not the scheme's own.
    pub hosts: Vec<String>,
    /// The port that may be left out: 443 or 80.
    pub default_port: u16,
    /// Whose headers are read.
    pub proxies: Vec<ipnet::IpNet>,
    /// Which header names the client.
    pub client_ip: settings::ClientIpHeader,
    /// From the end of the head to the beginning of the answer.
    pub timeout: Duration,
    /// Longest body, in bytes.
    pub body_limit: usize,
    /// Whether browsers are told to come by https only.
    pub hsts: bool,
}

impl Rules {
    /// What the file says.
    pub fn of(server: &settings::Server) -> Self {
        let is_https = server.issuer.scheme() == "https";
        Self {
            hosts: server.allowed_hosts.clone(),
            default_port: if is_https { 443 } else { 80 },
            proxies: server.trusted_proxies.clone(),
            client_ip: server.client_ip_header,
            timeout: server.request_timeout.try_into().unwrap_or(Duration::from_secs(30)),
            body_limit: server.body_limit,
            hsts: server.hsts && is_https,
        }
    }
}

/// The routes, and what surrounds them.
#[derive(Clone)]
pub struct Edge {
    routes: Router,
    rules: Arc<ArcSwap<Rules>>,
    pages: Option<Draw>,
}

impl Edge {
    /// Surrounds the routes. Unknown addresses and methods are answered here.
    pub fn new(routes: Router, rules: Arc<ArcSwap<Rules>>) -> Self {
        let routes = routes
            .fallback(async || Error::new(Code::NotFound))
            .method_not_allowed_fallback(async || Error::new(Code::MethodNotAllowed))
            .layer(tower::layer::layer_fn(NoteRoute));
        Self { routes, rules, pages: None }
    }

    /// Whoever asks for a page gets one, even where something fails before any route is asked.
    #[must_use]
    pub fn with_pages(mut self, draw: Draw) -> Self {
        self.pages = Some(draw);
        self
    }

    /// Whether the address is a proxy of ours.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        client::is_trusted(peer, &self.rules.load().proxies)
    }

    /// Answers one request, whatever happens.
    pub async fn answer(self, mut request: Request) -> Response {
        let begun = Instant::now();
        let rules = self.rules.load_full();
        let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
        let id = request_id(request.headers(), peer, &rules);
        let method = known_method(request.method());
        let pages = self.pages.filter(|_| wants_page(request.headers()));
        let ip = client::address(peer, request.headers(), rules.client_ip, &rules.proxies);
        request.extensions_mut().insert(ClientIp(ip));
        request.extensions_mut().insert(id);
        let underway = Underway { id, client: ip, route: OnceLock::new() };
        let within = async {
            let mut response = match admit(request, &rules) {
                Ok(request) => within_limits(self.routes, request, rules.timeout).await,
                Err(error) => turn_away(error),
            };
            if let Some(draw) = &pages {
                response = face::draw_page(response, draw);
            }
            finish(response.headers_mut(), id, &rules);
            let route = UNDERWAY.with(|underway| underway.route.get().cloned());
            log(method, route.as_ref().map_or("", MatchedPath::as_str), &response, id, begun.elapsed());
            response
        };
        UNDERWAY.scope(underway, within).await
    }
}

impl Service<Request> for Edge {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let edge = self.clone();
        Box::pin(async move { Ok(edge.answer(request).await) })
    }
}

/// Browsers that show a page say so; programs do not (RFC 9110 §12.5.1).
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Keeps the route's pattern for the log, which must not show paths.
#[derive(Clone)]
struct NoteRoute<S>(S);

impl<S: Service<Request>> Service<Request> for NoteRoute<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        if let Some(route) = request.extensions().get::<MatchedPath>() {
            let _ = UNDERWAY.try_with(|underway| underway.route.set(route.clone()));
        }
        self.0.call(request)
    }
}

/// A proxy of ours may have named the request already.
fn request_id(headers: &HeaderMap, peer: IpAddr, rules: &Rules) -> RequestId {
    let given = headers.get(REQUEST_ID).filter(|_| client::is_trusted(peer, &rules.proxies));
    let given = given.and_then(|value| Uuid::try_parse_ascii(value.as_bytes()).ok());
    RequestId(given.unwrap_or_else(Uuid::now_v7))
}

/// Names of methods that a client may have made up do not reach the log.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Lets a request in that is for us and short enough; its body cannot grow longer.
fn admit(request: Request, rules: &Rules) -> Result<Request, Error> {
    if request.method() == Method::CONNECT {
        let allow = HeaderValue::from_static("GET, HEAD, POST");
        return Err(Error { allow: Some(allow), ..Error::new(Code::MethodNotAllowed) });
    }
    check_target(request.uri())?;
    check_host(request.headers(), request.uri().path(), rules)?;
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > rules.body_limit) {
        return Err(Error::new(Code::PayloadTooLarge));
    }
    let limit = rules.body_limit;
    Ok(request.map(|body| {
        if axum::body::HttpBody::is_end_stream(&body) { body } else { Body::new(Limited::new(body, limit)) }
    }))
}

/// Who is turned away at the door has to knock again: what follows on the connection may be part of the same trick.
fn turn_away(error: Error) -> Response {
    let mut response = error.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Only the origin form (RFC 9112 §3.2.1): this is no proxy.
fn check_target(target: &Uri) -> Result<(), Error> {
    if target.authority().is_some() || target.scheme().is_some() || !target.path().starts_with('/') {
        return Err(Error::bad_request("The request's target has to be a path."));
    }
    Ok(())
}

/// One `Host` (RFC 9112 §3.2), and one of ours. Health is asked for by address, and says the same to everybody.
fn check_host(headers: &HeaderMap, path: &str, rules: &Rules) -> Result<(), Error> {
    let mut all = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (all.next(), all.next()) else {
        return Err(Error::bad_request("There has to be one Host header."));
    };
    let Some(host) = host.to_str().ok().filter(|host| !host.is_empty()) else {
        return Err(Error::bad_request("The Host header is not a host."));
    };
    let short = match host.rsplit_once(':') {
        Some((name, port)) if port.parse() == Ok(rules.default_port) => name,
        _ => host,
    };
    let is_ours = rules.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host) || ours.eq_ignore_ascii_case(short));
    if is_ours || path.starts_with("/health/") { Ok(()) } else { Err(Error::new(Code::WrongHost)) }
}

/// Asks the routes; a panic and a late answer become answers too.
async fn within_limits(mut routes: Router, request: Request, timeout: Duration) -> Response {
    let mut asked = pin!(async move { routes.call(request).await });
    let guarded = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| asked.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
        Ok(Poll::Ready(Err(never))) => match never {},
        Err(_) => Poll::Ready(Error::internal("a handler panicked").into_response()),
    });
    match tokio::time::timeout(timeout, guarded).await {
        Ok(response) => response,
        Err(_) => Error::new(Code::Timeout).into_response(),
    }
}

/// Adds what the answer does not say itself.
fn finish(headers: &mut HeaderMap, id: RequestId, rules: &Rules) {
    headers.reserve(HEADERS.len());
    for (name, value) in &HEADERS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if rules.hsts {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    headers.remove(header::SERVER);
    let mut text = Uuid::encode_buffer();
    let text = id.0.hyphenated().encode_lower(&mut text);
    headers.insert(REQUEST_ID, HeaderValue::from_str(text).expect("a UUID is visible ASCII"));
}

/// One line for the request and, where it failed, one for the cause. Being healthy is not news.
fn log(method: &str, route: &str, response: &Response, id: RequestId, took: Duration) {
    let status = response.status();
    match response.extensions().get::<Error>() {
        Some(error) if status.is_server_error() => log_failure(error, id),
        Some(error) => log_refusal(error, id),
        None if route.contains("/health/") => return,
        None => {}
    }
    let (status, duration_ms) = (status.as_u16(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    tracing::info!(request.id = %id, http.method = method, http.route = route, http.status = status, duration_ms, "answered");
}

fn log_failure(error: &Error, id: RequestId) {
    tracing::error!(request.id = %id, error.code = error.code.slug(), error.cause = error.causes(), "the request failed");
}

fn log_refusal(error: &Error, id: RequestId) {
    tracing::debug!(request.id = %id, error.code = error.code.slug(), error.cause = error.causes(), "the request was refused");
}
