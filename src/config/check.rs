//! What only shows when the sections are seen together.

use std::collections::BTreeSet;

use time::Duration;

use super::Mistake;
use super::load::Loader;
use super::section::Section;
use super::service::{Reference, names};
use super::settings::Settings;
use super::value::{Node, Origin, Table, Value};
use super::words::nearest;

/// Every check across sections; resolves what depends on several of them.
pub fn across(settings: &mut Settings, loader: &mut Loader) {
    roles(settings, loader);
    methods(settings, loader);
    retire_after(settings, loader);
    lonely_skip(settings, loader);
    only_observed(settings, loader);
    roles_nobody_has(settings, loader);
    same_client(settings, loader);
    if !settings.server.is_dev {
        literals(loader);
    }
}

fn roles(settings: &Settings, loader: &mut Loader) {
    let known: BTreeSet<String> = settings.roles.iter().cloned().collect();
    let section = loader.split.fixed("login");
    let of = Reference { section: &section, key: "default_roles", code: "CS-C051", what: "role" };
    names(&of, &settings.login.default_roles, &known, loader);
}

/// Somebody must be able to sign in.
fn methods(settings: &Settings, loader: &mut Loader) {
    let none = settings.providers.is_empty() && !settings.login.password.enabled && !settings.login.magic_link.enabled;
    let clean = ["mail", "login.password", "login.magic_link"].into_iter().all(|path| loader.is_clean(path));
    if none && clean {
        let section = loader.split.fixed("login.password");
        let message = "nobody can sign in: there is no provider, no password and no mailed link".to_owned();
        loader.wrong(section.mistake_at("enabled", "CS-C055", message));
    }
    for service in &settings.services {
        let offered = |name: &String| match name.as_str() {
            "password" => settings.login.password.enabled,
            "magic-link" => settings.login.magic_link.enabled,
            "passkey" => settings.login.passkey.enabled,
            "api-key" => true,
            id => settings.providers.iter().any(|section| section.id() == id),
        };
        let allowed = &service.allowed_providers;
        let known = |name: &String| matches!(name.as_str(), "password" | "magic-link" | "passkey") || offered(name);
        if !allowed.is_empty() && clean && allowed.iter().all(known) && !allowed.iter().any(offered) {
            let sections = loader.split.family("services");
            let section = sections.iter().find(|section| section.id() == service.id).expect("it was made from it");
            let message = format!("nobody can sign in to `{}`: all of its `allowed_providers` are off", service.id);
            loader.wrong(section.mistake_at("allowed_providers", "CS-C055", message));
        }
    }
}

/// A key must verify as long as a token it signed lives.
fn retire_after(settings: &mut Settings, loader: &mut Loader) {
    let longest = settings.services.iter().map(|service| service.access_token_ttl);
    let longest = longest.chain([settings.session.login_token_ttl]).max().unwrap_or_default();
    let keys = loader.split.fixed("keys");
    if settings.keys.retire_after.is_zero() {
        settings.keys.retire_after = longest + Duration::hours(24);
    } else if settings.keys.retire_after < longest {
        let message = format!("`retire_after` is shorter than the longest token lives ({})", super::Span(longest));
        loader.wrong(keys.mistake_at("retire_after", "CS-C032", message));
    }
}

/// A chain whose only provider is skipped on failure grants nothing then, silently.
fn lonely_skip(settings: &Settings, loader: &mut Loader) {
    let mut seen = BTreeSet::new();
    for service in &settings.services {
        let named = |id: &str| settings.permissions.iter().find(|section| section.id() == id);
        let counts = |id: &&String| !named(id).is_some_and(Section::observes);
        let mut counting = service.permissions.iter().filter(counts);
        let (Some(only), None) = (counting.next(), counting.next()) else { continue };
        let section = named(only);
        let Some(section) = section.filter(|section| section.text("on_error") == Some("skip")) else { continue };
        if seen.insert(only) {
            let message = format!(
                "`{only}` is the only permission provider of `{}`: when it fails, tokens hold no permissions",
                service.id
            );
            let help = "`on_error = \"deny\"` gives no token instead".to_owned();
            loader.warnings.push(section.mistake_at("on_error", "CS-C071", message).help(Some(help)));
        }
    }
}

