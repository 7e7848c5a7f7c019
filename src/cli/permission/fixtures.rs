//! `permission test --all`: files of cases – who may do what where – held against the chains of this server, without its database.

mod case;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use tokio::time::Instant;

use self::case::{Case, Cases};
use crate::app::boot::Loaded;
use crate::app::hooks::unasked;
use crate::cli::desk::{patiently, plain};
use crate::cli::{Desk, Failure};
use crate::clock::Clock;
use crate::config::Source;
use crate::extension::decide::{Hooks, Moment};
use crate::permission::chain::{Chain, ChainError};

/// Where the files are that nobody named, beside the configuration.
const FOLDER: &str = "policies";
/// How their names end.
const ENDING: &str = ".test.toml";

/// What is tested, and what is left of it.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Holds every case of policies/*.test.toml, beside the configuration, against the permission providers.
    #[arg(long)]
    pub all: bool,
    /// A file of cases instead of those; may be given several times.
    #[arg(long, value_name = "FILE", requires = "all")]
    pub tests: Vec<PathBuf>,
    /// Writes what came of it as JUnit XML, too.
    #[arg(long, value_name = "FILE", requires = "all")]
    pub junit: Option<PathBuf>,
}

/// One case and what came of it.
struct Run {
    case: Case,
    /// What is not as the case says; empty if all is.
    complaints: Vec<String>,
    took: Duration,
}

/// A file of cases and what came of them.
pub struct Suite {
    /// Its name, as it is shown.
    pub file: String,
    text: String,
    runs: Vec<Run>,
}

/// Runs every case; exit code 1 if one fails, 2 if one makes no sense.
pub async fn run(options: &Options, desk: &mut Desk) -> Result<(), Failure> {
    let loaded = desk.load()?;
    let suites = suites(&options.tests, &loaded, desk).await?;
    let hooks = Hooks::new(&loaded.plugged.extensions, Arc::default(), &desk.world.clock);
    if let Some(sentence) = unasked(&hooks.who(Moment::TokenIssuing)) {
        desk.hint(sentence)?;
    }
    show(&suites, desk)?;
    if let Some(path) = &options.junit {
        let report = report(&suites).to_string()?;
        std::fs::write(path, report).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    }
    let failed = suites.iter().any(|suite| suite.failed().next().is_some());
    if failed { Err(Failure::said(1)) } else { Ok(()) }
}

/// Runs every case of these files, or of those beside the configuration.
pub async fn suites(files: &[PathBuf], loaded: &Loaded, desk: &Desk) -> Result<Vec<Suite>, Failure> {
    let files = if files.is_empty() { found(&desk.source().name())? } else { files.to_vec() };
    let mut read = Vec::new();
    for path in files {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| Failure::usage(format!("{file}: {error}")))?;
        let cases = Cases::read(&file, &text, &loaded.settings)?;
        read.push((file, text, cases));
    }
    let mut suites = Vec::new();
    for (file, text, cases) in read {
        let runs = patiently("testing", all(loaded, cases, desk.world.clock.clone())).await;
        suites.push(Suite { file, text, runs });
    }
    Ok(suites)
}

impl Suite {
    /// Each case that fails: its bytes in the file, and what is wrong.
    pub fn failed(&self) -> impl Iterator<Item = (Range<usize>, String)> {
        let failed = self.runs.iter().filter(|run| !run.complaints.is_empty());
        failed.map(|run| (run.case.span.clone(), format!("{}: {}", run.case.name, run.complaints.join("; "))))
    }

    /// The file, to be shown with what is wrong in it.
    pub fn source(&self) -> Source {
        Source { name: self.file.clone(), text: self.text.clone() }
    }
}

/// The files beside the configuration, by name.
fn found(configuration: &str) -> Result<Vec<PathBuf>, Failure> {
    let folder = Path::new(configuration).parent().unwrap_or(Path::new("")).join(FOLDER);
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_one = |path: &PathBuf| path.to_string_lossy().ends_with(ENDING);
    let mut files: Vec<_> = entries.filter(is_one).collect();
    files.sort();
    if files.is_empty() {
        return Err(Failure::usage(format!("there are no tests: no file {}/*{ENDING}", folder.display())));
    }
    Ok(files)
}

async fn all(loaded: &Loaded, cases: Cases, clock: Arc<dyn Clock>) -> Vec<Run> {
    let mut runs = Vec::with_capacity(cases.0.len());
    for case in cases.0 {
        let began = Instant::now();
        // Cases may invent the same person twice, with other roles: what is remembered of one is not said of the other.
        let chain = Chain::new(&loaded.plugged.permissions, Arc::default(), clock.clone());
        let complaints = ask(&chain, &case, clock.as_ref()).await;
        runs.push(Run { case, complaints, took: began.elapsed() });
    }
    runs
}

/// What the service and its chain say is not what the case expects.
async fn ask(chain: &Chain, case: &Case, clock: &dyn Clock) -> Vec<String> {
    let now = clock.now();
    let user = case.user(now);
    let claimant = case.claimant(&user, now);
    if let Some(why) = case.kept_out(&claimant, now) {
        return case.without_token(&plain(&why));
    }
    match chain.decide(&claimant.question(&case.service, None)).await {
        Ok(granted) => case.complaints(&granted),
        Err(error @ ChainError::Denied { .. }) => case.without_token(&plain(&error.to_string())),
        Err(error) => vec![plain(&error.to_string())],
    }
}

fn show(suites: &[Suite], desk: &mut Desk) -> Result<(), Failure> {
    let (mut count, mut failed) = (0, 0);
    for Suite { file, runs, .. } in suites {
        for run in runs {
            count += 1;
            let word = if run.complaints.is_empty() { "ok    " } else { "FAILED" };
            failed += usize::from(!run.complaints.is_empty());
            desk.say(format!("{word}  {file}:{}  {}", run.case.line, plain(&run.case.name)))?;
            for complaint in &run.complaints {
                desk.say(format!("        {complaint}"))?;
            }
        }
    }
    let cases = if count == 1 { "case" } else { "cases" };
    desk.say(format!("{count} {cases}, {failed} failed"))
}

fn report(suites: &[Suite]) -> Report {
    let mut report = Report::new("permissions");
    for Suite { file, runs, .. } in suites {
        let mut suite = TestSuite::new(file.as_str());
        for run in runs {
            let at = format!("{file}:{}", run.case.line);
            let status = if run.complaints.is_empty() {
                TestCaseStatus::success()
            } else {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status
                    .set_message(run.complaints.join("; "))
                    .set_description(format!("{at}\n{}", run.complaints.join("\n")));
                status
            };
            let mut case = TestCase::new(run.case.name.as_str(), status);
            case.set_classname(at).set_time(run.took);
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    report
}
