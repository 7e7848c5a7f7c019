//! Whether a form came from one of our pages: what the browser itself says about it (Fetch Metadata, RFC 6454 §7).

use axum::http::header::{HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method};

use super::error::{Code, Error};

/// Refuses what another site made a browser send. `origin` is ours, as browsers write it: `https://auth.example`.
///
/// A client that is no browser says nothing of the kind and passes: it has no cookies that a stranger could ride on.
/// Not for the callbacks of providers that answer by POST.
pub fn check(method: &Method, headers: &HeaderMap, origin: &str) -> Result<(), Error> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let site = HeaderName::from_static("sec-fetch-site");
    let mut sites = headers.get_all(site).iter().peekable();
    // Pages without a referrer send their forms with `Origin: null` (Fetch §3.2); then the metadata has to say that it was us.
    let may_be_null = sites.peek().is_some();
    let own_origin = headers.get_all(ORIGIN).iter().all(|said| said == origin || (may_be_null && said == "null"));
    let own_site = sites.all(|said| said == "same-origin" || said == "none");
    if own_origin && own_site { Ok(()) } else { Err(Error::new(Code::Csrf)) }
}
