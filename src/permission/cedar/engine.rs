//! Asks the policies: every action on every target, or one action on one item.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision as Answer, Entities, Entity, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, Schema,
};

use super::facts::{Facts, Subject, resource, tells_items_apart};
use super::policies::Policies;
use super::schema::Attribute;
use crate::domain::access::{Access, Item, Said, Wish};
use crate::domain::permission::Permissions;
use crate::permission::Rule;

/// Most policies in all sets of a provider together; beyond that, an action has the set of all.
const MOST_IN_SETS: usize = 100_000;

/// An entity type that we fill in.
#[derive(Debug, Clone)]
pub struct Type {
    pub name: EntityTypeName,
    pub attributes: Vec<Attribute>,
    /// What entities of it are in: roles and groups.
    pub parents: Vec<EntityTypeName>,
}

/// An action, which is a permission.
#[derive(Debug, Clone)]
pub struct Action {
    pub uid: EntityUid,
    pub resource: Type,
    pub context: Vec<Attribute>,
    /// The types of those who may ask: a person, and a service that acts for itself.
    pub user: Option<Type>,
    pub service: Option<Type>,
}

/// Policies with everything they are asked about.
pub struct Engine {
    pub schema: Schema,
    pub policies: Policies,
    pub actions: Vec<Action>,
    /// For each action, the policies that may speak about it.
    sets: Vec<Arc<PolicySet>>,
    /// Name of a permission → which action, on what.
    pairs: Vec<(String, usize, EntityUid)>,
    /// The actions of the schema, and how they are grouped.
    bare: Entities,
    /// The same, and all targets.
    with_targets: Entities,
}

/// What the policies say to one question, and which of them.
struct Verdict {
    said: Said,
    by: Vec<PolicyId>,
}

impl Engine {
    /// The error is for people.
    pub fn new(schema: Schema, policies: Policies, actions: Vec<Action>, targets: &[String]) -> Result<Self, String> {
        let mut pairs = Vec::new();
        let mut entities: Vec<Entity> = Vec::new();
        for target in targets {
            for (index, action) in actions.iter().enumerate() {
                let item = Item { id: Some(target.clone()), ..Item::default() };
                let entity = resource(&action.resource.name, &action.resource.attributes, &item);
                let entity = entity.ok_or_else(|| format!("`{target}` cannot be asked about"))?;
                pairs.push((permission(&action.uid, target), index, entity.uid()));
                if !entities.iter().any(|have| have.uid() == entity.uid()) {
                    entities.push(entity);
                }
            }
        }
        let bare = Entities::from_entities([], Some(&schema)).map_err(|error| error.to_string())?;
        let sets = sets(&policies.set, &actions, &bare);
        let with_targets = bare.clone().add_entities(entities, Some(&schema)).map_err(|error| error.to_string())?;
        Ok(Self { schema, policies, actions, sets, pairs, bare, with_targets })
    }

    /// What is granted and what is denied, by name. The error says which policy could not be evaluated, and nothing of the facts.
    pub fn permissions(&self, facts: &Facts) -> Result<Permissions, String> {
        let judged = self.judge(facts)?;
        let spoken = judged.into_iter().filter(|(_, verdict)| verdict.said != Said::Silent);
        Ok(spoken.map(|(name, verdict)| (name.to_owned(), verdict.said == Said::Allowed)).collect())
    }

    /// The policies that speak about them.
    pub fn rules(&self, facts: &Facts) -> Vec<Rule> {
        let rule = |name: &str, granted: bool, id: &PolicyId| Rule {
            permission: name.to_owned(),
            granted,
            name: format!("policy {id}"),
            role: None,
            at: self.policies.place(id),
        };
        let judged = self.judge(facts).unwrap_or_default();
        let of_one = |(name, verdict): &(&str, Verdict)| {
            verdict.by.iter().map(|id| rule(name, verdict.said == Said::Allowed, id)).collect::<Vec<_>>()
        };
        judged.iter().flat_map(of_one).collect()
    }

    /// One deed on one item. `None`: the schema does not tell items apart, so the permission by name decides.
    pub fn access(&self, facts: &Facts, wish: &Wish) -> Option<Access> {
        let name = format!("{}:{}", wish.item.kind, wish.action);
        let action = self.actions.iter().position(|action| action.uid.id().unescaped() == name)?;
        if !tells_items_apart(&self.actions[action].resource.attributes) {
            return None;
        }
        Some(self.access_to(facts, action, &wish.item).unwrap_or_else(|by| Access { said: Said::Denied, by }))
    }

    fn access_to(&self, facts: &Facts, action: usize, item: &Item) -> Result<Access, String> {
        let Action { resource: of_item, .. } = &self.actions[action];
        let Some(of) = self.actions[action].asked_by(&facts.who) else { return Ok(Access::silent()) };
        let entity = resource(&of_item.name, &of_item.attributes, item).ok_or(UNFIT)?;
        let target = entity.uid();
        let (principal, entities) = self.entities(facts, of, &self.bare, Some(entity))?;
        let context = facts.context_for(&self.actions[action])?;
        let verdict = self.ask(&principal, action, target, context, &entities)?;
        let by: Vec<_> = verdict.by.iter().map(|id| format!("policy {id}")).collect();
        Ok(Access { said: verdict.said, by: by.join(", ") })
    }

