//! The entries of the section as rules, each with its line.

use std::collections::{BTreeMap, HashMap};

use super::StaticPermissions;
use crate::config::Section;
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::permission::{Rule, Who};

/// The entries, by whom they are about.
#[derive(Debug, Default)]
pub struct Rules {
    roles: HashMap<String, Vec<Rule>>,
    addresses: HashMap<Email, Vec<Rule>>,
    ids: HashMap<UserId, Vec<Rule>>,
    services: HashMap<String, Vec<Rule>>,
}

impl Rules {
    /// Every entry of the section.
    pub fn of(section: &Section, config: &StaticPermissions) -> Self {
        let mut rules = Self::default();
        for (key, lists, granted) in [("roles", &config.roles, true), ("deny", &config.deny, false)] {
            let written = Written { section, key, granted, says: "role" };
            for (role, names) in lists {
                rules.roles.entry(role.clone()).or_default().extend(written.rules(role, names));
            }
        }
        let written = Written { section, key: "users", granted: true, says: "user" };
        for (who, names) in &config.users {
            let entries = written.rules(who, names);
            if let Ok(id) = who.parse::<UserId>() {
                rules.ids.entry(id).or_default().extend(entries);
            } else if let Ok(email) = who.parse::<Email>() {
                rules.addresses.entry(email).or_default().extend(entries);
            }
        }
        rules.services = Written { key: "services", says: "service", ..written }.lists(&config.services);
        rules
    }

    /// Those that speak about them.
    pub fn about(&self, who: Who<'_>) -> Vec<Rule> {
        let user = match who {
            Who::Machine(id) => return self.services.get(id).cloned().unwrap_or_default(),
            Who::Person(user) => user,
        };
        let address = user.email.as_ref().filter(|address| address.verified).map(|address| &address.email);
        let by_role = user.roles.iter().filter_map(|role| self.roles.get(role));
        let by_name = address.and_then(|email| self.addresses.get(email)).into_iter().chain(self.ids.get(&user.id));
        by_role.chain(by_name).flatten().cloned().collect()
    }
}

/// One table of the section.
#[derive(Clone, Copy)]
struct Written<'a> {
    section: &'a Section,
    key: &'a str,
    granted: bool,
    /// What its keys are.
    says: &'a str,
}

impl Written<'_> {
    fn rules(&self, who: &str, names: &[String]) -> Vec<Rule> {
        let rule = |name: &String| Rule {
            permission: name.clone(),
            granted: self.granted,
            name: format!("{} {who}", self.says),
            role: (self.says == "role").then(|| who.to_owned()),
            at: Some(self.section.written_at(&[self.key, who], Some(name))),
        };
        names.iter().map(rule).collect()
    }

    fn lists(&self, lists: &BTreeMap<String, Vec<String>>) -> HashMap<String, Vec<Rule>> {
        lists.iter().map(|(who, names)| (who.clone(), self.rules(who, names))).collect()
    }
}
