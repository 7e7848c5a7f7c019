//! Whether the audit trail is still what was written.

use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::cli::{Desk, Failure};
use crate::store::audit::chained::{self, Verified};

/// From so many rows on, whoever waits sees how far it is.
const OFTEN: u64 = 50_000;

/// What is checked.
#[derive(Args)]
pub struct Options {
    /// An end that was printed earlier, `NUMBER:HASH`, noted elsewhere: the chain has to go through it still.
    #[arg(long, value_name = "END")]
    through: Option<String>,
    /// For programs.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer {
    intact: bool,
    /// Rows that are what they were.
    rows: u64,
    /// Of these, rows whose address and browser were forgotten.
    forgotten: u64,
    /// Rows that are not linked yet.
    waiting: u64,
    /// The number of the first row that is kept.
    first: i64,
    /// The last row and its link, to be noted elsewhere.
    end: String,
    /// The first thing that is not as it was.
    problem: Option<String>,
}

/// Looks at everything; exit code 1 if it is not what was written.
pub async fn run(app: &App, options: &Options, desk: &mut Desk) -> Result<(), Failure> {
    let mut next = OFTEN;
    let found = chained::verify(app.store(), &app.house.master, |rows| {
        if rows >= next {
            next = rows + OFTEN;
            // Standard error, where it does not spoil the answer; whoever closed it does not want to know.
            let _ = desk.hint(format!("{rows} rows so far"));
        }
    })
    .await?;
    let problem = match (&found.broken, &options.through) {
        (Some(broken), _) => Some(broken.to_string()),
        (None, Some(through)) => goes_through(app, through, &found).await?,
        (None, None) => None,
    };
    let answer = Answer {
        intact: problem.is_none(),
        rows: found.sound,
        forgotten: found.forgotten,
        waiting: found.waiting,
        first: found.begin.seq + 1,
        end: format!("{}:{}", found.end.seq, found.end.hash),
        problem,
    };
    if options.json {
        desk.json(&answer)?;
    } else {
        say(app, &answer, desk)?;
    }
    if answer.intact { Ok(()) } else { Err(Failure::said(1)) }
}

fn say(app: &App, answer: &Answer, desk: &mut Desk) -> Result<(), Failure> {
    match &answer.problem {
        Some(problem) => desk.say(format!("BROKEN: {problem}; the {} rows before it are as they were", answer.rows))?,
        None => desk.say(format!("{} rows are as they were written", answer.rows))?,
    }
    if answer.first > 1 {
        desk.say(format!(
            "The chain begins with row {}: what was older was cut off when its time was over",
            answer.first
        ))?;
    }
    if answer.forgotten > 0 {
        desk.say(format!("In {} of them, address and browser were forgotten", answer.forgotten))?;
    }
    if answer.waiting > 0 {
        let why = if app.settings.audit.hash_chain { "yet" } else { "because `audit.hash_chain` is off" };
        desk.say(format!("{} rows are not chained {why}: nothing proves what they say", answer.waiting))?;
    }
    desk.say(format!("End: {}", answer.end))
}

/// What is wrong if the chain does not go through the place that was noted.
async fn goes_through(app: &App, noted: &str, found: &Verified) -> Result<Option<String>, Failure> {
    let parsed = noted.split_once(':').and_then(|(seq, hash)| Some((seq.parse::<i64>().ok()?, hash)));
    let Some((seq, hash)) = parsed else { return Err(Failure::usage("`--through` needs NUMBER:HASH")) };
    if seq == found.begin.seq {
        return Ok((hash != found.begin.hash).then(|| format!("the chain does not go through {noted}")));
    }
    if seq < found.begin.seq {
        return Err(Failure::usage(format!("row {seq} was cut off when its time was over")));
    }
    let is_there = app.store().audit_link(seq).await?.is_some_and(|link| link == hash);
    Ok((!is_there).then(|| format!("the chain does not go through {noted}")))
}
