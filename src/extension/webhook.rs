//! Tells a URL, signed as Standard Webhooks says. What it answers is not read.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Uri};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;
use url::Url;

use super::{Delivery, Event, Events, Extension, ExtensionError};
use crate::clock::Clock;
use crate::config::{Mistake, Secret, Section, Span};
use crate::net::signing::{Signer, check_url};
use crate::net::{HttpRequest, Limits, Net};
use crate::plugin::{Kind, Tools};

/// `kind = "webhook"`.
pub const KIND: Kind<dyn Extension> = Kind {
    name: "webhook",
    schema: |generator| generator.subschema_for::<WebhookSection>(),
    open: |section, tools| Ok(Arc::new(Webhook::open(section, section.read()?, tools)?)),
};

/// A value out of range.
const OUT_OF_RANGE: &str = "CS-C006";
/// A URL that may not be called.
const NOT_CALLABLE: &str = "CS-C122";
/// A secret that cannot sign.
const NOT_A_USABLE_SECRET: &str = "CS-C123";
/// Longest answer that is read, in bytes, and then thrown away.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Tells a URL.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSection {
    /// Which events; `["*"]` for all.
    pub events: Events,
    /// Where to tell, by POST.
    #[schemars(with = "String", extend("format" = "uri"))]
    pub url: Url,
    /// Signs every delivery: `whsec_` and base64, or any text of 16 bytes or more.
    pub secret: Secret,
    /// Deadline of one try; `5s` where not written.
    #[schemars(extend("x-min" = "50ms", "x-max" = "30s"))]
    pub timeout: Option<Span>,
    /// For how long a failed delivery is tried again; `24h` where not written.
    #[schemars(extend("x-min" = "0s", "x-max" = "7d"))]
    pub retry_for: Option<Span>,
    /// What is told about the user, beside what the id says.
    #[serde(default = "id_only")]
    pub fields: Vec<Field>,
    /// Whether private addresses may be told.
    #[serde(default)]
    pub allow_private: bool,
}

/// Something that may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    Id,
    Email,
    Name,
    Username,
    Roles,
    Service,
    Method,
}

fn id_only() -> Vec<Field> {
    vec![Field::Id]
}

/// Tells a URL.
pub struct Webhook {
    events: Events,
    uri: Uri,
    signer: Signer,
    retry_for: Duration,
    fields: Vec<Field>,
    limits: Limits,
    net: Net,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// Checks the address, the secret and the bounds.
    pub fn open(section: &Section, config: WebhookSection, tools: &Tools) -> Result<Self, Vec<Mistake>> {
        let WebhookSection { events, url, secret, timeout, retry_for, fields, allow_private } = config;
        let mut mistakes = Vec::new();
        let mut mistake = |key: &str, code, message: String| mistakes.push(section.mistake_at(key, code, message));
        if events.is_empty() {
            mistake("events", OUT_OF_RANGE, "`events` names no event".into());
        }
        let timeout = timeout.map_or(Duration::seconds(5), |span| span.0).unsigned_abs();
        let limits = Limits { deadline: Some(timeout), body: Some(LONGEST_ANSWER), allow_private, ..Limits::default() };
        let uri = check_url(&url, &limits).map_err(|reason| mistake("url", NOT_CALLABLE, format!("`url`: {reason}")));
        let signer = Signer::new(secret.reveal())
            .map_err(|reason| mistake("secret", NOT_A_USABLE_SECRET, format!("`secret`: {reason}")));
        let (Ok(uri), Ok(signer), true) = (uri, signer, mistakes.is_empty()) else { return Err(mistakes) };
        let retry_for = retry_for.map_or(Duration::hours(24), |span| span.0);
        Ok(Self {
            events,
            uri,
            signer,
            retry_for,
            fields,
            limits,
            net: tools.net.clone(),
            clock: Arc::clone(&tools.clock),
        })
    }

    fn data(&self, event: &Event<'_>) -> Map<String, Value> {
        let user = event.user;
        let told = self.fields.iter().map(|field| match field {
            Field::Id => ("id", json!(user.id)),
            Field::Email => ("email", json!(user.email.as_ref().map(|address| address.email.as_str()))),
            Field::Name => ("name", json!(user.name)),
            Field::Username => ("username", json!(user.username)),
            Field::Roles => ("roles", json!(user.roles)),
            Field::Service => ("service", json!(event.service)),
            Field::Method => ("method", json!(event.method)),
        });
        told.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[async_trait]
impl Extension for Webhook {
    fn payload(&self, event: &Event<'_>) -> Option<Value> {
        self.events.include(event.kind).then(|| {
            json!({
                "type": event.kind.name(),
                "timestamp": event.at.format(&Rfc3339).unwrap_or_default(),
                "data": self.data(event),
            })
        })
    }

    fn retry_for(&self) -> Duration {
        self.retry_for
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<(), ExtensionError> {
        let body = delivery.payload.to_string().into_bytes();
        let mut request = HttpRequest::new(Vec::new());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.signer.sign(headers, &delivery.id, self.clock.now(), &body);
        *request.body_mut() = body;
        let sent = self.net.send(request, &self.limits).await;
        let answer = sent.map_err(|error| ExtensionError(error.to_string()))?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(ExtensionError(format!("it answered with status {}", answer.status().as_u16())))
        }
    }
}
