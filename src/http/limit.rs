//! Counts attempts before anything is tried, so that parallel requests count too.

use std::net::IpAddr;

use super::client::bucket;
use super::error::Error;
use super::site::Site;
use crate::config::Rate;
use crate::keys::sha256_hex;
use crate::store::limits::{self, Pass};

/// What is counted, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    key: String,
    rate: Rate,
}

impl Limit {
    /// By client address; an IPv6 household is one client.
    pub fn of_client(what: &str, ip: Option<IpAddr>, rate: Rate) -> Self {
        Self { key: format!("{what}:ip:{}", Self::client(ip)), rate }
    }

    /// What a client is called in a key.
    pub fn client(ip: Option<IpAddr>) -> String {
        ip.map_or_else(|| "unknown".to_owned(), |ip| bucket(ip).to_string())
    }

    /// By account or address. The database never sees which.
    pub fn of_name(what: &str, name: &str, rate: Rate) -> Self {
        Self { key: format!("{what}:name:{}", sha256_hex(name.trim().to_lowercase().as_bytes())), rate }
    }

    /// The row it is counted in.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Counts one attempt.
    ///
    /// # Errors
    /// `too-many-requests` with the time to wait, if none is left.
    pub async fn count(&self, site: &Site) -> Result<(), Error> {
        let store = site.app.store();
        match limits::count(store.write(), &self.key, self.rate, store.now()).await? {
            Pass::Free => Ok(()),
            Pass::Wait(wait) => Err(Error::too_many_requests(wait.try_into().unwrap_or_default())),
        }
    }
}

/// Counts against several limits; addresses that the file exempts are not counted.
pub async fn count_all(site: &Site, ip: Option<IpAddr>, wanted: &[Limit]) -> Result<(), Error> {
    if ip.is_some_and(|ip| site.app.settings.rate_limit.is_exempt(ip)) {
        return Ok(());
    }
    for limit in wanted {
        limit.count(site).await?;
    }
    Ok(())
}

/// Counts one question of a caller in the memory of this process; it costs no write.
///
/// # Errors
/// `too-many-requests` with the time to wait, if none is left.
pub fn count_ask(site: &Site, ip: Option<IpAddr>, who: String, rate: Rate) -> Result<(), Error> {
    if ip.is_some_and(|ip| site.app.settings.rate_limit.is_exempt(ip)) {
        return Ok(());
    }
    site.app.house.asks.count(who, rate, site.app.store().now()).map_err(Error::too_many_requests)
}

/// Takes one attempt back from each: it was a good one. What was not counted is not taken back.
pub async fn forgive_all(site: &Site, ip: Option<IpAddr>, counted: &[Limit]) -> Result<(), Error> {
    if ip.is_some_and(|ip| site.app.settings.rate_limit.is_exempt(ip)) {
        return Ok(());
    }
    for limit in counted {
        limits::forgive(site.app.store().write(), &limit.key, limit.rate).await?;
    }
    Ok(())
}
