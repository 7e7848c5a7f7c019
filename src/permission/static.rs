//! Permissions that stand in the file: by role, by user, and what a role must never do.

mod rules;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use time::Duration;

use super::common::{NOT_A_PERMISSION, NOT_A_USER, OUT_OF_RANGE, config_hash, section};
use super::{Ask, PermissionError, PermissionProvider, ProviderPolicy, Rule, Who};
use crate::config::{Mistake, Section};
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::permission::{Decision, MOST_NAMES, Pattern, Permissions, is_wildcard};
use crate::domain::user::User;
use crate::plugin::Kind;

/// `kind = "static"`.
pub const KIND: Kind<dyn PermissionProvider> = Kind {
    name: "static",
    schema: |generator| generator.subschema_for::<StaticPermissions>(),
    open: |section, _| Ok(Arc::new(Static::open(section, &section.read()?)?)),
};

section! {
    /// Permissions that stand in the file.
    pub struct StaticPermissions {
        /// Role → what it grants. A wildcard grants itself and every name of this section that it matches.
        #[serde(default)]
        roles: BTreeMap<String, Vec<String>>,
        /// Verified address or user id → what is granted to that person beside.
        #[serde(default)]
        users: BTreeMap<String, Vec<String>>,
        /// Service id → what is granted to that service when it acts for itself, with an API key.
        #[serde(default)]
        services: BTreeMap<String, Vec<String>>,
        /// Role → what it must not do, whoever in the chain grants it; `*` is everything.
        #[serde(default)]
        deny: BTreeMap<String, Vec<String>>,
    }
}

/// Permissions that stand in the file.
#[derive(Debug)]
pub struct Static {
    roles: HashMap<String, Vec<String>>,
    addresses: HashMap<Email, Vec<String>>,
    ids: HashMap<UserId, Vec<String>>,
    services: HashMap<String, Vec<String>>,
    deny: HashMap<String, Vec<Pattern>>,
    rules: rules::Rules,
    policy: ProviderPolicy,
}

impl Static {
    /// Checks every name and every user, and expands the wildcards of the grants.
    pub fn open(section: &Section, config: &StaticPermissions) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let hash = config_hash("static", config, &[]);
        let policy = config.common().policy(section, Duration::milliseconds(50), hash).map_err(|wrong| vec![wrong])?;
        let all = [
            ("roles", &config.roles),
            ("users", &config.users),
            ("services", &config.services),
            ("deny", &config.deny),
        ];
        for (key, lists) in all {
            check_names(section, key, lists, &mut mistakes);
        }
        let lists = all.iter().flat_map(|(_, lists)| lists.values());
        let mentioned: Vec<&str> = lists.flatten().map(String::as_str).collect();
        let expanded = |lists: &BTreeMap<String, Vec<String>>| {
            lists.iter().map(|(name, names)| (name.clone(), expand(names, &mentioned))).collect()
        };
        let mut opened = Self {
            roles: expanded(&config.roles),
            services: expanded(&config.services),
            addresses: HashMap::new(),
            ids: HashMap::new(),
            deny: config.deny.iter().map(|(role, names)| (role.clone(), patterns(names))).collect(),
            rules: rules::Rules::of(section, config),
            policy,
        };
        for (who, names) in &config.users {
            let names = expand(names, &mentioned);
            if let Ok(id) = who.parse::<UserId>() {
                opened.ids.insert(id, names);
            } else if let Ok(email) = who.parse::<Email>() {
                opened.addresses.entry(email).or_default().extend(names);
            } else {
                let message = format!("`{who}` is neither an address nor a user id");
                mistakes.push(section.mistake_at("users", NOT_A_USER, message));
            }
        }
        if mistakes.is_empty() { Ok(opened) } else { Err(mistakes) }
    }

    fn decide(&self, who: Who<'_>) -> Decision {
        match who {
            Who::Person(user) => self.of_person(user),
            Who::Machine(id) => {
                let granted = self.services.get(id).into_iter().flatten();
                Decision { permissions: granted.map(|name| (name.clone(), true)).collect(), ..Decision::default() }
            }
        }
    }

    fn of_person(&self, user: &User) -> Decision {
        let address = user.email.as_ref().filter(|address| address.verified).map(|address| &address.email);
        let granted = user.roles.iter().filter_map(|role| self.roles.get(role));
        let granted = granted.chain(address.and_then(|email| self.addresses.get(email))).chain(self.ids.get(&user.id));
        let permissions: Permissions = granted.flatten().map(|name| (name.clone(), true)).collect();
        let denied = user.roles.iter().filter_map(|role| self.deny.get(role)).flatten().cloned().collect();
        Decision { permissions, denied, ..Decision::default() }
    }
}

#[async_trait]
impl PermissionProvider for Static {
    async fn permissions(&self, ask: &Ask<'_>) -> Result<Decision, PermissionError> {
        Ok(self.decide(ask.who))
    }

    fn policy(&self) -> &ProviderPolicy {
        &self.policy
    }

    fn is_instant(&self) -> bool {
        true
    }

    fn rules(&self, ask: &Ask<'_>) -> Vec<Rule> {
        self.rules.about(ask.who)
    }
}

fn check_names(section: &Section, key: &str, lists: &BTreeMap<String, Vec<String>>, mistakes: &mut Vec<Mistake>) {
    for name in lists.values().flatten().filter(|name| Pattern::new(name).is_none()) {
        let message =
            format!("`{name}` is not a permission name; expected something like `wiki:read`, `wiki:*` or `*`");
        mistakes.push(section.mistake_at(key, NOT_A_PERMISSION, message));
    }
    for (who, names) in lists.iter().filter(|(_, names)| names.len() > MOST_NAMES) {
        let message = format!("`{who}` has {} names, expected at most {MOST_NAMES}", names.len());
        mistakes.push(section.mistake_at(key, OUT_OF_RANGE, message));
    }
}

/// The names, and what their wildcards match among all names of the section.
fn expand(names: &[String], mentioned: &[&str]) -> Vec<String> {
    let wildcards = patterns(names).into_iter().filter(|pattern| is_wildcard(pattern.as_str()));
    let matched = wildcards.flat_map(|pattern| {
        mentioned.iter().copied().filter(move |name| !is_wildcard(name) && pattern.matches(name)).collect::<Vec<_>>()
    });
    let mut all: Vec<String> = names.iter().map(String::as_str).chain(matched).map(str::to_owned).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn patterns(names: &[String]) -> Vec<Pattern> {
    names.iter().filter_map(|name| Pattern::new(name)).collect()
}
