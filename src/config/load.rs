//! From texts to settings, with every mistake of every text in one run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::files::Files;
use super::include::{FAMILIES, override_by, read_all};
use super::lines::Lines;
use super::resolve::{Found, resolve};
use super::section::Section;
use super::settings::Settings;
use super::value::{Entry, Node, Origin, Place, Table};
use super::words::nearest;
use super::{Input, Mistake, Report, Source, World, check, fixed, later, service};

/// What the texts say.
pub struct Parsed {
    /// Usable as a server's settings only if the report, and whoever opens the plugged sections, found no mistake; a wrong key has its default here.
    pub settings: Settings,
    /// What was found so far; the plugged sections are still closed.
    pub report: Report,
    /// For `show`: what was written, section by section.
    pub(super) written: Vec<Section>,
}

/// Reads everything; never stops at a mistake.
pub fn parse(inputs: Vec<Input>, world: &World<'_>) -> Parsed {
    let mut sources = Vec::new();
    let mut found = Found::default();
    let documents = read_all(inputs, &mut sources, &mut found);
    let mut root = Table::default();
    let mut dirs = Vec::new();
    for mut document in documents {
        resolve(&mut document.table, &document.dir, world, &mut found);
        merge(&mut root, document.table, document.included, &sources, &mut found.mistakes);
        dirs.push(document.dir);
    }
    override_by(&world.overrides, &mut root, &mut sources, &mut found.mistakes);
    let files = found.files.clone();
    let lines = Arc::new(Lines::of(&sources, dirs.first().map_or(Path::new(""), PathBuf::as_path)));
    let mut split = Split { dirs, files: files.clone(), lines, ..Split::default() };
    split.all(root, &mut found.mistakes);
    let mut loader = Loader { split, mistakes: found.mistakes, warnings: Vec::new(), unclean: BTreeSet::new() };
    let settings = fixed::settings(&mut loader, world);
    let mut settings = service::with_families(settings, &mut loader);
    check::across(&mut settings, &mut loader);
    if !settings.server.is_dev {
        loader.warnings.append(&mut found.warnings);
    }
    let Loader { split, mistakes, warnings, .. } = loader;
    Parsed { settings, report: Report::new(sources, mistakes, warnings).read_from(files), written: split.into_all() }
}

/// The sections, and what is wrong with them so far.
pub struct Loader {
    pub split: Split,
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<Mistake>,
    unclean: BTreeSet<String>,
}

impl Loader {
    /// A fixed section as its struct; what is wrong is noted and has its default.
    pub fn read<C: DeserializeOwned + JsonSchema + Default>(&mut self, path: &str) -> (C, Section) {
        let section = self.split.fixed(path);
        let read = self.read_section(&section);
        (read, section)
    }

    /// Any section as its struct; what is wrong is noted and has its default.
    pub fn read_section<C: DeserializeOwned + JsonSchema + Default>(&mut self, section: &Section) -> C {
        let (read, mistakes) = section.read_partly();
        if !mistakes.is_empty() {
            self.unclean.insert(section.path.clone());
        }
        self.mistakes.extend(mistakes);
        read.unwrap_or_default()
    }

    /// Whether the section could be read as it is, so that what it lacks is really lacking.
    pub fn is_clean(&self, path: &str) -> bool {
        !self.unclean.contains(path)
    }

    /// Notes a mistake.
    pub fn wrong(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }
}

/// The texts, taken apart into sections.
#[derive(Default)]
pub struct Split {
    fixed: BTreeMap<String, Section>,
    families: BTreeMap<&'static str, Vec<Section>>,
    dirs: Vec<PathBuf>,
    files: Files,
    lines: Arc<Lines>,
}

/// The fixed sections, each with those that lie inside it.
pub const FIXED: [(&str, &[&str]); 14] = [
    ("server", &[]),
    ("database", &[]),
    ("secrets", &[]),
    ("keys", &[]),
    ("mail", &[]),
    ("session", &[]),
    ("login", &["password", "magic_link", "passkey", "mfa", "legacy_tokens"]),
    ("rate_limit", &[]),
    ("admin", &[]),
    ("api", &[]),
    ("audit", &[]),
    ("privacy", &[]),
    ("observability", &[]),
    ("theme", &[]),
];

