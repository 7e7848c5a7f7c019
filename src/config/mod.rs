//! The file: read in two steps, so that every mistake keeps its place.

pub mod secret;
pub mod settings;
pub mod units;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;

pub use secret::Secret;
pub use units::{Rate, Size, Span};

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

/// One table of the file, such as `[providers.google]`, with its place.
#[derive(Debug, Clone)]
pub struct Section {
    id: String,
    kind: String,
    file: usize,
    header: Range<usize>,
    table: toml::de::DeTable<'static>,
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

    /// The section as the kind's own struct; every unknown key, wrong type and missing key is a mistake of its own.
    pub fn read<C: DeserializeOwned + schemars::JsonSchema>(&self) -> Result<C, Vec<Mistake>> {
        let _ = (&self.table, BTreeMap::<String, C>::new());
        Err(vec![self.mistake("CS-C000", "not read".into())])
    }

    /// A mistake at the value of `key`, or at the header if the section has no such key.
    pub fn mistake_at(&self, key: &str, code: &'static str, message: String) -> Mistake {
        let span = self.table.get(key).map_or(self.header.clone(), toml::Spanned::span);
        Mistake { code, message, file: self.file, span, help: None }
    }

    /// A mistake at the header.
    pub fn mistake(&self, code: &'static str, message: String) -> Mistake {
        Mistake { code, message, file: self.file, span: self.header.clone(), help: None }
    }
}

impl Section {
    /// The mistake of a section whose kind nobody knows.
    pub fn unknown_kind<'a>(&self, known: impl Iterator<Item = &'a str>) -> Mistake {
        let names: Vec<_> = known.map(|name| format!("`{name}`")).collect();
        self.mistake_at(
            "kind",
            "CS-C002",
            format!("unknown kind `{}`, expected one of {}", self.kind, names.join(", ")),
        )
    }
}
