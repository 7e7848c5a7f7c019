//! The one local account behind all ways to sign in.

use time::OffsetDateTime;

use super::email::Email;
use super::id::UserId;

pub use super::username::Username;

/// A user as the database has them now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Never reused.
    pub id: UserId,
    /// Unique without regard to case; `None` until one is chosen.
    pub username: Option<String>,
    /// What to call them.
    pub name: Option<String>,
    /// An `https` picture.
    pub avatar_url: Option<String>,
    /// The address mail goes to.
    pub email: Option<Address>,
    /// Role ids, sorted.
    pub roles: Vec<String>,
    /// Groups as `provider:value`, sorted.
    pub groups: Vec<String>,
    /// Since when they may not sign in.
    pub locked_at: Option<OffsetDateTime>,
    /// When the account was made.
    pub created_at: OffsetDateTime,
    /// When it goes, if its owner wants it gone.
    pub deletes_at: Option<OffsetDateTime>,
    /// Grows with every change of roles, groups, address or lock.
    pub version: i64,
}

/// An address and whether its owner has proven it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The normal form.
    pub email: Email,
    /// Whether mail to it was answered, or a trusted provider vouched for it.
    pub verified: bool,
}

impl User {
    /// Whether they may not sign in.
    pub fn is_locked(&self) -> bool {
        self.locked_at.is_some()
    }

    /// What to call them on a page: the name, else the username, else the address, else the id.
    pub fn shown_name(&self) -> String {
        self.name
            .clone()
            .or_else(|| self.username.clone())
            .or_else(|| self.email.as_ref().map(|address| address.email.to_string()))
            .unwrap_or_else(|| self.id.to_string())
    }
}
