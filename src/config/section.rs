//! One table of the file, and the way into its kind's struct that finds every mistake in one run.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::files::Files;
use super::lines::Lines;
use super::property::{check_range, check_secrets, mentions_secret, turn_text};
use super::value::{Node, Origin, Place, Table, Value};
use super::words::{describe, nearest, unknown_key};
use super::{Mistake, later};

/// One table of the file, such as `[providers.google]`, with its place.
#[derive(Clone)]
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
    /// Where its paths are noted.
    pub(super) files: Files,
    /// To say where something is written.
    pub(super) lines: Arc<Lines>,
}

impl fmt::Debug for Section {
    /// Without its values, for some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Section([{}])", self.path)
    }
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

    /// A path of this section, which is relative to the file that holds it. A file there is watched: when it changes, the
    /// configuration is read again.
    pub fn path_of(&self, path: &std::path::Path) -> std::path::PathBuf {
        let path = self.path_beside(path);
        self.files.note(&path);
        path
    }

    /// As [`Section::path_of`], of something that changes by itself and is not watched.
    pub fn path_beside(&self, path: &std::path::Path) -> std::path::PathBuf {
        self.dir.join(path)
    }

    /// The files of a path of this section in which one `*` may stand in the last part, in the order of their names. They are
    /// watched, and so is whether there are others.
    #[cfg(feature = "cedar")]
    pub fn files_of(&self, glob: &str) -> Result<Vec<std::path::PathBuf>, String> {
        self.files.note(&self.dir.join(glob));
        super::include::expand(glob, &self.dir)
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
        check_values(&schema, &mut table, &mut mistakes);
        let read = self.fit(&schema, table, &mut mistakes);
        (read, mistakes)
    }

    fn drop_unknown(&self, schema: &Json, table: &mut Table, mistakes: &mut Vec<Mistake>) {
        let none = serde_json::Map::new();
        let is_closed = schema["additionalProperties"] == false;
        let Some(known) = schema["properties"].as_object().or(is_closed.then_some(&none)) else { return };
        table.0.retain(|entry| {
            let is_known = known.contains_key(&entry.key);
            if !is_known {
                mistakes.push(unknown_key(&self.path, &entry.key, &entry.at, known.keys().map(String::as_str)));
            }
            is_known
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

    /// Where something of this section is written: `providers.toml:12`. `keys` lead to it, and `item` is the text in a list there;
    /// what is not there is where its surroundings are.
    pub fn written_at(&self, keys: &[&str], item: Option<&str>) -> String {
        let (mut place, mut table, mut value) = (&self.header, Some(&self.table), None);
        for key in keys {
            let Some(entry) = table.and_then(|table| table.get(key)) else { return self.lines.at(place) };
            (place, value) = (&entry.at, Some(&entry.value));
            table = match &entry.value.node {
                Node::Table(inner) => Some(inner),
                _ => None,
            };
        }
        if let (Some(item), Some(Node::Array(items))) = (item, value.map(|value| &value.node)) {
            place = items.iter().find(|have| have.as_str() == Some(item)).map_or(place, |have| &have.place);
        }
        self.lines.at(place)
    }

    /// A mistake at the header.
    pub fn mistake(&self, code: &'static str, message: String) -> Mistake {
        Mistake::new(code, message, &self.header)
    }

    /// The mistake of a section whose kind nobody knows.
    pub fn unknown_kind<'a>(&self, known: impl Iterator<Item = &'a str>) -> Mistake {
        if later::KINDS.contains(&self.kind.as_str()) {
            let message = format!("the kind `{}` is not in this version", self.kind);
            return self
                .mistake_at("kind", "CS-C009", message)
                .help(Some("leave it out; a later version brings it".into()));
        }
        let known: Vec<_> = known.collect();
        let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        if self.kind_at.is_none() {
            let message = format!("`[{}]` needs a `kind`, one of {}", self.path, names.join(", "));
            let near = nearest(&self.kind, known.into_iter()).map(|name| format!("did you mean `{name}`?"));
            return self.mistake("CS-C002", message).help(near);
        }
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

/// Secrets and ranges, key by key; what is wrong is taken out of the table.
fn check_values(schema: &Json, table: &mut Table, mistakes: &mut Vec<Mistake>) {
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

/// The schema with everything written out where it is used.
fn schema_of<C: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<C>().to_value()
}

fn within(value: &Value, place: &Place) -> bool {
    let inside = match &value.node {
        Node::Table(table) => table.0.iter().any(|entry| entry.at == *place || within(&entry.value, place)),
        Node::Array(items) => items.iter().any(|item| within(item, place)),
        _ => false,
    };
    inside || value.place == *place
}

#[cfg(test)]
impl Section {
    /// A section for the tests of its kind: `text` is what stands below the header.
    pub fn for_test(id: &str, text: &str) -> Self {
        Self::of_family("permissions", id, text)
    }

    /// The same, of a provider: what every provider takes is taken out of it.
    pub fn of_provider(id: &str, text: &str) -> Self {
        Self::of_family("providers", id, text)
    }

    fn of_family(family: &str, id: &str, text: &str) -> Self {
        let text = format!("[{family}.{id}]\n{text}");
        let parsed = super::parse(vec![super::Input::text("test.toml", &text)], &super::World::none());
        let super::settings::Settings { providers, permissions, .. } = parsed.settings;
        providers.into_iter().chain(permissions).next().expect("one section")
    }
}
