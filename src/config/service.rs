//! Roles and services, and the plugged families, which stay closed here.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use url::Url;

use super::load::Loader;
use super::raw;
use super::rules;
use super::section::Section;
use super::settings::{Server, Settings};
use super::value::Node;
use super::words::nearest;
use crate::domain::return_to::pattern_mistake;
use crate::domain::service::{Algorithm, Delivery, PermissionsIn, Service};
use crate::rule::About;

/// Roles that are there without being declared.
const BUILT_IN: [&str; 2] = ["admin", "member"];

/// The settings with their families.
pub fn with_families(mut settings: Settings, loader: &mut Loader) -> Settings {
    for section in loader.split.family("roles") {
        let role = loader.read_section::<raw::Role>(&section);
        settings.roles.push(section.id().to_owned());
        let given = rules::read(&section, "assign", &role.assign, About::Identity, loader);
        rules::warn_of_any_provider(&section, &given, loader);
        settings.assign.add(section.id(), given);
        if !role.description.is_empty() {
            settings.role_descriptions.insert(section.id().to_owned(), role.description);
        }
    }
    for role in BUILT_IN {
        if !settings.roles.iter().any(|have| have == role) {
            settings.roles.push(role.to_owned());
        }
    }
    let known = Known::new(loader, &settings);
    for section in loader.split.family("services") {
        let raw = loader.read_section::<raw::Service>(&section);
        check(&raw, &section, &known, &settings.server, loader);
        let access = rules::read(&section, "access", &raw.access, About::Access, loader);
        let claims = rules::claims(&section, &raw.claims, loader);
        let service = service(raw, section.id(), settings.keys.access_token_alg);
        settings.services.push(Service { access, claims, ..service });
    }
    settings.assign.keep_for(&settings.services);
    check_delegation(&settings, loader);
    settings.providers = enabled(loader);
    settings.gates = rules::gates(&mut settings.providers, loader);
    settings.assign.hear(&settings.gates);
    settings.permissions = loader.split.family("permissions");
    settings.extensions = loader.split.family("extensions");
    settings
}

/// The providers that are not switched off.
fn enabled(loader: &mut Loader) -> Vec<Section> {
    let mut sections = loader.split.family("providers");
    sections.retain_mut(|section| match section.table.take("enabled") {
        None => true,
        Some(entry) => match (&entry.value.node, entry.value.as_str()) {
            (Node::Boolean(on), _) => *on,
            (_, Some("true")) => true,
            (_, Some("false")) => false,
            _ => {
                section.table.0.push(entry);
                loader.wrong(section.mistake_at("enabled", "CS-C005", "`enabled` must be true or false".into()));
                false
            }
        },
    });
    sections
}

/// The names a service may use.
struct Known {
    methods: BTreeSet<String>,
    permissions: BTreeSet<String>,
    roles: BTreeSet<String>,
}

impl Known {
    fn new(loader: &Loader, settings: &Settings) -> Self {
        let ids = |family| loader.split.family(family).into_iter().map(|section| section.id);
        Self {
            methods: ids("providers")
                .chain(["password".to_owned(), "magic-link".to_owned(), "passkey".to_owned(), "api-key".to_owned()])
                .collect(),
            permissions: ids("permissions").collect(),
            roles: settings.roles.iter().cloned().collect(),
        }
    }
}

fn check(raw: &raw::Service, section: &Section, known: &Known, server: &Server, loader: &mut Loader) {
    names(
        &Reference { section, key: "permissions", code: "CS-C061", what: "permission provider" },
        &raw.permissions,
        &known.permissions,
        loader,
    );
    names(
        &Reference { section, key: "allowed_roles", code: "CS-C062", what: "role" },
        &raw.allowed_roles,
        &known.roles,
        loader,
    );
    for (key, used) in [("admins", &raw.admins), ("roles", &raw.roles)] {
        names(&Reference { section, key, code: "CS-C062", what: "role" }, used, &known.roles, loader);
    }
    names(
        &Reference { section, key: "allowed_providers", code: "CS-C063", what: "provider" },
        &raw.allowed_providers,
        &known.methods,
        loader,
    );
    for (index, pattern) in raw.next_urls.iter().enumerate() {
        if let Some(why) = pattern_mistake(pattern, !server.is_dev) {
            let message = format!("`{pattern}` cannot stand in `next_urls`: {why}");
            loader.wrong(section.mistake_in("next_urls", index, "CS-C060", message));
        }
    }
    for (index, origin) in raw.cors_origins.iter().enumerate() {
        if let Some(why) = origin_mistake(origin, server.is_dev) {
            let message = format!("`{origin}` cannot stand in `cors_origins`: {why}");
            loader.wrong(section.mistake_in("cors_origins", index, "CS-C064", message));
        }
    }
    if raw.next_delivery == Delivery::Code && !section.says("client_secret") {
        let message = "`next_delivery = \"code\"` needs a `client_secret`, which redeems the code".to_owned();
        loader.wrong(section.mistake_at("next_delivery", "CS-C065", message));
    }
    if let Some(secret) = raw.client_secret.as_ref().map(|secret| secret.reveal().len())
        && !server.is_dev
        && (1..16).contains(&secret)
    {
        let message = "`client_secret` needs at least 16 characters".to_owned();
        loader.wrong(section.mistake_at("client_secret", "CS-C066", message));
    }
    if raw.homepage.as_deref().is_some_and(|text| !is_web(text)) {
        loader.wrong(section.mistake_at("homepage", "CS-C067", "`homepage` is not a web address".into()));
    }
    if raw.name.as_deref().is_some_and(|name| name.trim().is_empty() || name.chars().count() > 60) {
        loader.wrong(section.mistake_at("name", "CS-C067", "`name` has 1 to 60 characters".into()));
    }
    let is_later = |place: &PermissionsIn| matches!(place, PermissionsIn::IdToken | PermissionsIn::Userinfo);
    if let Some(index) = raw.permissions_in.iter().position(is_later) {
        let message = "permissions in id tokens and in user info are not in this version".to_owned();
        let help = "write \"access_token\", \"authorize\" or both";
        loader.wrong(section.mistake_in("permissions_in", index, "CS-C160", message).help(Some(help.to_owned())));
    }
    if let Some(index) = raw.audience.iter().position(String::is_empty) {
        loader.wrong(section.mistake_in("audience", index, "CS-C067", "an audience cannot be empty".into()));
    }
}

