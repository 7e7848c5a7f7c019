//! Tells a URL, signed as Standard Webhooks says; what it answers is not read. Or asks it, and then it decides.

pub mod decide;

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Uri};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;
use url::Url;

use self::decide::Asking;
use super::decide::{Decider, OnError, Terms};
use super::{Delivery, Event, Events, Extension, ExtensionError, Mode};
use crate::clock::Clock;
use crate::config::{Mistake, Secret, Section, Span};
use crate::net::signing::{Signer, check_url};
use crate::net::{HttpAnswer, HttpRequest, Limits, Net, NetError};
use crate::plugin::guard::Bounds;
use crate::plugin::{Kind, NOT_A_USABLE_SECRET, NOT_CALLABLE, OUT_OF_RANGE, Tools, config_hash};

/// `kind = "webhook"`.
pub const KIND: Kind<dyn Extension> = Kind {
    name: "webhook",
    schema: |generator| generator.subschema_for::<WebhookSection>(),
    open: |section, tools| open(section, section.read()?, tools),
};

/// A key of the other mode.
const OTHER_MODE: &str = "CS-C181";
/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;
/// Longest deadline of a question: somebody waits.
const MOST_PATIENCE: Duration = Duration::seconds(2);
/// Failures in a row until a URL is not asked for a while.
const FAILURES: u32 = 5;
/// For how long it is not asked.
const LEFT_ALONE: Duration = Duration::seconds(10);

/// Tells a URL, or asks it.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSection {
    /// Which events; `["*"]` for all of the mode.
    pub events: Events,
    /// `notify`: it is told of what has happened. `decide`: it is asked about what is about to happen, and can stop it.
    #[serde(default)]
    pub mode: Mode,
    /// With `mode = "decide"`: what a failure means, `deny` or `skip`; `deny` where not written.
    pub on_error: Option<OnError>,
    /// Where to tell, by POST.
    #[schemars(with = "String", extend("format" = "uri"))]
    pub url: Url,
    /// Signs every delivery: `whsec_` and base64, or any text of 16 bytes or more.
    pub secret: Secret,
    /// Deadline of one try; `5s` where not written. With `mode = "decide"` it is `800ms`, and at most `2s`.
    #[schemars(extend("x-min" = "50ms", "x-max" = "30s"))]
    pub timeout: Option<Span>,
    /// With `mode = "notify"`: for how long a failed delivery is tried again; `24h` where not written.
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

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Email => "email",
            Self::Name => "name",
            Self::Username => "username",
            Self::Roles => "roles",
            Self::Service => "service",
            Self::Method => "method",
        }
    }
}

fn id_only() -> Vec<Field> {
    vec![Field::Id]
}

/// Where to, in whose name, and what about the user.
pub struct Post {
    uri: Uri,
    signer: Signer,
    fields: Vec<Field>,
    limits: Limits,
    net: Net,
    clock: Arc<dyn Clock>,
}

/// Tells a URL.
pub struct Telling {
    events: Events,
    retry_for: Duration,
    post: Post,
}

