//! Permissions from a service that is asked over HTTP, in version 1 of the contract.

mod curl;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use super::common::{NOT_A_USABLE_SECRET, NOT_CALLABLE, config_hash, section};
use super::question::question;
use super::{Ask, PermissionError, PermissionProvider, ProviderPolicy, Sent, answer};
use crate::clock::Clock;
use crate::config::{Mistake, Secret, Section, Size};
use crate::domain::permission::{Decision, Verdict};
use crate::net::signing::{Signer, check_url};
use crate::net::{HttpAnswer, HttpRequest, Limits, Net, NetError};
use crate::plugin::{Kind, Tools};

/// `kind = "http"`.
pub const KIND: Kind<dyn PermissionProvider> = Kind {
    name: "http",
    schema: |generator| generator.subschema_for::<HttpPermissions>(),
    open: |section, tools| Ok(Arc::new(Http::open(section, &section.read()?, tools)?)),
};

/// Says which provider is asked.
const PROVIDER: HeaderName = HeaderName::from_static("x-countersign-provider");

section! {
    /// Permissions from a service that is asked over HTTP.
    pub struct HttpPermissions {
        /// Where to ask, by POST.
        #[schemars(with = "String", extend("format" = "uri"))]
        url: Url,
        /// Signs every question: `whsec_` and base64, or any text of 16 bytes or more.
        secret: Secret,
        /// Sent as `Authorization`.
        auth_header: Option<Secret>,
        /// How often a question without an answer is repeated within the deadline; `1` where not written.
        #[schemars(range(max = 3))]
        retries: Option<u32>,
        /// Longest answer; `64 KiB` where not written.
        #[schemars(extend("x-min" = "1 KiB", "x-max" = "1 MiB"))]
        max_response: Option<Size>,
        /// Whether private addresses may be asked.
        #[serde(default)]
        allow_private: bool,
    }
}

/// A service that is asked over HTTP.
pub struct Http {
    id: String,
    uri: Uri,
    headers: HeaderMap,
    signer: Signer,
    retries: u32,
    limits: Limits,
    policy: ProviderPolicy,
    net: Net,
    clock: Arc<dyn Clock>,
}

impl Http {
    /// Checks the address, the secrets and the bounds.
    pub fn open(section: &Section, config: &HttpPermissions, tools: &Tools) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let secrets: Vec<&Secret> = [&config.secret].into_iter().chain(&config.auth_header).collect();
        let hash = config_hash("http", config, &secrets);
        let policy = config.common().policy(section, time::Duration::milliseconds(800), hash);
        let policy = policy.map_err(|wrong| mistakes.push(wrong)).ok();
        let mut mistake = |key: &str, code, message: String| mistakes.push(section.mistake_at(key, code, message));
        let most = config.max_response.map_or(64 * 1024, |size| size.0);
        let limits =
            Limits { body: usize::try_from(most).ok(), allow_private: config.allow_private, ..Limits::default() };
        let uri = check_url(&config.url, &limits)
            .map_err(|reason| mistake("url", NOT_CALLABLE, format!("`url`: {reason}")))
            .ok();
        let headers = headers(section.id(), config.auth_header.as_ref());
        if headers.is_none() {
            mistake("auth_header", NOT_A_USABLE_SECRET, "`auth_header` cannot stand in a header".into());
        }
        let signer = Signer::new(config.secret.reveal())
            .map_err(|bad| mistake("secret", NOT_A_USABLE_SECRET, format!("`secret`: {bad}")))
            .ok();
        let (Some(policy), Some(uri), Some(headers), Some(signer)) = (policy, uri, headers, signer) else {
            return Err(mistakes);
        };
        Ok(Self {
            id: section.id().to_owned(),
            uri,
            headers,
            signer,
            retries: config.retries.unwrap_or(1),
            limits,
            policy,
            net: tools.net.clone(),
            clock: Arc::clone(&tools.clock),
        })
    }

    fn request(&self, id: &str, body: &[u8]) -> HttpRequest {
        let mut request = HttpRequest::new(body.to_vec());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        self.signer.sign(request.headers_mut(), id, self.clock.now(), body);
        request
    }

    /// Asks until there is an answer, no try is left, or the time is up.
    async fn send(&self, id: &str, body: &[u8]) -> Result<HttpAnswer, PermissionError> {
        let until = Instant::now() + self.policy.timeout;
        let mut tries_left = self.retries;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Err(PermissionError::Unreachable("it did not answer in time".into()));
            }
            let limits = Limits { deadline: Some(left), ..self.limits.clone() };
            let outcome = self.net.send(self.request(id, body), &limits).await;
            let is_worth_a_retry = match &outcome {
                Ok(answer) => matches!(answer.status().as_u16(), 502..=504),
                Err(error) => matches!(error, NetError::Unreachable { .. }),
            };
            if is_worth_a_retry && tries_left > 0 {
                tries_left -= 1;
                continue;
            }
            return outcome.map_err(|error| match error {
                NetError::TooLarge(_) => PermissionError::Unusable(error.to_string()),
                _ => PermissionError::Unreachable(error.to_string()),
            });
        }
    }

    fn read(&self, answer: &HttpAnswer) -> Result<Decision, PermissionError> {
        let decision = match answer.status() {
            StatusCode::OK => answer::parse(&self.id, answer.body())?,
            StatusCode::NO_CONTENT => Decision { verdict: Verdict::Abstain, ..Decision::default() },
            // A proxy in between may deny too, so the body need not be of the contract.
            StatusCode::FORBIDDEN => {
                let said = answer::parse(&self.id, answer.body()).unwrap_or_default();
                Decision { verdict: Verdict::Deny, ..said }
            }
            status if status.is_server_error() => {
                return Err(PermissionError::Unreachable(format!("it answered with status {}", status.as_u16())));
            }
            status => return Err(PermissionError::Unusable(format!("it answered with status {}", status.as_u16()))),
        };
        let max_age = max_age(answer.headers());
        let cache_ttl = decision.cache_ttl.into_iter().chain(max_age).min();
        Ok(Decision { cache_ttl, ..decision })
    }
}

#[async_trait]
impl PermissionProvider for Http {
    async fn permissions(&self, ask: &Ask<'_>) -> Result<Decision, PermissionError> {
        let id = Uuid::now_v7().simple().to_string();
        let body = question(&id, ask, &self.policy.vary, None);
        self.read(&self.send(&id, &body).await?)
    }

    fn policy(&self) -> &ProviderPolicy {
        &self.policy
    }

    fn sent(&self, ask: &Ask<'_>) -> Option<Sent> {
        let id = Uuid::now_v7().simple().to_string();
        let body = question(&id, ask, &self.policy.vary, None);
        let curl = curl::command(&self.request(&id, &body));
        Some(Sent { body: String::from_utf8(body).ok()?, curl: Some(curl) })
    }
}

/// What every question carries; `None` if a value cannot stand in a header.
fn headers(id: &str, auth_header: Option<&Secret>) -> Option<HeaderMap> {
    let json = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, json.clone()), (ACCEPT, json)]);
    headers.insert(PROVIDER, HeaderValue::from_str(id).ok()?);
    if let Some(secret) = auth_header {
        let mut value = HeaderValue::from_str(secret.reveal()).ok()?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Some(headers)
}

/// How long the answer may be kept, as HTTP says (RFC 9111 §5.2.2).
fn max_age(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter_map(|directive| {
            let directive = directive.trim().to_ascii_lowercase();
            match directive.as_str() {
                "no-store" | "no-cache" => Some(0),
                _ => directive.strip_prefix("max-age=")?.trim_matches('"').parse().ok(),
            }
        })
        .min()
}
