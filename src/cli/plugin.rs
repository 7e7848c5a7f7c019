//! `plugin new`: a permission provider to begin with: code, a test, and the section to paste.

mod templates;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use self::templates::{Lang, Template};
use super::{Desk, Failure};

/// What can be done about plug-ins.
#[derive(Subcommand)]
pub enum Command {
    /// Writes a permission provider to begin with: code, a test, and the section to paste.
    #[command(after_help = "Example:\n  countersign plugin new --lang python billing")]
    New(New),
}

/// What is written.
#[derive(Args)]
pub struct New {
    /// The language, which also says the kind.
    #[arg(long, value_enum)]
    lang: Lang,
    /// Its id: a-z, 0-9 and -.
    name: String,
    /// Where it is written; a folder of its name here, unless given.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Runs the command.
pub fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    let Command::New(New { lang, name, dir }) = command;
    if !is_id(&name) {
        let message = format!(
            "`{}` is not an id: it begins with a letter, holds a-z, 0-9 and -, and has 2 to 40 characters",
            name.escape_debug()
        );
        return Err(Failure::usage(message));
    }
    let dir = dir.unwrap_or_else(|| PathBuf::from(&name));
    let template = lang.template();
    let files = files(&template, &name, &dir);
    write_all(&files)?;
    let shown: Vec<_> = files.iter().map(|file| file.path.display().to_string()).collect();
    let prefix = prefix(&dir);
    desk.say(format!("Wrote {}\n", shown.join(", ")))?;
    for (what, line) in template.steps {
        desk.say(format!("  {what:<10} {}", filled(line, &name, &prefix)))?;
    }
    desk.say(format!("\nPut this into providers.toml:\n\n{}", filled(template.section, &name, &prefix)))?;
    desk.say(format!("and its id into the service that asks it: permissions = [\"{name}\"]"))
}

/// As the file wants the id of a section.
fn is_id(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && (2..=40).contains(&name.len())
}

/// A file to be written.
struct File {
    path: PathBuf,
    text: String,
    mode: u32,
}

fn files(template: &Template, name: &str, dir: &Path) -> Vec<File> {
    let section = format!(
        "# Put this into providers.toml, or leave it here and let it be read: include = [\"{}{name}.toml\"]\n\n{}",
        prefix(dir),
        filled(template.section, name, "")
    );
    let mut files = vec![File { path: dir.join(format!("{name}.toml")), text: section, mode: 0o644 }];
    files.extend(template.files.iter().map(|(path, text)| File {
        path: dir.join(filled(path, name, "")),
        text: filled(text, name, ""),
        mode: if text.starts_with("#!") { 0o755 } else { 0o644 },
    }));
    files
}

/// The folder as it stands before a file in it.
fn prefix(dir: &Path) -> String {
    let dir = dir.display().to_string();
    if dir == "." { String::new() } else { format!("{}/", dir.trim_end_matches('/')) }
}

/// The text with the name, and with the folder that its paths are in.
fn filled(text: &str, name: &str, dir: &str) -> String {
    text.replace("__DIR__", dir)
        .replace("__NAME__", name)
        .replace("__CRATE__", &name.replace('-', "_"))
        .replace("__SECRET__", &format!("{}_SECRET", name.replace('-', "_").to_uppercase()))
}

/// All of them or none: what is there stays as it is, and what was begun is taken back.
fn write_all(files: &[File]) -> Result<(), Failure> {
    let there: Vec<_> = files
        .iter()
        .filter(|file| file.path.symlink_metadata().is_ok())
        .map(|file| file.path.display().to_string())
        .collect();
    if !there.is_empty() {
        let verb = if there.len() == 1 { "is" } else { "are" };
        return Err(Failure::new(format!("nothing was written: {} {verb} there already", there.join(", "))));
    }
    for (at, file) in files.iter().enumerate() {
        if let Err(error) = write(file) {
            for written in &files[..at] {
                let _ = std::fs::remove_file(&written.path);
            }
            let path = file.path.display();
            return Err(Failure::new(format!("nothing was written: `{path}` cannot be made: {error}")));
        }
    }
    Ok(())
}

fn write(file: &File) -> std::io::Result<()> {
    if let Some(folder) = file.path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut made = std::fs::OpenOptions::new().write(true).create_new(true).mode(file.mode).open(&file.path)?;
    made.write_all(file.text.as_bytes()).inspect_err(|_| {
        let _ = std::fs::remove_file(&file.path);
    })
}
