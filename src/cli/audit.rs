//! `audit`: what happened, who did it, and whether the record is still what was written.

mod export;
mod verify;

use clap::{Args, Subcommand, ValueEnum};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::desk::{moment, or_dash, plain};
use super::{Desk, Failure};
use crate::app::App;
use crate::config::{Span, nearest};
use crate::domain::audit::Event;
use crate::store::audit::search::{Cursor, Filter, Page, Recorded};

/// Rows that are read in one go.
const PAGE: u64 = 500;
/// How often a running `tail -f` looks for more.
const LOOK: std::time::Duration = std::time::Duration::from_secs(1);
/// Events may become visible this many seconds after they happened: their transaction was still under way.
const LATE: i64 = 60;

/// What can be done with the audit trail.
#[derive(Subcommand)]
pub enum Command {
    /// Shows the last events, the newest at the end.
    #[command(after_help = "Example:\n  countersign audit tail -f --event 'security.*'")]
    Tail(Tail),
    /// Finds events, newest first.
    #[command(after_help = "Example:\n  countersign audit search --target ada@example.com --since 7d")]
    Search(Search),
    /// Writes events to standard output, newest first, for another program or a spreadsheet.
    #[command(after_help = "Example:\n  countersign audit export --format csv --since 2026-01-01 > events.csv")]
    Export(Export),
    /// Checks that no event was changed, removed or inserted; the exit code is 1 if one was.
    #[command(after_help = "Example:\n  countersign audit verify --json")]
    Verify(verify::Options),
}

/// Which events.
#[derive(Args, Default)]
pub struct Which {
    /// Who did it: an id, an address or a username.
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Whom it happened to: an id, an address or a username.
    #[arg(long, value_name = "WHO")]
    target: Option<String>,
    /// The event, `user.login`, or a family of them, `credential.*`; may be given several times.
    #[arg(long = "event", value_name = "NAME")]
    events: Vec<String>,
    /// The service it is about.
    #[arg(long, value_name = "ID")]
    service: Option<String>,
    /// The reference that an error page shows.
    #[arg(long, value_name = "REF")]
    reference: Option<String>,
    /// From then on: `2h`, `2026-11-22` or `2026-11-22T13:00:00Z`.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Before then: `2h`, `2026-11-22` or `2026-11-22T13:00:00Z`.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
}

/// How the last events are shown.
#[derive(Args)]
pub struct Tail {
    #[command(flatten)]
    which: Which,
    /// At most so many.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    lines: u64,
    /// Goes on showing what happens.
    #[arg(short, long)]
    follow: bool,
    /// One JSON object a line, for programs.
    #[arg(long)]
    json: bool,
}

/// How events are found.
#[derive(Args)]
pub struct Search {
    #[command(flatten)]
    which: Which,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,
    /// Only those behind this cursor, which the page before ended with.
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    after: Option<Cursor>,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// How events are written out.
#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    which: Which,
    /// JSON, one object a line, or a table with commas.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
}

/// How events look outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Jsonl,
    Csv,
}

fn cursor(text: &str) -> Result<Cursor, String> {
    text.parse().map_err(|()| "this is no cursor of a page before".to_owned())
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    let app = desk.app().await?;
    match command {
        Command::Tail(options) => tail(&app, options, desk).await,
        Command::Search(options) => search(&app, options, desk).await,
        Command::Export(options) => {
            let filter = options.which.filter(&app).await?;
            export::run(&app, &filter, options.format, desk).await
        }
        Command::Verify(options) => verify::run(&app, &options, desk).await,
    }
}

impl Which {
    async fn filter(self, app: &App) -> Result<Filter, Failure> {
        let now = app.now();
        let second = |text: Option<String>| text.map(|text| second(&text, now)).transpose();
        Ok(Filter {
            actor: who(app, self.actor).await?,
            target: who(app, self.target).await?,
            about: None,
            events: known_events(self.events)?,
            service: self.service,
            reference: self.reference,
            since: second(self.since)?,
            until: second(self.until)?,
        })
    }
}

/// The names of events, `user.login`, and of families of them, `credential.*`, unless one is not known.
fn known_events(names: Vec<String>) -> Result<Vec<String>, Failure> {
    for name in &names {
        let is_known = match name.strip_suffix('*') {
            Some(family) => Event::ALL.iter().any(|event| event.name().starts_with(family)),
            None => Event::named(name).is_some(),
        };
        if !is_known {
            let near = nearest(name, Event::ALL.iter().map(|event| event.name()));
            let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(Failure::usage(format!("there is no event `{}`{help}", plain(name))));
        }
    }
    Ok(names)
}

