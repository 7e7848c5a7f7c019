//! Where a command runs: who reads its answer, who types, and what it may use of the world.

use std::io::{self, BufRead, IsTerminal as _, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Serialize;

use super::Failure;
use super::source::{Source, world};
use crate::app::App;
use crate::app::boot::{self, Loaded, World};

/// From here on somebody who waits is shown that something happens.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a command runs.
pub struct Desk {
    /// The files of `--config`.
    pub files: Vec<PathBuf>,
    /// What time it is, and the way out.
    pub world: World,
    /// For answers.
    pub out: Box<dyn Write>,
    /// For what is beside the answer: hints and warnings.
    pub aside: Box<dyn Write>,
    /// What is typed or piped in.
    pub input: Box<dyn BufRead>,
    /// Whether somebody types.
    pub is_typed: bool,
    /// Whether somebody reads the answer, who may like colours.
    pub is_read: bool,
}

impl Desk {
    /// The terminal this process belongs to.
    pub fn real(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            // Whoever asks permission providers says first whether their programs may run.
            world: World { may_run_programs: true, ..world() },
            out: Box::new(io::stdout()),
            aside: Box::new(io::stderr()),
            input: Box::new(io::BufReader::new(io::stdin())),
            is_typed: io::stdin().is_terminal(),
            is_read: io::stdout().is_terminal(),
        }
    }

    /// Where the configuration comes from.
    pub fn source(&self) -> Source {
        Source::find(&self.files)
    }

    /// The files, without a mistake.
    pub fn load(&self) -> Result<Loaded, Failure> {
        self.source().load(&self.world)
    }

    /// The broker of the files, on its database, whether or not its server runs.
    pub async fn app(&self) -> Result<App, Failure> {
        let loaded = self.load()?;
        if boot::is_ephemeral(&loaded.settings) {
            return Err(Failure::usage("the database is in memory: only the server that runs knows what is in it"));
        }
        Ok(patiently("opening the database", Box::pin(boot::enter(loaded, self.world.clone()))).await?)
    }

    /// A line of the answer.
    pub fn say(&mut self, line: impl AsRef<str>) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{}", line.as_ref())?)
    }

    /// A line beside the answer.
    pub fn hint(&mut self, line: impl AsRef<str>) -> Result<(), Failure> {
        Ok(writeln!(self.aside, "{}", line.as_ref())?)
    }

    /// The answer for programs.
    pub fn json(&mut self, answer: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(answer)?;
        self.say(text)
    }

    /// Rows below their headings.
    pub fn table<const N: usize>(&mut self, headings: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
        let width = |at: usize| {
            let cells = rows.iter().map(|row| row[at].chars().count());
            cells.chain([headings[at].chars().count()]).max().unwrap_or_default()
        };
        let widths: [usize; N] = std::array::from_fn(width);
        let line = |cells: [&str; N]| {
            let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.say(line(headings))?;
        rows.iter().try_for_each(|row| self.say(line(std::array::from_fn(|at| row[at].as_str()))))
    }

    /// One line of standard input; on a terminal it is asked for and not shown.
    pub fn secret(&mut self, what: &str) -> Result<String, Failure> {
        if self.is_typed {
            return Ok(rpassword::prompt_password(format!("{what}: "))?);
        }
        let mut line = String::new();
        self.input.read_line(&mut line)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// Waits for the work; who has waited for a second at a terminal sees that it goes on.
pub async fn patiently<T>(what: &'static str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        return done;
    }
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(Duration::from_millis(100));
    let done = work.await;
    bar.finish_and_clear();
    done
}

/// A text that others wrote, on one line and without anything a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What is not there.
pub fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).map_or_else(|| "–".to_owned(), plain)
}

/// A moment, to the second, in UTC.
pub fn moment(at: time::OffsetDateTime) -> String {
    at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
