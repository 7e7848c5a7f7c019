//! Asks providers again about people who signed in by them, day by day, and what comes of it.

use futures_util::{StreamExt, stream};

use super::App;
use crate::account::AccountError;
use crate::account::vouching::Turn;
use crate::config::Refresh;
use crate::domain::identity::{Identity, Subject};
use crate::domain::user::User;
use crate::provider::{Provider, ProviderError};
use crate::store::grants::Kept;

/// How many are asked about at a time.
const AT_ONCE: usize = 4;

/// What a provider said when it was asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouched {
    /// It vouches as before; name, groups and roles are as it says now.
    Again,
    /// It does not, for this reason: what it said before counts no longer.
    Withdrawn(String),
    /// It could not be asked, or is not to be believed, for this reason: it is tried again in an hour.
    Unsaid(String),
    /// Somebody else is asking, or they signed in meanwhile.
    Overtaken,
}

impl App {
    /// The providers that are asked again each day.
    pub fn asked_again(&self) -> Vec<String> {
        let daily = self.settings.gates.iter();
        let daily = daily.filter(|(_, gate)| gate.refresh == Refresh::Daily && gate.stores_tokens);
        daily.map(|(id, _)| id.clone()).collect()
    }

    /// Asks about everybody who is due, a few at a time; returns how many. What was granted by providers that are not to be asked any
    /// more goes.
    pub async fn ask_again_due(&self) -> Result<usize, AccountError> {
        let providers = self.asked_again();
        let gone = self.accounts.drop_other_grants(&providers).await?;
        if gone > 0 {
            tracing::info!(
                rows = gone,
                "what providers granted was forgotten: their sections do not say `store_tokens` any more"
            );
        }
        let mut asked = 0;
        while !providers.is_empty() {
            let page = self.accounts.due_grants(&providers).await?;
            if page.is_empty() {
                break;
            }
            asked += page.len();
            let mut each = stream::iter(page).map(|kept| self.ask_about(kept)).buffer_unordered(AT_ONCE);
            while let Some(vouched) = each.next().await {
                vouched?;
            }
        }
        Ok(asked)
    }

    /// Asks every provider of a user that can be asked again, now.
    pub async fn ask_again_about(&self, user: &User) -> Result<Vec<(Subject, Vouched)>, AccountError> {
        let mut all = Vec::new();
        for kept in self.accounts.grants_of(user.id).await? {
            let subject = kept.subject.clone();
            let vouched = self.ask_about(kept).await?;
            all.push((subject, vouched));
        }
        Ok(all)
    }

    async fn ask_about(&self, kept: Kept) -> Result<Vouched, AccountError> {
        let provider = self.providers.get(&kept.subject.provider);
        let (Some(provider), Some(turn)) = (provider, self.accounts.take_turn(&kept).await?) else {
            return Ok(Vouched::Overtaken);
        };
        let counted = match self.asked(provider.as_ref(), &turn).await {
            Ok(identity) => self.accounts.vouched_again(&turn, &identity).await?.then_some(Vouched::Again),
            Err(ProviderError::Refused(why)) => {
                let counted = self.accounts.withdrawn(&turn, &why).await?;
                counted.then_some(Vouched::Withdrawn(why))
            }
            Err(error) => {
                let provider = &turn.subject.provider;
                let error: &dyn std::error::Error = &error;
                tracing::warn!(provider.name = provider, error, "a provider was asked again in vain");
                Some(Vouched::Unsaid(error.to_string()))
            }
        };
        Ok(counted.unwrap_or(Vouched::Overtaken))
    }

    async fn asked(&self, provider: &dyn Provider, turn: &Turn) -> Result<Identity, ProviderError> {
        if provider.realm() != turn.subject.realm {
            // What one issuer granted is no other one's business.
            return Err(ProviderError::Refused("its section names another one now".into()));
        }
        let identity = provider.ask_again(&turn.grant).await?;
        if identity.subject != turn.subject {
            return Err(ProviderError::Untrusted("it speaks of somebody else".into()));
        }
        match self.refused_by_gate(&identity) {
            Some(rule) => Err(ProviderError::Refused(format!("its section does not let them in: {rule}"))),
            None => Ok(identity),
        }
    }
}
