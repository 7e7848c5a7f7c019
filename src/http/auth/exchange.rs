//! `/auth/exchange`: HTTP Basic for a service token, where a service allows it. It never makes a session.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Deserialize;

use super::answers::{Authorized, answer};
use super::granted;
use super::noted::issue;
use crate::app::{Claimant, Holding, Keyed};
use crate::domain::api_key::ApiKey;
use crate::domain::audit::Actor;
use crate::domain::service::Service;
use crate::http::caller::{by, keyed, no_key_in};
use crate::http::client::ClientIp;
use crate::http::credentials::{Said, basic, prove};
use crate::http::error::{Code, Error, Problem};
use crate::http::fields::JsonOrForm;
use crate::http::site::{Running, Site};

#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct ExchangeFields {
    /// The service the token is for; it has `basic_exchange = true`.
    service: String,
    /// A code of the person's app, or a recovery code, where a second factor is needed.
    otp: Option<String>,
}

/// User and password, or name and API key, for a service token.
///
/// For programs that know only HTTP Basic, and only for services with `basic_exchange = true`. With an API key as password the
/// name is the key's public prefix, or the owner's address, username or id. Wrong passwords count as on the login page. No
/// session begins.
#[utoipa::path(
    post, path = "/auth/exchange", tag = "auth", security(("user" = [])),
    request_body(content((ExchangeFields = "application/x-www-form-urlencoded"), (ExchangeFields = "application/json"))),
    responses(
        (status = 200, description = "The token, as from `/auth/authorize`.", body = Authorized<'static>),
        (status = 400, description = "`bad-request`: a parameter is missing or given twice.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`credentials-refused`: name and password, or name and key, are not right. `second-factor-needed`: send `otp`. `api-key-refused`: the key cannot be used.", body = Problem, content_type = "application/problem+json", headers(("www-authenticate" = String, description = "`Basic`"))),
        (status = 403, description = "`access-denied`: the service does not allow it, or not this user. `scope-missing`: the key is not for this service.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`service-unknown`: there is no such service, or it is switched off.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor a form.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
        (status = 503, description = "`permission-provider-failed`: what the user may do cannot be determined now.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
pub(super) async fn exchange(
    State(running): State<Running>,
    ip: Option<axum::Extension<ClientIp>>,
    uri: Uri,
    headers: HeaderMap,
    JsonOrForm(fields): JsonOrForm<ExchangeFields>,
) -> Result<Response, Error> {
    let site = running.now();
    let ip = ip.map(|ip| ip.0.0);
    no_key_in(&uri)?;
    let (name, secret) = basic(&headers)?.ok_or(Code::CredentialsRefused)?;
    let service = site.app.service(&fields.service).ok_or(Code::ServiceUnknown)?;
    if !service.basic_exchange {
        return Err(Error::new(Code::AccessDenied).detail("This service does not take part in the exchange."));
    }
    if ApiKey::is_meant(&secret) {
        return by_key(&site, &name, &secret, service, ip).await;
    }
    let by = by(Actor::Anonymous, &headers, ip);
    let said =
        Said { name: &name, password: &secret, otp: fields.otp.as_deref(), ip, is_reported: false, service, by: &by };
    let (user, proof) = prove(&site, said).await?;
    let claimant = Claimant::of_proof(&user, &proof, site.app.now());
    let issued = issue(&site, service, &claimant, ip).await?;
    Ok(answer(&granted(service, issued)))
}

async fn by_key(site: &Site, name: &str, text: &str, service: &Service, ip: Option<IpAddr>) -> Result<Response, Error> {
    let key = keyed(site, text, ip).await?;
    if !is_called(&key, name) {
        return Err(Code::CredentialsRefused.into());
    }
    if !key.may_authorize(&service.id) {
        return Err(Code::ScopeMissing.into());
    }
    let issued = issue(site, service, &Claimant::of_key(&key), ip).await?;
    Ok(answer(&granted(service, issued)))
}

/// Whether this is a name of the key, or of its owner.
fn is_called(key: &Keyed, name: &str) -> bool {
    let same = |own: Option<&str>| own.is_some_and(|own| own.eq_ignore_ascii_case(name));
    if key.prefix == name {
        return true;
    }
    match &key.holder {
        Holding::Service(id) => id == name,
        Holding::User(user) => {
            let email = user.email.as_ref().filter(|address| address.verified);
            same(user.username.as_deref())
                || same(email.map(|address| address.email.as_str()))
                || user.id.to_string() == name
        }
    }
}
