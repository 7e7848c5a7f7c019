//! `/auth/token`: a one-time code for a login token.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::answers::answer;
use super::by;
use crate::app::Redeemed;
use crate::domain::audit::Actor;
use crate::domain::service::Service;
use crate::http::client::ClientIp;
use crate::http::error::{Code, Error, Problem};
use crate::http::fields::Form;
use crate::http::limit::{Limit, count_all};
use crate::http::site::Running;
use crate::keys::{is_equal, sha256};

#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct TokenFields {
    /// What stood in `next`.
    code: String,
    /// The service's id, where the client does not authenticate by HTTP Basic.
    client_id: Option<String>,
    /// The service's secret, where the client does not authenticate by HTTP Basic.
    client_secret: Option<String>,
}

/// A one-time code for a login token.
///
/// For services with `next_delivery = "code"`. A code is good once, within a minute, for the service it was made for, which
/// authenticates by HTTP Basic or in the form (RFC 6749 §2.3.1).
#[utoipa::path(
    post, path = "/auth/token", tag = "auth",
    security(("client" = []), ()),
    request_body(content = TokenFields, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The login token.", body = Redeemed),
        (status = 400, description = "`code-spent`: the code was used, is late, or is another service's. `bad-request`: a parameter is missing or given twice, or there are two ways to authenticate.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid-client`: the client is not the service.", body = Problem, content_type = "application/problem+json", headers(("www-authenticate" = String, description = "`Basic`"))),
        (status = 415, description = "The body is not a form.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
pub(super) async fn token(
    State(running): State<Running>,
    ip: Option<axum::Extension<ClientIp>>,
    headers: HeaderMap,
    Form(fields): Form<TokenFields>,
) -> Result<Response, Error> {
    let site = running.now();
    let ip = ip.map(|ip| ip.0.0);
    let (id, secret) = credentials(&headers, fields.client_id, fields.client_secret)?;
    let service = site.app.service(&id).ok_or(Code::InvalidClient)?;
    // By address too: what strangers try must not use up what the service itself may ask.
    let who = format!("{id} {}", Limit::client(ip));
    count_all(&site, ip, &[Limit::of_name("token", &who, site.app.settings.rate_limit.token_client)]).await?;
    if !proves(service, &secret) {
        return Err(Code::InvalidClient.into());
    }
    let redeemed =
        site.app.redeem(&fields.code, &service.id, &by(Actor::Service(id), ip)).await?.ok_or(Code::CodeSpent)?;
    Ok(answer(&redeemed))
}

/// What the client says about itself, in the one place where it says so.
pub fn credentials(headers: &HeaderMap, id: Option<String>, secret: Option<String>) -> Result<(String, String), Error> {
    let mut said = headers.get_all(AUTHORIZATION).iter();
    match (said.next(), said.next(), id, secret) {
        (_, Some(_), _, _) => Err(Error::bad_request("There is more than one Authorization header.")),
        (Some(_), None, _, Some(_)) => Err(Error::bad_request("Use one way to authenticate, not two.")),
        (Some(value), None, id, None) => {
            let (basic, secret) = value.to_str().ok().and_then(basic).ok_or(Code::InvalidClient)?;
            match id {
                Some(id) if id != basic => Err(Error::bad_request("There are two client ids.")),
                _ => Ok((basic, secret)),
            }
        }
        (None, None, Some(id), Some(secret)) => Ok((id, secret)),
        (None, None, _, _) => Err(Code::InvalidClient.into()),
    }
}

/// Id and secret of HTTP Basic (RFC 7617 §2).
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_at_checked("basic ".len())?;
    let plain = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic "))?;
    let plain = String::from_utf8(plain).ok()?;
    let (id, secret) = plain.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

/// RFC 6749 §2.3.1 has both parts form-encoded.
fn form_decoded(text: &str) -> String {
    let plus = text.replace('+', " ");
    percent_encoding::percent_decode_str(&plus).decode_utf8_lossy().into_owned()
}

/// Whether this is the service's secret.
pub fn proves(service: &Service, secret: &str) -> bool {
    service.client_secret_hash.is_some_and(|hash| is_equal(&hash, &sha256(secret.as_bytes())))
}
