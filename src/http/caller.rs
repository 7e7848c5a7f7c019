//! A program with an API key: `Authorization: Bearer cs_…`, and nowhere else.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};

use super::client::{ClientIp, bucket};
use super::error::{Code, Error};
use super::layers::RequestId;
use super::site::{Running, Site};
use crate::app::Keyed;
use crate::domain::api_key::ApiKey;
use crate::domain::audit::{Actor, By};
use crate::domain::scope::Scope;

/// Who calls: the holder of a good API key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose key it is, and what for.
    pub key: Keyed,
    by: By,
}

impl FromRequestParts<Running> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, running: &Running) -> Result<Self, Error> {
        let (site, ip) = entrance(parts, running)?;
        let text = bearer(&parts.headers)?
            .ok_or_else(|| Error::new(Code::ApiKeyRefused).detail("Send one as `Authorization: Bearer cs_…`."))?;
        let key = keyed(&site, &text, ip).await?;
        let actor = Actor::Key(key.id.to_string());
        Ok(Self { by: by(actor, &parts.headers, ip), key })
    }
}

impl Caller {
    /// Who did it, for the audit trail.
    pub fn by(&self) -> By {
        self.by.clone()
    }

    /// Refuses a key that is not for this.
    pub fn require(&self, scope: &Scope) -> Result<(), Error> {
        if self.key.has(scope) {
            return Ok(());
        }
        Err(Error::new(Code::ScopeMissing).detail(format!("The key lacks the scope `{scope}`.")))
    }
}

/// Where every program comes in: the site, and the client's address.
///
/// # Errors
/// `not-found` where the file has no such API; a key in the address is refused.
pub fn entrance(parts: &Parts, running: &Running) -> Result<(Site, Option<IpAddr>), Error> {
    let site = running.now();
    if !site.app.settings.api.enabled {
        return Err(Code::NotFound.into());
    }
    no_key_in(&parts.uri)?;
    Ok((site, parts.extensions.get::<ClientIp>().map(|ip| ip.0)))
}

/// Who asks and from where.
pub fn by(actor: Actor, headers: &HeaderMap, ip: Option<IpAddr>) -> By {
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    By {
        actor,
        ip,
        user_agent: user_agent.map(|text| text.chars().take(300).collect()),
        reference: RequestId::current().map(|id| id.to_string()),
    }
}

/// The key of this text, if it is good from this address now. Wrong ones are counted in memory: guessing costs the guesser's time
/// and no write.
pub async fn keyed(site: &Site, text: &str, ip: Option<IpAddr>) -> Result<Keyed, Error> {
    let try_ = Try::count(site, ip)?;
    let key = site.app.key(text, ip).await?.ok_or(Code::ApiKeyRefused)?;
    try_.was_good();
    Ok(key)
}

/// One counted try of a client with a key.
pub struct Try<'a> {
    site: &'a Site,
    client: Option<IpAddr>,
    is_exempt: bool,
}

impl<'a> Try<'a> {
    /// Counts it before it is judged.
    ///
    /// # Errors
    /// `too-many-requests` with the time to wait, if none is left.
    pub fn count(site: &'a Site, ip: Option<IpAddr>) -> Result<Self, Error> {
        let limits = &site.app.settings.rate_limit;
        let counted = Self { site, client: ip.map(bucket), is_exempt: ip.is_some_and(|ip| limits.is_exempt(ip)) };
        if !counted.is_exempt {
            let now = site.app.store().now();
            site.app.house.guesses.take(counted.client, limits.api_key, now).map_err(Error::too_many_requests)?;
        }
        Ok(counted)
    }

    /// Takes it back.
    pub fn was_good(self) {
        if !self.is_exempt {
            self.site.app.house.guesses.give_back(self.client, self.site.app.settings.rate_limit.api_key);
        }
    }
}

/// What stands behind `Bearer`; `None` without one.
///
/// # Errors
/// `bad-request` if there is more than one `Authorization`.
pub fn bearer(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (_, Some(_)) => Err(Error::bad_request("There is more than one authorization header.")),
        (None, None) => Ok(None),
        (Some(value), None) => {
            let value = value.to_str().unwrap_or_default();
            let is_bearer = value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
            Ok(is_bearer.then(|| value[7..].trim().to_owned()))
        }
    }
}

/// Refuses an API key in an address, where logs and histories keep it.
pub fn no_key_in(uri: &Uri) -> Result<(), Error> {
    let query = uri.query().unwrap_or_default();
    let holds_one = url::form_urlencoded::parse(query.as_bytes()).any(|(_, value)| ApiKey::is_meant(&value));
    if holds_one { Err(key_in_address()) } else { Ok(()) }
}

/// An API key stands where others read it.
pub fn key_in_address() -> Error {
    Error::bad_request("An API key does not belong into an address. Revoke this one, and send the next in a header.")
}
