//! What an API key may be used for: the whole vocabulary, and who may have which word of it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most scopes of one key.
pub const MOST: usize = 64;
/// What stands before the service of [`Scope::AuthorizeFor`].
const FOR_SERVICE: &str = "authorize:";
/// What stands before the service of [`Scope::Administer`].
const ADMINISTER: &str = "administer:";

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $says:literal;)+) => {
        /// One thing an API key may be used for.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Scope {
            $($(#[$doc])* $name,)+
            /// Tokens for this one service: `authorize:wiki`.
            AuthorizeFor(String),
            /// The admin API for this one service: `administer:wiki`. It is worth what its owner's roles are worth there.
            Administer(String),
        }

        impl Scope {
            /// All that are one word.
            pub const WORDS: &[Scope] = &[$(Scope::$name,)+];

            /// What it allows, for a page: `Get tokens for every service`.
            pub fn says(&self) -> &'static str {
                match self {
                    $(Self::$name => $says,)+
                    Self::AuthorizeFor(_) => "Get tokens for one service",
                    Self::Administer(_) => "Administer one service",
                }
            }

            fn word(&self) -> Option<&'static str> {
                match self { $(Self::$name => Some($word),)+ Self::AuthorizeFor(_) | Self::Administer(_) => None }
            }
        }
    };
}

scopes! {
    /// Tokens for every service the owner may use.
    Authorize = "authorize", "Get tokens for services";
    /// The sessions API; for keys of services.
    Sessions = "sessions", "Keep sessions for its own front end";
    /// Questions about what people may do, and having answers forgotten.
    Permissions = "permissions", "Ask what people may do";
    /// The admin API reads users.
    UsersRead = "users:read", "Read users";
    /// The admin API changes users.
    UsersWrite = "users:write", "Change users";
    /// The admin API gives and takes roles.
    RolesWrite = "roles:write", "Give and take roles";
    /// The admin API asks permission providers and says why somebody may do what.
    PermissionsRead = "permissions:read", "See who may do what, and why";
    /// The admin API reads the log of events.
    AuditRead = "audit:read", "Read the log of events";
    /// The admin API invites people.
    InvitationsWrite = "invitations:write", "Invite people";
    /// The admin API lists and revokes API keys; no key makes keys.
    KeysWrite = "keys:write", "List and revoke API keys";
}

/// The text is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a scope")]
pub struct UnknownScope;

/// Whose key it is, as far as scopes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A person.
    Person,
    /// A person who administrates this server.
    Admin,
    /// A service.
    Service,
}

/// The role whose holders run the server.
const ADMIN: &str = "admin";

impl Holder {
    /// A person with these roles.
    pub fn of_roles(roles: &[String]) -> Self {
        if roles.iter().any(|role| role == ADMIN) { Self::Admin } else { Self::Person }
    }
}

impl Scope {
    /// Whether a key of this holder may have it. Whoever loses the right loses the key's use at once.
    pub fn is_for(&self, holder: Holder) -> bool {
        match self {
            Self::Authorize | Self::AuthorizeFor(_) => true,
            Self::Sessions => holder == Holder::Service,
            Self::Administer(_) => matches!(holder, Holder::Person | Holder::Admin),
            Self::Permissions
            | Self::UsersRead
            | Self::UsersWrite
            | Self::RolesWrite
            | Self::PermissionsRead
            | Self::AuditRead
            | Self::InvitationsWrite
            | Self::KeysWrite => matches!(holder, Holder::Admin | Holder::Service),
        }
    }
}

/// Whether these scopes allow a token for the service.
pub fn may_authorize(scopes: &BTreeSet<Scope>, service: &str) -> bool {
    scopes.contains(&Scope::Authorize) || scopes.contains(&Scope::AuthorizeFor(service.to_owned()))
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuthorizeFor(service) => write!(f, "{FOR_SERVICE}{service}"),
            Self::Administer(service) => write!(f, "{ADMINISTER}{service}"),
            word => f.write_str(word.word().unwrap_or_default()),
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        if let Some(word) = Self::WORDS.iter().find(|scope| scope.word() == Some(text)) {
            return Ok(word.clone());
        }
        let (scope, service): (fn(String) -> Self, _) = match text.strip_prefix(ADMINISTER) {
            Some(service) => (Self::Administer, service),
            None => (Self::AuthorizeFor, text.strip_prefix(FOR_SERVICE).ok_or(UnknownScope)?),
        };
        let plain = (2..=40).contains(&service.len())
            && service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if plain { Ok(scope(service.to_owned())) } else { Err(UnknownScope) }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
