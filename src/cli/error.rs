//! `error`: what is known of the reference on an error page.

use clap::Args;
use serde::Serialize;
use time::OffsetDateTime;

use super::desk::{moment, plain};
use super::{Desk, Failure, audit};
use crate::store::audit::search::{Filter, Recorded};
use crate::store::shown::Shown;

/// Events that belong to one request are few.
const EVENTS: u64 = 100;

/// Which error.
#[derive(Args)]
pub struct Options {
    /// The reference on the page, which is also the `X-Request-Id` of the answer.
    #[arg(value_name = "REF")]
    reference: String,
    /// For programs.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer {
    reference: String,
    error: Option<Error>,
    events: Vec<Recorded>,
}

#[derive(Serialize)]
struct Error {
    #[serde(with = "time::serde::rfc3339")]
    time: OffsetDateTime,
    code: String,
    status: i64,
    route: String,
    cause: String,
}

/// Runs the command.
pub async fn run(options: Options, desk: &mut Desk) -> Result<(), Failure> {
    let app = desk.app().await?;
    // People copy it with whatever stands around it.
    let reference = options.reference.trim().trim_start_matches("urn:uuid:").to_lowercase();
    let error = app.store().shown_error(&reference).await?.map(Error::from);
    let filter = Filter { reference: Some(reference.clone()), ..Filter::default() };
    let mut events = app.store().audit(&filter, None, EVENTS).await?.events;
    events.reverse();
    if error.is_none() && events.is_empty() {
        return Err(Failure::not_found(format!(
            "nothing is known of `{}`: not every error is kept, but each has a line in the log with this id",
            plain(&reference)
        )));
    }
    if options.json {
        return desk.json(&Answer { reference, error, events });
    }
    if let Some(error) = &error {
        let cause = if error.cause.is_empty() { "–" } else { &error.cause };
        desk.say(format!("Time    {}", moment(error.time)))?;
        desk.say(format!("Error   {} ({})", error.code, error.status))?;
        desk.say(format!("Page    {}", plain(&error.route)))?;
        desk.say(format!("Cause   {}", plain(cause)))?;
    }
    events.iter().try_for_each(|event| desk.say(audit::line(event)))
}

impl From<Shown> for Error {
    fn from(shown: Shown) -> Self {
        Self {
            time: crate::clock::moment(shown.at),
            code: shown.code,
            status: shown.status,
            route: shown.route,
            cause: shown.cause,
        }
    }
}
