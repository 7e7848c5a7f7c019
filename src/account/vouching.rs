//! Asking providers again, when nobody signs in: whoever vouched for somebody once may not do so for ever.

use super::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::identity::{Grant, Identity, Subject};
use crate::store::grants::{self, Kept};
use crate::store::users;
use crate::store::{StoreError, Tx, roles};

/// What grants are sealed for.
const SEALED_FOR: &str = "grant";
/// How long after a good answer a provider is asked again, in seconds: a day.
const DAY: i64 = 86_400;
/// How long after a try that came to nothing, in seconds: an hour.
const HOUR: i64 = 3600;
/// How long a turn lasts that nobody ends, in seconds: longer than any provider may take.
const LONGEST_TURN: i64 = 600;

/// Somebody to be asked about, by whoever took the turn.
#[derive(Debug, Clone)]
pub struct Turn {
    pub subject: Subject,
    pub grant: Grant,
    /// Names the turn: what is due in an hour if nothing comes of it.
    ask_at: i64,
}

impl Accounts {
    /// Keeps what the provider granted at a sign-in, if it granted anything.
    pub(super) async fn keep_grant(&self, db: &Tx, identity: &Identity) -> Result<(), StoreError> {
        let Some(grant) = &identity.grant else { return Ok(()) };
        let sealed = self.seal_to(&identity.subject, SEALED_FOR, grant);
        grants::keep(db, &identity.subject, sealed, self.store.now() + DAY).await
    }

    /// Forgets what was granted by providers other than these, a day after it was due: a file that is only half written, or half rolled
    /// out, loses nothing. Returns how many.
    pub async fn drop_other_grants(&self, providers: &[String]) -> Result<u64, AccountError> {
        Ok(self.store.drop_other_grants(providers, self.store.now() - DAY).await?)
    }

    /// Takes the turn to ask; `None` if somebody else has it, or what was kept cannot be read.
    pub async fn take_turn(&self, kept: &Kept) -> Result<Option<Turn>, AccountError> {
        let now = self.store.now();
        // Never the same as before: whoever had the turn then would take this one for theirs.
        let ask_at = (now + HOUR).max(kept.ask_at + 1);
        if !self.store.take_turn(kept, ask_at, now + LONGEST_TURN).await? {
            return Ok(None);
        }
        let subject = kept.subject.clone();
        if let Some(grant) = self.open_of(&subject, SEALED_FOR, &kept.sealed) {
            return Ok(Some(Turn { subject, grant, ask_at }));
        }
        tracing::error!(provider.name = subject.provider, "what a provider granted cannot be opened: it is forgotten");
        grants::withdraw(self.store.write(), &subject, ask_at).await?;
        Ok(None)
    }

    /// Gives a turn back that came to nothing: the next is in an hour.
    pub async fn give_back(&self, turn: &Turn) -> Result<(), AccountError> {
        grants::turned(self.store.write(), &turn.subject, turn.ask_at, turn.ask_at).await?;
        Ok(())
    }

    /// Forgets a grant that the provider of now did not give. What was said stays.
    pub async fn forget_grant(&self, turn: &Turn) -> Result<(), AccountError> {
        grants::withdraw(self.store.write(), &turn.subject, turn.ask_at).await?;
        Ok(())
    }

    /// Keeps what stands in the grant's place since it was used: the one before may be spent, whatever comes next. `false` if somebody
    /// signed in meanwhile.
    pub async fn renewed(&self, turn: &Turn, grant: &Grant) -> Result<bool, AccountError> {
        let sealed = self.seal_to(&turn.subject, SEALED_FOR, grant);
        Ok(self.store.renewed(&turn.subject, turn.ask_at, sealed).await?)
    }

    /// The provider vouches as before: what it says now counts. `false` if somebody signed in meanwhile, or the identity is gone.
    pub async fn vouched_again(&self, turn: &Turn, identity: &Identity) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        let Some(user) = users::by_identity(&db, &turn.subject).await? else { return Ok(false) };
        if !grants::turned(&db, &turn.subject, turn.ask_at, self.store.now() + DAY).await? {
            return Ok(false);
        }
        self.bring_up_to_date(&db, user.id, identity).await?;
        self.hear(&db, &user, identity, &By::system()).await?;
        self.commit(db).await?;
        Ok(true)
    }

    /// The provider does not vouch any more: what it said counts no longer, and nothing is granted until the next sign-in. `false` as
    /// above.
    pub async fn withdrawn(&self, turn: &Turn, reason: &str) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        let Some(user) = users::by_identity(&db, &turn.subject).await? else { return Ok(false) };
        if !grants::withdraw(&db, &turn.subject, turn.ask_at).await? {
            return Ok(false);
        }
        let (by, provider) = (By::system(), turn.subject.provider.as_str());
        self.drop_groups(&db, user.id, provider).await?;
        roles::unsay(&db, &turn.subject).await?;
        self.settle_roles(&db, user.id, &by).await?;
        let what = What::new(Event::IdentityWithdrawn).target(user.id).provider(provider);
        self.record(&db, &by, what.details(serde_json::json!({ "reason": reason }))).await?;
        self.commit(db).await?;
        Ok(true)
    }
}
