//! The way to the real internet.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, Client, redirect};
use tokio::sync::Semaphore;
use url::{Host, Url};

use super::guard::{Barred, Guard, Reach};
use super::{Answer, HttpAnswer, HttpRequest, Limits, NetError, Transport};

/// From the first byte sent to the last byte read, unless the caller says otherwise.
const DEADLINE: Duration = Duration::from_secs(10);
/// Longest body, unless the caller says otherwise.
const LONGEST_BODY: usize = 1024 * 1024;
/// Longest list of headers, names and values together.
const LONGEST_HEADERS: usize = 64 * 1024;
/// Most headers of an answer.
const MOST_HEADERS: usize = 100;
/// Requests to one host at a time; more wait, within their own deadline.
const AT_ONCE_PER_HOST: usize = 32;
/// Hosts whose places are remembered; idle ones are forgotten above it.
const HOSTS_REMEMBERED: usize = 1024;

/// How far a client reaches, and which authorities it believes beside the system's.
type Trust = (Reach, Option<Arc<[u8]>>);

/// Requests over reqwest: rustls, no redirects, no proxies, no retries, nothing decompressed.
#[derive(Default)]
pub struct Real {
    clients: Mutex<HashMap<Trust, Client>>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Transport for Real {
    fn send(&self, request: HttpRequest, limits: &Limits) -> Answer<'_> {
        let limits = limits.clone();
        Box::pin(async move {
            let url = Url::parse(&request.uri().to_string()).map_err(|_| NetError::Forbidden("the address".into()))?;
            let reach = allowed(&url, &limits)?;
            let host = url.host_str().unwrap_or_default().to_owned();
            let client = self.client(reach, &limits, &host)?;
            let places = self.places(&url);
            let whole = async {
                let _place = places.acquire_owned().await.map_err(|closed| unreachable(&host, closed))?;
                exchange(&client, request, &host, limits.body.unwrap_or(LONGEST_BODY)).await
            };
            let deadline = limits.deadline.unwrap_or(DEADLINE);
            tokio::time::timeout(deadline, whole).await.map_err(|_| NetError::Late(host.clone()))?
        })
    }
}

impl Real {
    /// Clients differ in reach and trust, so a connection made for one caller never serves a stricter one.
    fn client(&self, reach: Reach, limits: &Limits, host: &str) -> Result<Client, NetError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (reach, limits.extra_ca.clone());
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = build(reach, limits.extra_ca.as_deref()).map_err(|error| unreachable(host, error))?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// A slow host keeps only those waiting who want something from it.
    fn places(&self, url: &Url) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS_REMEMBERED {
            hosts.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let origin = url.origin().ascii_serialization();
        hosts.entry(origin).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE_PER_HOST))).clone()
    }
}

/// How far this request may reach; a literal address is judged here, because nobody resolves it.
pub(super) fn allowed(url: &Url, limits: &Limits) -> Result<Reach, NetError> {
    let forbidden = || NetError::Forbidden(url.host_str().unwrap_or_default().to_owned());
    let reach = match (url.scheme(), limits.allow_private) {
        ("https", false) => Reach::Public,
        ("https", true) => Reach::Everywhere,
        ("http", true) => Reach::Private,
        _ => return Err(forbidden()),
    };
    let permitted = match url.host() {
        Some(Host::Ipv4(address)) => reach.permits(address.into()),
        Some(Host::Ipv6(address)) => reach.permits(address.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    };
    if permitted { Ok(reach) } else { Err(forbidden()) }
}

fn build(reach: Reach, extra_ca: Option<&[u8]>) -> reqwest::Result<Client> {
    let roots = extra_ca.map(Certificate::from_pem_bundle).transpose()?.unwrap_or_default();
    Client::builder()
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Guard::shared(reach))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_max_headers(MOST_HEADERS)
        .http2_max_header_list_size(u32::try_from(LONGEST_HEADERS).expect("a small constant"))
        .pool_max_idle_per_host(4)
        .tls_certs_merge(roots)
        .build()
}

async fn exchange(client: &Client, request: HttpRequest, host: &str, cap: usize) -> Result<HttpAnswer, NetError> {
    let request = reqwest::Request::try_from(request).map_err(|error| failure(host, error))?;
    let mut response = client.execute(request).await.map_err(|error| failure(host, error))?;
    let headers = std::mem::take(response.headers_mut());
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let announced = response.content_length().unwrap_or_default();
    if headers.len() > MOST_HEADERS || bytes > LONGEST_HEADERS || announced > cap as u64 {
        return Err(NetError::TooLarge(host.to_owned()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(host, error))? {
        if body.len() + chunk.len() > cap {
            return Err(NetError::TooLarge(host.to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = HttpAnswer::new(body);
    *answer.status_mut() = response.status();
    *answer.headers_mut() = headers;
    Ok(answer)
}

/// Finds out whether the guard said no. The request's address goes: it may carry a secret.
fn failure(host: &str, error: reqwest::Error) -> NetError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(found) = cause {
        if found.is::<Barred>() {
            return NetError::Forbidden(host.to_owned());
        }
        cause = found.source();
    }
    unreachable(host, error.without_url())
}

fn unreachable(host: &str, error: impl Error + Send + Sync + 'static) -> NetError {
    NetError::Unreachable { host: host.to_owned(), source: Box::new(error) }
}
