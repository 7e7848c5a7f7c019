//! Asking providers again, when nobody signs in: whoever vouched for somebody once may not do so for ever.

use super::rules::row_of;
use super::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::id::UserId;
use crate::domain::identity::{Grant, Identity, Subject};
use crate::domain::user::User;
use crate::store::grants::{self, Kept};
use crate::store::users::{self, Profile};
use crate::store::{StoreError, Tx, roles};

/// What grants are sealed for.
const SEALED_FOR: &str = "grant";
/// How long after a good answer a provider is asked again, in seconds: a day.
const DAY: i64 = 86_400;
/// How long after a try that came to nothing, in seconds: an hour.
const HOUR: i64 = 3600;
/// How many are looked at together.
const PAGE: u64 = 100;

/// Somebody to be asked about, by whoever took the turn.
#[derive(Debug, Clone)]
pub struct Turn {
    pub subject: Subject,
    pub grant: Grant,
    until: i64,
}

impl Accounts {
    /// Keeps what the provider granted at a sign-in, if it granted anything.
    pub(super) async fn keep_grant(&self, db: &Tx, identity: &Identity) -> Result<(), StoreError> {
        let Some(grant) = &identity.grant else { return Ok(()) };
        let sealed = self.sealed_grant(&identity.subject, grant);
        grants::keep(db, &identity.subject, sealed, self.store.now() + DAY).await
    }

    /// Who is to be asked about at these providers by now; at most a page of them.
    pub async fn due_grants(&self, providers: &[String]) -> Result<Vec<Kept>, AccountError> {
        Ok(self.store.due_grants(providers, PAGE).await?)
    }

    /// Takes the turn to ask; `None` if somebody else has it, or what was kept cannot be read.
    pub async fn take_turn(&self, kept: &Kept) -> Result<Option<Turn>, AccountError> {
        // Never the same twice: whoever had it before would take this turn for theirs.
        let until = (self.store.now() + HOUR).max(kept.ask_at + 1);
        let Kept { subject, sealed, .. } = kept;
        let plain = self.sealer.open(SEALED_FOR, &row_of(subject), sealed);
        let grant = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
        if !self.store.take_turn(kept, until).await? {
            return Ok(None);
        }
        let Some(grant) = grant else {
            tracing::error!(
                provider.name = subject.provider,
                "what a provider granted cannot be opened: it is forgotten"
            );
            let db = self.store.begin().await?;
            grants::withdraw(&db, subject, until).await?;
            self.commit(db).await?;
            return Ok(None);
        };
        Ok(Some(Turn { subject: subject.clone(), grant, until }))
    }

    /// The provider vouches as before: what it says now counts. `false` if somebody signed in meanwhile, or the identity is gone.
    pub async fn vouched_again(&self, turn: &Turn, identity: &Identity) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        let Some(user) = self.of_turn(&db, turn).await? else { return Ok(false) };
        let grant = identity.grant.as_ref().unwrap_or(&turn.grant);
        let next = (self.sealed_grant(&turn.subject, grant), self.store.now() + DAY);
        if !grants::turned(&db, &turn.subject, turn.until, next).await? {
            return Ok(false);
        }
        self.bring_up_to_date(&db, &user, identity).await?;
        self.hear(&db, &user, identity, &By::system()).await?;
        self.commit(db).await?;
        Ok(true)
    }

    /// The provider does not vouch any more: what it said counts no longer, and nothing is granted until the next sign-in. `false` as
    /// above.
    pub async fn withdrawn(&self, turn: &Turn, reason: &str) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        let Some(user) = self.of_turn(&db, turn).await? else { return Ok(false) };
        if !grants::withdraw(&db, &turn.subject, turn.until).await? {
            return Ok(false);
        }
        let by = By::system();
        let provider = turn.subject.provider.as_str();
        let groups = groups_of_others(&user, provider).cloned().collect();
        let User { name, avatar_url, .. } = &user;
        let profile = Profile { name: name.clone(), avatar_url: avatar_url.clone(), groups };
        users::refresh(&db, &user, &profile, self.store.now()).await?;
        roles::unsay(&db, &turn.subject).await?;
        self.settle_roles(&db, user.id, &by).await?;
        let what = What::new(Event::IdentityWithdrawn).target(user.id).provider(provider);
        self.record(&db, &by, what.details(serde_json::json!({ "reason": reason }))).await?;
        self.commit(db).await?;
        Ok(true)
    }

    /// The grants of one user, due or not.
    pub async fn grants_of(&self, user: UserId) -> Result<Vec<Kept>, AccountError> {
        Ok(self.store.grants_of(user).await?)
    }

    /// Forgets what was granted by providers other than these; returns how many.
    pub async fn drop_other_grants(&self, providers: &[String]) -> Result<u64, AccountError> {
        Ok(self.store.drop_other_grants(providers).await?)
    }

    async fn of_turn(&self, db: &Tx, turn: &Turn) -> Result<Option<User>, StoreError> {
        users::by_identity(db, &turn.subject).await
    }

    fn sealed_grant(&self, subject: &Subject, grant: &Grant) -> String {
        let plain = serde_json::to_vec(grant).expect("plain JSON");
        self.sealer.seal(SEALED_FOR, &row_of(subject), &plain)
    }
}

/// The user's groups that do not come from the provider.
pub(super) fn groups_of_others<'a>(user: &'a User, provider: &str) -> impl Iterator<Item = &'a String> {
    let of_this_provider = format!("{provider}:");
    user.groups.iter().filter(move |group| !group.starts_with(&of_this_provider))
}