/// The id of a user; whoever is gone, or was never a user, is called by what is written.
async fn who(app: &App, who: Option<String>) -> Result<Option<String>, Failure> {
    let Some(who) = who else { return Ok(None) };
    match super::user::find(app, &who).await {
        Ok(user) => Ok(Some(user.id.to_string())),
        Err(failure) if failure.code == 3 => Ok(Some(who)),
        Err(failure) => Err(failure),
    }
}

/// A time, a day (UTC), or how long ago.
pub fn second(text: &str, now: OffsetDateTime) -> Result<i64, Failure> {
    if let Ok(ago) = Span::parse(text) {
        return Ok((now - ago.0).unix_timestamp());
    }
    if let Ok(day) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        return Ok(day.midnight().assume_utc().unix_timestamp());
    }
    let at = OffsetDateTime::parse(text, &Rfc3339);
    at.map(OffsetDateTime::unix_timestamp).map_err(|_| {
        Failure::usage(format!("`{}` is no time: write 2h, 2026-11-22 or 2026-11-22T13:00:00Z", plain(text)))
    })
}

async fn search(app: &App, options: Search, desk: &mut Desk) -> Result<(), Failure> {
    let filter = options.which.filter(app).await?;
    let Page { events, next } = app.store().audit(&filter, options.after, options.limit).await?;
    if options.json {
        return desk.json(&events);
    }
    let rows: Vec<_> = events.iter().map(cells).collect();
    desk.table(["TIME", "EVENT", "ACTOR", "TARGET", "ADDRESS", "REFERENCE"], &rows)?;
    match next {
        Some(next) => desk.hint(format!("There are more: --after {next}")),
        None => Ok(()),
    }
}

async fn tail(app: &App, options: Tail, desk: &mut Desk) -> Result<(), Failure> {
    let filter = options.which.filter(app).await?;
    let mut last =
        if options.lines == 0 { Vec::new() } else { app.store().audit(&filter, None, options.lines).await?.events };
    last.reverse();
    last.iter().try_for_each(|event| show(event, options.json, desk))?;
    if !options.follow {
        return Ok(());
    }
    let begun = app.store().now();
    let mut seen: Vec<_> = last.iter().map(|event| (event.cursor().at, event.id)).collect();
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tick.tick().await;
        let recent = app.store().now() - LATE;
        seen.retain(|(at, _)| *at >= recent);
        for event in fresh(app, &filter, recent.max(begun)).await? {
            let mark = (event.cursor().at, event.id);
            if !seen.contains(&mark) {
                seen.push(mark);
                show(&event, options.json, desk)?;
                desk.out.flush()?;
            }
        }
    }
}

/// What happened from this second on, oldest first.
async fn fresh(app: &App, filter: &Filter, since: i64) -> Result<Vec<Recorded>, Failure> {
    let filter = Filter { since: Some(since.max(filter.since.unwrap_or(since))), ..filter.clone() };
    let mut all = Vec::new();
    let mut behind = None;
    loop {
        let Page { events, next } = app.store().audit(&filter, behind, PAGE).await?;
        all.extend(events);
        behind = next;
        if behind.is_none() {
            all.reverse();
            return Ok(all);
        }
    }
}

fn show(event: &Recorded, json: bool, desk: &mut Desk) -> Result<(), Failure> {
    if json {
        return desk.say(serde_json::to_string(event)?);
    }
    desk.say(line(event))
}

/// An event on one line.
pub fn line(event: &Recorded) -> String {
    let [time, name, actor, target, address, _] = cells(event);
    let details = if event.details.as_object().is_some_and(serde_json::Map::is_empty) {
        String::new()
    } else {
        format!("  {}", plain(&event.details.to_string()))
    };
    format!("{time}  {name:<28}  {actor} → {target}  {address}{details}")
}

fn cells(event: &Recorded) -> [String; 6] {
    let actor = event.actor_id.as_deref().unwrap_or(&event.actor_kind);
    [
        moment(event.time),
        event.event.clone(),
        plain(actor),
        or_dash(event.target.as_deref()),
        or_dash(event.ip.as_deref()),
        or_dash(event.reference.as_deref()),
    ]
}
