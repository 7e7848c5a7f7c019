//! The file with the master key: made once, read by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::sealed::{Master, random};

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Others than the owner may read it.
    #[error("`{path}` holds the master key and may be read by others (mode {mode:04o}); run `chmod 600 {path}`")]
    Open {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// The system refused.
    #[error("the master key `{path}` cannot be {verb}: {cause}")]
    Io {
        /// The file.
        path: String,
        /// What was tried: `read` or `made`.
        verb: &'static str,
        /// What the system said.
        cause: io::Error,
    },
}

impl Master {
    /// The text of the master key in the file; a missing file is made, in a folder that must exist. Of several processes that make it
    /// at once one wins, and all read the same key.
    pub fn load_or_create(path: &Path) -> Result<String, FileError> {
        match read(path) {
            Err(FileError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(|cause| FileError::Io {
                    path: path.display().to_string(),
                    verb: "made",
                    cause,
                })?;
                read(path)
            }
            done => done,
        }
    }
}

fn read(path: &Path) -> Result<String, FileError> {
    let failed = |cause| FileError::Io { path: path.display().to_string(), verb: "read", cause };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileError::Open { path: path.display().to_string(), mode });
    }
    let mut text = String::new();
    file.take(1024).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Written aside and linked into place: nobody ever sees half a key, and a link never replaces a file.
fn create(path: &Path) -> io::Result<()> {
    let aside = path.with_extension(URL_SAFE_NO_PAD.encode(random::<12>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    let linked = file
        .write_all(format!("{}\n", Master::generate()).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&aside, path));
    fs::remove_file(&aside)?;
    match linked {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}
