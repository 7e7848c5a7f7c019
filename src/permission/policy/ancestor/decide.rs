//! What the ancestor would say. People here may have several roles: what one of them is allowed, they are; but whoever is locked is
//! only that.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Actions, ItemRules, Limit, Model, RoleRules};
use crate::domain::access::{Access, Item, Said, Wish};
use crate::domain::permission::{Decision, Pattern, Permissions};
use crate::permission::Rule;
use crate::permission::policy::rules::LOCKED;

/// Roles before whom every visibility is open, whatever the model says of them.
const UNHINDERED: [&str; 2] = ["superuser", "staff"];
/// Visibilities that have a meaning; items of any other one are closed to everybody else.
const OPEN: [&str; 2] = ["public", "unlisted"];
const SHARED: &str = "shared";
const PRIVATE: &str = "private";

/// Somebody's roles.
enum Held<'m> {
    /// Those that the model knows.
    Roles(Vec<(usize, &'m RoleRules)>),
    /// `locked` is among them; what the model says of that role.
    Locked(Option<&'m RoleRules>),
}

impl Model {
    fn held<'r>(&self, names: impl Iterator<Item = &'r str> + Clone) -> Held<'_> {
        let known = |name: &str| {
            let number = *self.roles.get(name)?;
            self.role_rules[number].as_ref().map(|rules| (number, rules))
        };
        if names.clone().any(|name| name == LOCKED) {
            return Held::Locked(known(LOCKED).map(|(_, rules)| rules));
        }
        Held::Roles(names.filter_map(known).collect())
    }

    /// What it says about one deed on one item.
    ///
    /// Items whose owner, or somebody they are shared with, has no account that may be used are closed to everybody.
    pub fn access<'r>(&self, names: impl Iterator<Item = &'r str> + Clone, who: &str, wish: &Wish) -> Access {
        let roles = match self.held(names) {
            Held::Locked(_) => return Access { said: Said::Denied, by: "the role `locked` may do nothing".into() },
            Held::Roles(roles) => roles,
        };
        if wish.item.is_orphaned {
            let by = "the owner, or somebody it is shared with, has no account that may be used".into();
            return Access { said: Said::Denied, by };
        }
        let granted = roles.iter().find_map(|(number, role)| Some((role, self.line(*number, role, who, wish)?)));
        granted.map_or_else(Access::silent, |(role, line)| {
            let by = format!("`{}` of the role `{}` ({}:{line})", wish.action, role.name, self.file);
            Access { said: Said::Allowed, by }
        })
    }

    /// The line that allows it to the role.
    fn line(&self, number: usize, role: &RoleRules, who: &str, Wish { action, item }: &Wish) -> Option<usize> {
        let action = *self.actions.get(action)?;
        let kind = *self.items.get(&item.kind)?;
        let visibility = *self.visibilities.get(item.visibility.as_deref()?)?;
        let rules = self.item_rules[kind].as_ref()?;
        if !is_open(role, who, item)
            || rules.barred_roles.contains(&number)
            || !rules.visibilities.contains(&visibility)
        {
            return None;
        }
        let granted = match (item.is_of(who), role.ownable.contains(&kind)) {
            (true, true) => role.own,
            (true, false) => return None,
            (false, _) => role.others[visibility],
        };
        granted.actions.and(rules.actions).has(action).then_some(granted.line)
    }

    /// Whether the value is within the limit. A limit that nobody has set hinders nobody; without a role that the model knows,
    /// nothing is within any.
    pub fn within<'r>(&self, names: impl Iterator<Item = &'r str> + Clone, name: &str, value: f64) -> Access {
        let roles: Vec<&RoleRules> = match self.held(names) {
            Held::Locked(locked) => locked.into_iter().collect(),
            Held::Roles(roles) => roles.into_iter().map(|(_, role)| role).collect(),
        };
        let mut refused = Access { said: Said::Denied, by: "none of the roles is in the model".into() };
        for role in roles {
            let Some(limit) = role.limits.get(name) else {
                let by = format!("the role `{}` has no limit `{name}`", role.name);
                return Access { said: Said::Allowed, by };
            };
            let by = format!("`{name}` {} of the role `{}` ({}:{})", limit.bound, role.name, self.file, limit.line);
            if limit.is_kept(value) {
                return Access { said: Said::Allowed, by };
            }
            refused.by = by;
        }
        refused
    }

    /// Everything that can be said in names, and nothing that the ancestor would refuse: `page:edit` where every item is open,
    /// `page:edit.own`, `page:view.public`, `.unlisted` and `.shared`. Where one's own are closed and others' are not,
    /// `page:view.own` is denied.
    pub fn decide<'r>(&self, names: impl Iterator<Item = &'r str> + Clone) -> Decision {
        match self.held(names) {
            Held::Locked(locked) => Decision {
                denied: Pattern::new("*").into_iter().collect(),
                limits: limits(locked.into_iter()),
                ..Decision::default()
            },
            Held::Roles(roles) => Decision {
                permissions: self.permissions(&roles),
                limits: limits(roles.iter().map(|(_, role)| *role)),
                ..Decision::default()
            },
        }
    }

    fn permissions(&self, roles: &[(usize, &RoleRules)]) -> Permissions {
        let mut permissions = Permissions::new();
        for (kind, number) in &self.items {
            let Some(item) = &self.item_rules[*number] else { continue };
            let mut names = Names::default();
            for (_, role) in roles.iter().filter(|(role, _)| !item.barred_roles.contains(role)) {
                names.add(self.of_role(role, *number, item));
            }
            for (action, bit) in &self.actions {
                names.tell(kind, action, *bit, &mut permissions);
            }
        }
        permissions
    }

    /// What the role may do to one kind of item.
    fn of_role(&self, role: &RoleRules, kind: usize, rules: &ItemRules) -> Names<'_> {
        let is_unhindered = UNHINDERED.contains(&role.name.as_str());
        let on = |visibility: usize| role.others[visibility].actions.and(rules.actions);
        let mut names = Names::default();
        let mut everywhere = Some(rules.actions).filter(|_| is_unhindered && !rules.visibilities.is_empty());
        let mut is_closed_to_owners = rules.visibilities.is_empty();
        for (name, number) in self.visibilities.iter().filter(|(_, number)| rules.visibilities.contains(number)) {
            everywhere = everywhere.map(|everywhere| everywhere.and(on(*number)));
            let has_meaning = OPEN.contains(&name.as_str()) || name == SHARED;
            if has_meaning || (is_unhindered && name != PRIVATE) {
                names.on.insert(name, on(*number));
            }
            is_closed_to_owners |= !has_meaning && name != PRIVATE && !is_unhindered;
        }
        names.any = everywhere.unwrap_or_default();
        if role.ownable.contains(&kind) && !is_closed_to_owners {
            names.own = role.own.actions.and(rules.actions);
        }
        names
    }

    /// Which lines speak about somebody with these roles.
    pub fn rules<'r>(&self, names: impl Iterator<Item = &'r str> + Clone) -> Vec<Rule> {
        let rule = |held: &str, permission: String, granted, line: Option<usize>| Rule {
            permission,
            granted,
            name: format!("role {held}"),
            role: Some(held.to_owned()),
            at: Some(line.map_or_else(|| self.file.clone(), |line| format!("{}:{line}", self.file))),
        };
        match self.held(names) {
            Held::Locked(_) => vec![rule(LOCKED, "*".into(), false, None)],
            Held::Roles(roles) => roles
                .iter()
                .flat_map(|held| {
                    let permissions = self.permissions(std::slice::from_ref(held)).into_iter();
                    permissions.map(move |(name, granted)| (held.1, name, granted))
                })
                .map(|(held, name, granted)| {
                    let line = self.line_of(held, &name);
                    rule(&held.name, name, granted, line)
                })
                .collect(),
        }
    }

    fn line_of(&self, role: &RoleRules, permission: &str) -> Option<usize> {
        let action = permission.rsplit(':').next()?;
        Some(match action.split_once('.') {
            Some((_, visibility)) if visibility != "own" => role.others[*self.visibilities.get(visibility)?].line,
            _ => role.own.line,
        })
    }
}

