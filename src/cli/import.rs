//! `import`: users from a file or from the table of an older server.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::desk::plain;
use super::{Desk, Failure};
use crate::account::import::{Import, Kind, Options, Report, Told};
use crate::domain::audit::By;

/// How many lines are named one by one, unless all are wanted.
const NAMED: u64 = 20;

/// Where the users come from.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum From {
    /// A table with headings: `email`, `email_verified`, `username`, `name`, `avatar_url`, `roles`, `groups`, `locked`,
    /// `password_hash`, `created_at`, `old_id`, `identities`, `extra`.
    Csv,
    /// The same as JSON objects: one a line, or all in a list.
    Json,
    /// The table `users` of datahq/auth: its SQLite file, or a CSV dump.
    Datahq,
    /// The table `users` of authnzerver: its SQLite file, or a CSV dump.
    Authnzerver,
    /// The users of clearskies as JSON.
    Clearskies,
}

/// What is imported, and how.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Args)]
pub struct Wanted {
    /// The file.
    file: PathBuf,
    /// What it is.
    #[arg(long)]
    from: From,
    /// Reads everything, says what would become of it, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Goes on where the import of the same file stopped.
    #[arg(long)]
    resume: bool,
    /// Takes all addresses for proven, whatever the file says.
    #[arg(long)]
    trust_addresses: bool,
    /// What a role of the file is called here; may be given several times.
    #[arg(long = "rename-role", value_name = "THERE=HERE", value_parser = pair)]
    rename_roles: Vec<(String, String)>,
    /// Names every line that was skipped or changed, not only the first ones.
    #[arg(long)]
    verbose: bool,
    /// For programs.
    #[arg(long)]
    json: bool,
}

impl From {
    fn kind(self) -> Kind {
        match self {
            Self::Csv => Kind::Csv,
            Self::Json => Kind::Json,
            Self::Datahq => Kind::Datahq,
            Self::Authnzerver => Kind::Authnzerver,
            Self::Clearskies => Kind::Clearskies,
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (there, here) = text.split_once('=').ok_or("write THERE=HERE")?;
    Ok((there.to_owned(), here.to_owned()))
}

/// Runs the command.
pub async fn run(options: Wanted, desk: &mut Desk) -> Result<(), Failure> {
    let app = desk.app().await?;
    if !options.file.is_file() {
        return Err(Failure::not_found(format!("there is no file `{}`", options.file.display())));
    }
    let unknown = options.rename_roles.iter().find(|(_, here)| !app.settings.roles.contains(here));
    if let Some((_, here)) = unknown {
        return Err(Failure::usage(format!("there is no role `{}` here", plain(here))));
    }
    let how = Options {
        kind: options.from.kind(),
        dry_run: options.dry_run,
        resume: options.resume,
        trust_addresses: options.trust_addresses,
        rename_roles: options.rename_roles.clone(),
        roles: app.settings.roles.clone(),
        default_roles: app.settings.login.default_roles.clone(),
    };
    let bar = bar(desk);
    let (mut named, mut lines) = (0, Vec::new());
    let tell = |told: Told| match told {
        Told::Progress(at, of) => {
            bar.set_length(of);
            bar.set_position(at);
        }
        Told::Skipped(line, why) | Told::Noted(line, why) => {
            named += 1;
            if options.verbose || named <= NAMED {
                lines.push(format!("line {line}: {}", plain(&why)));
            }
        }
    };
    let by = By::command();
    let report = Import::new(&app.accounts, how, &by, tell).run(&options.file).await?;
    bar.finish_and_clear();
    for line in lines {
        desk.hint(line)?;
    }
    if named > NAMED && !options.verbose {
        desk.hint(format!("and {} more; --verbose names them all", named - NAMED))?;
    }
    if options.json { desk.json(&report) } else { sum_up(&report, options.dry_run, desk) }
}

fn bar(desk: &Desk) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if !desk.is_read {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent}% {elapsed} · {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn sum_up(report: &Report, dry_run: bool, desk: &mut Desk) -> Result<(), Failure> {
    let would = if dry_run { "would be " } else { "" };
    desk.say(format!("{} read, {} {would}made", report.read, report.made))?;
    if report.joined > 0 {
        desk.say(format!("{} were here and {would}found by their old id, too", report.joined))?;
    }
    if report.noted > 0 {
        desk.say(format!("{} of the new ones not quite as the file has them", report.noted))?;
    }
    for (reason, count) in &report.reasons {
        desk.say(format!("{count} skipped: {}", plain(reason)))?;
    }
    match report.earlier {
        Some(line) => desk.hint(format!("An earlier import of this file came to line {line}: --resume goes on there.")),
        None => Ok(()),
    }
}
