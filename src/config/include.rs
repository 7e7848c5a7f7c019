//! The texts that make up the configuration: the files, what they include, and the environment.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::value::{Node, Origin, Place, Table, Value};
use super::{Input, Mistake, Source};

/// One text, taken apart but not understood.
pub struct Document {
    pub table: Table,
    pub dir: PathBuf,
    /// Whether it came by `include`, so that it may hold families and the theme only.
    pub included: bool,
}

/// Reads all inputs and what they include, in that order.
pub fn read_all(inputs: Vec<Input>, sources: &mut Vec<Source>, mistakes: &mut Vec<Mistake>) -> Vec<Document> {
    let mut documents = Vec::new();
    for input in inputs {
        let mut document = read(input, false, sources, mistakes);
        let globs = document.table.take("include").map(|entry| entry.value);
        let dir = document.dir.clone();
        documents.push(document);
        for (path, _) in globs.iter().flat_map(|globs| included(globs, &dir, mistakes)).collect::<Vec<_>>() {
            documents.push(read(Input::file(&path), true, sources, mistakes));
        }
    }
    documents
}

fn read(input: Input, included: bool, sources: &mut Vec<Source>, mistakes: &mut Vec<Mistake>) -> Document {
    let file = sources.len();
    let text = match input.text {
        Some(text) => text,
        None => std::fs::read_to_string(&input.path).unwrap_or_else(|error| {
            let place = Place::new(file, 0..0);
            let message = match error.kind() {
                std::io::ErrorKind::NotFound => "this file does not exist".to_owned(),
                std::io::ErrorKind::InvalidData => "this file is not UTF-8 text".to_owned(),
                _ => format!("this file cannot be read: {error}"),
            };
            mistakes.push(Mistake::new("CS-C014", message, &place));
            String::new()
        }),
    };
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in errors {
        let place = Place::new(file, error.span().unwrap_or(0..0));
        mistakes.push(Mistake::new("CS-C001", error.message().replace('\n', ", "), &place));
    }
    let table = Table::from_toml(file, table.get_ref());
    let dir = input.path.parent().map(Path::to_owned).unwrap_or_default();
    sources.push(Source { name: input.name, text });
    Document { table, dir, included }
}

/// The files of `include`, in the order of their names.
fn included(globs: &Value, dir: &Path, mistakes: &mut Vec<Mistake>) -> Vec<(PathBuf, Place)> {
    let Node::Array(items) = &globs.node else {
        let message = "`include` is a list of paths such as \"providers.d/*.toml\"".to_owned();
        mistakes.push(Mistake::new("CS-C012", message, &globs.place));
        return Vec::new();
    };
    let mut files = Vec::new();
    for item in items {
        match item.as_str().ok_or_else(|| "a path must be a text".to_owned()).and_then(|glob| expand(glob, dir)) {
            Ok(paths) => files.extend(paths.into_iter().map(|path| (path, item.place.clone()))),
            Err(message) => mistakes.push(Mistake::new("CS-C012", message, &item.place)),
        }
    }
    files
}

/// A path, or `dir/*.toml`: one star in the last part. In the order of their names.
pub fn expand(glob: &str, dir: &Path) -> Result<Vec<PathBuf>, String> {
    let path = dir.join(glob);
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Err(format!("`{glob}` names no file"));
    };
    let folder = path.parent().unwrap_or(dir);
    if folder.to_string_lossy().contains('*') || name.matches('*').count() > 1 {
        return Err(format!("`{glob}`: one `*` may stand in the last part of the path"));
    }
    let Some((start, end)) = name.split_once('*') else {
        return if path.is_file() { Ok(vec![path]) } else { Err(format!("`{glob}` does not exist")) };
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|error| format!("`{glob}`: {error}"))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|have| have.len() >= start.len() + end.len() && have.starts_with(start) && have.ends_with(end))
        .map(|have| if folder == Path::new(".") { PathBuf::from(have) } else { folder.join(have) })
        .collect();
    found.sort();
    Ok(found)
}

/// The fixed sections that lie inside another one.
const INNER: [(&str, &str); 2] = [("login", "password"), ("login", "magic_link")];
/// The sections that are tables of tables.
pub const FAMILIES: [&str; 5] = ["providers", "roles", "services", "permissions", "extensions"];

/// Writes the environment's `COUNTERSIGN__SECTION__KEY` into the main table.
pub fn override_by(
    overrides: &[(String, String)],
    table: &mut Table,
    sources: &mut Vec<Source>,
    mistakes: &mut Vec<Mistake>,
) {
    let mut overrides: Vec<_> = overrides.iter().filter(|(name, _)| name.starts_with("COUNTERSIGN__")).collect();
    if overrides.is_empty() {
        return;
    }
    overrides.sort();
    let file = sources.len();
    let mut text = String::new();
    for (name, value) in overrides {
        let place = Place::new(file, text.len()..text.len() + name.len());
        text.push_str(name);
        text.push('\n');
        let path: Vec<String> = name["COUNTERSIGN__".len()..].split("__").map(str::to_lowercase).collect();
        if let Err(message) = write(table, &path, name, value, &place) {
            mistakes.push(Mistake::new("CS-C013", message, &place));
        }
    }
    sources.push(Source { name: "environment".into(), text });
}

fn write(table: &mut Table, path: &[String], name: &str, value: &str, place: &Place) -> Result<(), String> {
    let path: Vec<String> = match path {
        [section, key] => vec![section.clone(), key.clone()],
        [family, id, key] if FAMILIES.contains(&family.as_str()) => {
            vec![family.clone(), id.replace('_', "-"), key.clone()]
        }
        [outer, inner, key] if INNER.contains(&(outer.as_str(), inner.as_str())) => {
            vec![outer.clone(), inner.clone(), key.clone()]
        }
        [version] if version == "version" => vec![version.clone()],
        _ => return Err(format!("`{name}` names no key: write COUNTERSIGN__SECTION__KEY")),
    };
    let (key, sections) = path.split_last().expect("every arm has at least one");
    let mut inside = table;
    for section in sections {
        inside = child(inside, section, place)
            .ok_or_else(|| format!("`{name}` names no key: `{section}` is not a section"))?;
    }
    let value =
        Value { place: place.clone(), origin: Origin::Override(name.to_owned()), node: Node::String(value.to_owned()) };
    match inside.0.iter_mut().find(|entry| entry.key == *key) {
        Some(entry) => entry.value = value,
        None => inside.0.push(super::value::Entry { key: key.clone(), at: place.clone(), value }),
    }
    Ok(())
}

/// The table `key`, made if it is not there.
fn child<'a>(table: &'a mut Table, key: &str, place: &Place) -> Option<&'a mut Table> {
    let index = table.0.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let value = Value { place: place.clone(), origin: Origin::Written, node: Node::Table(Table::default()) };
        table.0.push(super::value::Entry { key: key.to_owned(), at: place.clone(), value });
        table.0.len() - 1
    });
    match &mut table.0[index].value.node {
        Node::Table(inner) => Some(inner),
        _ => None,
    }
}
