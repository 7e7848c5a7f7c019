//! What administrators see of permissions.

use std::sync::Arc;

use askama::Template;

use super::{Hidden, Href, Moment, Notice, Page, Shell};
use crate::app::observed::ListedService;
use crate::permission::Rule;

/// `/admin/permissions`: why somebody may do what they may do.
#[derive(Debug, Clone, Template)]
#[template(path = "admin/permissions.html")]
pub struct PermissionsPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// Where the form is sent.
    pub action: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// Back to the account.
    pub back: Href,
    /// The services, and how soon it works in each to take something from somebody.
    pub services: Vec<ListedService>,
    /// Where that is forgotten.
    pub forget: Href,
    /// What is said first.
    pub notice: Option<Notice>,
    /// What was typed.
    pub typed: TypedQuestion,
    /// What was wrong with it.
    pub error: Option<String>,
    /// What came of it.
    pub found: Option<ExplainedView>,
}

/// A question as it was typed.
#[derive(Debug, Clone, Default)]
pub struct TypedQuestion {
    /// The service's id.
    pub service: String,
    /// An id, an address or a username.
    pub user: String,
    /// A permission, or nothing.
    pub permission: String,
    /// Roles with commas between them, or nothing.
    pub role: String,
    /// Whether a second factor is assumed.
    pub mfa: bool,
}

/// An explanation.
#[derive(Debug, Clone)]
pub struct ExplainedView {
    /// Who in what.
    pub title: String,
    /// Whether they have the permission that was asked for, and why.
    pub verdict: Option<(bool, String)>,
    /// Why there would be no token.
    pub refusal: Option<String>,
    /// Which extensions were not asked.
    pub unasked: Option<String>,
    /// Their roles, and which are only assumed.
    pub roles: Vec<(String, bool)>,
    /// Each provider, in order.
    pub steps: Vec<StepRow>,
    /// What comes of it: name, whether granted.
    pub permissions: Vec<(String, bool)>,
    /// Limits and claims, as JSON with line breaks.
    pub extras: Vec<(&'static str, String)>,
    /// What the token would say.
    pub payload: Option<String>,
    /// How long it would be, in bytes.
    pub size: Option<usize>,
    /// The most that the service allows.
    pub max_size: usize,
    /// How soon it works to take something from them, in a sentence.
    pub revocation: String,
    /// Fields of the form that lets every server forget what it remembers of them here.
    pub forget: Vec<Hidden>,
}

/// What one provider said.
#[derive(Debug, Clone)]
pub struct StepRow {
    /// Its id.
    pub provider: String,
    /// Its kind.
    pub kind: String,
    /// `allow`, `deny`, `abstain`, `failed`, `not-asked`.
    pub decision: &'static str,
    /// `1.2 ms`.
    pub took: String,
    /// Until when an answer about them is remembered here.
    pub remembered_until: Option<Moment>,
    /// Whether it only runs beside the others.
    pub observe: bool,
    /// Names, and whether they are granted.
    pub said: Vec<(String, bool)>,
    /// Its own words, or why it has no answer.
    pub words: Vec<String>,
    /// Why it grants the permission that was asked for, or why not.
    pub why: Option<String>,
    /// Its rules that speak about them.
    pub rules: Vec<Rule>,
    /// How many more there are.
    pub more_rules: usize,
    /// How it was asked, if it is outside.
    pub request: Option<RequestRow>,
    /// How it has done so far, if it only runs beside the others.
    pub shadow: Option<ShadowRow>,
}

/// How an observer has done.
#[derive(Debug, Clone)]
pub struct ShadowRow {
    /// How often it was asked.
    pub asked: i64,
    /// How often it would have changed nothing.
    pub agreed: i64,
    /// How often something.
    pub differed: i64,
    /// How often it had no answer.
    pub failed: i64,
    /// The last differences: service, who, permission, what was, what would be, how often.
    pub differences: Vec<(String, String, String, String, String, i64)>,
}

/// How a provider outside is asked, and what it said.
#[derive(Debug, Clone)]
pub struct RequestRow {
    /// The question, JSON with line breaks.
    pub body: String,
    /// A command that asks the same.
    pub curl: Option<String>,
    /// The answer, JSON with line breaks.
    pub answer: String,
}

impl StepRow {
    /// How the decision looks.
    pub fn class(&self) -> &'static str {
        match self.decision {
            "allow" => " good",
            "deny" | "failed" => " bad",
            _ => "",
        }
    }
}

impl Page for PermissionsPage {}