    fn judge(&self, facts: &Facts) -> Result<Vec<(&str, Verdict)>, String> {
        let Some(of) = self.actions.iter().find_map(|action| action.asked_by(&facts.who)) else {
            return Ok(Vec::new());
        };
        let (principal, entities) = self.entities(facts, of, &self.with_targets, None)?;
        let contexts = self.actions.iter().map(|action| facts.context_for(action)).collect::<Result<Vec<_>, _>>()?;
        let asked = self.pairs.iter().filter(|(_, action, _)| self.actions[*action].asked_by(&facts.who).is_some());
        asked
            .map(|(name, action, target)| {
                let context = contexts[*action].clone();
                let verdict = self.ask(&principal, *action, target.clone(), context, &entities)?;
                Ok((name.as_str(), verdict))
            })
            .collect()
    }

    /// Who asks, and the entities with them and the item.
    fn entities(
        &self,
        facts: &Facts,
        of: &Type,
        known: &Entities,
        item: Option<Entity>,
    ) -> Result<(EntityUid, Entities), String> {
        let principal = facts.principal(&of.name, &of.attributes, &of.parents).ok_or(UNFIT)?;
        let asking = principal.uid();
        let all = known.clone().add_entities(std::iter::once(principal).chain(item), Some(&self.schema));
        Ok((asking, all.map_err(|_| UNFIT)?))
    }

    fn ask(
        &self,
        principal: &EntityUid,
        action: usize,
        target: EntityUid,
        context: Context,
        entities: &Entities,
    ) -> Result<Verdict, String> {
        let uid = self.actions[action].uid.clone();
        let request = Request::new(principal.clone(), uid, target, context, Some(&self.schema)).map_err(|_| UNFIT)?;
        let response = Authorizer::new().is_authorized(&request, &self.sets[action], entities);
        if let Some(cedar_policy::AuthorizationError::PolicyEvaluationError(error)) =
            response.diagnostics().errors().next()
        {
            let at = self.policies.place(error.policy_id()).unwrap_or_default();
            return Err(format!("the policy `{}` ({at}) cannot be evaluated", error.policy_id()));
        }
        let mut by: Vec<_> = response.diagnostics().reason().cloned().collect();
        by.sort_unstable();
        let said = match response.decision() {
            Answer::Allow => Said::Allowed,
            Answer::Deny if by.is_empty() => Said::Silent,
            Answer::Deny => Said::Denied,
        };
        Ok(Verdict { said, by })
    }
}

/// Not the words of the library, for they hold the facts.
const UNFIT: &str = "what is asked does not fit the schema";

impl Action {
    /// The type of who asks, if they may ask.
    fn asked_by(&self, who: &Subject) -> Option<&Type> {
        match who {
            Subject::Person(_) => self.user.as_ref(),
            Subject::Machine(_) => self.service.as_ref(),
        }
    }
}

impl Facts {
    fn context_for(&self, action: &Action) -> Result<Context, String> {
        Context::from_pairs(self.context(&action.context)).map_err(|_| UNFIT.to_owned())
    }
}

/// For each action, the policies whose head lets it pass: the library would try all of them for each question.
fn sets(policies: &PolicySet, actions: &[Action], bare: &Entities) -> Vec<Arc<PolicySet>> {
    let whole = Arc::new(policies.clone());
    let mut known: HashMap<Vec<&PolicyId>, Arc<PolicySet>> = HashMap::new();
    let mut room = MOST_IN_SETS;
    let mut sets = Vec::with_capacity(actions.len());
    for action in actions {
        let is_in = |group: &EntityUid| *group == action.uid || bare.is_ancestor_of(group, &action.uid);
        let passes = |constraint: ActionConstraint| match constraint {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(only) => only == action.uid,
            ActionConstraint::In(groups) => groups.iter().any(is_in),
        };
        let chosen: Vec<_> = policies.policies().filter(|policy| passes(policy.action_constraint())).collect();
        let ids: Vec<_> = chosen.iter().map(|policy| policy.id()).collect();
        let set = match known.get(&ids) {
            Some(set) => Arc::clone(set),
            None if chosen.len() > room => Arc::clone(&whole),
            None => {
                room -= chosen.len();
                let set = PolicySet::from_policies(chosen.into_iter().cloned());
                let set = set.map_or_else(|_| Arc::clone(&whole), Arc::new);
                known.insert(ids, Arc::clone(&set));
                set
            }
        };
        sets.push(set);
    }
    sets
}

/// The name of the permission for an action on a target.
pub fn permission(action: &EntityUid, target: &str) -> String {
    let action = action.id().unescaped();
    if target == "*" { action.to_owned() } else { format!("{action}:{target}") }
}