/// Checks the address, the secret, the bounds, and that everything is of one mode.
fn open(section: &Section, config: WebhookSection, tools: &Tools) -> Result<Arc<dyn Extension>, Vec<Mistake>> {
    let mut mistakes = wrong_mode(section, &config);
    let hash = config_hash("webhook", &config, &[&config.secret]);
    let WebhookSection { events, mode, on_error, url, secret, timeout, retry_for, fields, allow_private } = config;
    let timeout = timeout.map_or(mode.timeout(), |span| span.0).unsigned_abs();
    let limits = Limits { deadline: Some(timeout), body: Some(LONGEST_ANSWER), allow_private, ..Limits::default() };
    let mut mistake = |key: &str, code, message: String| mistakes.push(section.mistake_at(key, code, message));
    let uri = check_url(&url, &limits).map_err(|reason| mistake("url", NOT_CALLABLE, format!("`url`: {reason}")));
    let signer = Signer::new(secret.reveal())
        .map_err(|reason| mistake("secret", NOT_A_USABLE_SECRET, format!("`secret`: {reason}")));
    let (Ok(uri), Ok(signer), true) = (uri, signer, mistakes.is_empty()) else { return Err(mistakes) };
    let post = Post { uri, signer, fields, limits, net: tools.net.clone(), clock: Arc::clone(&tools.clock) };
    Ok(match mode {
        Mode::Notify => {
            let retry_for = retry_for.map_or(Duration::hours(24), |span| span.0);
            Arc::new(Telling { events, retry_for, post })
        }
        Mode::Decide => {
            let bounds = Bounds { timeout, failures: FAILURES, open_for: LEFT_ALONE };
            let terms = Terms { bounds, on_error: on_error.unwrap_or_default(), config_hash: hash };
            Arc::new(Asking { events, post, terms })
        }
    })
}

/// Everything that does not go with the mode.
fn wrong_mode(section: &Section, config: &WebhookSection) -> Vec<Mistake> {
    let mut mistakes = config.events.mistakes(section, config.mode);
    let mut mistake = |key: &str, code, message: &str| mistakes.push(section.mistake_at(key, code, message.into()));
    match config.mode {
        Mode::Notify if config.on_error.is_some() => {
            mistake("on_error", OTHER_MODE, "`on_error` is for `mode = \"decide\"`; a failed telling is tried again");
        }
        Mode::Decide if config.retry_for.is_some() => {
            mistake("retry_for", OTHER_MODE, "`retry_for` is for `mode = \"notify\"`; a question is asked once");
        }
        _ => {}
    }
    if config.mode == Mode::Decide && config.timeout.is_some_and(|span| span.0 > MOST_PATIENCE) {
        mistake("timeout", OUT_OF_RANGE, "`timeout` is at most 2s with `mode = \"decide\"`: somebody waits");
    }
    mistakes
}

impl Mode {
    /// Deadline of one try where the file says none.
    fn timeout(self) -> Duration {
        match self {
            Self::Notify => Duration::seconds(5),
            Self::Decide => Duration::milliseconds(800),
        }
    }
}

impl Post {
    async fn send(&self, id: &str, body: Vec<u8>) -> Result<HttpAnswer, NetError> {
        let mut request = HttpRequest::new(Vec::new());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.signer.sign(headers, id, self.clock.now(), &body);
        *request.body_mut() = body;
        self.net.send(request, &self.limits).await
    }
}

impl Telling {
    fn data(&self, event: &Event<'_>) -> Map<String, Value> {
        let user = event.user;
        let told = self.post.fields.iter().map(|field| {
            let value = match field {
                Field::Id => json!(user.id),
                Field::Email => json!(user.email.as_ref().map(|address| address.email.as_str())),
                Field::Name => json!(user.name),
                Field::Username => json!(user.username),
                Field::Roles => json!(user.roles),
                Field::Service => json!(event.service),
                Field::Method => json!(event.method),
            };
            (field.name().to_owned(), value)
        });
        told.collect()
    }
}

#[async_trait]
impl Extension for Telling {
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
        let sent = self.post.send(&delivery.id, delivery.payload.to_string().into_bytes()).await;
        let answer = sent.map_err(|error| ExtensionError(error.to_string()))?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(ExtensionError(format!("it answered with status {}", answer.status().as_u16())))
        }
    }
}

#[async_trait]
impl Extension for Asking {
    fn payload(&self, _: &Event<'_>) -> Option<Value> {
        None
    }

    fn retry_for(&self) -> Duration {
        Duration::ZERO
    }

    async fn deliver(&self, _: &Delivery) -> Result<(), ExtensionError> {
        Err(ExtensionError("it is asked, and not told".into()))
    }

    fn decider(&self) -> Option<&dyn Decider> {
        Some(self)
    }
}
