//! Reads policies and gives them ids that people know: their `@id`, or the name of the file and a number.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr as _;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};

use super::codes::{NOT_A_POLICY, SAME_ID};
use crate::config::{Mistake, Section};
use crate::permission::common::{self, NOT_READABLE};

/// Largest file of policies or of a schema.
pub const LARGEST_FILE: u64 = 1024 * 1024;
/// Most policies of a provider.
const MOST_POLICIES: usize = 10_000;
/// Most mistakes that are told of one file.
const MOST_TOLD: usize = 10;

/// All policies of a provider, and where each stands.
pub struct Policies {
    pub set: PolicySet,
    places: HashMap<PolicyId, Place>,
    files: Vec<File>,
}

/// A file that was read.
struct File {
    /// As the section has it.
    shown: String,
    text: String,
    /// Which item of `policies` brought it.
    item: usize,
}

#[derive(Clone, Copy)]
struct Place {
    file: usize,
    line: usize,
}

impl Policies {
    /// Reads the files of all globs.
    pub fn read(section: &Section, globs: &[String]) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut all = Self { set: PolicySet::new(), places: HashMap::new(), files: Vec::new() };
        for (item, glob) in globs.iter().enumerate() {
            let mut wrong = |message| mistakes.push(section.mistake_in("policies", item, NOT_READABLE, message));
            match section.files_of(glob) {
                Ok(paths) if paths.is_empty() => wrong(format!("`{glob}` names no file")),
                Ok(paths) => {
                    for path in paths {
                        match read_text(section, &path) {
                            Ok((shown, text)) => all.files.push(File { shown, text, item }),
                            Err(message) => wrong(message),
                        }
                    }
                }
                Err(message) => wrong(message),
            }
        }
        for file in 0..all.files.len() {
            all.add(section, file, &mut mistakes);
        }
        if all.places.len() > MOST_POLICIES {
            let message = format!("there are {} policies, expected at most {MOST_POLICIES}", all.places.len());
            mistakes.push(section.mistake_at("policies", NOT_A_POLICY, message));
        }
        if mistakes.is_empty() { Ok(all) } else { Err(mistakes) }
    }

    /// Everything that was read, for the hash of the section.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.text.as_str())
    }

    /// Where a policy stands: `policies/reports.cedar:12`.
    pub fn place(&self, id: &PolicyId) -> Option<String> {
        self.places.get(id).map(|place| format!("{}:{}", self.files[place.file].shown, place.line))
    }

    /// Holds every policy against the schema, strictly.
    pub fn check(&self, section: &Section, schema: &Schema) -> Vec<Mistake> {
        let found = Validator::new(schema.clone()).validate(&self.set, ValidationMode::Strict);
        let told = found.validation_errors().take(MOST_TOLD).map(|error| {
            let file = self.places.get(error.policy_id()).map_or(0, |place| place.file);
            self.mistake(section, file, NOT_A_POLICY, &DetailedError::from(error))
        });
        for warning in found.validation_warnings().take(MOST_TOLD) {
            let said = DetailedError::from(warning).message;
            tracing::warn!(permission.provider = section.id(), said, "a policy looks wrong");
        }
        told.collect()
    }

    fn add(&mut self, section: &Section, file: usize, mistakes: &mut Vec<Mistake>) {
        let set = match PolicySet::from_str(&self.files[file].text) {
            Ok(set) => set,
            Err(errors) => {
                let told = errors.iter().take(MOST_TOLD);
                mistakes
                    .extend(told.map(|error| self.mistake(section, file, NOT_A_POLICY, &DetailedError::from(error))));
                return;
            }
        };
        if set.num_of_templates() > 0 {
            let message = format!("{}: a template is no policy: nothing links it", self.files[file].shown);
            mistakes.push(section.mistake_in("policies", self.files[file].item, NOT_A_POLICY, message));
        }
        let (mut from, mut line) = (0, 1);
        for (number, policy) in (1..).zip(in_order(&set)) {
            let (File { shown, text, item }, written) = (&self.files[file], policy.to_string());
            let begin = text[from..].find(&written).map_or(from, |at| from + at);
            let end = text.len().min(begin + written.len());
            line += text[from..begin].matches('\n').count();
            let id = policy.annotation("id").filter(|id| !id.is_empty()).map(str::to_owned);
            let id = PolicyId::new(id.unwrap_or_else(|| format!("{shown}#{number}")));
            if let Some(first) = self.place(&id) {
                let message = format!("{shown}:{line}: the id `{id}` is taken by {first}");
                mistakes.push(section.mistake_in("policies", *item, SAME_ID, message));
            } else if self.set.add(policy.new_id(id.clone())).is_ok() {
                self.places.insert(id, Place { file, line });
            }
            if text.is_char_boundary(end) {
                line += text[begin..end].matches('\n').count();
                from = end;
            }
        }
    }

    fn mistake(&self, section: &Section, file: usize, code: &'static str, error: &DetailedError) -> Mistake {
        let File { shown, text, item } = &self.files[file];
        section.mistake_in("policies", *item, code, say(shown, text, error))
    }
}

/// Cedar's own words, with the place: `policies/reports.cedar:3:14: unexpected end of input`.
pub fn say(shown: &str, text: &str, error: &DetailedError) -> String {
    let place = error.source_locations.first().map(|label| line_column(text, label.loc.start));
    let place = place.map_or_else(|| shown.to_owned(), |(line, column)| format!("{shown}:{line}:{column}"));
    let help = error.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{place}: {}{help}", error.message).replace('\n', " ")
}

/// The text of a file, and the file as the section has it. The error is for people.
pub fn read_text(section: &Section, path: &Path) -> Result<(String, String), String> {
    let shown = path.strip_prefix(section.path_of(Path::new(""))).unwrap_or(path).display().to_string();
    match common::read_text(path, LARGEST_FILE) {
        Ok(text) => Ok((shown, text)),
        Err(why) => Err(format!("`{shown}` {why}")),
    }
}

/// The policies as they stand in the text; the library numbers them `policy0`, `policy1` …
fn in_order(set: &PolicySet) -> Vec<&Policy> {
    let number = |policy: &Policy| policy.id().to_string().trim_start_matches("policy").parse().unwrap_or(usize::MAX);
    let mut policies: Vec<_> = set.policies().collect();
    policies.sort_by_key(|policy| number(policy));
    policies
}

/// Both counted from 1, columns in characters.
fn line_column(text: &str, byte: usize) -> (usize, usize) {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}
