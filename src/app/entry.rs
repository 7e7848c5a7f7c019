//! Who may enter a service, and what is missing of those who may not.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::issue::may_enter;
use super::{App, Claimant};
use crate::account::AccountError;
use crate::config::{Gate, Refresh};
use crate::domain::email::{Email, VerifiedEmail};
use crate::domain::identity::Identity;
use crate::domain::proof;
use crate::domain::service::{Extra, Service};
use crate::domain::user::User;
use crate::permission::Who;
use crate::rule::{Facts, Person, Rule};
use crate::store::StoreError;

/// Largest claim that a service adds, in bytes of JSON.
const LARGEST: usize = 1024;

/// The methods that are not providers, as rules call them.
const OWN_METHODS: [&str; 3] = ["password", "magic-link", "passkey"];

/// What somebody lacks who may not enter a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// One of these roles.
    Role(Vec<String>),
    /// A sign-in by one of these ways.
    Method(Vec<String>),
    /// Another factor.
    SecondFactor,
    /// A younger sign-in.
    FreshSignIn,
    /// The rule of this number in `access` does not hold; `by_mfa`: it would with a second factor.
    Rule { index: usize, by_mfa: bool },
}

impl Missing {
    /// In a sentence for the person; it never shows a rule.
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Role(_) => "Your account does not have a role that this service asks for.",
            Self::Method(_) => "This service asks for another way to sign in.",
            Self::SecondFactor | Self::Rule { by_mfa: true, .. } => {
                "This service asks for a second factor. Sign in to it again."
            }
            Self::FreshSignIn => "This service asks for a fresh sign-in. Sign in to it again.",
            Self::Rule { by_mfa: false, .. } => "Your account does not fulfil what this service asks of its people.",
        }
    }

    /// For those who may know the rules of the service: administrators, and whoever writes the file.
    pub fn reason(&self, service: &Service) -> String {
        let id = &service.id;
        match self {
            Self::Role(roles) => format!("none of the roles that `{id}` asks for: {}", roles.join(", ")),
            Self::Method(ways) => format!("`{id}` asks for another way to sign in: {}", ways.join(", ")),
            Self::SecondFactor => format!("`{id}` asks for a second factor"),
            Self::FreshSignIn => format!("`{id}` asks for a fresh sign-in"),
            Self::Rule { index, .. } => {
                let rule = service.access.get(*index).map(Rule::text).unwrap_or_default();
                format!("`access[{index}]` in `[services.{id}]` does not hold: {rule}")
            }
        }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Role(roles) => serde_json::json!({ "what": "role", "one_of": roles }),
            Self::Method(methods) => serde_json::json!({ "what": "method", "one_of": methods }),
            Self::SecondFactor => serde_json::json!({ "what": "second-factor" }),
            Self::FreshSignIn => serde_json::json!({ "what": "fresh-sign-in" }),
            Self::Rule { index, .. } => serde_json::json!({ "what": "rule", "rule": index }),
        }
    }

    /// Whether signing in again on the way to the service helps.
    pub fn ends_by_signing_in(&self) -> bool {
        matches!(self, Self::Method(_) | Self::SecondFactor | Self::FreshSignIn | Self::Rule { by_mfa: true, .. })
    }
}

impl App {
    /// Whom the provider lets in, and when it is listened to.
    pub fn gate(&self, provider: &str) -> Gate {
        self.settings.gates.get(provider).cloned().unwrap_or_default()
    }

    /// Which rule of its provider does not let somebody in, for the log; `None` if they all do.
    pub fn refused_by_gate(&self, identity: &Identity) -> Option<String> {
        let gate = self.settings.gates.get(&identity.subject.provider)?;
        let (none, provider) = (Map::new(), identity.subject.provider.as_str());
        let email = identity.email.as_ref().map(VerifiedEmail::address);
        let claims = identity.claims.as_ref().unwrap_or(&none);
        let person = Person { claims, email: email.map(Email::as_str), groups: &identity.groups, provider };
        gate.refusal(&Facts::of(&person))
    }

    /// Gives and takes roles by what providers said before, where the rules have changed since, or a day is over; returns how many
    /// people were looked at.
    pub async fn judge_due(&self) -> Result<usize, AccountError> {
        let daily = self.settings.gates.iter().filter(|(_, gate)| gate.refresh == Refresh::Daily);
        let daily: Vec<String> = daily.map(|(id, _)| id.clone()).collect();
        self.accounts.judge_due(&daily).await
    }

    /// What the rules of the service look at; `None` where it has none. Only rules about claims cost a question to the database.
    pub async fn facts_for(&self, service: &Service, claimant: &Claimant<'_>) -> Result<Option<Facts>, StoreError> {
        if service.access.is_empty() && service.claims.is_empty() {
            return Ok(None);
        }
        if let Who::Person(user) = claimant.who
            && claimant.is_vouched
        {
            return Ok(Some(self.likeliest(service, claimant, user).await?));
        }
        let mut claims = Map::new();
        if let Who::Person(user) = claimant.who
            && !service.wanted_claims().is_empty()
            && let Some(kept) = self.accounts.said_by(user.id, claimant.method).await?
        {
            claims = kept.claims;
        }
        let is_multi_factor = proof::is_multi_factor(claimant.amr);
        Ok(Some(facts(service, claimant, &SignIn { method: claimant.method, claims: &claims, is_multi_factor })))
    }

