//! Questions that a list of permissions does not answer: one deed on one item, one value of a limit, and counting for services.
//!
//! Who would get no token for a service is allowed nothing there.

use std::collections::BTreeSet;
use std::net::IpAddr;

use time::Duration;

use super::{App, Claimant};
use crate::domain::access::{Access, Wish};
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::extension::decide::{Stopped, Why};
use crate::keys::sha256_hex;
use crate::permission::chain::{ChainError, Granted, Within};
use crate::store::StoreError;
use crate::store::quotas::{self, Quota};

/// What is said of who would get no token for the service, and of nobody.
const NO_TOKEN: &str = "there would be no token for this service";

/// Most users that the owners and share lists of one request may name together.
const MOST_NAMED: usize = 1000;

/// About whom something is asked.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// In which service.
    pub service: &'a Service,
    /// `None`: nobody is called so.
    pub claimant: Option<Claimant<'a>>,
    /// The person's address, if they ask themselves.
    pub ip: Option<IpAddr>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// A permission provider has none.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An extension that is asked about tokens has none.
    #[error(transparent)]
    Stopped(Stopped),
    /// The request is too large.
    #[error("`owner` and `shared_with` of one request name at most {MOST_NAMED} users together; these are {0}")]
    TooManyNames(usize),
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub enum Counter<'a> {
    /// The user's limit of this name in the service; each service has its own.
    Limit(&'a str),
    /// What services that use the same name share, and how much of it this one lets through.
    Shared {
        /// The name.
        key: &'a str,
        /// In one window.
        most: u32,
    },
}

/// What came of counting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tally {
    pub is_allowed: bool,
    /// How much is allowed in one window; `None` where nothing is, or no number says so.
    pub limit: Option<f64>,
    /// How much is left; `None` without a limit that is a number.
    pub remaining: Option<i64>,
    /// Seconds until the window ends.
    pub reset_in: i64,
}

impl Tally {
    const NOTHING: Self = Self { is_allowed: false, limit: None, remaining: Some(0), reset_in: 0 };
}

impl App {
    /// Whom a service means: by id, username, or address if it is their main one and proven. An account that was merged is not the
    /// one it went on in: nobody gets tokens for it.
    pub async fn meant(&self, who: &str) -> Result<Option<User>, StoreError> {
        if let Ok(id) = who.parse::<UserId>() {
            return self.store().user(id).await;
        }
        if let Ok(email) = who.parse::<Email>() {
            let user = self.store().user_by_email(&email).await?;
            let is_theirs = |user: &User| user.email.as_ref().is_some_and(|main| main.verified && main.email == email);
            return Ok(user.filter(is_theirs));
        }
        self.store().user_by_username(who).await
    }

    /// Whose answers a service or an administrator wants forgotten: as [`Self::meant`], and an account that was merged is the one it
    /// went on in.
    pub async fn meant_for_good(&self, who: &str) -> Result<Option<User>, StoreError> {
        match who.parse::<Email>() {
            Ok(_) => self.meant(who).await,
            Err(_) => self.store().user_called(who).await,
        }
    }

    /// What may be done to each of these items, in their order.
    pub async fn may(&self, about: &About<'_>, mut wishes: Vec<Wish>) -> Result<Vec<Access>, AskError> {
        let Some(claimant) = self.entering(about).await? else {
            return Ok(vec![Access::denied(NO_TOKEN); wishes.len()]);
        };
        self.look_for_orphans(&mut wishes).await?;
        match self.chain.access(&claimant.question(about.service, about.ip), &wishes).await {
            Err(ChainError::Denied { provider, .. }) => Ok(vec![Access::denied(provider); wishes.len()]),
            other => Ok(other?),
        }
    }

