//! `config`: what is wrong with the file, what it means, what it may hold.

use clap::{Args, Subcommand, ValueEnum};

use super::permission::fixtures;
use super::{Desk, Failure};
use crate::app::Plugged;
use crate::app::boot::Loaded;
use crate::config::{self, Format, Report};

/// What can be asked of the file.
#[derive(Subcommand)]
pub enum Command {
    /// Says what is wrong with the file; exits with 2 if anything is.
    #[command(
        after_help = "Examples:\n  countersign config check --config providers.toml --format github\n  countersign config check --with-tests"
    )]
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
    /// Holds the cases of policies/*.test.toml against the permission providers, too; one that fails is a mistake.
    #[arg(long)]
    with_tests: bool,
    /// Lets permission providers of kind `exec` run their programs for that.
    #[arg(long, requires = "with_tests")]
    allow_exec: bool,
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

/// A case of a file of tests that fails.
const FAILED_CASE: &str = "CS-C133";

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    match command {
        Command::Check(options) => check(&options, desk).await,
        Command::Show => {
            let loaded = desk.load()?;
            let shown = config::show(&loaded.parsed, &Plugged::kinds());
            Ok(write!(desk.out, "{shown}")?)
        }
        Command::Schema => desk.json(&config::schema(&Plugged::kinds())),
    }
}

async fn check(options: &Check, desk: &mut Desk) -> Result<(), Failure> {
    desk.world.may_run_programs = options.allow_exec || !options.with_tests;
    let source = desk.source();
    let (report, tested) = match source.read(&desk.world) {
        Ok(loaded) if options.with_tests => tested(loaded, desk).await,
        Ok(loaded) => (loaded.report, Ok(())),
        Err(report) => (*report, Ok(())),
    };
    let format = match options.format {
        Written::Human => Format::Human(desk.is_read),
        Written::Json => Format::Json,
        Written::Github => Format::Github,
    };
    write!(desk.out, "{}", report.render(format))?;
    tested?;
    if options.format == Written::Human && report.mistakes().is_empty() {
        desk.say(format!("{}: no mistake", source.name()))?;
    }
    if is_good(&report, options.strict) { Ok(()) } else { Err(Failure::said(2)) }
}

/// The report with every case that fails; the failure says which makes no sense, or that there is none.
async fn tested(loaded: Loaded, desk: &Desk) -> (Report, Result<(), Failure>) {
    let mut report = loaded.report.clone();
    let suites = match fixtures::suites(&[], &loaded, desk).await {
        Ok(suites) => suites,
        Err(failure) => return (report, Err(failure)),
    };
    for suite in suites {
        report.extend_in(suite.source(), FAILED_CASE, suite.failed());
    }
    (report, Ok(()))
}

fn is_good(report: &Report, strict: bool) -> bool {
    report.mistakes().is_empty() && (!strict || report.warnings().is_empty())
}
