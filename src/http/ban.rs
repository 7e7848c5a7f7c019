//! Refuses clients that are shut out, and counts the failures that shut them out (`rate_limit.ban`).
//!
//! A failure is an answer that says that a secret was wrong: 401 for a password, a code, a key or a service's secret, and a
//! one-time code that cannot be used. That nobody is signed in is none.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::auth::by;
use super::client::{ClientIp, bucket};
use super::error::{Code, Error};
use super::site::{Running, Site};
use crate::config::settings::Ban;
use crate::domain::audit::Actor;

/// The layer around all routes.
pub async fn guard(State(running): State<Running>, request: Request, next: Next) -> Response {
    let site = running.now();
    let ip = request.extensions().get::<ClientIp>().map(|ip| ip.0);
    let is_about_health = request.uri().path().contains("/health/");
    let (Some(rule), Some(ip), false) = (site.app.settings.rate_limit.ban, ip, is_about_health) else {
        return next.run(request).await;
    };
    if site.app.settings.rate_limit.is_exempt(ip) {
        return next.run(request).await;
    }
    let client = bucket(ip);
    let now = site.app.store().now();
    if let Some(until) = site.app.house.bans.until(client, now) {
        let wait = Duration::from_secs((until - now).unsigned_abs());
        return Error::new(Code::Banned).retry_after(wait).into_response();
    }
    let response = next.run(request).await;
    if is_failure(&response) {
        count(&site, ip, rule).await;
    }
    response
}

/// Whether the answer says that a secret was wrong.
fn is_failure(response: &Response) -> bool {
    match response.extensions().get::<Error>().map(|error| error.code) {
        Some(Code::LoginRequired | Code::FactorNeeded) => false,
        Some(Code::CodeSpent) => true,
        _ => response.status() == StatusCode::UNAUTHORIZED,
    }
}

async fn count(site: &Site, ip: IpAddr, rule: Ban) {
    let by = by(Actor::Anonymous, Some(ip));
    let counted = match site.app.accounts.count_failure(bucket(ip), rule, &by).await {
        Ok(true) => site.app.house.bans.refresh(site.app.store()).await.map_err(Into::into),
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = counted {
        // The answer is a refusal already; what refuses while the database is away is the limit of the attempt itself.
        tracing::error!(error = &error as &dyn std::error::Error, "a failure could not be counted");
    }
}
