//! One guess of a password: counted before it is tried, so that parallel requests and other processes count too.

use std::net::IpAddr;

use super::error::Error;
use super::limit::{Limit, count_all, forgive_all};
use super::site::Site;
use crate::account::{AccountError, Failed};
use crate::domain::audit::By;
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::store::limits;

/// A guess that was let through.
#[derive(Debug)]
pub struct Guess {
    ip: Option<IpAddr>,
    by_client: Limit,
    by_account: Limit,
}

impl Guess {
    /// Counts a guess for the account, which is one whatever it is called by; a name that nobody has is counted just so.
    ///
    /// # Errors
    /// `too-many-requests` while client or account have to wait, however right the guess would be.
    pub async fn begin(site: &Site, ip: Option<IpAddr>, user: Option<&User>, typed: &str) -> Result<Self, Error> {
        let by_client = Limit::of_client("login", ip, site.app.settings.rate_limit.login_ip);
        Self::begin_from(site, (ip, by_client), user, typed).await
    }

    /// The same, where something else than the client's address is counted beside the account.
    pub async fn begin_from(
        site: &Site,
        (ip, by_client): (Option<IpAddr>, Limit),
        user: Option<&User>,
        typed: &str,
    ) -> Result<Self, Error> {
        let name = user.map_or_else(|| canonical(typed), |user| user.id.to_string());
        let by_account = Limit::of_name("login", &name, site.app.settings.rate_limit.login_account);
        let guess = Self { ip, by_client, by_account };
        if !guess.is_exempt(site) {
            let store = site.app.store();
            if let Some(wait) = limits::blocked(store.read(), &guess.rest(), store.now()).await? {
                return Err(Error::too_many_requests(wait.try_into().unwrap_or_default()));
            }
            count_all(site, ip, &guess.limits()).await?;
        }
        Ok(guess)
    }

    /// It was right: what was counted before is forgotten.
    pub async fn was_right(self, site: &Site) -> Result<(), Error> {
        forgive_all(site, self.ip, &self.limits()).await?;
        if !self.is_exempt(site) {
            limits::forget_all(site.app.store().write(), &[self.failures(), self.rest()]).await?;
        }
        Ok(())
    }

    /// It could not be judged; what was not even tried is not counted.
    pub async fn failed(self, site: &Site, error: AccountError) -> Result<Error, Error> {
        if matches!(error, AccountError::Busy) {
            forgive_all(site, self.ip, &self.limits()).await?;
        }
        Ok(error.into())
    }

    /// It was wrong: written down, and the account rests the longer the more there were.
    pub async fn was_wrong(self, site: &Site, by: &By, user: Option<&User>) -> Result<(), Error> {
        let failed = Failed {
            user,
            failures: self.failures(),
            rest: self.rest(),
            free: site.app.settings.rate_limit.login_account.burst,
            counts: !self.is_exempt(site),
        };
        let letter = |pause| user.and_then(|user| site.app.paused_letter(user, pause));
        site.app.accounts.failed(failed, by, letter).await?;
        Ok(())
    }

    /// The account is nobody's target any more: its owner has come by another way.
    pub async fn forget(site: &Site, user: UserId) -> Result<(), Error> {
        let rates = &site.app.settings.rate_limit;
        let account = Limit::of_name("login", &user.to_string(), rates.login_account);
        let keys = [format!("failures:{}", account.key()), format!("rest:{}", account.key()), account.key().to_owned()];
        Ok(limits::forget_all(site.app.store().write(), &keys).await?)
    }

    fn limits(&self) -> [Limit; 2] {
        [self.by_client.clone(), self.by_account.clone()]
    }

    fn failures(&self) -> String {
        format!("failures:{}", self.by_account.key())
    }

    fn rest(&self) -> String {
        format!("rest:{}", self.by_account.key())
    }

    fn is_exempt(&self, site: &Site) -> bool {
        self.ip.is_some_and(|ip| site.app.settings.rate_limit.is_exempt(ip))
    }
}

/// One name for all spellings of an address that nobody has, as there is one for an account.
fn canonical(typed: &str) -> String {
    typed.parse::<Email>().map_or_else(|_| typed.to_owned(), |email| email.as_str().to_owned())
}
