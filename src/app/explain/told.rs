//! An explanation, as programs read it.

use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::domain::permission::{Merge, Pattern, Permissions, Verdict};
use crate::domain::role::{Origin, RoleOrigin};
use crate::domain::user::User;
use crate::permission::chain::Step;
use crate::permission::{ProviderPolicy, Rule};

/// Why somebody may do what they may do in a service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explained {
    /// The service's id.
    pub service: String,
    /// The user's id.
    pub user: String,
    /// What they are called.
    pub name: String,
    /// The provider or method they would have signed in with.
    pub method: String,
    /// Whether they would have proven more than one factor.
    pub mfa: bool,
    /// The roles they have, and those that were assumed.
    pub roles: Vec<Held>,
    /// How the answers come together: `union`, `first` or `intersect`.
    #[schema(value_type = String)]
    pub merge: Merge,
    /// Each provider of the service, in the order in which they are asked.
    pub steps: Vec<Told>,
    /// About the permission that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<Answer>,
    /// What comes of it; absent where there would be no token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<Sum>,
    /// Why there would be no token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Extensions that are asked about `token.issuing`, and were not asked here: they may still deny the token or add claims to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks_not_asked: Vec<String>,
    /// What the token would say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub payload: Option<Value>,
    /// How long the token would be, in bytes. What does not fit is left out of it, and `permissions_ref` says where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// The most that the service allows, in bytes.
    pub max_size: usize,
    /// For how long, at worst, the service goes on believing what was taken from somebody, in seconds.
    pub revocation_delay: i64,
    /// The same in a sentence, with what it is made of.
    pub revocation: String,
    /// The token itself: only for who sits at the machine.
    #[serde(skip)]
    pub token: Option<String>,
}

/// A role of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Held {
    /// Its name.
    pub role: String,
    /// They do not have it: the question assumes it.
    pub is_assumed: bool,
    /// Since when they have it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<OffsetDateTime>,
    /// Why they have it: `an administrator`, or a rule and the provider whose words it holds of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Held {
    /// The role, whether the user has it, and the oldest reason for it.
    pub fn of(role: &str, user: &User, origins: &[RoleOrigin]) -> Self {
        let is_assumed = !user.roles.iter().any(|have| have == role);
        let reason =
            origins.iter().filter(|origin| origin.role == role && !is_assumed).min_by_key(|origin| origin.since);
        Self { role: role.to_owned(), is_assumed, since: reason.map(|reason| reason.since), by: reason.map(words) }
    }
}

/// Where a role comes from, behind *by*.
fn words(origin: &RoleOrigin) -> String {
    match (&origin.rule, origin.kind) {
        (Some((rule, provider)), _) => format!("the rule `{rule}` of {provider}"),
        (None, Origin::Rule) => "a rule".into(),
        (None, Origin::Admin) => "an administrator".into(),
        (None, Origin::Default) => "default".into(),
        (None, Origin::Config) => "the file".into(),
        (None, Origin::Invitation) => "an invitation".into(),
        (None, Origin::Import) => "an import".into(),
    }
}

/// What one provider said, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Told {
    /// Its id.
    pub provider: String,
    /// Its kind: `static`.
    pub kind: String,
    /// `allow`, `deny`, `abstain`, `failed`, `not-asked` where the chain ended before it, or `observes`.
    pub decision: &'static str,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
    /// Until when this server process gives them, as they are, a remembered answer in this service; absent if it remembers none.
    /// It was not used here, and is not touched. Always absent on the command line, which is a process of its own.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub remembered_until: Option<OffsetDateTime>,
    /// It only runs beside the others, and its answer is not used.
    pub observe: bool,
    /// Name → granted or denied.
    pub permissions: Permissions,
    /// What it denies whoever grants it; wildcards stand for every name they match.
    pub denied: Vec<String>,
    /// Named limits.
    #[schema(value_type = Object)]
    pub limits: Map<String, Value>,
    /// Extra claims.
    #[schema(value_type = Object)]
    pub claims: Map<String, Value>,
    /// Why, in its own words.
    pub reason: String,
    /// What it tells the person.
    pub message: String,
    /// Why it has no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its rules that speak about them: all, or those about the permission that was asked for.
    pub rules: Vec<Rule>,
    /// How many more there are.
    pub more_rules: usize,
    /// Why it grants the permission, or why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Told {
    /// What the step was; without rules.
    pub fn of(id: &str, step: Option<&Step>, policy: Option<&ProviderPolicy>) -> Self {
        let mut told = Self {
            provider: id.to_owned(),
            kind: String::new(),
            decision: if policy.is_some_and(|policy| policy.observe) { "observes" } else { "not-asked" },
            took_ms: step.map_or(0.0, |step| step.took.as_secs_f64() * 1000.0),
            remembered_until: None,
            observe: policy.is_some_and(|policy| policy.observe),
            permissions: Permissions::new(),
            denied: Vec::new(),
            limits: Map::new(),
            claims: Map::new(),
            reason: String::new(),
            message: String::new(),
            error: None,
            rules: Vec::new(),
            more_rules: 0,
            why: None,
        };
        match step.map(|step| &step.answer) {
            None => {}
            Some(Err(error)) => {
                told.decision = "failed";
                told.error = Some(error.to_string());
            }
            Some(Ok(decision)) => {
                told.decision = match decision.verdict {
                    Verdict::Allow => "allow",
                    Verdict::Deny => "deny",
                    Verdict::Abstain => "abstain",
                };
                told.permissions.clone_from(&decision.permissions);
                told.denied = decision.denied.iter().map(|pattern| Pattern::as_str(pattern).to_owned()).collect();
                told.limits.clone_from(&decision.limits);
                told.claims.clone_from(&decision.claims);
                told.reason.clone_from(&decision.reason);
                told.message.clone_from(&decision.message);
            }
        }
        told
    }
}

/// What comes of a chain.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Sum {
    /// Name → granted or denied.
    pub permissions: Permissions,
    /// Named limits.
    #[schema(value_type = Object)]
    pub limits: Map<String, Value>,
    /// Extra claims.
    #[schema(value_type = Object)]
    pub claims: Map<String, Value>,
}

/// Whether they have the permission that was asked for, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Answer {
    /// Its name.
    pub name: String,
    /// Whether the token would grant it.
    pub is_granted: bool,
    /// Why, in one sentence.
    pub why: String,
}
