//! How somebody proved who they are, and whether that is more than one factor.

use serde::{Deserialize, Serialize};

/// One thing that was proven, as `amr` names it (RFC 8176 §2; `mail`, `fed`, `uv` and `recovery` are our own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Amr {
    /// The password.
    #[serde(rename = "pwd")]
    Pwd,
    /// A one-time password of an app.
    #[serde(rename = "otp")]
    Otp,
    /// Mail to the address was answered.
    #[serde(rename = "mail")]
    Mail,
    /// A provider vouches.
    #[serde(rename = "fed")]
    Fed,
    /// The provider says that it asked for two factors, and is believed.
    #[serde(rename = "fed-mfa")]
    FedMfa,
    /// The private key of a passkey.
    #[serde(rename = "pop")]
    Passkey,
    /// The authenticator checked who uses it (WebAuthn §6.1, flag UV).
    #[serde(rename = "uv")]
    UserVerified,
    /// A recovery code.
    #[serde(rename = "recovery")]
    Recovery,
}

impl Amr {
    /// The word in a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
            Self::Mail => "mail",
            Self::Fed => "fed",
            Self::FedMfa => "fed-mfa",
            Self::Passkey => "pop",
            Self::UserVerified => "uv",
            Self::Recovery => "recovery",
        }
    }
}

/// A finished proof: the method a sign-in began with, and everything that was proven on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The provider's id, `password`, `magic-link` or `passkey`.
    pub method: String,
    /// In the order it was proven.
    pub amr: Vec<Amr>,
}

impl Proof {
    /// A proof of one thing.
    pub fn of(method: &str, amr: Amr) -> Self {
        Self { method: method.to_owned(), amr: vec![amr] }
    }

    /// The same, and this as well.
    #[must_use]
    pub fn and(mut self, amr: Amr) -> Self {
        if !self.amr.contains(&amr) {
            self.amr.push(amr);
        }
        self
    }

    /// Whether two different factors were proven.
    pub fn is_multi_factor(&self) -> bool {
        is_multi_factor(&self.amr)
    }
}

/// Whether these are two different factors: a first one and a possession, or a passkey that checked who uses it
/// (NIST SP 800-63B-4 §3.1.6).
pub fn is_multi_factor(amr: &[Amr]) -> bool {
    let has = |any: &[Amr]| any.iter().any(|one| amr.contains(one));
    let first = has(&[Amr::Pwd, Amr::Mail, Amr::Fed]);
    let second = has(&[Amr::Otp, Amr::Passkey, Amr::Recovery]);
    first && second || has(&[Amr::Passkey]) && has(&[Amr::UserVerified]) || has(&[Amr::FedMfa])
}

/// The words of `amr` in a token, with `mfa` where it was more than one factor.
pub fn names(amr: &[Amr]) -> Vec<&'static str> {
    let mut names: Vec<_> = amr.iter().map(|amr| amr.name()).collect();
    if is_multi_factor(amr) {
        names.push("mfa");
    }
    names
}
