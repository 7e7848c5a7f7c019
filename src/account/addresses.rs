//! The addresses of a user: another one is proven by mail before it is theirs, and the one before hears of it.

use serde::{Deserialize, Serialize};
use serde_json::json;
use time::Duration;

use super::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::mail::Mail;
use crate::store::{StoreError, Tx, addresses, latest, spent, users};

/// An address that somebody wants, sealed into the link that goes to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub user: UserId,
    pub email: Email,
    /// Whether mail goes there from then on.
    pub as_main: bool,
    /// When the password was set, in seconds since 1970: another password, and the link is over.
    pub password_at: Option<i64>,
}

/// What takes a change of addresses back, sealed into the link that goes to the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    pub user: UserId,
    /// Comes back.
    pub old: Email,
    /// Goes; `None`: nothing came in its place.
    pub new: Option<Email>,
    /// When the password was set, in seconds since 1970: another password, and the link is over.
    pub password_at: Option<i64>,
}

/// What became of an address that is proven now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proven {
    /// It is theirs.
    Theirs,
    /// Somebody else has it by now.
    Taken,
    /// The link is over: used, replaced by a newer one, or from before the password was set anew.
    Over,
}

/// What became of the wish to take a change back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    /// It is as it was.
    Yes,
    /// Somebody else has the old address by now.
    Taken,
    /// The link was used, or the account is gone.
    Over,
}

/// Why an address stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Yes,
    /// Mail goes there: another one has to become the main one first.
    IsMain,
    /// It is not theirs.
    NotTheirs,
}

impl Accounts {
    /// The user's addresses, the main one first.
    pub async fn addresses(&self, user: &User) -> Result<Vec<addresses::Held>, AccountError> {
        Ok(self.store.addresses(user.id).await?)
    }

    /// What the user wants, as it is sealed into the link.
    pub async fn wanted(&self, user: &User, email: Email, as_main: bool) -> Result<Wanted, AccountError> {
        let password_at = self.store.password_set_at(user.id).await?;
        Ok(Wanted { user: user.id, email, as_main, password_at })
    }

    /// Mails the link to the address, or tells its owner that somebody wants it; the answer is the same. Earlier links are over.
    pub async fn ask_for_address(
        &self,
        wanted: &Wanted,
        link: (&str, i64),
        letters: (&Mail, &Mail),
        lasts: Duration,
    ) -> Result<(), AccountError> {
        let holder = self.store.user_by_email(&wanted.email).await?;
        let is_free = holder.is_none_or(|holder| holder.id == wanted.user);
        let db = self.store.begin().await?;
        latest::put(&db, &pending(wanted.user), link.0, link.1).await?;
        self.mail(&db, Some(if is_free { letters.0 } else { letters.1 }), lasts).await?;
        self.commit(db).await
    }

    /// Whether the link still counts; a hint for pages.
    pub async fn is_wanted(&self, wanted: &Wanted, id: &str) -> Result<bool, AccountError> {
        let is_same = self.store.password_set_at(wanted.user).await? == wanted.password_at;
        Ok(is_same && latest::is(self.store.read(), &pending(wanted.user), id).await?)
    }

    /// The address is proven by the user who asked for it: it is theirs. `notice` goes to the main address before, if another one is.
    pub async fn prove_address(
        &self,
        by: &By,
        wanted: &Wanted,
        id: &str,
        notice: Option<&Mail>,
        lasts: Duration,
    ) -> Result<Proven, AccountError> {
        match self.try_prove(by, wanted, id, (notice, lasts)).await {
            Err(AccountError::Store(error)) if error.is_conflict() => Ok(Proven::Taken),
            other => other,
        }
    }

    async fn try_prove(
        &self,
        by: &By,
        wanted: &Wanted,
        id: &str,
        notice: (Option<&Mail>, Duration),
    ) -> Result<Proven, AccountError> {
        let Wanted { user, email, as_main, password_at } = wanted;
        let (user, now) = (*user, self.store.now());
        if self.store.password_set_at(user).await? != *password_at {
            return Ok(Proven::Over);
        }
        let db = self.store.begin().await?;
        if !latest::take(&db, &pending(user), id).await? {
            return Ok(Proven::Over);
        }
        if !self.take_in(&db, by, user, email).await? {
            return Ok(Proven::Taken);
        }
        if *as_main {
            self.switch_main(&db, by, user, email).await?;
        }
        if let (Some(mail), lasts) = notice {
            self.mail(&db, Some(mail), lasts).await?;
        }
        users::changed(&db, user, now).await?;
        self.commit(db).await?;
        Ok(Proven::Theirs)
    }

    /// Gives the user the proven address, unless somebody else has it.
    async fn take_in(&self, db: &Tx, by: &By, user: UserId, email: &Email) -> Result<bool, StoreError> {
        let now = self.store.now();
        let event = match users::by_email(db, email).await? {
            Some(holder) if holder.id != user => return Ok(false),
            Some(_) => {
                users::verify_address(db, user, email, now).await?;
                Event::AddressVerified
            }
            None => {
                users::put_address(db, user, email, true, now).await?;
                Event::AddressAdded
            }
        };
        self.record_address(db, by, event, user, email).await?;
        if event == Event::AddressAdded {
            self.tell_of_address(db, user, email).await?;
        }
        Ok(true)
    }

