//! What administrators do to accounts. Each deed is one transaction: the guards look at what is there then, the change is made, and
//! it is written down who made it.

mod change;
mod merge;
mod promote;
mod reset;
mod rules;
mod sessions;

pub use change::Change;
pub use merge::Preview;
pub use rules::{Caller, Deed, Refused, judge, needs_another_admin};

use super::{AccountError, Accounts};
use crate::config::settings::Settings;
use crate::domain::audit::By;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::store::{StoreError, Tx, changes, users};

/// The role of administrators.
pub const ADMIN: &str = "admin";

/// Where administrators work: the accounts, what the file says, and who is at the desk.
#[derive(Clone, Copy)]
pub struct Office<'a> {
    accounts: &'a Accounts,
    settings: &'a Settings,
    roles: &'a [String],
    admin_role: &'a str,
    caller: &'a Caller,
    by: &'a By,
    /// Everything is tried, and nothing is kept.
    is_rehearsal: bool,
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The user is gone.
    #[error("there is no such user")]
    NotFound,
    /// A guard.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The file has no such role.
    #[error("there is no such role")]
    RoleUnknown,
    /// Somebody changed the user since the caller looked.
    #[error("the user has been changed meanwhile")]
    Stale,
    /// Somebody has the username.
    #[error("the username is taken")]
    UsernameTaken,
    /// There is no address to prove.
    #[error("the user has no address")]
    NoAddress,
    /// Nobody signs in with a password.
    #[error("nobody signs in with a password here")]
    NoPasswords,
    /// Nothing can be mailed.
    #[error("this server sends no letters")]
    NoLetters,
    /// Without it they could not sign in.
    #[error("this is the only way the user can sign in")]
    LastWayIn,
    /// There are more attributes than are kept.
    #[error("the attributes are too large")]
    TooMuch,
    /// Nobody becomes one with themselves.
    #[error("these are the same account")]
    SameAccount,
    /// There is no merge, or its time is over.
    #[error("there is no merge that could be undone")]
    NothingToUndo,
    /// The accounts.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

impl<'a> Office<'a> {
    /// Lets somebody to the desk.
    pub fn new(accounts: &'a Accounts, settings: &'a Settings, caller: &'a Caller, by: &'a By) -> Self {
        Self { accounts, settings, roles: &settings.roles, admin_role: ADMIN, caller, by, is_rehearsal: false }
    }

    /// The same desk, where everything is tried and nothing is kept.
    #[must_use]
    pub fn rehearsal(self, is_rehearsal: bool) -> Self {
        Self { is_rehearsal, ..self }
    }

    /// Makes the change last.
    async fn keep(&self, db: Tx) -> Result<(), AdminError> {
        if self.is_rehearsal {
            return Ok(db.rollback().await.map_err(StoreError::from)?);
        }
        Ok(self.accounts.commit(db).await?)
    }

    /// The user with this id, address, username, or old id.
    pub async fn find(&self, who: &str) -> Result<User, AdminError> {
        self.accounts.store.user_called(who).await?.ok_or(AdminError::NotFound)
    }

    /// The user as the transaction has them, after every guard.
    async fn guarded(&self, db: &Tx, id: UserId, deed: Deed<'_>) -> Result<User, AdminError> {
        let target = changes::hold(db, id).await?.ok_or(AdminError::NotFound)?;
        judge(self.caller, &target, deed, self.admin_role)?;
        // Whoever owns an address of `admin.emails` administrates as soon as they sign in.
        let address = target.email.as_ref().map(|address| &address.email);
        if !self.caller.is_admin && address.is_some_and(|email| self.settings.admin.emails.contains(email)) {
            return Err(Refused::AboveCaller.into());
        }
        if needs_another_admin(&target, deed, self.admin_role) {
            let admins = users::with_role(db, self.admin_role).await?;
            if admins.iter().all(|admin| *admin == id) {
                return Err(Refused::LastAdmin.into());
            }
        }
        Ok(target)
    }

    /// The user as they are after the change.
    async fn after(&self, db: &Tx, id: UserId) -> Result<User, AdminError> {
        users::by_id(db, id).await?.ok_or(AdminError::NotFound)
    }
}