    /// How they may have signed in for whom a service vouches: it was asked when they got the token, and is not known here. Of the
    /// ways that they have it is one by which every rule holds, if there is one; a rule that holds by none of them does not hold.
    async fn likeliest(&self, service: &Service, claimant: &Claimant<'_>, user: &User) -> Result<Facts, StoreError> {
        let none = Map::new();
        let said =
            if service.wanted_claims().is_empty() { Vec::new() } else { self.accounts.all_said(user.id).await? };
        let asks = service.access.iter().any(|rule| rule.names("provider"));
        let linked = if asks { self.store().identities(user.id).await? } else { Vec::new() };
        let methods = OWN_METHODS.into_iter().chain(linked.iter().map(|linked| linked.subject.provider.as_str()));
        let ways = methods.map(|method| (method, &none));
        let mut ways = said
            .iter()
            .map(|(provider, kept)| (provider.as_str(), &kept.claims))
            .chain(ways)
            .map(|(method, claims)| facts(service, claimant, &SignIn { method, claims, is_multi_factor: true }));
        let first = ways.next().expect("there are methods of the house");
        let opens = |facts: &Facts| service.access.iter().all(|rule| rule.grants(facts));
        Ok(if opens(&first) { first } else { ways.find(opens).unwrap_or(first) })
    }

    /// Everything that stands between somebody and the service; empty if nothing does.
    pub fn missing(&self, service: &Service, claimant: &Claimant<'_>, entering: Option<&Facts>) -> Vec<Missing> {
        missing(service, claimant, entering, self.now())
    }

    /// The same, asked anew.
    pub async fn missing_now(&self, service: &Service, claimant: &Claimant<'_>) -> Result<Vec<Missing>, StoreError> {
        let entering = self.facts_for(service, claimant).await?;
        Ok(self.missing(service, claimant, entering.as_ref()))
    }
}

/// What is missing of somebody of whom their provider says this, whom no database knows.
pub fn missing_of(
    service: &Service,
    claimant: &Claimant<'_>,
    claims: &Map<String, Value>,
    now: OffsetDateTime,
) -> Vec<Missing> {
    let is_multi_factor = proof::is_multi_factor(claimant.amr);
    let entering = facts(service, claimant, &SignIn { method: claimant.method, claims, is_multi_factor });
    missing(service, claimant, Some(&entering), now)
}

/// How somebody signed in, as far as rules ask.
struct SignIn<'a> {
    method: &'a str,
    claims: &'a Map<String, Value>,
    is_multi_factor: bool,
}

fn facts(service: &Service, claimant: &Claimant<'_>, sign_in: &SignIn<'_>) -> Facts {
    let SignIn { method, claims, is_multi_factor } = *sign_in;
    let user: Option<&User> = match claimant.who {
        Who::Person(user) => Some(user),
        Who::Machine(_) => None,
    };
    let email = user.and_then(|user| user.email.as_ref()).filter(|address| address.verified);
    let person = Person {
        claims,
        email: email.map(|address| address.email.as_str()),
        groups: user.map(|user| user.groups.as_slice()).unwrap_or_default(),
        provider: method,
    };
    Facts::of(&person).entering(&service.id, claimant.who.roles(), is_multi_factor)
}

/// What is missing, as the file, the claimant and the clock say.
fn missing(service: &Service, claimant: &Claimant<'_>, entering: Option<&Facts>, now: OffsetDateTime) -> Vec<Missing> {
    let is_multi_factor = proof::is_multi_factor(claimant.amr);
    let mut missing = Vec::new();
    if !may_enter(service, claimant.who.roles()) {
        missing.push(Missing::Role(service.allowed_roles.clone()));
    }
    if !claimant.is_vouched && !service.accepts(claimant.method) {
        missing.push(Missing::Method(service.allowed_providers.clone()));
    }
    let can_tell = claimant.is_person() && !claimant.is_vouched;
    if can_tell && service.require_mfa && !is_multi_factor {
        missing.push(Missing::SecondFactor);
    }
    let is_fresh = |age| claimant.auth_time.is_some_and(|at| now - at < age);
    if can_tell && !service.max_auth_age.is_none_or(is_fresh) {
        missing.push(Missing::FreshSignIn);
    }
    missing.extend(broken_rules(service, claimant, entering));
    missing
}

/// The rules of the service that do not hold.
fn broken_rules(service: &Service, claimant: &Claimant<'_>, entering: Option<&Facts>) -> Vec<Missing> {
    let is_multi_factor = proof::is_multi_factor(claimant.amr);
    let can_bring_more = claimant.is_person() && !claimant.is_vouched && !is_multi_factor;
    let mut missing = Vec::new();
    for (index, rule) in service.access.iter().enumerate() {
        if !entering.is_some_and(|facts| rule.grants(facts)) {
            let may_help = can_bring_more && rule.names("mfa");
            let by_mfa = may_help && entering.is_some_and(|facts| rule.grants(&facts.with_mfa()));
            missing.push(Missing::Rule { index, by_mfa });
        }
    }
    missing
}

/// What the service adds to its tokens. What has no answer, or too long a one, is left out.
pub fn extra_claims(service: &Service, entering: Option<&Facts>) -> Map<String, Value> {
    let Some(facts) = entering else { return Map::new() };
    let mut all = Map::new();
    for (name, extra) in &service.claims {
        let value = match extra {
            Extra::Const(value) => Some(value.clone()),
            Extra::Expr(expression) => expression.value(facts).ok(),
            Extra::Path(path) => facts.claim(path),
        };
        if let Some(value) = value.filter(|value| !value.is_null() && value.to_string().len() <= LARGEST) {
            all.insert(name.clone(), value);
        }
    }
    all
}
