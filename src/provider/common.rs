//! What the kinds have in common: the keys of their sections, and how claims become an identity.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use time::Duration;
use url::Url;

use super::claims::{ClaimMap, Source, text};
use super::{Button, ProviderError, Rules};
use crate::clock::Clock;
use crate::config::{Mistake, Secret, Section, Span};
use crate::domain::email::{Email, VerifiedEmail};
use crate::domain::identity::{Identity, Subject, avatar, display_name};
use crate::domain::linking::LinkPolicy;
use crate::net::{self, Limits, Outward};
use crate::plugin::Tools;

/// Each call upstream, unless the section says otherwise.
const TIMEOUT: Duration = Duration::seconds(5);
/// Longest group name that is kept, in characters.
const LONGEST_GROUP: usize = 200;
/// Most groups that are kept.
const MOST_GROUPS: usize = 500;

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
            /// `false`: nobody signs in with it; what is linked stays linked. Default: true.
            pub enabled: Option<bool>,
            /// How the upstream knows this server.
            pub client_id: String,
            /// How this server proves that it is the client.
            pub client_secret: Option<crate::config::Secret>,
            /// What is asked for, in place of the kind's usual scopes.
            pub scopes: Option<Vec<String>>,
            /// Whether this provider's address may prove who somebody is.
            pub email_trust: Option<crate::provider::common::EmailTrust>,
            /// Only people with a trusted address in one of these domains; empty: everybody.
            #[serde(default)]
            pub allowed_email_domains: Vec<String>,
            /// What happens when the address is known already. Default: as `login.account_linking` says.
            #[serde(default)]
            pub link: crate::provider::common::LinkKey,
            /// Whether it may make new accounts. Default: as `login.signup` says.
            #[serde(default)]
            pub signup: crate::provider::common::SignupKey,
            /// Sent upstream as it is: `login`, `consent`, `select_account`.
            pub prompt: Option<String>,
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
            fn keys(&self) -> crate::provider::common::Keys {
                crate::provider::common::Keys {
                    name: self.name.clone(),
                    is_enabled: self.enabled.unwrap_or(true),
                    client_id: self.client_id.clone(),
                    client_secret: self.client_secret.clone(),
                    scopes: self.scopes.clone(),
                    email_trust: self.email_trust,
                    allowed_email_domains: self.allowed_email_domains.clone(),
                    link: self.link,
                    signup: self.signup,
                    prompt: self.prompt.clone(),
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
    pub is_enabled: bool,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    pub scopes: Option<Vec<String>>,
    pub email_trust: Option<EmailTrust>,
    pub allowed_email_domains: Vec<String>,
    pub link: LinkKey,
    pub signup: SignupKey,
    pub prompt: Option<String>,
    pub timeout: Option<Span>,
    pub allow_private: Option<bool>,
    pub ca_file: Option<PathBuf>,
}

/// What a kind takes where the section is silent.
pub struct Usual {
    pub name: Option<&'static str>,
    pub icon: &'static str,
    pub scopes: &'static [&'static str],
    pub email_trust: EmailTrust,
    pub claims: ClaimMap,
}

/// What every upstream has, checked.
pub struct Common {
    pub id: String,
    pub button: Button,
    pub is_enabled: bool,
    pub rules: Rules,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    pub scopes: Vec<String>,
    pub prompt: Option<String>,
    pub trust: EmailTrust,
    pub domains: Vec<String>,
    pub claims: ClaimMap,
    /// Whether `"true"` counts as `true`.
    pub string_booleans: bool,
    pub out: Outward,
    pub clock: Arc<dyn Clock>,
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

impl Common {
    /// Checks the common keys; what is wrong is added to `wrongs`.
    pub fn new(keys: Keys, claims: &ClaimMap, usual: Usual, id: &str, tools: &Tools, wrongs: &mut Wrongs) -> Self {
        let name = keys.name.clone().or(usual.name.map(str::to_owned)).unwrap_or_default();
        if name.trim().is_empty() || name.chars().count() > 30 || name.contains(char::is_control) {
            wrongs.add("name", "a name of 1 to 30 characters is needed: it stands on the button");
        }
        if keys.client_id.is_empty() || keys.client_id.contains(char::is_control) {
            wrongs.add("client_id", "a client id is one line and not empty");
        }
        if keys.client_secret.as_ref().is_some_and(|secret| secret.reveal().is_empty()) {
            wrongs.add("client_secret", "the secret is empty");
        }
        let trust = keys.email_trust.unwrap_or(usual.email_trust);
        if trust == EmailTrust::Always {
            tracing::warn!(provider.name = id, "addresses of this provider are trusted without its word (email_trust)");
        }
        let limits = limits(&keys, tools, wrongs);
        let domains = domains("allowed_email_domains", &keys.allowed_email_domains, wrongs);
        check_claims(claims, wrongs);
        Self {
            id: id.to_owned(),
            button: Button { name, icon: usual.icon },
            is_enabled: keys.is_enabled,
            rules: rules(keys.link, keys.signup),
            client_id: keys.client_id,
            client_secret: keys.client_secret,
            scopes: keys.scopes.unwrap_or_else(|| usual.scopes.iter().map(|&scope| scope.to_owned()).collect()),
            prompt: keys.prompt,
            trust,
            domains,
            claims: claims.over(usual.claims),
            string_booleans: false,
            out: Outward { net: tools.net.clone(), limits },
            clock: tools.clock.clone(),
        }
    }

