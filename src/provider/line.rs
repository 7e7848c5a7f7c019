//! Asking an upstream for a JSON document.

use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;
use url::Url;

use super::{ProviderError, json};
use crate::net::{HttpAnswer, NetError, Outward};

/// A GET that wants JSON.
pub async fn get(out: &Outward, url: &Url, token: Option<&str>) -> Result<HttpAnswer, ProviderError> {
    ask(out, Method::GET, url, token).await
}

/// A request that wants JSON; statuses that mean "later" are no answer.
pub async fn ask(out: &Outward, method: Method, url: &Url, token: Option<&str>) -> Result<HttpAnswer, ProviderError> {
    let mut request = Request::new(Vec::new());
    *request.method_mut() = method;
    *request.uri_mut() =
        url.as_str().parse().map_err(|_| ProviderError::Untrusted("an address of it cannot be asked".into()))?;
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| ProviderError::Untrusted("the access token holds characters that no token may hold".into()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    let answer = out.net.send(request, &out.limits).await?;
    let host = url.host_str().unwrap_or_default();
    is_up(host, answer.status())?;
    let headers = answer.headers();
    let is_later = headers.contains_key(header::RETRY_AFTER)
        || headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    if answer.status() == StatusCode::FORBIDDEN && is_later {
        // GitHub's ways of saying 429.
        is_up(host, StatusCode::TOO_MANY_REQUESTS)?;
    }
    Ok(answer)
}

/// The document of an answer with status 200; `what` names it for the admin.
pub fn document(answer: &HttpAnswer, what: &str) -> Result<Value, ProviderError> {
    if answer.status() != StatusCode::OK {
        return Err(ProviderError::Untrusted(format!("{what} answered {}", answer.status().as_u16())));
    }
    if !is_json(answer.headers()) {
        return Err(ProviderError::Untrusted(format!("{what} is not served as JSON")));
    }
    json::parse(answer.body()).ok_or_else(|| ProviderError::Untrusted(format!("{what} is not readable JSON")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// 5xx and 429 mean "later".
pub fn is_up(host: &str, status: StatusCode) -> Result<(), NetError> {
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        let source = format!("it answered {}", status.as_u16()).into();
        return Err(NetError::Unreachable { host: host.to_owned(), source });
    }
    Ok(())
}
