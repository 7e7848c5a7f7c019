//! The file: read in two steps, so that every mistake keeps its place.

mod accounts;
mod check;
mod files;
mod fixed;
mod include;
mod later;
mod lines;
mod load;
mod people;
mod property;
mod raw;
mod report;
mod resolve;
mod restart;
mod rules;
mod schema;
pub mod secret;
mod section;
mod service;
pub mod settings;
mod show;
mod theme;
pub mod units;
mod value;
mod words;

use std::ops::Range;
use std::path::{Path, PathBuf};

pub use include::matching;
pub use load::{Parsed, parse};
pub use report::{Format, Report};
pub use restart::restart_needed;
pub use rules::{Gate, Refresh, RoleRules};
pub use schema::schema;
pub use secret::Secret;
pub use section::Section;
pub use show::show;
pub use units::{Rate, Size, Span};
pub use words::nearest;

/// Something wrong in the file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Stable, `CS-C001`.
    pub code: &'static str,
    /// What was seen and what was expected, in one sentence.
    pub message: String,
    /// Which file: an index into the files that were read; 0 is the main one.
    pub file: usize,
    /// Bytes of the file.
    pub span: Range<usize>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Mistake {
    fn new(code: &'static str, message: String, place: &value::Place) -> Self {
        Self { code, message, file: place.file, span: place.start..place.end, help: None }
    }

    fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// A file to read, or its text.
#[derive(Clone)]
pub struct Input {
    name: String,
    /// `None`: still to be read, from `path`.
    text: Option<String>,
    path: PathBuf,
}

impl Input {
    /// A file; it is read when it is parsed.
    pub fn file(path: &Path) -> Self {
        Self { name: path.display().to_string(), text: None, path: path.to_owned() }
    }

    /// A text that is not a file; its paths are relative to the working directory.
    pub fn text(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: Some(text.to_owned()), path: PathBuf::new() }
    }

    /// As it is shown.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A text that was read; it may hold secrets.
#[derive(Clone)]
pub struct Source {
    /// As it is shown.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// What the file may take from outside itself.
pub struct World<'a> {
    /// The value of an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The environment variables `COUNTERSIGN__…`, with their values; others do not matter.
    pub overrides: Vec<(String, String)>,
}

#[cfg(test)]
impl World<'static> {
    /// An empty environment.
    pub fn none() -> Self {
        Self { env: &|_| None, overrides: Vec::new() }
    }
}
