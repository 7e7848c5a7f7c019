//! The one local account behind all ways to sign in.

use time::OffsetDateTime;

use super::email::Email;
use super::id::UserId;

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

/// A username: `[a-z0-9][a-z0-9._-]{1,30}` without regard to case, and not a reserved word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

/// Names that would look like the server speaking, or like a path of it.
const RESERVED: &[&str] = &[
    "account",
    "admin",
    "administrator",
    "anonymous",
    "api",
    "auth",
    "countersign",
    "error",
    "everyone",
    "guest",
    "health",
    "help",
    "info",
    "login",
    "logout",
    "me",
    "moderator",
    "null",
    "oauth",
    "official",
    "owner",
    "postmaster",
    "root",
    "security",
    "settings",
    "setup",
    "staff",
    "support",
    "sysadmin",
    "system",
    "undefined",
    "user",
    "webmaster",
    "www",
];

impl Username {
    /// `None` if the text may not be a username.
    pub fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let fits = (2..=31).contains(&bytes.len())
            && bytes[0].is_ascii_alphanumeric()
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
            && !matches!(bytes[bytes.len() - 1], b'.');
        let free = !RESERVED.contains(&text.to_ascii_lowercase().as_str());
        (fits && free).then(|| Self(text.to_owned()))
    }

    /// A username made of whatever an upstream or an address suggests; `None` if nothing usable is left.
    pub fn suggested(raw: &str) -> Option<Self> {
        let kept: String =
            raw.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).take(24).collect();
        let kept = kept.trim_start_matches(['.', '_', '-']).trim_end_matches('.');
        Self::new(kept).or_else(|| Self::new(&format!("{kept}-1")))
    }

    /// The same name with a number behind it: `ada`, 2 → `ada-2`.
    pub fn numbered(&self, number: u32) -> Self {
        Self(format!("{}-{number}", self.0))
    }

    /// As its owner spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is unique.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}
