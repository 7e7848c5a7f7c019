//! Who an upstream says somebody is.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::email::VerifiedEmail;

/// The key of an identity. An address is never part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "it is what OpenID Connect calls it")]
pub struct Subject {
    /// The id of the provider in the file.
    pub provider: String,
    /// Where subjects of this provider are unique: its issuer or base URL. A provider that is pointed elsewhere starts with no identities.
    pub realm: String,
    /// The upstream's name for the person, byte for byte; 1 to 255 bytes without control characters.
    pub subject: String,
}

/// What a provider has vouched for, after every check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Who.
    pub subject: Subject,
    /// There is no unverified address here to link by mistake.
    pub email: Option<VerifiedEmail>,
    /// What to call the person; at most 200 characters, no control characters.
    pub name: Option<String>,
    /// The upstream's login name; only ever a suggestion.
    pub username: Option<String>,
    /// An `https` picture.
    pub avatar_url: Option<Url>,
    /// Groups as `provider:value`.
    pub groups: Vec<String>,
    /// Whether the upstream says that it asked for two factors (RFC 8176 §2, `mfa`). What that is worth is not its to say.
    #[serde(default)]
    pub says_mfa: bool,
    /// What else the provider says, by its own names, at most 32 KiB; `None` where it was forgotten on the way, and nothing can be
    /// concluded from groups and claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Map<String, Value>>,
    /// What the provider can be asked with again, where its section says `store_tokens`. It goes into the database sealed, and nowhere
    /// else.
    #[serde(skip)]
    pub grant: Option<Grant>,
}

/// What an upstream gave by which it says again who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub token: Token,
    /// Who gave it, and to which client: it is of no use to anybody else, and shown to nobody else.
    pub from: String,
}

/// A token of an upstream.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Token {
    /// A refresh token (RFC 6749 §6).
    Refresh(String),
    /// An access token that does not end by itself.
    Access(String),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refresh(_) => "Refresh(..)",
            Self::Access(_) => "Access(..)",
        })
    }
}

/// Longest subject that is kept, in bytes.
const LONGEST_SUBJECT: usize = 255;
/// Longest display name that is kept, in characters.
const LONGEST_NAME: usize = 200;

impl Subject {
    /// `None` for a subject that is empty, too long or holds control characters (OpenID Connect Core §2).
    pub fn new(provider: &str, realm: &str, subject: &str) -> Option<Self> {
        let plain = !subject.is_empty() && subject.len() <= LONGEST_SUBJECT && !subject.contains(char::is_control);
        plain.then(|| Self { provider: provider.into(), realm: realm.into(), subject: subject.into() })
    }
}

/// A name fit to be shown: control and bidirectional formatting characters gone, trimmed, cut to 200 characters. `None` if nothing is left.
pub fn display_name(raw: &str) -> Option<String> {
    let kept: String = raw.chars().filter(|c| !c.is_control() && !is_bidi_control(*c)).take(LONGEST_NAME).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// Longest name that somebody may give themselves, in characters.
const LONGEST_OWN_NAME: usize = 100;

/// Why a text may not be the name somebody gives themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoName {
    /// It would not fit on a page.
    #[error("A name has at most {LONGEST_OWN_NAME} characters.")]
    TooLong,
    /// A web address: names are shown to others, who would follow it.
    #[error("A name cannot hold a web address.")]
    WebAddress,
}

/// The name somebody gives themselves, fit to be shown; `None` if they give none.
pub fn own_name(raw: &str) -> Result<Option<String>, NoName> {
    if raw.trim().chars().count() > LONGEST_OWN_NAME {
        return Err(NoName::TooLong);
    }
    let name = display_name(raw);
    let holds_address = |name: &String| {
        let lower = name.to_lowercase();
        lower.contains("://") || lower.split_whitespace().any(|word| word.starts_with("www."))
    };
    if name.as_ref().is_some_and(holds_address) { Err(NoName::WebAddress) } else { Ok(name) }
}

/// Explicit directional formatting characters (Unicode UAX #9 §2).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The picture's address, if it is `https` and at most 2,000 bytes.
pub fn avatar(raw: &str) -> Option<Url> {
    let url = Url::parse(raw).ok()?;
    (url.scheme() == "https" && raw.len() <= 2000).then_some(url)
}
