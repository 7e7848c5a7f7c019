//! One mechanism to plug things in, used by providers, permission providers and extensions.

pub mod guard;

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Mistake, Secret, Section};
use crate::net::Net;

/// The mistake of a value out of range.
pub const OUT_OF_RANGE: &str = "CS-C006";
/// The mistake of a URL that a plug-in may not be called at.
pub const NOT_CALLABLE: &str = "CS-C122";
/// The mistake of a value that cannot stand in a header, or cannot sign.
pub const NOT_A_USABLE_SECRET: &str = "CS-C123";

/// A kind of plug-in: its name in the file, what its section may hold, and how it is opened.
pub struct Kind<T: ?Sized> {
    /// The value of `kind`.
    pub name: &'static str,
    /// The JSON Schema of its section.
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
    /// Reads the section; no network, no waiting.
    pub open: Open<T>,
}

/// Reads a section; every mistake in it is collected.
pub type Open<T> = fn(&Section, &Tools) -> Result<Arc<T>, Vec<Mistake>>;

/// What a plug-in may use of the world.
#[derive(Clone)]
pub struct Tools {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The only way out.
    pub net: Net,
    /// The public address of this server, without a trailing slash.
    pub issuer: url::Url,
    /// Whether this server may run things that are only for development.
    pub is_dev: bool,
    /// Whether it may run programs.
    pub may_run_programs: bool,
}

/// The opened plug-ins of one family, in file order.
pub struct Registry<T: ?Sized>(Vec<(String, Arc<T>)>);

impl<T: ?Sized> Registry<T> {
    /// Opens every section with its kind; all mistakes are collected.
    pub fn open(sections: &[Section], kinds: &[Kind<T>], tools: &Tools) -> Result<Self, Vec<Mistake>> {
        let mut opened = Vec::with_capacity(sections.len());
        let mut mistakes = Vec::new();
        for section in sections {
            match kinds.iter().find(|kind| kind.name == section.kind()) {
                Some(kind) => match (kind.open)(section, tools) {
                    Ok(plugin) => opened.push((section.id().to_owned(), plugin)),
                    Err(found) => mistakes.extend(found),
                },
                None => mistakes.push(section.unknown_kind(kinds.iter().map(|kind| kind.name))),
            }
        }
        if mistakes.is_empty() { Ok(Self(opened)) } else { Err(mistakes) }
    }

    /// The one with this id.
    pub fn get(&self, id: &str) -> Option<&Arc<T>> {
        self.0.iter().find(|(have, _)| have == id).map(|(_, plugin)| plugin)
    }

    /// All of them, in file order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<T>)> {
        self.0.iter().map(|(id, plugin)| (id.as_str(), plugin))
    }
}

/// Changes whenever the section or one of its secrets changes.
pub fn config_hash(kind: &str, config: &impl Debug, secrets: &[&Secret]) -> u64 {
    let mut hasher = DefaultHasher::new();
    kind.hash(&mut hasher);
    format!("{config:?}").hash(&mut hasher);
    for secret in secrets {
        secret.reveal().hash(&mut hasher);
    }
    hasher.finish()
}
