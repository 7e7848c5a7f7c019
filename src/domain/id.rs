//! Names of things that are never reused and never derived from an address.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one: time-ordered, with 74 random bits (RFC 9562 §5.7).
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = UnknownId;

            fn from_str(text: &str) -> Result<Self, UnknownId> {
                let digits = text.strip_prefix(concat!($prefix, "_")).ok_or(UnknownId)?;
                let canonical = digits.len() == 32 && !digits.bytes().any(|b| b.is_ascii_uppercase());
                if !canonical {
                    return Err(UnknownId);
                }
                Uuid::try_parse(digits).map(Self).map_err(|_| UnknownId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                const PREFIX: &[u8] = concat!($prefix, "_").as_bytes();
                let mut text = [0; PREFIX.len() + 32];
                text[..PREFIX.len()].copy_from_slice(PREFIX);
                self.0.simple().encode_lower(&mut text[PREFIX.len()..]);
                to.serialize_str(std::str::from_utf8(&text).expect("letters and digits are UTF-8"))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// The text is not an id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct UnknownId;

id!(
    /// Names a user, everywhere and for ever: `usr_` and 32 hexadecimal digits.
    UserId, "usr"
);
id!(
    /// Names a session to its owner and in tokens (`sid`); it is not the secret in the cookie.
    SessionId, "ses"
);
id!(
    /// Names one token (`jti`).
    TokenId, "tok"
);
id!(
    /// Names an invitation to those who send them; it is not the secret in the link.
    InvitationId, "inv"
);
id!(
    /// Names an API key; it is neither its prefix nor its secret.
    KeyId, "key"
);
