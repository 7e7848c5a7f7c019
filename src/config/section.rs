//! One table of the file, and the way into its kind's struct that finds every mistake in one run.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::units::{Size, Span};
use super::value::{Node, Origin, Place, Table, Value};
use super::{Mistake, later};

/// One table of the file, such as `[providers.google]`, with its place.
#[derive(Debug, Clone)]
pub struct Section {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) header: Place,
    pub(super) kind_at: Option<Place>,
    /// `providers.google`.
    pub(super) path: String,
    pub(super) table: Table,
    /// The directory its paths are relative to.
    pub(super) dir: std::path::PathBuf,
}

impl Section {
    /// The section's name: `google`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its `kind`, or its name where none is written.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// A path of this section, which is relative to the file that holds it.
    pub fn path_of(&self, path: &std::path::Path) -> std::path::PathBuf {
        self.dir.join(path)
    }

    /// The section as the kind's own struct; every unknown key, wrong type, missing key and value out of range is a mistake of its own.
    ///
    /// Ranges are the schema's: `minimum` and `maximum` of numbers, `x-min` and `x-max` of durations and sizes.
    pub fn read<C: DeserializeOwned + JsonSchema>(&self) -> Result<C, Vec<Mistake>> {
        match self.read_partly() {
            (Some(read), mistakes) if mistakes.is_empty() => Ok(read),
            (_, mistakes) => Err(mistakes),
        }
    }

    /// What can be read when everything wrong is left out, and what is wrong.
    pub(super) fn read_partly<C: DeserializeOwned + JsonSchema>(&self) -> (Option<C>, Vec<Mistake>) {
        let schema = schema_of::<C>();
        let mut mistakes = Vec::new();
        let mut table = self.table.clone();
        self.drop_unknown(&schema, &mut table, &mut mistakes);
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if self.table.get(key).is_none() {
                mistakes.push(self.mistake("CS-C004", format!("missing key `{key}` in `[{}]`", self.path)));
            }
        }
        self.check_values(&schema, &mut table, &mut mistakes);
        let read = self.fit(&schema, table, &mut mistakes);
        (read, mistakes)
    }

    fn drop_unknown(&self, schema: &Json, table: &mut Table, mistakes: &mut Vec<Mistake>) {
        let Some(known) = schema["properties"].as_object() else { return };
        table.0.retain(|entry| {
            let is_known = known.contains_key(&entry.key);
            if !is_known {
                mistakes.push(unknown_key(&self.path, &entry.key, &entry.at, known.keys().map(String::as_str)));
            }
            is_known
        });
    }

    /// Secrets and ranges, key by key; what is wrong is taken out of the table.
    fn check_values(&self, schema: &Json, table: &mut Table, mistakes: &mut Vec<Mistake>) {
        table.0.retain_mut(|entry| {
            let property = &schema["properties"][&entry.key];
            let before = mistakes.len();
            if let Origin::Override(variable) = &entry.value.origin
                && let Err(message) = turn_text(&mut entry.value.node, property, variable)
            {
                mistakes.push(Mistake::new("CS-C013", message, &entry.value.place));
            }
            let is_secret = mentions_secret(property);
            check_secrets(&entry.key, &entry.value, is_secret, mistakes);
            check_range(&entry.key, &entry.value, property, mistakes);
            before == mistakes.len()
        });
    }

    /// Deserializes; at each mistake its key is taken out and the rest is tried again.
    fn fit<C: DeserializeOwned>(&self, schema: &Json, mut table: Table, mistakes: &mut Vec<Mistake>) -> Option<C> {
        let mut removed: Vec<String> = Vec::new();
        loop {
            let whole = Value { place: self.header.clone(), origin: Origin::Written, node: Node::Table(table.clone()) };
            let misfit = match C::deserialize(&whole) {
                Ok(read) => return Some(read),
                Err(misfit) => misfit,
            };
            let missing = misfit.message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
            let place = misfit.place.unwrap_or_else(|| self.header.clone());
            let top = table.0.iter().find(|entry| entry.at == place || within(&entry.value, &place));
            let hide = top.is_some_and(|entry| mentions_secret(&schema["properties"][&entry.key]));
            let key = table.remove_at(&place);
            let reported = match (missing, &key) {
                // Already said: of the schema's own keys, or because it was wrong itself.
                (Some(name), _) if removed.iter().any(|have| have == name) => true,
                (Some(_), None) => true,
                _ => false,
            };
            if !reported {
                mistakes.push(describe(&misfit.message, missing, hide, &place));
            }
            removed.push(key?);
        }
    }

    /// A mistake at the value of `key`, or at the header if the section has no such key.
    pub fn mistake_at(&self, key: &str, code: &'static str, message: String) -> Mistake {
        let place = match key {
            "kind" => self.kind_at.as_ref(),
            _ => self.table.get(key).map(|entry| &entry.value.place),
        };
        Mistake::new(code, message, place.unwrap_or(&self.header))
    }

    /// A mistake at the item of the list `key`, or at the whole value if there is no such item.
    pub fn mistake_in(&self, key: &str, index: usize, code: &'static str, message: String) -> Mistake {
        match self.table.get(key).map(|entry| &entry.value.node) {
            Some(Node::Array(items)) if index < items.len() => Mistake::new(code, message, &items[index].place),
            _ => self.mistake_at(key, code, message),
        }
    }

    /// A mistake at the header.
    pub fn mistake(&self, code: &'static str, message: String) -> Mistake {
        Mistake::new(code, message, &self.header)
    }

    /// The mistake of a section whose kind nobody knows.
    pub fn unknown_kind<'a>(&self, known: impl Iterator<Item = &'a str>) -> Mistake {
        let known: Vec<_> = known.collect();
        let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        self.mistake_at(
            "kind",
            "CS-C002",
            format!("unknown kind `{}`, expected one of {}", self.kind, names.join(", ")),
        )
        .help(nearest(&self.kind, known.into_iter()).map(|name| format!("did you mean `{name}`?")))
    }

    /// Whether the file says `key`.
    pub fn says(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }
}

