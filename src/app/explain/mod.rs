//! Why somebody may do what they may do in a service: each provider's answer, the rules behind it, and the token that would come of
//! it. The command line, the API and the administrators' page say the same, because all of them ask here.
//!
//! Providers are asked as they are for a token: the same address and deadline, and nothing in the question chooses where it
//! goes. Nothing is remembered, and no token leaves but through `permission test` on the machine itself. Extensions that are asked
//! before a token is signed are not asked here: to them it would look like a token. It is said which they are.

mod outcome;
mod sentence;
mod told;

use std::collections::BTreeSet;

pub use told::{Explained, Held, Told};

use super::App;
use crate::config::Section;
use crate::domain::permission::{Decision, Merged, Pattern, is_name, is_wildcard};
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::extension::decide::Moment;
use crate::keys::TokenError;
use crate::permission::chain::{Question, Step};
use crate::permission::{Ask, PermissionProvider, Rule, Sent, Who};
use crate::store::StoreError;
use sentence::{Facts, Speech};

/// Most rules that are listed of one provider.
const MOST_RULES: usize = 200;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// In which service; it may be switched off.
    pub service: &'a Service,
    /// About whom.
    pub user: &'a User,
    /// The provider or method they would have signed in with.
    pub method: &'a str,
    /// As if they had proven more than one factor.
    pub mfa: bool,
    /// As if they had these roles, too.
    pub roles: &'a [String],
    /// The one permission that is of interest.
    pub permission: Option<&'a str>,
}

/// The roles of a list with commas between them; what is empty is left out.
pub fn roles_in(text: Option<&str>) -> Vec<String> {
    let roles = text.unwrap_or_default().split(',').map(str::trim);
    roles.filter(|role| !role.is_empty()).map(str::to_owned).collect()
}

/// The question makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Senseless {
    /// No permission has such a name.
    #[error("`{0}` is not the name of a permission; expected something like `wiki:read`")]
    Permission(String),
    /// The file has no such role.
    #[error("there is no role `{0}`")]
    Role(String),
}

/// There is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The question makes no sense.
    #[error(transparent)]
    Senseless(#[from] Senseless),
    /// The token cannot be signed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A question with the user as if they had its roles.
struct Case<'a> {
    query: Query<'a>,
    user: User,
    /// As if they had every role of the file: what speaks then and not otherwise is what they lack.
    everything: User,
    /// Their roles, and where they come from.
    roles: Vec<Held>,
}

impl App {
    /// Asks every provider of the service and says why it comes to what it comes to.
    pub async fn explain(&self, query: &Query<'_>) -> Result<Explained, ExplainError> {
        self.make_sense(query)?;
        let mut case = self.case(query);
        let origins = self.store().role_origins(query.user.id).await?;
        case.roles = case.user.roles.iter().map(|role| Held::of(role, query.user, &origins)).collect();
        let (steps, outcome) = self.chain.trace(&case.question()).await;
        let mut told = self.tell_all(&case, &steps);
        let mut kept = self.chain.kept(query.service, query.user).await;
        for told in &mut told {
            told.remembered_until = kept.remove(&told.provider);
        }
        let mut explained = self.about(&case, told);
        match self.stands_against(&case, outcome).await? {
            Ok(granted) => match self.add_token(&case, granted, &mut explained) {
                Err(error @ TokenError::TooLarge { .. }) => explained.refusal = Some(error.to_string()),
                done => done?,
            },
            Err(why) => explained.refusal = Some(why),
        }
        explained.permission = query.permission.map(|name| sentence::verdict(name, &explained));
        Ok(explained)
    }

    /// What each provider of the service would send to be asked the same, by its id.
    pub fn sent(&self, query: &Query<'_>) -> Vec<(String, Sent)> {
        let case = self.case(query);
        let nothing = Merged::new(query.service.merge);
        let ask = case.ask(&case.user, &nothing);
        let providers = query.service.permissions.iter().filter_map(|id| Some((id, self.chain.provider(id)?)));
        providers.filter_map(|(id, provider)| Some((id.clone(), provider.sent(&ask)?))).collect()
    }

    /// The user as the question has them: with the roles it assumes.
    pub fn as_if(&self, query: &Query<'_>) -> Result<User, Senseless> {
        self.make_sense(query)?;
        Ok(self.case(query).user)
    }

    fn make_sense(&self, query: &Query<'_>) -> Result<(), Senseless> {
        if let Some(role) = query.roles.iter().find(|role| !self.settings.roles.contains(role)) {
            return Err(Senseless::Role(role.clone()));
        }
        match query.permission {
            Some(name) if name != "*" && !is_name(name) => Err(Senseless::Permission(name.to_owned())),
            _ => Ok(()),
        }
    }

