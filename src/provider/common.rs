//! What the kinds have in common: who an upstream is to us, and how claims become an identity.

use std::sync::Arc;

use serde_json::{Map, Value};
use time::Duration;
use url::Url;

use super::claims::{ClaimMap, Source, text};
use super::keys::{EmailTrust, Keys, Wrongs, domains, rules};
use super::{Button, ProviderError, Rules};
use crate::clock::Clock;
use crate::config::{Secret, Span};
use crate::domain::email::{Email, VerifiedEmail};
use crate::domain::identity::{Identity, Subject, avatar, display_name};
use crate::net::{self, Limits, Outward};
use crate::plugin::Tools;
use crate::rule::Claims;

/// Each call upstream, unless the section says otherwise.
const TIMEOUT: Duration = Duration::seconds(5);
/// Longest group name that is kept, in characters.
const LONGEST_GROUP: usize = 200;
/// Most bytes of claims that rules can look at.
const MOST_CLAIMS: usize = 32 << 10;
/// Most groups that are kept.
const MOST_GROUPS: usize = 500;

/// What a kind takes where the section is silent.
pub struct Usual {
    pub name: Option<&'static str>,
    pub icon: &'static str,
    pub scopes: &'static [&'static str],
    pub email_trust: EmailTrust,
    pub claims: ClaimMap,
    /// Whether what is granted lasts only where the person is asked for consent.
    pub asks_for_consent: bool,
}

/// What every upstream has, checked.
pub struct Common {
    pub id: String,
    pub button: Button,
    pub rules: Rules,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    pub scopes: Vec<String>,
    pub prompt: Option<String>,
    /// Whether what can be asked with again is kept.
    pub store_tokens: bool,
    pub trust: EmailTrust,
    pub domains: Vec<String>,
    pub claims: ClaimMap,
    /// Whether `"true"` counts as `true`.
    pub string_booleans: bool,
    pub out: Outward,
    pub clock: Arc<dyn Clock>,
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
            rules: rules(keys.link, keys.signup),
            client_id: keys.client_id,
            client_secret: keys.client_secret,
            scopes: keys.scopes.unwrap_or_else(|| usual.scopes.iter().map(|&scope| scope.to_owned()).collect()),
            // Without it most grant nothing that lasts (OpenID Connect Core §11).
            prompt: keys.prompt.or_else(|| (keys.store_tokens && usual.asks_for_consent).then(|| "consent".into())),
            store_tokens: keys.store_tokens,
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
        let spoken =
            self.claims.email.as_ref().and_then(|source| {
                documents.iter().find_map(|document| source.read(document).map(|raw| (raw, *document)))
            });
        let email = spoken.and_then(|(raw, document)| self.vouched(raw.as_str()?, document));
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
            says_mfa: false,
            claims: Some(together(documents)),
            grant: None,
        })
    }

    /// Whether an ID token says `mfa` in its `amr`, and its provider is believed at all.
    pub fn says_mfa(&self, token: &Value) -> bool {
        let said = token["amr"].as_array().is_some_and(|amr| amr.iter().any(|word| word == "mfa"));
        said && self.trust != EmailTrust::Never
    }

    /// The address, if what the document says about it is proof enough.
    fn vouched(&self, raw: &str, document: &Value) -> Option<VerifiedEmail> {
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
        raw.parse().ok().and_then(|email: Email| VerifiedEmail::vouched(email, is_proof))
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

/// All members of the documents; one that several have is the first's.
fn together(documents: &[&Value]) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in documents.iter().rev().filter_map(|document| document.as_object()).flatten() {
        all.insert(name.clone(), value.clone());
    }
    Claims::All.of(&all, MOST_CLAIMS)
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
        Some(Source::Paths(paths)) if paths.iter().any(|path| path.rsplit('.').next() == Some("email")) => {
            wrongs.add("claims", "`subject` cannot be an address: addresses change hands");
        }
        _ => {}
    }
    if let Some(Source::Const(_)) = claims.email_verified {
        wrongs.add("claims", "`email_verified` cannot be the same for everybody; see `email_trust`");
    }
}
