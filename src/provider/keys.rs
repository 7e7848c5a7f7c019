//! The keys that every upstream's section has, and what can be wrong with them.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Rules;
use crate::config::{Mistake, Secret, Section, Span};
use crate::domain::email::Email;
use crate::domain::linking::LinkPolicy;

/// Whether this provider's address may prove who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmailTrust {
    /// Even if the provider does not say that it verified the address; not if it says that it did not.
    Always,
    /// Only if the provider says that it verified the address.
    Verified,
    /// Never; identities come without an address.
    Never,
}

/// What happens when the address is known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKey {
    /// As `login.account_linking` says.
    #[default]
    Inherit,
    /// The person signs in with the method they already have; then both are linked.
    Ask,
    /// An address that both sides have verified links at once.
    VerifiedEmail,
    /// Never.
    Never,
}

/// Whether this provider may make new accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignupKey {
    /// As `login.signup` says.
    #[default]
    Inherit,
    /// It may.
    Open,
    /// It may not.
    Closed,
}

/// A section's struct: the kind's own keys and those every upstream has. Written out and not flattened, because flattening loses positions.
macro_rules! upstream_config {
    ($(#[$doc:meta])* $name:ident { $($(#[$key_doc:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The brand on the button: `Continue with …`; at most 30 characters.
            pub name: Option<String>,
            /// How the upstream knows this server.
            pub client_id: String,
            /// How this server proves that it is the client.
            pub client_secret: Option<crate::config::Secret>,
            /// What is asked for, in place of the kind's usual scopes.
            pub scopes: Option<Vec<String>>,
            /// Whether this provider's address may prove who somebody is.
            pub email_trust: Option<crate::provider::keys::EmailTrust>,
            /// Only people with a trusted address in one of these domains; empty: everybody.
            #[serde(default)]
            pub allowed_email_domains: Vec<String>,
            /// What happens when the address is known already. Default: as `login.account_linking` says.
            #[serde(default)]
            pub link: crate::provider::keys::LinkKey,
            /// Whether it may make new accounts. Default: as `login.signup` says.
            #[serde(default)]
            pub signup: crate::provider::keys::SignupKey,
            /// Sent upstream as it is: `login`, `consent`, `select_account`.
            pub prompt: Option<String>,
            /// Keeps what the provider grants, sealed, to ask each day again who somebody is; only with `refresh_profile = "daily"`. Default: false.
            pub store_tokens: Option<bool>,
            /// Each call upstream, 1s to 30s. Default: 5s.
            #[schemars(extend("x-min" = "1s", "x-max" = "30s"))]
            pub timeout: Option<crate::config::Span>,
            /// Whether it may live at a loopback or private address, there also without TLS. Default: only in dev mode.
            pub allow_private: Option<bool>,
            /// PEM file with more certificate authorities, for this provider only.
            pub ca_file: Option<std::path::PathBuf>,
            $($(#[$key_doc])* pub $key: $type,)*
        }

        impl $name {
            fn keys(&self) -> crate::provider::keys::Keys {
                crate::provider::keys::Keys {
                    name: self.name.clone(),
                    client_id: self.client_id.clone(),
                    client_secret: self.client_secret.clone(),
                    scopes: self.scopes.clone(),
                    email_trust: self.email_trust,
                    allowed_email_domains: self.allowed_email_domains.clone(),
                    link: self.link,
                    signup: self.signup,
                    prompt: self.prompt.clone(),
                    store_tokens: self.store_tokens.unwrap_or(false),
                    timeout: self.timeout,
                    allow_private: self.allow_private,
                    ca_file: self.ca_file.clone(),
                }
            }
        }
    };
}
pub(super) use upstream_config;

/// The keys every upstream has, as the section gives them.
pub struct Keys {
    pub name: Option<String>,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    pub scopes: Option<Vec<String>>,
    pub email_trust: Option<EmailTrust>,
    pub allowed_email_domains: Vec<String>,
    pub link: LinkKey,
    pub signup: SignupKey,
    pub prompt: Option<String>,
    pub store_tokens: bool,
    pub timeout: Option<Span>,
    pub allow_private: Option<bool>,
    pub ca_file: Option<PathBuf>,
}

/// A key with a value that cannot be.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Which.
    pub key: &'static str,
    /// Why, in one sentence.
    pub why: String,
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub struct Wrongs(Vec<Wrong>);

impl Wrongs {
    /// One more.
    pub fn add(&mut self, key: &'static str, why: impl Into<String>) {
        self.0.push(Wrong { key, why: why.into() });
    }

    /// `made`, if nothing is wrong.
    pub fn unless<T>(self, made: impl FnOnce() -> T) -> Result<T, Vec<Wrong>> {
        if self.0.is_empty() { Ok(made()) } else { Err(self.0) }
    }
}

/// Each at its key.
pub fn mistakes(section: &Section, wrong: Vec<Wrong>) -> Vec<Mistake> {
    wrong.into_iter().map(|Wrong { key, why }| section.mistake_at(key, "CS-C100", why)).collect()
}

/// The section's own rules.
pub fn rules(link: LinkKey, signup: SignupKey) -> Rules {
    Rules {
        link: match link {
            LinkKey::Inherit => None,
            LinkKey::Ask => Some(LinkPolicy::Ask),
            LinkKey::VerifiedEmail => Some(LinkPolicy::VerifiedEmail),
            LinkKey::Never => Some(LinkPolicy::Never),
        },
        signup: match signup {
            SignupKey::Inherit => None,
            SignupKey::Open => Some(true),
            SignupKey::Closed => Some(false),
        },
    }
}

/// Domains in the form that verified addresses have.
pub fn domains(key: &'static str, listed: &[String], wrongs: &mut Wrongs) -> Vec<String> {
    let mut kept = Vec::with_capacity(listed.len());
    for domain in listed {
        match format!("someone@{domain}").parse::<Email>() {
            Ok(email) => kept.push(email.domain().to_owned()),
            Err(_) => wrongs.add(key, format!("`{domain}` is not a domain")),
        }
    }
    kept
}
