//! Opens a section: what of the schema is asked, and whether all of it can be answered.

use std::sync::Arc;

use async_trait::async_trait;
use cedar_policy::{EntityTypeName, EntityUid};

use super::CedarPermissions;
use super::codes::{NOT_A_SCHEMA, NOT_ASKABLE, NOT_KNOWN};
use super::engine::{Action, Engine, Type, permission};
use super::facts::{Facts, Of, check};
use super::policies::{Policies, read_text, say};
use super::schema::Declared;
use crate::config::{Mistake, Section, nearest};
use crate::domain::access::{Access, Wish};
use crate::domain::permission::{Decision, MOST_NAMES, is_name, is_wildcard};
use crate::keys::sha256_hex;
use crate::permission::common::{NOT_READABLE, config_hash};
use crate::permission::workers::Workers;
use crate::permission::{Ask, PermissionError, PermissionProvider, ProviderPolicy, Rule, Vary};

/// Cedar policies.
///
/// It is not instant: a question takes about 50 µs, so that a schema of fifty actions would keep a thread that serves requests
/// for milliseconds. It works on threads of its own, and answers are remembered like those of any other kind.
pub struct Cedar {
    id: String,
    engine: Arc<Engine>,
    workers: Workers,
    policy: ProviderPolicy,
}

impl Cedar {
    /// Reads schema and policies, and holds them against each other.
    pub fn open(section: &Section, config: &CedarPermissions) -> Result<Self, Vec<Mistake>> {
        let schema = read_schema(section, config);
        let policies = Policies::read(section, &config.policies);
        let ((text, declared), policies) = match (schema, policies) {
            (Ok(schema), Ok(policies)) => (schema, policies),
            (schema, policies) => {
                return Err([schema.err(), policies.err()].into_iter().flatten().flatten().collect());
            }
        };
        let texts = std::iter::once(text.as_str()).chain(policies.texts());
        let texts: Vec<_> = texts.map(|text| sha256_hex(text.as_bytes())).collect();
        let hash = config_hash("cedar", &(config, texts), &[]);
        let policy = config.common().policy(section, time::Duration::milliseconds(50), hash);
        let mut mistakes = policies.check(section, &declared.schema);
        let policy = policy.map_err(|wrong| mistakes.push(wrong)).ok();
        let everything = ["*".to_owned()];
        let targets = config.targets.as_deref().unwrap_or(&everything);
        let actions = Plan { section, declared: &declared, vary: &config.vary }.actions(config, &mut mistakes);
        check_names(section, &actions, targets, &mut mistakes);
        let (Some(policy), true) = (policy, mistakes.is_empty()) else { return Err(mistakes) };
        let engine = Engine::new(declared.schema, policies, actions, targets)
            .map_err(|message| vec![section.mistake_at("targets", NOT_ASKABLE, message)])?;
        Ok(Self { id: section.id().to_owned(), engine: Arc::new(engine), workers: Workers::new(0), policy })
    }
}

#[async_trait]
impl PermissionProvider for Cedar {
    async fn permissions(&self, ask: &Ask<'_>) -> Result<Decision, PermissionError> {
        let (engine, facts) = (Arc::clone(&self.engine), Facts::of(ask));
        let answered = self.workers.run(move || engine.permissions(&facts)).await?;
        let permissions = answered.map_err(|why| PermissionError::Unusable(format!("`{}`: {why}", self.id)))?;
        Ok(Decision { permissions, ..Decision::default() })
    }

    fn policy(&self) -> &ProviderPolicy {
        &self.policy
    }

    fn access(&self, ask: &Ask<'_>, wish: &Wish) -> Option<Access> {
        self.engine.access(&Facts::of(ask), wish)
    }

    async fn access_all(&self, ask: &Ask<'_>, wishes: &[Wish]) -> Result<Vec<Option<Access>>, PermissionError> {
        let (engine, facts, wishes) = (Arc::clone(&self.engine), Facts::of(ask), wishes.to_vec());
        self.workers.run(move || wishes.iter().map(|wish| engine.access(&facts, wish)).collect()).await
    }

    fn rules(&self, ask: &Ask<'_>) -> Vec<Rule> {
        self.engine.rules(&Facts::of(ask))
    }
}

fn read_schema(section: &Section, config: &CedarPermissions) -> Result<(String, Declared), Vec<Mistake>> {
    let wrong = |code, message| vec![section.mistake_at("schema", code, message)];
    let path = section.path_of(&config.schema);
    let (shown, text) = read_text(section, &path).map_err(|message| wrong(NOT_READABLE, message))?;
    let declared = Declared::read(&text).map_err(|error| wrong(NOT_A_SCHEMA, say(&shown, &text, &error)))?;
    Ok((text, declared))
}

