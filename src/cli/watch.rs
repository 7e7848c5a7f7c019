//! Whether the files that a configuration was read from have changed since.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::matching;

/// What is seen of each file; one that is not there is not in it.
type Seen = BTreeMap<PathBuf, Stamp>;

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    size: u64,
    /// Another file in its place has another one.
    inode: u64,
}

/// The files of a configuration, as they were when it was read and when they were looked at last.
pub struct Watch {
    paths: Vec<PathBuf>,
    read: Seen,
    last: Seen,
}

impl Watch {
    /// Watches these files, which were just read.
    pub fn of(paths: Vec<PathBuf>) -> Self {
        let read = look(&paths);
        Self { paths, last: read.clone(), read }
    }

    /// Looks at the files; whether they should be read again: they differ from what was read, and nobody was writing since the last
    /// look.
    pub fn is_due(&mut self) -> bool {
        let now = look(&self.paths);
        let is_due = now != self.read && now == self.last;
        self.last = now;
        is_due
    }

    /// They are being read, whatever comes of it: what changes from now on counts as new.
    pub fn reads(&mut self) {
        self.read = look(&self.paths);
        self.last = self.read.clone();
    }

    /// What was read came from these files; those of a configuration that was not taken are watched beside the ones before.
    pub fn was_read(&mut self, paths: Vec<PathBuf>, was_taken: bool) {
        let before = std::mem::replace(&mut self.paths, paths);
        if !was_taken {
            self.paths.extend(before);
            self.paths.sort();
            self.paths.dedup();
        }
        let mut read = look(&self.paths);
        for (path, stamp) in &mut read {
            if let Some(before) = self.read.get(path) {
                *stamp = *before;
            }
        }
        self.last.clone_from(&read);
        self.read = read;
    }
}

fn look(paths: &[PathBuf]) -> Seen {
    let all = paths.iter().flat_map(|path| matching(path));
    all.filter_map(|path| Some((stamp(&path)?, path))).map(|(stamp, path)| (path, stamp)).collect()
}

/// Folders do not count: what lies in them has a name of its own.
fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Stamp { modified: (meta.mtime(), meta.mtime_nsec()), size: meta.len(), inode: meta.ino() })
}
