//! An internet in memory: every host is a router, what is not there is down, and every request is remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::ServiceExt;
use url::Url;

use crate::net::{self, Answer, HttpRequest, Limits, Net, NetError, Transport};

/// An internet in memory. Clones are the same internet.
#[derive(Clone, Default)]
pub struct Internet {
    hosts: Arc<Mutex<HashMap<String, Router>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Internet {
    /// Puts a host there.
    pub fn host(&self, name: &str, router: Router) {
        self.hosts.lock().unwrap().insert(name.to_owned(), router);
    }

    /// Takes a host down.
    pub fn take_down(&self, name: &str) -> Option<Router> {
        self.hosts.lock().unwrap().remove(name)
    }

    /// Every request so far: `GET https://sso.test/jwks`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests went to addresses that end so.
    pub fn count(&self, end: &str) -> usize {
        self.seen().iter().filter(|line| line.ends_with(end)).count()
    }

    /// The way out into it.
    pub fn net(&self) -> Net {
        Net::new(self.clone())
    }
}

impl Transport for Internet {
    fn send(&self, request: HttpRequest, limits: &Limits) -> Answer<'_> {
        let url = Url::parse(&request.uri().to_string()).unwrap();
        let host = url.host_str().unwrap_or_default().to_owned();
        let is_permitted = net::permits(&url, limits);
        let router = self.hosts.lock().unwrap().get(&host).cloned();
        let cap = limits.body.unwrap_or(1024 * 1024);
        let deadline = limits.deadline.unwrap_or(std::time::Duration::from_secs(10));
        if is_permitted {
            self.seen.lock().unwrap().push(format!("{} {url}", request.method()));
        }
        Box::pin(async move {
            if !is_permitted {
                return Err(NetError::Forbidden(host));
            }
            let Some(router) = router else {
                return Err(NetError::Unreachable { host, source: "nobody is there".into() });
            };
            let whole = async {
                let (parts, body) = router.oneshot(request.map(Body::from)).await.unwrap().into_parts();
                match Limited::new(body, cap).collect().await {
                    Ok(body) => Ok(axum::http::Response::from_parts(parts, body.to_bytes().to_vec())),
                    Err(error) if error.is::<LengthLimitError>() => Err(NetError::TooLarge(host.clone())),
                    Err(source) => Err(NetError::Unreachable { host: host.clone(), source }),
                }
            };
            tokio::time::timeout(deadline, whole).await.unwrap_or_else(|_| Err(NetError::Late(host.clone())))
        })
    }
}
