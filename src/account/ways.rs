//! The ways into an account, and that the last one is never taken away.

use super::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::id::UserId;
use crate::domain::identity::Subject;
use crate::domain::user::User;
use crate::store::{StoreError, Tx, changes, factors, users};

/// What this server opens at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doors {
    /// Ids of the providers.
    pub providers: Vec<String>,
    /// Whether passwords sign in.
    pub password: bool,
    /// Whether links are mailed.
    pub mail: bool,
    /// Whether passkeys sign in.
    pub passkeys: bool,
}

/// One way into an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayIn<'a> {
    Password,
    Passkey(&'a str),
    Identity(&'a Subject),
}

/// The ways into an account that this server opens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ways {
    pub password: bool,
    /// Whether a link can be mailed to a verified address.
    pub mail: bool,
    /// Ids of passkeys that say who uses them.
    pub passkeys: Vec<String>,
    pub identities: Vec<Subject>,
}

impl Ways {
    /// Whether there is one.
    pub fn any(&self) -> bool {
        self.password || self.mail || !self.passkeys.is_empty() || !self.identities.is_empty()
    }

    /// Whether something is left without this one.
    pub fn survive(&self, without: WayIn<'_>) -> bool {
        let password = self.password && without != WayIn::Password;
        let passkey = self.passkeys.iter().any(|id| without != WayIn::Passkey(id));
        let identity = self.identities.iter().any(|subject| without != WayIn::Identity(subject));
        password || self.mail || passkey || identity
    }
}

impl Accounts {
    /// The ways into an account, in the transaction that takes one away.
    pub(super) async fn ways_in(&self, db: &Tx, user: &User, doors: &Doors) -> Result<Ways, StoreError> {
        let identities = users::identities(db, user.id).await?.into_iter().map(|linked| linked.subject);
        let passkeys = factors::passkeys(db, user.id).await?;
        let alone = passkeys.into_iter().filter(|passkey| doors.passkeys && signs_in_alone(&passkey.credential));
        Ok(Ways {
            password: doors.password && users::has_password(db, user.id).await?,
            mail: doors.mail && user.email.as_ref().is_some_and(|address| address.verified),
            passkeys: alone.map(|passkey| passkey.id).collect(),
            identities: identities.filter(|subject| doors.providers.contains(&subject.provider)).collect(),
        })
    }

    /// Links an identity to somebody who is signed in and asked for it. `false` if it is somebody's already.
    pub async fn connect(&self, user: &User, subject: &Subject, by: &By) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        if users::by_identity(&db, subject).await?.is_some() {
            self.record(&db, by, What::new(Event::IdentityLinkRefused).target(user.id).provider(&subject.provider))
                .await?;
            self.commit(db).await?;
            return Ok(false);
        }
        match users::link(&db, user.id, subject, self.store.now()).await {
            Err(error) if error.is_conflict() => return Ok(false),
            other => other?,
        }
        self.record(&db, by, What::new(Event::IdentityLinked).target(user.id).provider(&subject.provider)).await?;
        let line = format!("A sign-in with {} was connected to your account.", subject.provider);
        self.write_to(&db, user, "A way to sign in was added", &line).await?;
        self.commit(db).await?;
        Ok(true)
    }

    /// Takes an identity away; `None` if it is not theirs.
    ///
    /// # Errors
    /// [`AccountError::LastWayIn`] if nothing else opens the account.
    pub async fn disconnect(
        &self,
        user: &User,
        subject: &Subject,
        doors: &Doors,
        by: &By,
    ) -> Result<Option<()>, AccountError> {
        let db = self.store.begin().await?;
        if !self.ways_in(&db, user, doors).await?.survive(WayIn::Identity(subject)) {
            return Err(AccountError::LastWayIn);
        }
        if !users::unlink(&db, user.id, subject).await? {
            return Ok(None);
        }
        self.record(&db, by, What::new(Event::IdentityUnlinked).target(user.id).provider(&subject.provider)).await?;
        self.unlinked(&db, user.id, &subject.provider, by).await?;
        let line = format!("The sign-in with {} was disconnected from your account.", subject.provider);
        self.write_to(&db, user, "A way to sign in was removed", &line).await?;
        self.commit(db).await?;
        Ok(Some(()))
    }

    /// What the provider said goes with its last identity: groups, and the roles that come of it.
    pub(super) async fn unlinked(&self, db: &Tx, id: UserId, provider: &str, by: &By) -> Result<(), StoreError> {
        let Some(user) = changes::hold(db, id).await? else { return Ok(()) };
        let is_left = users::identities(db, id).await?.iter().any(|linked| linked.subject.provider == provider);
        let of_it = format!("{provider}:");
        let groups = user.groups.into_iter().filter(|group| is_left || !group.starts_with(&of_it));
        changes::set_groups(db, id, &groups.collect::<Vec<_>>(), self.store.now()).await?;
        self.settle_roles(db, id, by).await
    }
}

/// Whether a passkey opened by its owner's finger or PIN when it was made: without that it is no way in by itself.
pub fn signs_in_alone(credential: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(credential).is_ok_and(|kept| kept["user_verified"] == true)
}
