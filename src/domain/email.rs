//! E-mail addresses in one normal form, so that two spellings are one account.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};

/// An address in its normal form: lower case, the domain as A-labels (RFC 5321 §4.1.2, RFC 5891).
///
/// Quoted local parts, comments, address literals and non-ASCII local parts are refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// The text is not an address mail can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct NotAnAddress;

impl Email {
    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }

    /// The mailbox that many spellings lead to, as far as it is known: without `+…`, and without dots where the provider
    /// ignores them. Only for counting; addresses are compared as they are.
    pub fn mailbox(&self) -> String {
        let local = self.local_part().split('+').next().unwrap_or_default();
        match self.domain() {
            "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
            domain => format!("{local}@{domain}"),
        }
    }

    /// Enough for its owner to recognise it, and for nobody to write to it: `a…@example.org`.
    pub fn masked(&self) -> String {
        let first = self.local_part().chars().next().unwrap_or_default();
        format!("{first}…@{}", self.domain())
    }

    /// What stands behind the `@`, in lower case.
    pub fn domain(&self) -> &str {
        self.0.rsplit('@').next().unwrap_or_default()
    }
}

impl FromStr for Email {
    type Err = NotAnAddress;

    fn from_str(raw: &str) -> Result<Self, NotAnAddress> {
        let trimmed = raw.trim_matches(' ');
        let (local, domain) = trimmed.rsplit_once('@').ok_or(NotAnAddress)?;
        let local_is_plain = !local.is_empty()
            && local.len() <= 64
            && local.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b));
        if !local_is_plain || trimmed.contains(char::is_control) {
            return Err(NotAnAddress);
        }
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| NotAnAddress)?;
        let normal = format!("{}@{domain}", local.to_ascii_lowercase());
        let rules = Options::default().with_required_tld().without_domain_literal().without_display_text();
        EmailAddress::parse_with_options(&normal, rules).map_err(|_| NotAnAddress)?;
        if normal.len() > 254 { Err(NotAnAddress) } else { Ok(Self(normal)) }
    }
}

impl TryFrom<String> for Email {
    type Error = NotAnAddress;

    fn try_from(raw: String) -> Result<Self, NotAnAddress> {
        raw.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address that a provider vouches for, or that a mailed link has proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedEmail(Email);

impl VerifiedEmail {
    /// `None` unless `verified`: there is no other way to one from an upstream's word.
    pub fn vouched(email: Email, verified: bool) -> Option<Self> {
        verified.then_some(Self(email))
    }

    /// Mail to the address was answered.
    pub fn proven_by_mail(email: Email) -> Self {
        Self(email)
    }

    /// The address.
    pub fn address(&self) -> &Email {
        &self.0
    }
}
