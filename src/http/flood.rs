//! The limit behind all limits: how much one client may change or look up in a minute, whatever it is.
//!
//! What guesses could be made at has a limit of its own, in the database, which all processes share. This one keeps a client from
//! having the rest done without end: it lies in the memory of each process and is bounded, so that it costs nothing to ask.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::client::{ClientIp, bucket};
use super::error::Error;
use super::site::Running;
use crate::memo::Memo;

/// Clients that are counted at once; a counted client takes about fifty bytes.
const CLIENTS: usize = 50_000;
/// Changes and look-ups that come all at once.
const BURST: i64 = 300;
/// Milliseconds that one takes to be forgotten: 600 a minute.
const STEP: i64 = 100;

/// Look-ups that tell whether there is somebody, or that begin something.
const LOOK_UPS: &[&str] = &["/auth/resolve", "/auth/get_profile", "/auth/oauth_callback"];
/// What programs do in numbers: it is counted by key or by service, see `rate_limit`.
const COUNTED_ELSEWHERE: &[&str] =
    &["/api/", "/auth/token", "/auth/exchange", "/auth/access", "/auth/limit", "/auth/permissions"];

/// When each client's next request would be free, in milliseconds.
pub struct Flood(Memo<IpAddr, i64>);

impl Default for Flood {
    fn default() -> Self {
        Self(Memo::new(CLIENTS))
    }
}

impl Flood {
    /// Counts one request at `now`, in seconds; `Some` is how long to wait if there were too many.
    pub fn count(&self, client: IpAddr, now: i64) -> Option<Duration> {
        let now = now * 1000;
        // What lies further ahead than a burst was counted by a clock that was put back since.
        let known = self.0.get(&client).filter(|free_at| (now..=now + STEP * BURST).contains(free_at));
        let free_at = known.unwrap_or(now) + STEP;
        let late = free_at - now - STEP * BURST;
        if late > 0 {
            return Some(Duration::from_millis(late.unsigned_abs()));
        }
        self.0.insert(client, free_at);
        None
    }
}

/// The layer around all routes.
pub async fn guard(
    State((running, flood)): State<(Running, std::sync::Arc<Flood>)>,
    request: Request,
    next: Next,
) -> Response {
    let site = running.now();
    let path = request.uri().path().strip_prefix(site.shell.base.as_str()).unwrap_or_default();
    let ip = request.extensions().get::<ClientIp>().map(|ip| ip.0);
    let Some(ip) = ip.filter(|ip| is_counted(request.method(), path) && !site.app.settings.rate_limit.is_exempt(*ip))
    else {
        return next.run(request).await;
    };
    match flood.count(bucket(ip), site.app.store().now()) {
        Some(wait) => Error::too_many_requests(wait).into_response(),
        None => next.run(request).await,
    }
}

fn is_counted(method: &Method, path: &str) -> bool {
    let begins = |with: &&str| path.starts_with(*with);
    match *method {
        Method::GET | Method::HEAD => {
            LOOK_UPS.iter().any(begins) || path.strip_prefix("/login/").is_some_and(|rest| !rest.is_empty())
        }
        Method::OPTIONS => false,
        _ => !COUNTED_ELSEWHERE.iter().any(begins),
    }
}
