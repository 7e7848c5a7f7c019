//! From a place in a text to its line, without keeping the text, in which secrets may stand.

use std::path::Path;

use super::Source;
use super::value::Place;

/// The names of the texts, and where their lines begin.
#[derive(Clone, Default)]
pub struct Lines(Vec<(String, Vec<usize>)>);

impl Lines {
    /// Of these texts, in their order. What lies in the folder is called by its way from there.
    pub fn of(sources: &[Source], folder: &Path) -> Self {
        let begins = |text: &str| text.match_indices('\n').map(|(at, _)| at + 1).collect();
        let name = |whole: &str| {
            let from_there = Path::new(whole).strip_prefix(folder);
            from_there.map_or_else(|_| whole.to_owned(), |path| path.display().to_string())
        };
        Self(sources.iter().map(|source| (name(&source.name), begins(&source.text))).collect())
    }

    /// `providers.toml:12`, counted from 1; empty if there is no such text.
    pub fn at(&self, place: &Place) -> String {
        self.0.get(place.file).map_or_else(String::new, |(name, begins)| {
            let line = begins.partition_point(|begin| *begin <= place.start) + 1;
            format!("{name}:{line}")
        })
    }
}