/// Who only observes grants nothing.
fn only_observed(settings: &Settings, loader: &mut Loader) {
    let observer = |id: &String| settings.permissions.iter().find(|section| section.id() == id && section.observes());
    for service in &settings.services {
        let observers: Option<Vec<_>> = service.permissions.iter().map(observer).collect();
        let Some([first, ..]) = observers.as_deref() else { continue };
        let message = format!("all permission providers of `{}` only observe: tokens hold no permissions", service.id);
        let help = "add the provider that counts, or leave `observe` out".to_owned();
        loader.warnings.push(first.mistake_at("observe", "CS-C170", message).help(Some(help)));
    }
}

/// What a role is granted that nobody can have is granted to nobody, silently.
fn roles_nobody_has(settings: &Settings, loader: &mut Loader) {
    for section in settings.permissions.iter().filter(|section| section.kind() == "static") {
        for key in ["roles", "deny"] {
            let Some(Node::Table(lists)) = section.table.get(key).map(|entry| &entry.value.node) else { continue };
            for entry in lists.0.iter().filter(|entry| !settings.roles.contains(&entry.key)) {
                let help = match nearest(&entry.key, settings.roles.iter().map(String::as_str)) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("a role is made by its section: `[roles.{}]`", entry.key),
                };
                let message = format!("nobody can have the role `{}`", entry.key);
                loader.warnings.push(Mistake::new("CS-C073", message, &entry.at).help(Some(help)));
            }
        }
    }
}

/// The same client at the same upstream twice would make two identities of one person.
fn same_client(settings: &Settings, loader: &mut Loader) {
    let mut seen: Vec<(&str, [Option<&str>; 4])> = Vec::new();
    for section in &settings.providers {
        let Some(client) = section.text("client_id") else { continue };
        let upstream = section.text("issuer").or(section.text("base_url")).or(section.text("token_url"));
        let tenant = section.text("tenant");
        let same = [Some(section.kind()), Some(client), upstream, tenant];
        match seen.iter().find(|(_, have)| *have == same) {
            Some((first, _)) => {
                let message = format!("`{}` is the same client at the same provider as `{first}`", section.id());
                loader.wrong(section.mistake_at("client_id", "CS-C072", message));
            }
            None => seen.push((section.id(), same)),
        }
    }
}

/// Secrets that stand in the file. Their keys are known by name here, because the plugged kinds are still closed.
fn literals(loader: &mut Loader) {
    let mut found = Vec::new();
    for section in loader.split.iter() {
        literals_in(&section.table, section, &mut found);
    }
    loader.warnings.extend(found);
}

fn literals_in(table: &Table, section: &Section, found: &mut Vec<Mistake>) {
    for entry in &table.0 {
        match &entry.value.node {
            Node::Table(table) => literals_in(table, section, found),
            Node::String(text) if is_literal_secret(&entry.key, &entry.value, text, section) => {
                let message = format!("the secret `{}` stands in the file", entry.key);
                let help =
                    "write `{ env = \"NAME\" }`, `{ file = \"path\" }` or `{ credential = \"name\" }`".to_owned();
                found.push(Mistake::new("CS-C090", message, &entry.value.place).help(Some(help)));
            }
            _ => {}
        }
    }
}

fn is_literal_secret(key: &str, value: &Value, text: &str, section: &Section) -> bool {
    let is_secret = match (section.path.as_str(), key) {
        ("database", "url") => url::Url::parse(text).is_ok_and(|url| url.password().is_some()),
        _ => is_secret_name(key),
    };
    is_secret && value.origin == Origin::Written && !text.is_empty()
}

/// Whether keys of this name hold secrets.
pub fn is_secret_name(key: &str) -> bool {
    ["client_secret", "secret", "password", "master_key", "previous_keys", "auth_header", "private_key"].contains(&key)
}

impl Section {
    /// Whether a permission provider is only asked beside the others.
    fn observes(&self) -> bool {
        self.table.get("observe").is_some_and(|entry| matches!(entry.value.node, Node::Boolean(true)))
    }

    /// The text of `key`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.table.get(key)?.value.as_str()
    }
}
