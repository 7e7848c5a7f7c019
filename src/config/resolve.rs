//! `{ env = … }`, `{ file = … }` and `{ credential = … }` become the text they stand for. Nothing else is ever substituted.

use std::path::Path;

use super::files::Files;
use super::value::{Node, Origin, Table, Value};
use super::{Mistake, World};

/// Replaces every reference below `table`; what cannot be had becomes an empty text and a mistake.
pub fn resolve(table: &mut Table, dir: &Path, world: &World<'_>, found: &mut Found) {
    for entry in &mut table.0 {
        resolve_value(&mut entry.value, dir, world, found);
    }
}

/// What went wrong on the way.
#[derive(Default)]
pub struct Found {
    pub mistakes: Vec<Mistake>,
    /// Not wrong everywhere: in production only.
    pub warnings: Vec<Mistake>,
    /// The files that were read.
    pub files: Files,
}

fn resolve_value(value: &mut Value, dir: &Path, world: &World<'_>, found: &mut Found) {
    match &mut value.node {
        Node::Array(items) => items.iter_mut().for_each(|item| resolve_value(item, dir, world, found)),
        Node::Table(table) => {
            let Some((how, name)) = reference(table) else { return resolve(table, dir, world, found) };
            value.origin = Origin::Reference(format!("{{ {how} = \"{name}\" }}"));
            let text = match how {
                "env" => from_env(&name, world),
                "file" => from_file(&dir.join(&name), &found.files).map(|(text, open)| {
                    if open {
                        let message = format!("the secret file `{name}` can be read by everybody on this machine");
                        let help = Some(format!("chmod 600 {name}"));
                        found.warnings.push(Mistake::new("CS-C091", message, &value.place).help(help));
                    }
                    text
                }),
                _ => from_credential(&name, world, &found.files),
            };
            value.node = Node::String(text.unwrap_or_else(|message| {
                found.mistakes.push(Mistake::new("CS-C007", message, &value.place));
                String::new()
            }));
        }
        _ => {}
    }
}

fn reference(table: &Table) -> Option<(&'static str, String)> {
    let [entry] = table.0.as_slice() else { return None };
    let how = ["env", "file", "credential"].into_iter().find(|how| *how == entry.key)?;
    Some((how, entry.value.as_str()?.to_owned()))
}

fn from_env(name: &str, world: &World<'_>) -> Result<String, String> {
    match (world.env)(name) {
        Some(text) if !text.is_empty() => Ok(text),
        Some(_) => Err(format!("the environment variable `{name}` is empty")),
        None => Err(format!("the environment variable `{name}` is not set")),
    }
}

/// The text, and whether others may read the file.
fn from_file(path: &Path, files: &Files) -> Result<(String, bool), String> {
    files.note(path);
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("the secret file `{shown}` does not exist"),
        std::io::ErrorKind::InvalidData => format!("the secret file `{shown}` is not text"),
        _ => format!("the secret file `{shown}` cannot be read: {error}"),
    })?;
    let trimmed = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if trimmed.is_empty() {
        return Err(format!("the secret file `{shown}` is empty"));
    }
    Ok((trimmed.to_owned(), is_open(path)))
}

#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

fn from_credential(name: &str, world: &World<'_>, files: &Files) -> Result<String, String> {
    let plain = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    if !plain {
        return Err(format!("`{name}` is not the name of a credential"));
    }
    let directory = (world.env)("CREDENTIALS_DIRECTORY")
        .ok_or_else(|| format!("the credential `{name}` needs systemd: $CREDENTIALS_DIRECTORY is not set"))?;
    from_file(&Path::new(&directory).join(name), files)
        .map(|(text, _)| text)
        .map_err(|message| message.replacen("secret file", "credential", 1))
}