/// A role that the administrators of one service give and take opens nothing else: no other service, and no administration.
fn check_delegation(settings: &Settings, loader: &mut Loader) {
    for (section, service) in loader.split.family("services").iter().zip(&settings.services) {
        let others = || settings.services.iter().filter(|other| other.id != service.id);
        for (index, role) in service.roles.iter().enumerate() {
            let has = |list: &[String]| list.contains(role);
            let why = if role == BUILT_IN[0] {
                "it administers this server".to_owned()
            } else if has(&settings.login.default_roles) {
                "everybody has it: it stands in `login.default_roles`".to_owned()
            } else if let Some(other) = settings.services.iter().find(|other| has(&other.admins)) {
                format!("it administers the service `{}`", other.id)
            } else if let Some(other) = others().find(|other| has(&other.roles)) {
                format!("it is a role of the service `{}` too", other.id)
            } else if let Some(other) = others().find(|other| has(&other.allowed_roles)) {
                format!("it opens the service `{}` too", other.id)
            } else {
                continue;
            };
            let message = format!("`{role}` cannot be given by the administrators of one service: {why}");
            loader.wrong(section.mistake_in("roles", index, "CS-C182", message));
        }
    }
}

/// A key whose values are names of other sections.
pub struct Reference<'a> {
    pub section: &'a Section,
    pub key: &'a str,
    pub code: &'static str,
    /// What is named.
    pub what: &'a str,
}

/// Every name must be known.
pub fn names(of: &Reference<'_>, used: &[String], known: &BTreeSet<String>, loader: &mut Loader) {
    let Reference { section, key, code, what } = of;
    for (index, name) in used.iter().enumerate().filter(|(_, name)| !known.contains(*name)) {
        let near = nearest(name, known.iter().map(String::as_str));
        let help = near.map_or_else(
            || match known.len() {
                0 => format!("there is no {what} in this file"),
                _ => {
                    format!("known are {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
                }
            },
            |name| format!("did you mean `{name}`?"),
        );
        let mistake = section.mistake_in(key, index, code, format!("there is no {what} `{name}`"));
        loader.wrong(mistake.help(Some(help)));
    }
}

fn is_web(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}

fn origin_mistake(text: &str, is_dev: bool) -> Option<&'static str> {
    if text.contains('*') {
        return Some("answers go with cookies, so every origin is written out");
    }
    let Ok(url) = Url::parse(text) else { return Some("write an origin such as `https://app.example.com`") };
    if url.origin().ascii_serialization() != text {
        return Some("write scheme, host and port only, in lower case, without a slash at the end");
    }
    let plain = url.scheme() == "http" && !is_dev && !super::fixed::is_loopback(&url);
    plain.then_some("its scheme must be https; http is for loopback only")
}

fn service(raw: raw::Service, id: &str, inherited: Algorithm) -> Service {
    let secret = raw.client_secret.as_ref().filter(|secret| !secret.reveal().is_empty());
    Service {
        id: id.to_owned(),
        name: raw.name.unwrap_or_else(|| id.to_owned()),
        homepage: raw.homepage,
        enabled: raw.enabled,
        audience: if raw.audience.is_empty() { vec![id.to_owned()] } else { raw.audience },
        next_urls: raw.next_urls,
        next_delivery: raw.next_delivery,
        token_format: raw.token_format,
        cors_origins: raw.cors_origins,
        access_token_ttl: raw.access_token_ttl.0,
        token_alg: raw.token_alg.or(inherited),
        basic_exchange: raw.basic_exchange,
        permissions: raw.permissions,
        merge: raw.permissions_merge,
        permissions_format: raw.permissions_format,
        permissions_in: raw.permissions_in,
        max_token_size: usize::try_from(raw.max_token_size.0).unwrap_or(usize::MAX),
        require_mfa: raw.require_mfa,
        max_auth_age: Some(raw.max_auth_age.0).filter(|age| !age.is_zero()),
        allowed_providers: raw.allowed_providers,
        allowed_roles: raw.allowed_roles,
        access: Vec::new(),
        claims: Vec::new(),
        admins: raw.admins,
        roles: raw.roles,
        client_secret_hash: secret.map(|secret| {
            let hash = digest(&SHA256, secret.reveal().as_bytes());
            hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
        }),
    }
}