/// What can be done to one kind of item, by which items.
#[derive(Default)]
struct Names<'m> {
    any: Actions,
    own: Actions,
    on: HashMap<&'m str, Actions>,
}

impl<'m> Names<'m> {
    fn add(&mut self, other: Names<'m>) {
        self.any = self.any.or(other.any);
        self.own = self.own.or(other.own);
        for (visibility, actions) in other.on {
            let on = self.on.entry(visibility).or_default();
            *on = on.or(actions);
        }
    }

    fn tell(&self, kind: &str, action: &str, bit: usize, permissions: &mut Permissions) {
        let mut reaches_own = false;
        if self.any.has(bit) {
            reaches_own = true;
            permissions.insert(format!("{kind}:{action}"), true);
        }
        for (visibility, _) in self.on.iter().filter(|(_, actions)| actions.has(bit)) {
            reaches_own = true;
            permissions.insert(format!("{kind}:{action}.{visibility}"), true);
        }
        if self.own.has(bit) || reaches_own {
            permissions.insert(format!("{kind}:{action}.own"), self.own.has(bit));
        }
    }
}

/// Whether the item's visibility opens it to them, whatever they then may do.
fn is_open(role: &RoleRules, who: &str, item: &Item) -> bool {
    UNHINDERED.contains(&role.name.as_str())
        || match item.visibility.as_deref() {
            Some(PRIVATE) => item.is_of(who),
            Some(SHARED) => item.is_of(who) || item.is_shared_with(who),
            Some(visibility) => OPEN.contains(&visibility),
            None => false,
        }
}

impl Limit {
    /// Strictly; a whole limit cuts what stands behind the point, and what is no number is refused.
    fn is_kept(&self, value: f64) -> bool {
        let bound = self.bound.as_f64().unwrap_or(f64::NAN);
        if self.is_whole && !value.is_finite() {
            return false;
        }
        let (value, bound) = if self.is_whole { (value.trunc(), bound.trunc()) } else { (value, bound) };
        if self.is_most { value < bound } else { value > bound }
    }

    /// Whether it lets more pass than the other.
    fn is_wider(&self, other: &Self) -> bool {
        let (mine, others) = (self.bound.as_f64(), other.bound.as_f64());
        if self.is_most { mine > others } else { mine < others }
    }
}

/// The widest of each limit; one that a role lacks does not hinder that role, so nobody is told of it.
fn limits<'m>(roles: impl Iterator<Item = &'m RoleRules>) -> Map<String, Value> {
    let roles: Vec<_> = roles.collect();
    let mut widest: HashMap<&str, &Limit> = HashMap::new();
    for (name, limit) in roles.iter().flat_map(|role| &role.limits) {
        let have = widest.entry(name).or_insert(limit);
        if limit.is_wider(have) {
            *have = limit;
        }
    }
    let hinders = |name: &str| roles.iter().all(|role| role.limits.contains_key(name));
    let mut limits: Vec<_> = widest.into_iter().filter(|(name, _)| hinders(name)).collect();
    limits.sort_unstable_by_key(|(name, _)| *name);
    limits.into_iter().map(|(name, limit)| (name.to_owned(), Value::Number(limit.bound.clone()))).collect()
}
