//! What the schema says about one key: secrets, ranges, and texts of the environment.

use serde_json::Value as Json;

use super::Mistake;
use super::units::{Size, Span};
use super::value::{Node, Origin, Value};

/// Whether a property is, or holds, a secret.
pub fn mentions_secret(property: &Json) -> bool {
    match property {
        Json::Object(members) => members.contains_key("x-secret") || members.values().any(mentions_secret),
        Json::Array(items) => items.iter().any(mentions_secret),
        _ => false,
    }
}

/// Only secrets may be taken from elsewhere, and none may be empty.
pub fn check_secrets(key: &str, value: &Value, is_secret: bool, mistakes: &mut Vec<Mistake>) {
    match (&value.node, &value.origin) {
        (_, Origin::Reference(_)) if !is_secret => {
            let message = format!("`{key}` is not a secret, so it cannot be taken from elsewhere");
            mistakes.push(Mistake::new("CS-C008", message, &value.place).help(Some("write the value here".into())));
        }
        (Node::String(text), Origin::Written | Origin::Override(_)) if is_secret && text.is_empty() => {
            mistakes.push(Mistake::new("CS-C007", format!("the secret `{key}` is empty"), &value.place));
        }
        (Node::Array(items), _) => {
            for item in items {
                check_secrets(key, item, is_secret, mistakes);
            }
        }
        (Node::Table(table), _) => {
            for entry in &table.0 {
                check_secrets(&entry.key, &entry.value, is_secret && !entry.value.is_plain(), mistakes);
            }
        }
        _ => {}
    }
}

impl Value {
    /// Inside a table we do not know which key is the secret; only a reference surely is.
    fn is_plain(&self) -> bool {
        self.origin == Origin::Written
    }
}

/// Numbers, times and sizes keep to the limits of the schema.
pub fn check_range(key: &str, value: &Value, property: &Json, mistakes: &mut Vec<Mistake>) {
    let limits = |name: &str| {
        let direct = property.get(name);
        direct.or_else(|| property["anyOf"].as_array()?.iter().find_map(|branch| branch.get(name)))
    };
    let outside = match &value.node {
        Node::Integer(number) => {
            let (min, max) = (limits("minimum").and_then(Json::as_f64), limits("maximum").and_then(Json::as_f64));
            #[expect(clippy::cast_precision_loss, reason = "limits are small numbers")]
            let number = *number as f64;
            (min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max))
                .then(|| (min.map(|n| n.to_string()), max.map(|n| n.to_string())))
        }
        Node::String(text) => {
            let (min, max) = (limits("x-min").and_then(Json::as_str), limits("x-max").and_then(Json::as_str));
            let measure = |text: &str| {
                Span::parse(text)
                    .ok()
                    .map(|span| span.0.whole_milliseconds())
                    .or_else(|| Size::parse(text).ok().map(|size| i128::from(size.0)))
            };
            let below =
                |low: Option<i128>, high: Option<i128>| matches!((low, high), (Some(low), Some(high)) if low < high);
            let given = measure(text);
            let is_word = limits("enum").is_some();
            (!is_word && (below(given, min.and_then(measure)) || below(max.and_then(measure), given)))
                .then(|| (min.map(str::to_owned), max.map(str::to_owned)))
        }
        _ => None,
    };
    let Some((min, max)) = outside else { return };
    let range = match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (_, max) => format!("at most {}", max.unwrap_or_default()),
    };
    mistakes.push(Mistake::new("CS-C006", format!("`{key}` is out of range: allowed is {range}"), &value.place));
}

/// The text of an environment variable as what the key wants.
pub fn turn_text(node: &mut Node, property: &Json, variable: &str) -> Result<(), String> {
    let Node::String(text) = node else { return Ok(()) };
    let wants = |name: &str| holds_type(property, name);
    let (word, turned) = if wants("string") || mentions_secret(property) {
        return Ok(());
    } else if wants("boolean") {
        ("true or false", text.parse().ok().map(Node::Boolean))
    } else if wants("integer") {
        ("a whole number", text.parse().ok().map(Node::Integer))
    } else if wants("number") {
        ("a number", text.parse().ok().map(Node::Float))
    } else if wants("array") || wants("object") {
        return Err(format!("`{variable}` cannot be set by the environment: only single values can"));
    } else {
        return Ok(());
    };
    *node = turned.ok_or_else(|| format!("`{variable}` must be {word}"))?;
    Ok(())
}

fn holds_type(property: &Json, name: &str) -> bool {
    let own = match &property["type"] {
        Json::String(have) => have == name,
        Json::Array(all) => all.iter().any(|have| have == name),
        _ => false,
    };
    let branches = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| property[word].as_array()).flatten();
    own || branches.into_iter().any(|branch| holds_type(branch, name))
}