    /// Whether a value is within a limit of theirs. A name that nobody knows allows nothing, unless a provider says otherwise.
    pub async fn within(&self, about: &About<'_>, name: &str, value: f64) -> Result<Within, AskError> {
        let refused = |by: &str| Ok(Within { said: Access::denied(by), limit: None });
        let Some(claimant) = self.entering(about).await? else { return refused(NO_TOKEN) };
        match self.chain.within(&claimant.question(about.service, about.ip), name, value).await {
            Err(ChainError::Denied { provider, .. }) => refused(&provider),
            other => Ok(other?),
        }
    }

    /// Counts so many in a window of this length, unless that is more than is left in it.
    pub async fn count(
        &self,
        about: &About<'_>,
        counter: Counter<'_>,
        many: u32,
        window: Duration,
    ) -> Result<Tally, AskError> {
        let Some(claimant) = self.entering(about).await? else { return Ok(Tally::NOTHING) };
        let (key, limit) = match counter {
            Counter::Shared { key, most } => {
                let whose = if claimant.is_person() { claimant.who.subject() } else { String::new() };
                (["shared", &whose, key].join("\n"), f64::from(most))
            }
            Counter::Limit(name) => match self.to_be_counted(about, name, many).await? {
                Ok(limit) => (["limit", &about.service.id, &claimant.who.subject(), name].join("\n"), limit),
                Err(tally) => return Ok(tally),
            },
        };
        let key = sha256_hex(format!("{key}\n{}", window.whole_seconds()).as_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "what is larger than an i64 is as good as the largest")]
        let quota = Quota { key, most: limit.floor() as i64, window };
        let store = self.store();
        let done = quotas::count(store.write(), &quota, i64::from(many), store.now()).await?;
        Ok(Tally {
            is_allowed: done.is_allowed,
            limit: Some(limit),
            remaining: Some(done.remaining),
            reset_in: done.reset_in,
        })
    }

    /// The number to count against; an error is what comes of it where there is none to count against.
    async fn to_be_counted(&self, about: &About<'_>, name: &str, many: u32) -> Result<Result<f64, Tally>, AskError> {
        let many = f64::from(many);
        let Within { said, limit } = self.within(about, name, many).await?;
        Ok(match limit {
            Some(limit) if said.is_allowed() || many > limit => Ok(limit.max(0.0)),
            None if said.is_allowed() => Err(Tally { is_allowed: true, remaining: None, ..Tally::NOTHING }),
            limit => Err(Tally { limit, ..Tally::NOTHING }),
        })
    }

    /// Who is asked about, if they would get a token for the service as far as permission providers do not decide it.
    async fn entering<'a>(&self, about: &About<'a>) -> Result<Option<Claimant<'a>>, AskError> {
        let Some(claimant) = about.claimant.filter(|_| about.service.enabled) else { return Ok(None) };
        let facts = self.facts_for(about.service, &claimant).await?;
        if self.turned_away(about.service, &claimant, facts.as_ref()).is_some() {
            return Ok(None);
        }
        match self.ask_before_signing(about.service, &claimant, &mut Granted::default()).await {
            Ok(()) => Ok(Some(claimant)),
            Err(Stopped { why: Why::Denied(_), .. }) => Ok(None),
            Err(stopped) => Err(AskError::Stopped(stopped)),
        }
    }

    /// Finds out whose owner, or whose share list, has somebody who has no account here that may be used: with one question.
    async fn look_for_orphans(&self, wishes: &mut [Wish]) -> Result<(), AskError> {
        let named = |wish: &Wish| -> Vec<UserId> {
            let names = wish.item.owner.iter().chain(&wish.item.shared_with);
            names.filter_map(|name| name.parse().ok()).collect()
        };
        let all: BTreeSet<UserId> = wishes.iter().flat_map(named).collect();
        if all.is_empty() {
            return Ok(());
        }
        if all.len() > MOST_NAMED {
            return Err(AskError::TooManyNames(all.len()));
        }
        let usable = self.store().usable(&all).await?;
        for wish in wishes {
            wish.item.is_orphaned = named(wish).iter().any(|id| !usable.contains(id));
        }
        Ok(())
    }
}