/// The schema with everything written out where it is used.
fn schema_of<C: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<C>().to_value()
}

/// The mistake of a key nobody knows; keys that are only not there yet are told apart from typos.
pub(super) fn unknown_key<'a>(path: &str, key: &str, at: &Place, known: impl Iterator<Item = &'a str>) -> Mistake {
    if later::is_later(path, key) {
        return Mistake::new("CS-C009", format!("`{key}` in `[{path}]` is not in this version"), at)
            .help(Some("leave it out; a later version brings it".into()));
    }
    let known: Vec<_> = known.collect();
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    let near = nearest(key, known.iter().copied());
    let message = format!("unknown key `{key}` in `[{path}]`");
    Mistake::new("CS-C003", message, at).help(Some(match near {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("it knows {}", names.join(", ")),
    }))
}

/// The name that was probably meant.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.replace('-', "_");
    known
        .map(|name| (strsim::jaro_winkler(&word, &name.replace('-', "_")), name))
        .filter(|(score, _)| *score > 0.84)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

fn describe(message: &str, missing: Option<&str>, hide: bool, place: &Place) -> Mistake {
    if let Some(name) = missing {
        return Mistake::new("CS-C004", format!("missing key `{name}`"), place);
    }
    if hide {
        let message = "this is not a secret: write a text, `{ env = \"NAME\" }`, `{ file = \"path\" }` or `{ credential = \"name\" }`";
        return Mistake::new("CS-C005", message.into(), place);
    }
    let Some(rest) = message.strip_prefix("unknown field `") else {
        let (word, names) = variant_names(message);
        let help = nearest(word, names.into_iter()).map(|name| format!("did you mean `{name}`?"));
        return Mistake::new("CS-C005", message.to_owned(), place).help(help);
    };
    let (word, tail) = rest.split_once('`').unwrap_or((rest, ""));
    let names: Vec<_> = tail.split('`').skip(1).step_by(2).collect();
    let help = nearest(word, names.into_iter()).map(|name| format!("did you mean `{name}`?"));
    Mistake::new("CS-C003", message.replacen("field", "key", 1), place).help(help)
}

/// The word and the choices of ``unknown variant `x`, expected one of `a`, `b` ``.
fn variant_names(message: &str) -> (&str, Vec<&str>) {
    let Some(rest) = message.strip_prefix("unknown variant `") else { return ("", Vec::new()) };
    let (word, tail) = rest.split_once('`').unwrap_or((rest, ""));
    (word, tail.split('`').skip(1).step_by(2).collect())
}

fn within(value: &Value, place: &Place) -> bool {
    let inside = match &value.node {
        Node::Table(table) => table.0.iter().any(|entry| entry.at == *place || within(&entry.value, place)),
        Node::Array(items) => items.iter().any(|item| within(item, place)),
        _ => false,
    };
    inside || value.place == *place
}

/// Whether a property is, or holds, a secret.
pub(super) fn mentions_secret(property: &Json) -> bool {
    match property {
        Json::Object(members) => members.contains_key("x-secret") || members.values().any(mentions_secret),
        Json::Array(items) => items.iter().any(mentions_secret),
        _ => false,
    }
}

fn check_secrets(key: &str, value: &Value, is_secret: bool, mistakes: &mut Vec<Mistake>) {
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

fn check_range(key: &str, value: &Value, property: &Json, mistakes: &mut Vec<Mistake>) {
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
fn turn_text(node: &mut Node, property: &Json, variable: &str) -> Result<(), String> {
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

#[cfg(test)]
impl Section {
    /// A section for the tests of its kind: `text` is what stands below the header.
    pub fn for_test(id: &str, text: &str) -> Self {
        let family = format!("[providers.{id}]\n{text}");
        let parsed = super::parse(vec![super::Input::text("test.toml", &family)], &super::World::none());
        parsed.settings.providers.into_iter().next().expect("one section")
    }
}
