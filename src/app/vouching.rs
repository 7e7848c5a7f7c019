//! Asks providers again about people who signed in by them, day by day, and what comes of it.

use futures_util::{StreamExt, stream};

use super::App;
use crate::account::AccountError;
use crate::account::vouching::Turn;
use crate::config::Refresh;
use crate::domain::identity::{Identity, Subject};
use crate::domain::user::User;
use crate::provider::{Provider, ProviderError, Tokens};
use crate::store::grants::Kept;

/// How many are asked about at a time.
const AT_ONCE: usize = 4;
/// How many are looked at together.
const PAGE: u64 = 100;

/// What a provider said when it was asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouched {
    /// It vouches as before; name, groups and roles are as it says now.
    Again,
    /// It does not, for this reason: what it said before counts no longer.
    Withdrawn(String),
    /// It could not be asked, or is not to be believed, for this reason: it is tried again in an hour.
    Unsaid(String),
    /// It did not give what was kept: its section names another issuer or client since. That is forgotten, what was said stays.
    Foreign,
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

    /// Asks about everybody who is due, a few at a time; returns about how many. What was granted by providers that are not asked any
    /// more goes after a while.
    ///
    /// # Errors
    /// The first one, after everybody was tried who could be.
    pub async fn ask_again_due(&self) -> Result<usize, AccountError> {
        let providers = self.asked_again();
        let gone = self.accounts.drop_other_grants(&providers).await?;
        if gone > 0 {
            tracing::info!(
                rows = gone,
                "what providers granted was forgotten: no section with `store_tokens` is theirs"
            );
        }
        let mut asked = 0;
        while !providers.is_empty() {
            let page = self.store().due_grants(&providers, PAGE).await?;
            let turns = self.ask_about_all(page).await?;
            // Others who ask have the rest.
            if turns == 0 {
                break;
            }
            asked += turns;
        }
        Ok(asked)
    }

    /// How many of these were asked about here.
    async fn ask_about_all(&self, page: Vec<Kept>) -> Result<usize, AccountError> {
        let each = stream::iter(page).map(|kept| self.ask_about(kept)).buffer_unordered(AT_ONCE);
        // To the end, whatever fails: nobody's turn is broken off.
        let all: Vec<Result<Vouched, AccountError>> = each.collect().await;
        let mut turns = 0;
        for vouched in all {
            turns += usize::from(vouched? != Vouched::Overtaken);
        }
        Ok(turns)
    }

    /// Asks every provider of a user that is asked again each day, now.
    pub async fn ask_again_about(&self, user: &User) -> Result<Vec<(Subject, Vouched)>, AccountError> {
        let (providers, mut all) = (self.asked_again(), Vec::new());
        for kept in self.store().grants_of(user.id).await? {
            let subject = kept.subject.clone();
            if providers.contains(&subject.provider) {
                all.push((subject, self.ask_about(kept).await?));
            }
        }
        Ok(all)
    }

    async fn ask_about(&self, kept: Kept) -> Result<Vouched, AccountError> {
        let Some(provider) = self.providers.get(&kept.subject.provider) else { return Ok(Vouched::Overtaken) };
        let Some(turn) = self.accounts.take_turn(&kept).await? else { return Ok(Vouched::Overtaken) };
        if turn.grant.from != provider.grants_as() {
            self.accounts.forget_grant(&turn).await?;
            return Ok(Vouched::Foreign);
        }
        let vouched = match provider.renew(&turn.grant).await {
            Ok(tokens) => {
                // Before anything else can fail: what it was renewed from may be spent.
                if let Some(grant) = tokens.grant.as_ref().filter(|grant| **grant != turn.grant) {
                    self.accounts.renewed(&turn, grant).await?;
                }
                self.vouched(provider.as_ref(), tokens, &turn).await
            }
            Err(error) => Err(error),
        };
        self.carry_out(&turn, vouched).await
    }

    /// What comes of what the provider says.
    async fn carry_out(&self, turn: &Turn, vouched: Result<Identity, ProviderError>) -> Result<Vouched, AccountError> {
        let counted = match vouched {
            Ok(identity) => self.accounts.vouched_again(turn, &identity).await?.then_some(Vouched::Again),
            Err(ProviderError::Refused(why)) => {
                let counted = self.accounts.withdrawn(turn, &why).await?;
                counted.then_some(Vouched::Withdrawn(why))
            }
            Err(error) => {
                self.accounts.give_back(turn).await?;
                let provider = &turn.subject.provider;
                let error: &dyn std::error::Error = &error;
                tracing::warn!(provider.name = provider, error, "a provider was asked again in vain");
                Some(Vouched::Unsaid(error.to_string()))
            }
        };
        Ok(counted.unwrap_or(Vouched::Overtaken))
    }

    /// Whom the provider vouches for now, if it is whom the turn is about and the rules of its section let them in.
    async fn vouched(&self, provider: &dyn Provider, tokens: Tokens, turn: &Turn) -> Result<Identity, ProviderError> {
        let identity = provider.ask_again(tokens).await?;
        if identity.subject != turn.subject {
            return Err(ProviderError::Untrusted("it speaks of somebody else".into()));
        }
        match self.refused_by_gate(&identity) {
            Some(rule) => Err(ProviderError::Refused(format!("its section does not let them in: {rule}"))),
            None => Ok(identity),
        }
    }
}