    /// Mail goes to this proven address from now on; `notice` goes to the one before. `false` if it is not theirs, or not proven.
    pub async fn make_main(
        &self,
        by: &By,
        user: &User,
        email: &Email,
        notice: Option<&Mail>,
        lasts: Duration,
    ) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        if !self.switch_main(&db, by, user.id, email).await? {
            return Ok(false);
        }
        if notice.is_some() {
            self.mail(&db, notice, lasts).await?;
        }
        users::changed(&db, user.id, self.store.now()).await?;
        self.commit(db).await?;
        Ok(true)
    }

    async fn switch_main(&self, db: &Tx, by: &By, user: UserId, email: &Email) -> Result<bool, StoreError> {
        let is_theirs = addresses::make_main(db, user, email).await?;
        if is_theirs {
            self.record_address(db, by, Event::AddressChanged, user, email).await?;
        }
        Ok(is_theirs)
    }

    /// Takes an address from the user that is not the main one; `notice` goes to it. So the last one always stays.
    pub async fn remove_address(
        &self,
        by: &By,
        user: &User,
        email: &Email,
        notice: &Mail,
        lasts: Duration,
    ) -> Result<Removed, AccountError> {
        let db = self.store.begin().await?;
        let held = addresses::of(&db, user.id).await?;
        match held.iter().find(|held| held.email == *email) {
            None => return Ok(Removed::NotTheirs),
            Some(held) if held.is_main => return Ok(Removed::IsMain),
            Some(_) => {}
        }
        if !addresses::remove(&db, user.id, email).await? {
            return Ok(Removed::IsMain);
        }
        self.mail(&db, Some(notice), lasts).await?;
        self.record_address(&db, by, Event::AddressRemoved, user.id, email).await?;
        users::changed(&db, user.id, self.store.now()).await?;
        self.commit(db).await?;
        Ok(Removed::Yes)
    }

    /// The owner of the old address did not want the change: it is theirs again, the new one is not, and every session, mailed link
    /// and API key ends.
    pub async fn undo_address(&self, by: &By, undo: &Undo, link: (&str, i64)) -> Result<Undone, AccountError> {
        match self.try_undo(by, undo, link).await {
            Err(AccountError::Store(error)) if error.is_conflict() => Ok(Undone::Taken),
            other => other,
        }
    }

    async fn try_undo(&self, by: &By, undo: &Undo, link: (&str, i64)) -> Result<Undone, AccountError> {
        let (user, now) = (undo.user, self.store.now());
        if self.store.password_set_at(user).await? != undo.password_at {
            return Ok(Undone::Over);
        }
        let db = self.store.begin().await?;
        if !spent::spend(&db, link.0, link.1).await? || users::by_id(&db, user).await?.is_none() {
            return Ok(Undone::Over);
        }
        if !give_back(&db, undo, now).await? {
            return Ok(Undone::Taken);
        }
        // Whoever changed it may have more on the way, and keys in the pocket.
        self.end_everything(&db, user, by).await?;
        self.record_address(&db, by, Event::AddressChangeUndone, user, &undo.old).await?;
        users::changed(&db, user, now).await?;
        self.commit(db).await?;
        Ok(Undone::Yes)
    }

    /// Whoever can answer mail to one of the addresses can sign in: the owner hears of a new one.
    async fn tell_of_address(&self, db: &Tx, user: UserId, email: &Email) -> Result<(), StoreError> {
        let Some(user) = users::by_id(db, user).await? else { return Ok(()) };
        if user.email.as_ref().is_none_or(|main| main.email == *email) {
            return Ok(());
        }
        let line = format!("{} belongs to your account now, and can be used to sign in.", email.masked());
        self.write_to(db, &user, "An address was added", &line).await
    }

    async fn record_address(
        &self,
        db: &Tx,
        by: &By,
        event: Event,
        user: UserId,
        email: &Email,
    ) -> Result<(), StoreError> {
        self.record(db, by, What::new(event).target(user).details(json!({ "address": email.masked() }))).await
    }
}

/// As it was before the change; `false` if somebody else has the old address by now.
async fn give_back(db: &Tx, undo: &Undo, now: i64) -> Result<bool, StoreError> {
    match users::by_email(db, &undo.old).await? {
        Some(holder) if holder.id != undo.user => return Ok(false),
        Some(_) => {}
        None => users::put_address(db, undo.user, &undo.old, true, now).await?,
    }
    if let Some(new) = &undo.new {
        addresses::make_main(db, undo.user, &undo.old).await?;
        addresses::remove(db, undo.user, new).await?;
    }
    Ok(true)
}

/// Of an account's links to new addresses, the newest counts.
fn pending(user: UserId) -> String {
    format!("address:{user}")
}
