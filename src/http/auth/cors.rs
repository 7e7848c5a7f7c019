//! Which pages of other origins may call the JSON API (Fetch §3.2): those a service registered, with credentials.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use tower::Service;

use crate::http::site::{Running, Site};

/// Echoes registered origins; says nothing to others.
#[derive(Clone)]
pub struct Layer(pub Running);

impl<S> tower::Layer<S> for Layer {
    type Service = Echo<S>;

    fn layer(&self, inner: S) -> Echo<S> {
        Echo { running: self.0.clone(), inner }
    }
}

/// What [`Layer`] surrounds.
#[derive(Clone)]
pub struct Echo<S> {
    running: Running,
    inner: S,
}

impl<S: Service<Request, Response = Response, Future: Unpin>> Service<Request> for Echo<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Echoing<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Echoing<S::Future> {
        let origin = request.headers().get(ORIGIN).filter(|origin| is_registered(&self.running.now(), origin)).cloned();
        let is_preflight =
            request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let asked = if origin.is_some() && is_preflight { None } else { Some(self.inner.call(request)) };
        Echoing { asked, origin }
    }
}

/// The answer to come.
pub struct Echoing<F> {
    /// `None` for a preflight, which is answered here.
    asked: Option<F>,
    origin: Option<HeaderValue>,
}

impl<E, F: Future<Output = Result<Response, E>> + Unpin> Future for Echoing<F> {
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = match &mut self.asked {
            Some(asked) => ready!(Pin::new(asked).poll(cx))?,
            None => preflight(),
        };
        dress(&mut response, self.origin.take());
        Poll::Ready(Ok(response))
    }
}

fn dress(response: &mut Response, origin: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin, authorization, auth-token, cookie"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("x-key-id, x-request-id, retry-after"));
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    }
}

fn preflight() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("auth-token, authorization, content-type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

fn is_registered(site: &Site, origin: &HeaderValue) -> bool {
    let mut services = site.app.settings.services.iter().filter(|service| service.enabled);
    services.any(|service| service.cors_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()))
}
