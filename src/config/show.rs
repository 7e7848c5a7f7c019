//! The configuration as it takes effect: every key, where it comes from, and no secret.

use std::fmt::Write;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::check::is_secret_name;
use super::include::FAMILIES;
use super::property::mentions_secret;
use super::schema::{FIXED, Kinds};
use super::section::Section;
use super::value::{Entry, Node, Origin, Table, Value};
use super::{Parsed, Report, raw};

/// The effective configuration as TOML; a comment behind every key says where it comes from.
pub fn show(parsed: &Parsed, kinds: Kinds<'_>) -> String {
    let mut generator = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut out = String::from("version = 1\n");
    for (path, make) in FIXED {
        let schema = make(&mut generator).to_value();
        let written = parsed.written.iter().find(|section| section.path == path);
        write_section(&mut out, path, None, written, &schema, &parsed.report);
    }
    for family in FAMILIES {
        let prefix = format!("{family}.");
        let mut sections: Vec<_> = parsed.written.iter().filter(|section| section.path.starts_with(&prefix)).collect();
        sections.sort_by_key(|section| (section.header.file, section.header.start));
        for section in sections {
            let schema = family_schema(family, section, kinds, &mut generator);
            let kind = (!matches!(family, "roles" | "services")).then_some(section.kind());
            write_section(&mut out, &section.path, kind, Some(section), &schema, &parsed.report);
        }
    }
    out
}

fn family_schema(family: &str, section: &Section, kinds: Kinds<'_>, generator: &mut SchemaGenerator) -> Json {
    use schemars::JsonSchema;
    match family {
        "roles" => raw::Role::json_schema(generator).to_value(),
        "services" => raw::Service::json_schema(generator).to_value(),
        _ => kinds
            .iter()
            .find(|(of, kind, _)| *of == family && *kind == section.kind())
            .map_or(Json::Null, |(_, _, make)| make(generator).to_value()),
    }
}

fn write_section(
    out: &mut String,
    path: &str,
    kind: Option<&str>,
    section: Option<&Section>,
    schema: &Json,
    report: &Report,
) {
    let _ = writeln!(out, "\n[{path}]");
    if let Some(kind) = kind {
        let _ = writeln!(out, "kind = {kind:?}");
    }
    let none = Table::default();
    let table = section.map_or(&none, |section| &section.table);
    for entry in &table.0 {
        let property = &schema["properties"][&entry.key];
        let has_secret = mentions_secret(property) || is_secret_name(&entry.key);
        let origin = if let Origin::Override(variable) = &entry.value.origin {
            variable.clone()
        } else {
            let (line, _) = report.line_column(entry.at.file, entry.at.start);
            let name = report.sources().get(entry.at.file).map_or("", |source| source.name.as_str());
            format!("{name}:{line}")
        };
        let _ = writeln!(out, "{} = {}  # {origin}", entry.key, shown(&entry.value, has_secret));
    }
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let default = property.get("default").filter(|default| !default.is_null());
        if let Some(default) = default.filter(|_| table.get(key).is_none()) {
            let _ = writeln!(out, "{key} = {}  # default", from_json(default));
        }
    }
}

fn shown(value: &Value, has_secret: bool) -> String {
    match (&value.node, &value.origin) {
        (_, Origin::Reference(text)) => text.clone(),
        (Node::Array(items), _) => {
            let items: Vec<_> = items.iter().map(|item| shown(item, has_secret)).collect();
            format!("[{}]", items.join(", "))
        }
        (Node::Table(table), _) => {
            let inner = |entry: &Entry| format!("{} = {}", entry.key, shown(&entry.value, has_secret));
            format!("{{ {} }}", table.0.iter().map(inner).collect::<Vec<_>>().join(", "))
        }
        _ if has_secret => "\"***\"".to_owned(),
        (Node::String(text), _) => toml::Value::String(text.clone()).to_string(),
        (Node::Integer(number), _) => number.to_string(),
        (Node::Float(number), _) => number.to_string(),
        (Node::Boolean(value), _) => value.to_string(),
        (Node::Datetime(text), _) => text.clone(),
    }
}

fn from_json(value: &Json) -> String {
    match value {
        Json::Object(members) => {
            let members: Vec<_> = members.iter().map(|(key, value)| format!("{key} = {}", from_json(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(from_json).collect::<Vec<_>>().join(", ")),
        Json::String(text) => toml::Value::String(text.clone()).to_string(),
        other => other.to_string(),
    }
}