/// What is asked must be names of permissions, and not too many.
fn check_names(section: &Section, actions: &[Action], targets: &[String], mistakes: &mut Vec<Mistake>) {
    let names = |target: &str| actions.iter().map(|action| permission(&action.uid, target)).collect::<Vec<_>>();
    for (index, target) in targets.iter().enumerate() {
        let bad = names(target).into_iter().find(|name| target != "*" && (!is_name(name) || is_wildcard(name)));
        if bad.is_some() || targets[..index].contains(target) {
            let message = format!("`{target}` is not a target: expected `*`, or a name like `q1`, and each only once");
            mistakes.push(section.mistake_in("targets", index, NOT_ASKABLE, message));
        }
    }
    let asked = actions.len() * targets.len();
    if asked > MOST_NAMES || (asked == 0 && mistakes.is_empty()) {
        let (actions, targets) = (actions.len(), targets.len());
        let message =
            format!("{actions} actions on {targets} targets are {asked} questions, expected 1 to {MOST_NAMES}");
        mistakes.push(section.mistake_at("targets", NOT_ASKABLE, message));
    }
}

/// Which actions are asked, by whom and about what.
struct Plan<'a> {
    section: &'a Section,
    declared: &'a Declared,
    vary: &'a [Vary],
}

impl Plan<'_> {
    fn actions(&self, config: &CedarPermissions, mistakes: &mut Vec<Mistake>) -> Vec<Action> {
        let mut all: Vec<&EntityUid> = self.declared.schema.actions().collect();
        all.sort_unstable_by_key(ToString::to_string);
        let mut actions: Vec<Action> = Vec::new();
        let chosen: Vec<(Option<usize>, &EntityUid)> = match &config.actions {
            // Groups apply to nothing by themselves.
            None => {
                all.iter().filter(|action| self.principals(action).next().is_some()).map(|uid| (None, *uid)).collect()
            }
            Some(names) => {
                let found = names.iter().enumerate().filter_map(|(index, name)| {
                    let found = all.iter().find(|action| action.id().unescaped() == name);
                    if found.is_none() {
                        mistakes.push(self.no_such_action(index, name, &all));
                    }
                    Some((Some(index), *found?))
                });
                found.collect()
            }
        };
        for (index, uid) in chosen {
            let taken = actions.iter().any(|action| action.uid.id() == uid.id());
            let planned = if taken {
                Err((NOT_ASKABLE, format!("`{}` is there twice", uid.id().unescaped())))
            } else {
                self.plan(uid)
            };
            match planned {
                Ok(action) => actions.push(action),
                Err((code, message)) => mistakes.push(match index {
                    Some(index) => self.section.mistake_in("actions", index, code, message),
                    None => self.section.mistake_at("schema", code, message),
                }),
            }
        }
        actions
    }

    fn no_such_action(&self, index: usize, name: &str, all: &[&EntityUid]) -> Mistake {
        let message = format!("the schema has no action `{name}`");
        let mut mistake = self.section.mistake_in("actions", index, NOT_ASKABLE, message);
        let near = nearest(name, all.iter().map(|action| action.id().unescaped()));
        mistake.help = near.map(|name| format!("did you mean `{name}`?"));
        mistake
    }

    fn principals(&self, action: &EntityUid) -> impl Iterator<Item = &EntityTypeName> {
        self.declared.schema.principals_for_action(action).into_iter().flatten()
    }

    /// The error is a code and a sentence.
    fn plan(&self, uid: &EntityUid) -> Result<Action, (&'static str, String)> {
        let name = uid.id().unescaped();
        let not_askable = |why: &str| (NOT_ASKABLE, format!("the action `{name}` {why}"));
        if !is_name(name) || is_wildcard(name) {
            return Err(not_askable(
                "is not a permission name; expected something like `report:read`, or the others in `actions`",
            ));
        }
        let asked_by = |kind: &str| self.principals(uid).find(|of| of.basename() == kind);
        let (user, service) = (asked_by("User"), asked_by("Service"));
        if user.is_none() && service.is_none() {
            return Err(not_askable("applies to no `User` and no `Service`; write those that do in `actions`"));
        }
        let resources: Vec<_> = self.declared.schema.resources_for_action(uid).into_iter().flatten().collect();
        let target = resources.iter().find(|of| of.basename() == "Target");
        let resource = match (target, resources.as_slice()) {
            (Some(target), _) => target,
            (None, [only]) => only,
            _ => return Err(not_askable("applies to several types and none of them is `Target`")),
        };
        let context = self.declared.context(uid);
        let fits = |of, name: &str, declared: &_| check(of, name, declared, self.vary).map_err(|why| (NOT_KNOWN, why));
        fits(Of::Context, &format!("the context of `{name}`"), &context)?;
        let described = |of, name: Option<&EntityTypeName>| {
            let Some(name) = name else { return Ok(None) };
            let described = self.describe(name);
            fits(of, &format!("`{name}`"), &described.attributes)?;
            Ok(Some(described))
        };
        Ok(Action {
            uid: uid.clone(),
            resource: described(Of::Item, Some(resource))?.expect("it was given"),
            context,
            user: described(Of::User, user)?,
            service: described(Of::Service, service)?,
        })
    }

    fn describe(&self, name: &EntityTypeName) -> Type {
        let parents =
            self.declared.parents(name).into_iter().filter_map(|parent| parent.parse::<EntityTypeName>().ok());
        let parents = parents.filter(|parent| ["Role", "Group"].contains(&parent.basename())).collect();
        Type { name: name.clone(), attributes: self.declared.of_type(name), parents }
    }
}