impl Split {
    /// The section, or an empty one at the start of the main file.
    pub fn fixed(&self, path: &str) -> Section {
        self.fixed.get(path).cloned().unwrap_or_else(|| Section {
            id: path.to_owned(),
            kind: String::new(),
            header: Place::new(0, 0..0),
            kind_at: None,
            path: path.to_owned(),
            table: Table::default(),
            dir: self.dirs.first().cloned().unwrap_or_default(),
            files: self.files.clone(),
            lines: Arc::clone(&self.lines),
        })
    }

    /// The sections of a family, in file order.
    pub fn family(&self, name: &str) -> Vec<Section> {
        self.families.get(name).cloned().unwrap_or_default()
    }

    /// All sections.
    pub fn iter(&self) -> impl Iterator<Item = &Section> {
        self.fixed.values().chain(self.families.values().flatten())
    }

    fn into_all(self) -> Vec<Section> {
        self.fixed.into_values().chain(self.families.into_values().flatten()).collect()
    }

    fn all(&mut self, root: Table, mistakes: &mut Vec<Mistake>) {
        for entry in root.0 {
            if entry.key == "version" {
                check_version(&entry, mistakes);
                continue;
            }
            let family = FAMILIES.into_iter().find(|name| *name == entry.key);
            let inner = FIXED.iter().find(|(name, _)| *name == entry.key).map(|(_, inner)| *inner);
            if family.is_none() && inner.is_none() {
                mistakes.push(unknown_section(&entry));
                continue;
            }
            let Node::Table(table) = entry.value.node else {
                let message = format!("`{0}` is a section: write `[{0}]`", entry.key);
                mistakes.push(Mistake::new("CS-C005", message, &entry.value.place));
                continue;
            };
            match family {
                Some(family) => self.family_of(family, table, mistakes),
                None => self.fixed_of(&entry.key, &entry.at, table, inner.unwrap_or_default(), mistakes),
            }
        }
    }

    fn fixed_of(&mut self, path: &str, at: &Place, mut table: Table, inner: &[&str], mistakes: &mut Vec<Mistake>) {
        for name in inner {
            let Some(entry) = table.take(name) else { continue };
            let path = format!("{path}.{name}");
            match entry.value.node {
                Node::Table(table) => self.fixed_of(&path, &entry.at, table, &[], mistakes),
                _ => mistakes.push(Mistake::new(
                    "CS-C005",
                    format!("`{name}` is a section: write `[{path}]`"),
                    &entry.value.place,
                )),
            }
        }
        let section = self.section(path.to_owned(), path.to_owned(), at.clone(), table);
        self.fixed.insert(path.to_owned(), section);
    }

    fn family_of(&mut self, family: &'static str, table: Table, mistakes: &mut Vec<Mistake>) {
        for entry in table.0 {
            let path = format!("{family}.{}", entry.key);
            let Node::Table(table) = entry.value.node else {
                let message = format!("`{}` in `[{family}]` is a section: write `[{path}]`", entry.key);
                mistakes.push(Mistake::new("CS-C005", message, &entry.at));
                continue;
            };
            if let Some((message, help)) = id_mistake(family, &entry.key) {
                mistakes.push(Mistake::new("CS-C010", message, &entry.at).help(Some(help.into())));
            }
            let mut section = self.section(entry.key.clone(), path, entry.at, table);
            if !matches!(family, "roles" | "services") {
                take_kind(&mut section, mistakes);
            }
            self.families.entry(family).or_default().push(section);
        }
    }

    fn section(&self, id: String, path: String, header: Place, table: Table) -> Section {
        let dir = self.dirs.get(header.file).cloned().unwrap_or_default();
        let (files, lines) = (self.files.clone(), Arc::clone(&self.lines));
        Section { kind: id.clone(), id, header, kind_at: None, path, table, dir, files, lines }
    }
}

fn take_kind(section: &mut Section, mistakes: &mut Vec<Mistake>) {
    let Some(kind) = section.table.take("kind") else { return };
    section.kind_at = Some(kind.value.place.clone());
    match (kind.value.as_str(), &kind.value.origin) {
        (Some(name), Origin::Written | Origin::Override(_)) => name.clone_into(&mut section.kind),
        _ => mistakes.push(Mistake::new("CS-C005", "`kind` must be a text".into(), &kind.value.place)),
    }
}

