//! Accounts that lead nowhere for now: their address is not proven, or they are about to go.

use super::App;
use crate::domain::user::User;

/// Why an account leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Its address has to be proven first.
    Unverified,
    /// Its owner wants it gone.
    Leaving,
}

impl App {
    /// Why the user's account leads nowhere; `None` if it is as good as any.
    pub fn closed(&self, user: &User) -> Option<Closed> {
        closed(user, self.settings.login.require_verified_email)
    }
}

/// As the file and the account say. Who has no address has nothing to prove.
pub fn closed(user: &User, is_proof_required: bool) -> Option<Closed> {
    let is_unverified = user.email.as_ref().is_some_and(|address| !address.verified);
    match (user.deletes_at, is_unverified && is_proof_required) {
        (Some(_), _) => Some(Closed::Leaving),
        (None, true) => Some(Closed::Unverified),
        (None, false) => None,
    }
}
