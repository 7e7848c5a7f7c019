//! Passkeys of an account: kept, used, renamed, removed.

use serde_json::json;

use super::ways::{Doors, WayIn};
use super::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::store::factors::{self, Passkey};

/// Most characters of a name.
const LONGEST_NAME: usize = 60;

/// A passkey to be kept.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    /// The credential's id in base64url.
    pub id: String,
    /// What its owner calls it at first.
    pub name: String,
    /// What the library keeps.
    pub credential: String,
    /// The model of the authenticator.
    pub aaguid: Option<String>,
    /// Whether it can be on several devices.
    pub synced: bool,
}

/// What came of adding a passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It is somebody's already.
    Taken,
    /// There are as many as there may be.
    TooMany,
    /// It counts from now on. New recovery codes come with it, if there were none.
    Done(Vec<String>),
}

impl Accounts {
    /// Keeps a passkey.
    pub async fn add_passkey(&self, user: &User, new: NewPasskey, by: &By) -> Result<Added, AccountError> {
        let db = self.store.begin().await?;
        let had = factors::factors(&db, user.id).await?;
        if had.passkeys >= u64::from(self.login.passkey.max_per_user) {
            return Ok(Added::TooMany);
        }
        let details = json!({ "name": new.name, "aaguid": new.aaguid, "synced": new.synced });
        let name = new.name.clone();
        let row = Passkey {
            id: new.id,
            user: user.id,
            name: new.name,
            credential: new.credential,
            aaguid: new.aaguid,
            synced: new.synced,
            created_at: crate::clock::moment(self.store.now()),
            used_at: None,
        };
        if !factors::add_passkey(&db, row).await? {
            return Ok(Added::Taken);
        }
        let codes = self.first_recovery(&db, user.id, by).await?;
        self.record(&db, by, What::new(Event::PasskeyAdded).target(user.id).details(details)).await?;
        let line = format!("The passkey “{name}” was added to your account. Whoever holds it can sign in.");
        self.write_to(&db, user, "A passkey was added", &line).await?;
        self.commit(db).await?;
        Ok(Added::Done(codes))
    }

    /// Notes that a passkey was used, with what is kept of it from now on. `false` if it is gone, or another answer of it came first.
    pub async fn use_passkey(&self, before: &Passkey, credential: &str) -> Result<bool, AccountError> {
        Ok(factors::use_passkey(self.store.write(), before, credential, self.store.now()).await?)
    }

    /// A passkey counted backwards: it is refused, written down, and its owner is told.
    pub async fn passkey_cloned(&self, user: &User, passkey: &Passkey, by: &By) -> Result<(), AccountError> {
        tracing::warn!(user.id = %user.id, "a passkey counted backwards: there may be a copy of it");
        let db = self.store.begin().await?;
        let what = What::new(Event::PasskeyCloned).target(user.id).details(json!({ "name": passkey.name }));
        self.record(&db, by, what).await?;
        let line = format!(
            "The passkey “{}” was refused: there may be a copy of it. Remove it, and add a new one.",
            passkey.name
        );
        self.write_to(&db, user, "A passkey was refused", &line).await?;
        self.commit(db).await
    }

    /// Calls a passkey something else; `false` if it is not theirs.
    pub async fn rename_passkey(&self, user: UserId, id: &str, name: &str, by: &By) -> Result<bool, AccountError> {
        let name = passkey_name(name);
        let db = self.store.begin().await?;
        if name.is_empty() || !factors::rename_passkey(&db, user, id, &name).await? {
            return Ok(false);
        }
        self.record(&db, by, What::new(Event::PasskeyRenamed).target(user).details(json!({ "name": name }))).await?;
        self.commit(db).await?;
        Ok(true)
    }

    /// Takes a passkey away; `None` if it is not theirs.
    ///
    /// # Errors
    /// [`AccountError::LastWayIn`] if nothing else opens the account.
    pub async fn remove_passkey(
        &self,
        user: &User,
        id: &str,
        doors: &Doors,
        by: &By,
    ) -> Result<Option<()>, AccountError> {
        let db = self.store.begin().await?;
        if !self.ways_in(&db, user, doors).await?.survive(WayIn::Passkey(id)) {
            return Err(AccountError::LastWayIn);
        }
        if !factors::drop_passkey(&db, user.id, id).await? {
            return Ok(None);
        }
        self.drop_idle_recovery(&db, user.id).await?;
        self.record(&db, by, What::new(Event::PasskeyRemoved).target(user.id)).await?;
        self.write_to(&db, user, "A passkey was removed", "A passkey was removed from your account.").await?;
        self.commit(db).await?;
        Ok(Some(()))
    }
}

/// A name as it is kept: one line, not too long.
pub fn passkey_name(typed: &str) -> String {
    let plain: String = typed.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_NAME).collect();
    plain.trim().to_owned()
}