    /// Checks an address of the upstream that stands in the section.
    pub fn check_url(&self, key: &'static str, url: &Url, wrongs: &mut Wrongs) {
        if !net::permits(url, &self.out.limits) {
            wrongs.add(
                key,
                "an https address is needed; loopback and private addresses also need `allow_private = true`",
            );
        } else if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            wrongs.add(key, "an address without user, password and fragment is needed");
        }
    }

    /// Who the documents speak of. A value is taken from the first document that has it; an address and whether it is verified come from the same one.
    pub fn identity(&self, realm: &str, documents: &[&Value]) -> Result<Identity, ProviderError> {
        let find = |source: &Option<Source>| {
            source.as_ref().and_then(|source| documents.iter().find_map(|document| source.read(document)))
        };
        let words = |source: &Option<Source>| find(source).as_ref().and_then(text);
        let subject = words(&self.claims.subject).and_then(|subject| Subject::new(&self.id, realm, &subject));
        let Some(subject) = subject else {
            return Err(ProviderError::Untrusted("it names nobody, or by a name that cannot be kept".into()));
        };
        let email = documents.iter().find_map(|document| self.email(document)).flatten();
        if !self.domains.is_empty() && !email.as_ref().is_some_and(|email| self.is_allowed(email)) {
            return Err(ProviderError::Refused(format!(
                "only people with a verified address of {} may sign in",
                self.domains.join(", ")
            )));
        }
        Ok(Identity {
            subject,
            email,
            name: words(&self.claims.name).and_then(|name| display_name(&name)),
            username: words(&self.claims.username).and_then(|name| display_name(&name)),
            avatar_url: words(&self.claims.avatar).and_then(|picture| avatar(&picture)),
            groups: find(&self.claims.groups).map(|groups| self.groups(&groups)).unwrap_or_default(),
        })
    }

    /// `None` if the document knows no address, `Some(None)` if it knows one that proves nothing.
    fn email(&self, document: &Value) -> Option<Option<VerifiedEmail>> {
        let raw = self.claims.email.as_ref()?.read(document)?;
        let said = self.claims.email_verified.as_ref().and_then(|source| source.read(document));
        let said = match &said {
            Some(Value::Bool(said)) => Some(*said),
            Some(Value::String(said)) if said == "false" => Some(false),
            Some(Value::String(said)) if said == "true" && self.string_booleans => Some(true),
            _ => None,
        };
        let is_proof = match self.trust {
            EmailTrust::Always => said != Some(false),
            EmailTrust::Verified => said == Some(true),
            EmailTrust::Never => false,
        };
        Some(
            raw.as_str()
                .and_then(|raw| raw.parse().ok())
                .and_then(|email: Email| VerifiedEmail::vouched(email, is_proof)),
        )
    }

    fn is_allowed(&self, email: &VerifiedEmail) -> bool {
        self.domains.iter().any(|domain| domain == email.address().domain())
    }

    /// As `provider:value`, sorted, each once.
    pub fn groups(&self, value: &Value) -> Vec<String> {
        let names: Vec<&str> = match value {
            Value::String(one) => vec![one],
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let fits =
            |name: &&str| !name.is_empty() && name.chars().count() <= LONGEST_GROUP && !name.contains(char::is_control);
        let mut groups: Vec<_> = names.into_iter().filter(fits).map(|name| format!("{}:{name}", self.id)).collect();
        groups.sort();
        groups.dedup();
        groups.truncate(MOST_GROUPS);
        groups
    }
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

fn limits(keys: &Keys, tools: &Tools, wrongs: &mut Wrongs) -> Limits {
    let timeout = keys.timeout.map_or(TIMEOUT, |Span(timeout)| timeout);
    let extra_ca = keys.ca_file.as_ref().and_then(|path| match std::fs::read(path) {
        Ok(pem) if net::holds_authority(&pem) => Some(pem.into()),
        Ok(_) => {
            wrongs.add("ca_file", "the file holds no PEM certificate");
            None
        }
        Err(error) => {
            wrongs.add("ca_file", format!("the file cannot be read: {error}"));
            None
        }
    });
    Limits {
        deadline: Some(timeout.try_into().unwrap_or(std::time::Duration::from_secs(5))),
        body: None,
        allow_private: keys.allow_private.unwrap_or(tools.is_dev),
        extra_ca,
    }
}

fn check_claims(claims: &ClaimMap, wrongs: &mut Wrongs) {
    match &claims.subject {
        Some(Source::Const(_)) => wrongs.add("claims", "`subject` cannot be the same for everybody"),
        Some(Source::Paths(paths)) if paths.iter().any(|path| path == "email" || path.ends_with(".email")) => {
            wrongs.add("claims", "`subject` cannot be an address: addresses change hands");
        }
        _ => {}
    }
    if let Some(Source::Const(_)) = claims.email_verified {
        wrongs.add("claims", "`email_verified` cannot be the same for everybody; see `email_trust`");
    }
}
