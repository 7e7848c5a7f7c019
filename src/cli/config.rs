//! `config`: what is wrong with the file, what it means, what it may hold.

use clap::{Args, Subcommand, ValueEnum};

use super::{Desk, Failure};
use crate::app::Plugged;
use crate::app::boot;
use crate::config::{self, Format, Report};

/// What can be asked of the file.
#[derive(Subcommand)]
pub enum Command {
    /// Says what is wrong with the file; exits with 2 if anything is.
    #[command(after_help = "Example:\n  countersign config check --config providers.toml --format github")]
    Check(Check),
    /// Shows the configuration as it takes effect, each key with where it comes from; secrets are hidden.
    #[command(after_help = "Example:\n  countersign config show | grep ttl")]
    Show,
    /// Prints the JSON Schema of the file, for editors.
    #[command(after_help = "Example:\n  countersign config schema > providers.v1.json")]
    Schema,
}

/// How the file is checked.
#[derive(Args)]
pub struct Check {
    /// How mistakes are written.
    #[arg(long, value_enum, default_value = "human")]
    format: Written,
    /// Warnings count as mistakes.
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Written {
    /// With the line and a caret.
    Human,
    /// An array of objects.
    Json,
    /// Annotations of GitHub's workflows.
    Github,
}

/// Runs the command.
pub fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    match command {
        Command::Check(options) => check(&options, desk),
        Command::Show => {
            let loaded = desk.load()?;
            let shown = config::show(&loaded.parsed, &Plugged::kinds());
            Ok(write!(desk.out, "{shown}")?)
        }
        Command::Schema => desk.json(&config::schema(&Plugged::kinds())),
    }
}

fn check(options: &Check, desk: &mut Desk) -> Result<(), Failure> {
    let source = desk.source();
    let report = match boot::load(source.inputs(), &super::source::environment(), &desk.world) {
        Ok(loaded) => loaded.report,
        Err(report) => *report,
    };
    let format = match options.format {
        Written::Human => Format::Human(desk.is_read),
        Written::Json => Format::Json,
        Written::Github => Format::Github,
    };
    write!(desk.out, "{}", report.render(format))?;
    if options.format == Written::Human && report.mistakes().is_empty() {
        desk.say(format!("{}: no mistake", source.name()))?;
    }
    if is_good(&report, options.strict) { Ok(()) } else { Err(Failure::said(2)) }
}

fn is_good(report: &Report, strict: bool) -> bool {
    report.mistakes().is_empty() && (!strict || report.warnings().is_empty())
}