fn check_version(entry: &Entry, mistakes: &mut Vec<Mistake>) {
    let place = &entry.value.place;
    let number = match &entry.value.node {
        Node::Integer(number) => Some(*number),
        Node::String(text) if matches!(entry.value.origin, Origin::Override(_)) => text.parse().ok(),
        _ => None,
    };
    match number {
        Some(1) => {}
        Some(newer) if newer > 1 => {
            let message = format!("this file has version {newer}, and this program knows version 1");
            mistakes.push(Mistake::new("CS-C015", message, place).help(Some("use a newer program".into())));
        }
        _ => mistakes.push(Mistake::new("CS-C005", "`version` must be 1".into(), place)),
    }
}

fn unknown_section(entry: &Entry) -> Mistake {
    if later::SECTIONS.contains(&entry.key.as_str()) {
        return Mistake::new("CS-C009", format!("the section `[{}]` is not in this version", entry.key), &entry.at)
            .help(Some("leave it out; a later version brings it".into()));
    }
    let names = FIXED.iter().map(|(name, _)| *name).chain(FAMILIES).chain(["version", "include"]);
    let help = nearest(&entry.key, names).map(|name| format!("did you mean `{name}`?"));
    let word = if matches!(entry.value.node, Node::Table(_)) { "section" } else { "key" };
    Mistake::new("CS-C003", format!("unknown {word} `{}`", entry.key), &entry.at).help(help)
}

/// The ids that are paths of the login pages, or methods of the house.
const RESERVED: [&str; 18] = [
    "api-key",
    "confirm",
    "enrol",
    "invitation",
    "link",
    "old-token",
    "passkey",
    "second-factor",
    "service",
    "password",
    "magic-link",
    "check-mail",
    "code",
    "forgot",
    "link-accounts",
    "logout",
    "no-access",
    "reset",
];

/// What is wrong with an id, and what to do.
fn id_mistake(family: &str, id: &str) -> Option<(String, &'static str)> {
    let plain = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let ends = id.bytes().next().is_some_and(|b| b.is_ascii_lowercase()) && !id.ends_with('-');
    if !plain || !ends || !(2..=40).contains(&id.len()) {
        let help = "an id begins with a letter, holds a-z, 0-9 and -, and has 2 to 40 characters";
        return Some((format!("`{id}` is not an id"), help));
    }
    let reserved = family == "providers" && RESERVED.contains(&id);
    reserved.then(|| (format!("`{id}` is a reserved name"), "it is a page of the sign-in: choose another id"))
}

/// Adds the sections of one text to those before it; the same section in two texts is a mistake.
fn merge(root: &mut Table, table: Table, included: bool, sources: &[Source], mistakes: &mut Vec<Mistake>) {
    for mut entry in table.0 {
        let is_family = FAMILIES.contains(&entry.key.as_str());
        if included && !is_family && entry.key != "theme" {
            let message = format!("`{}` cannot stand in an included file", entry.key);
            let help = "only providers, roles, services, permissions, extensions and theme can".to_owned();
            mistakes.push(Mistake::new("CS-C012", message, &entry.at).help(Some(help)));
            continue;
        }
        let Some(have) = root.0.iter_mut().find(|have| have.key == entry.key) else {
            root.0.push(entry);
            continue;
        };
        match (&mut have.value.node, &mut entry.value.node) {
            (Node::Table(have), Node::Table(more)) if is_family => {
                for item in std::mem::take(&mut more.0) {
                    match have.get(&item.key) {
                        Some(first) => {
                            let name = format!("{}.{}", entry.key, item.key);
                            mistakes.push(twice(&name, &item.at, &first.at, sources));
                        }
                        None => have.0.push(item),
                    }
                }
            }
            _ => mistakes.push(twice(&entry.key, &entry.at, &have.at, sources)),
        }
    }
}

fn twice(name: &str, at: &Place, first: &Place, sources: &[Source]) -> Mistake {
    let source = &sources[first.file];
    let line = source.text[..first.start.min(source.text.len())].matches('\n').count() + 1;
    Mistake::new("CS-C011", format!("`{name}` is written twice"), at)
        .help(Some(format!("it was first written at {}:{line}", source.name)))
}
