//! Whether a text may become a password here: the rule, what everybody knows, and what was stolen elsewhere.

use std::time::Duration;

use axum::http::header::USER_AGENT;
use axum::http::{Method, StatusCode};
use url::Host;

use super::App;
use crate::account::AccountError;
use crate::config::settings::{BreachCheck, MfaRule};
use crate::domain::password::{About, Judgement, Known, Problem, normal};
use crate::domain::user::User;
use crate::keys::sha1_hex;
use crate::net::{Limits, NetError};
use crate::store::StoreError;

/// How long a person waits for the list of stolen passwords, which is a courtesy.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest answer: a padded range has about a thousand lines of forty characters.
const LONGEST_ANSWER: usize = 256 * 1024;
/// So much of the hash leaves the house.
const PREFIX: usize = 5;

impl App {
    /// Judges a wish for a password of somebody about whom this is known; everything that is wrong with it at once.
    /// `alone`: it would be the only factor, so it has to be longer.
    pub async fn judge_password(&self, wish: &str, alone: bool, about: About) -> Result<Judgement, AccountError> {
        let mut judgement = self.accounts.hasher().judge(wish, alone, self.with_site(about)).await?;
        if judgement.is_good() && self.is_stolen(wish).await {
            judgement.problems.push(Problem::Stolen);
        }
        Ok(judgement)
    }

    /// Judges a wish of this user.
    pub async fn judge_password_of(&self, user: &User, wish: &str) -> Result<Judgement, AccountError> {
        let alone = self.is_only_factor(Some(user)).await?;
        self.judge_password(wish, alone, About::default().with_user(user)).await
    }

    /// Whether a password of this user, or of a newcomer, stands alone: they have no second factor, and need none.
    pub async fn is_only_factor(&self, user: Option<&User>) -> Result<bool, StoreError> {
        let Some(user) = user else { return Ok(self.is_only_factor_of_newcomers()) };
        Ok(!self.accounts.demands_factor(user) && !self.accounts.factors(user).await?.any())
    }

    /// Whether a newcomer's password stands alone: nobody makes everybody set up a second factor.
    pub fn is_only_factor_of_newcomers(&self) -> bool {
        self.settings.login.mfa.require != MfaRule::Always
    }

    /// The least characters a form asks for.
    pub fn least_characters(&self, alone: bool) -> usize {
        self.accounts.hasher().rule(alone).least
    }

    fn with_site(&self, about: About) -> About {
        let issuer = &self.settings.server.issuer;
        let host = match issuer.host() {
            Some(Host::Domain(name)) => name,
            _ => "",
        };
        let about = about.with(Known::Site, host).with(Known::Site, &self.settings.theme.name);
        self.settings.services.iter().fold(about, |about, service| about.with(Known::Site, &service.name))
    }

    /// Asks for the range of hashes that begin like this one (k-anonymity); without an answer nobody is kept waiting or out.
    async fn is_stolen(&self, wish: &str) -> bool {
        if self.settings.login.password.breach_check == BreachCheck::Off {
            return false;
        }
        let hash = sha1_hex(normal(wish).as_bytes());
        let (prefix, suffix) = hash.split_at(PREFIX);
        match self.range(prefix).await {
            Ok(range) => is_in_range(&range, suffix),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the list of stolen passwords did not answer; the password was not looked up");
                false
            }
        }
    }

    async fn range(&self, prefix: &str) -> Result<String, RangeError> {
        let url = format!("{}{prefix}", self.settings.login.password.breach_url);
        let request = axum::http::Request::builder()
            .method(Method::GET)
            .uri(url)
            .header(USER_AGENT, "countersign")
            .header("add-padding", "true")
            .body(Vec::new())
            .map_err(|_| RangeError::Address)?;
        let limits = Limits { deadline: Some(PATIENCE), body: Some(LONGEST_ANSWER), ..Limits::default() };
        let answer = self.house.net.send(request, &limits).await?;
        if answer.status() != StatusCode::OK {
            return Err(RangeError::Status(answer.status()));
        }
        String::from_utf8(answer.into_body()).map_err(|_| RangeError::Text)
    }
}

/// Why the list has no answer.
#[derive(Debug, thiserror::Error)]
enum RangeError {
    #[error("its address is not one")]
    Address,
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("its answer is not text")]
    Text,
    #[error(transparent)]
    Net(#[from] NetError),
}

/// Whether one of the lines `SUFFIX:COUNT` is this one; padding counts zero.
fn is_in_range(range: &str, suffix: &str) -> bool {
    range.lines().filter_map(|line| line.trim().split_once(':')).any(|(have, count)| {
        have.eq_ignore_ascii_case(suffix) && count.trim().parse::<u64>().is_ok_and(|count| count > 0)
    })
}
