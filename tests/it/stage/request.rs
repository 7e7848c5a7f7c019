//! Requests of programs, and what comes back.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::pin::Pin;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::BodyExt as _;
use serde_json::Value;
use url::form_urlencoded;

use super::House;
use crate::http::client::Peer;
use crate::http::layers::Edge;

/// A request on its way; `.await` it.
pub struct Ask {
    edge: Edge,
    peer: SocketAddr,
    request: Request<Body>,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Ask {
    pub fn new(house: &House, method: &str, path: &str) -> Self {
        let host = house.app.settings.server.allowed_hosts[0].clone();
        Self::through(house.edge.clone(), &host, method, path)
    }

    pub fn through(edge: Edge, host: &str, method: &str, path: &str) -> Self {
        let builder = Request::builder().method(Method::try_from(method).unwrap()).uri(path).header("host", host);
        Self { edge, peer: ([192, 0, 2, 1], 40_000).into(), request: builder.body(Body::empty()).unwrap() }
    }

    /// One more header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// `Authorization: Bearer`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// `Authorization: Basic`.
    pub fn basic(self, id: &str, secret: &str) -> Self {
        let text = BASE64_STANDARD.encode(format!("{id}:{secret}"));
        self.header("authorization", &format!("Basic {text}"))
    }

    /// From another address.
    pub fn from(mut self, ip: &str) -> Self {
        self.peer.set_ip(ip.parse().unwrap());
        self
    }

    /// With a form.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", text)
    }

    /// With JSON.
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// With any body.
    pub fn body(self, media: &str, body: impl Into<Body>) -> Self {
        let mut ask = self.header("content-type", media);
        *ask.request.body_mut() = body.into();
        ask
    }
}

impl IntoFuture for Ask {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        self.request.extensions_mut().insert(Peer(self.peer));
        Box::pin(async move {
            let (parts, body) = self.edge.answer(self.request).await.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            Reply { status: parts.status.as_u16(), headers: parts.headers, body }
        })
    }
}

impl Reply {
    /// The header, if it is there; of several the first.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// `Location`, or nothing.
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    /// The last part of a problem's `type`; empty where it is no problem.
    pub fn problem(&self) -> String {
        if self.header("content-type") != Some("application/problem+json") {
            return String::new();
        }
        let body = self.json();
        assert_eq!(body["status"], self.status);
        body["type"].as_str().unwrap().rsplit(['/', ':', '#']).next().unwrap().to_owned()
    }
}

/// The query parameter of an address.
pub fn query_of(url: &str, name: &str) -> Option<String> {
    let query = url.split('#').next().unwrap_or_default().split_once('?')?.1;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The part of a token's body, unverified.
pub fn claims_of(token: &str) -> Value {
    part_of(token, 1)
}

/// A token's header, unverified.
pub fn header_of(token: &str) -> Value {
    part_of(token, 0)
}

fn part_of(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