    fn case<'a>(&self, query: &Query<'a>) -> Case<'a> {
        let with = |more: &[String]| {
            let all: BTreeSet<_> = query.user.roles.iter().chain(more).cloned().collect();
            User { roles: all.into_iter().collect(), ..query.user.clone() }
        };
        Case { query: *query, user: with(query.roles), everything: with(&self.settings.roles), roles: Vec::new() }
    }

    /// Every provider of the chain, also those that were not asked any more.
    fn tell_all(&self, case: &Case<'_>, steps: &[Step]) -> Vec<Told> {
        let mut before = Merged::new(case.query.service.merge);
        let mut all = Vec::new();
        for id in &case.query.service.permissions {
            let step = steps.iter().find(|step| step.provider == *id);
            let provider = self.chain.provider(id);
            let told = self.tell(case, id, step, provider, &before);
            if let Some(Ok(decision)) = step.filter(|_| !told.observe).map(|step| &step.answer) {
                before.add(decision.clone());
            }
            all.push(told);
        }
        all
    }

    fn tell(
        &self,
        case: &Case<'_>,
        id: &str,
        step: Option<&Step>,
        provider: Option<&dyn PermissionProvider>,
        before: &Merged,
    ) -> Told {
        let of = |user: &User| provider.map_or_else(Vec::new, |provider| provider.rules(&case.ask(user, before)));
        let speaks = |rule: &Rule| case.query.permission.is_none_or(|name| is_about(rule, name));
        let mut rules: Vec<Rule> = of(&case.user).into_iter().filter(speaks).collect();
        let policy = provider.map(PermissionProvider::policy);
        let mut told = Told::of(id, step, policy);
        let section = self.settings.permissions.iter().find(|section| section.id() == id);
        section.map_or("", Section::kind).clone_into(&mut told.kind);
        if let Some(name) = case.query.permission {
            let lacking =
                |rule: &Rule| rule.granted && rule.role.as_ref().is_some_and(|role| !case.user.roles.contains(role));
            let needed: Vec<Rule> =
                of(&case.everything).into_iter().filter(|rule| speaks(rule) && lacking(rule)).collect();
            let who = case.user.shown_name();
            let facts =
                Facts { provider: id, permission: name, who: &who, roles: &case.roles, rules: &rules, needed: &needed };
            let answer = step.map(|step| &step.answer);
            let speech = answer.map_or(Speech::NotAsked, |answer| Speech::of(answer, name));
            told.why = Some(facts.say(&speech, policy));
        }
        told.more_rules = rules.len().saturating_sub(MOST_RULES);
        rules.truncate(MOST_RULES);
        told.rules = rules;
        told
    }

    fn about(&self, case: &Case<'_>, steps: Vec<Told>) -> Explained {
        let Query { service, user, method, mfa, .. } = case.query;
        let delay = self.chain.revocation_delay(service);
        Explained {
            service: service.id.clone(),
            user: user.id.to_string(),
            name: user.shown_name(),
            method: method.to_owned(),
            mfa,
            roles: case.roles.clone(),
            merge: service.merge,
            steps,
            permission: None,
            granted: None,
            refusal: None,
            hooks_not_asked: self.hooks.who(Moment::TokenIssuing),
            payload: None,
            size: None,
            max_size: service.max_token_size,
            revocation_delay: delay.total.whole_seconds(),
            revocation: delay.sentence(),
            token: None,
        }
    }
}

impl Case<'_> {
    fn question(&self) -> Question<'_> {
        let Query { service, method, mfa, .. } = self.query;
        Question { service, who: Who::Person(&self.user), provider: method, ip: None, is_multi_factor: mfa }
    }

    fn ask<'b>(&'b self, user: &'b User, before: &'b Merged) -> Ask<'b> {
        let Question { service, provider, ip, is_multi_factor, .. } = self.question();
        Ask { service, who: Who::Person(user), provider, ip, is_multi_factor, previous: before.permissions() }
    }
}

/// Whether the rule speaks about the permission, by name or by a wildcard.
fn is_about(rule: &Rule, name: &str) -> bool {
    rule.permission == name || Pattern::new(&rule.permission).is_some_and(|pattern| pattern.matches(name))
}

/// What the provider says about the name: `Some(true)` granted, `Some(false)` denied.
fn said(decision: &Decision, name: &str) -> Option<bool> {
    if decision.denied.iter().any(|pattern| pattern.matches(name)) {
        return Some(false);
    }
    decision.permissions.get(name).copied()
}

/// A granted name with a wildcard in it that stands for this one.
fn wildcard<'a>(permissions: &'a crate::domain::permission::Permissions, name: &str) -> Option<&'a str> {
    let granted = permissions.iter().filter(|(have, granted)| **granted && is_wildcard(have));
    granted.map(|(have, _)| have.as_str()).find(|have| Pattern::new(have).is_some_and(|pattern| pattern.matches(name)))
}
