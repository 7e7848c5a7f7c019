//! The JSON Schema of the whole file, for editors (Draft-07, which they know).

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use super::raw;

/// The kinds of the plugged families: family, kind, and the schema of its section.
pub type Kinds<'a> = &'a [(&'static str, &'static str, fn(&mut SchemaGenerator) -> schemars::Schema)];

/// The pattern of an id.
const ID: &str = "^[a-z][a-z0-9-]{0,38}[a-z0-9]$";

/// The schema of `providers.toml`.
pub fn schema(kinds: Kinds<'_>) -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut properties = serde_json::Map::new();
    properties.insert("version".into(), json!({ "const": 1, "description": "Version of this format." }));
    properties.insert(
        "include".into(),
        json!({
            "type": "array",
            "items": { "type": "string" },
            "default": [],
            "description": "More files, such as \"providers.d/*.toml\"; they may add to the families and the theme.",
        }),
    );
    for (name, section) in fixed(&mut generator) {
        properties.insert(name.into(), section);
    }
    for family in ["providers", "permissions", "extensions"] {
        properties.insert(family.into(), plugged(family, kinds, &mut generator));
    }
    let families = [
        ("roles", by_id(&mut generator, raw::Role::json_schema)),
        ("services", by_id(&mut generator, raw::Service::json_schema)),
    ];
    for (family, section) in families {
        properties.insert(family.into(), section);
    }
    let definitions = generator.take_definitions(true);
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Countersign, providers.toml",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "definitions": definitions,
    })
}

type Make = fn(&mut SchemaGenerator) -> schemars::Schema;

/// The fixed sections and their schemas.
pub(super) const FIXED: [(&str, Make); 19] = [
    ("server", raw::Server::json_schema),
    ("database", raw::Database::json_schema),
    ("secrets", raw::Secrets::json_schema),
    ("keys", raw::Keys::json_schema),
    ("mail", raw::Mail::json_schema),
    ("session", raw::Session::json_schema),
    ("login", raw::Login::json_schema),
    ("login.password", raw::Password::json_schema),
    ("login.magic_link", raw::MagicLink::json_schema),
    ("login.passkey", raw::Passkey::json_schema),
    ("login.mfa", raw::Mfa::json_schema),
    ("login.legacy_tokens", raw::LegacyTokens::json_schema),
    ("rate_limit", raw::RateLimit::json_schema),
    ("admin", raw::Admin::json_schema),
    ("api", raw::Api::json_schema),
    ("audit", raw::Audit::json_schema),
    ("privacy", raw::Privacy::json_schema),
    ("observability", raw::Observability::json_schema),
    ("theme", raw::Theme::json_schema),
];

fn fixed(generator: &mut SchemaGenerator) -> Vec<(&'static str, Value)> {
    let mut sections: Vec<(&'static str, Value)> = Vec::new();
    for (path, make) in FIXED {
        let section = make(generator).to_value();
        match path.split_once('.') {
            None => sections.push((path, section)),
            Some((outer, inner)) => {
                let (_, outer) =
                    sections.iter_mut().find(|(name, _)| *name == outer).expect("it stands before what lies in it");
                outer["properties"][inner] = section;
            }
        }
    }
    sections
}

fn by_id(generator: &mut SchemaGenerator, make: Make) -> Value {
    json!({ "type": "object", "propertyNames": { "pattern": ID }, "additionalProperties": make(generator).to_value() })
}

/// What a reference refers to: Draft-07 ignores everything beside a `$ref`, and `kind` is to stand beside the kind's own keys.
fn written_out(section: Value, generator: &SchemaGenerator) -> Value {
    let name = section["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.and_then(|name| generator.definitions().get(name)).cloned().unwrap_or(section)
}

/// A section has the schema of its kind; a section without `kind` has that of its name.
fn plugged(family: &str, kinds: Kinds<'_>, generator: &mut SchemaGenerator) -> Value {
    let mut named = serde_json::Map::new();
    let mut any = Vec::new();
    for (_, kind, make) in kinds.iter().filter(|(of, _, _)| *of == family) {
        let mut section = written_out(make(generator).to_value(), generator);
        section["properties"]["kind"] =
            json!({ "const": kind, "description": "May be left out where the name is the kind." });
        if family == "providers" {
            let meaning = "A provider that is off is not offered; what was linked stays.";
            section["properties"]["enabled"] = json!({ "type": "boolean", "default": true, "description": meaning });
            for (key, property) in super::rules::gate_schema() {
                section["properties"][key] = property;
            }
        }
        let mut explicit = section.clone();
        match explicit["required"].as_array_mut() {
            Some(required) => required.push(json!("kind")),
            None => explicit["required"] = json!(["kind"]),
        }
        any.push(explicit);
        named.insert((*kind).to_owned(), section);
    }
    let others = any.clone();
    let named: serde_json::Map<_, _> = named
        .into_iter()
        .map(|(kind, own)| {
            let rest = others.iter().filter(|other| other["properties"]["kind"]["const"] != json!(kind)).cloned();
            let all: Vec<_> = std::iter::once(own).chain(rest).collect();
            (kind, json!({ "anyOf": all }))
        })
        .collect();
    let mut section = json!({ "type": "object", "propertyNames": { "pattern": ID }, "properties": named });
    if !any.is_empty() {
        section["additionalProperties"] = json!({ "anyOf": any });
    }
    section
}
