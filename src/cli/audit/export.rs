//! Events for other programs.

use super::{Format, PAGE};
use crate::app::App;
use crate::cli::desk::moment;
use crate::cli::{Desk, Failure};
use crate::store::audit::search::{Filter, Recorded};

/// The headings of the table, in the order of its columns.
const HEADINGS: [&str; 15] = [
    "id",
    "time",
    "event",
    "severity",
    "actor_kind",
    "actor_id",
    "target",
    "service",
    "provider",
    "ip",
    "user_agent",
    "reference",
    "details",
    "seq",
    "hash",
];

/// Writes all events that match, page by page.
pub async fn run(app: &App, filter: &Filter, format: Format, desk: &mut Desk) -> Result<(), Failure> {
    if format == Format::Csv {
        desk.out.write_all(&row(HEADINGS)?)?;
    }
    let mut behind = None;
    loop {
        let page = app.store().audit(filter, behind, PAGE).await?;
        for event in &page.events {
            match format {
                Format::Jsonl => desk.say(serde_json::to_string(event)?)?,
                Format::Csv => desk.out.write_all(&row(cells(event).iter().map(|cell| harmless(cell)))?)?,
            }
        }
        behind = page.next;
        if behind.is_none() {
            return Ok(desk.out.flush()?);
        }
    }
}

fn cells(event: &Recorded) -> [String; 15] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        event.id.to_string(),
        moment(event.time),
        event.event.clone(),
        event.severity.clone(),
        event.actor_kind.clone(),
        text(&event.actor_id),
        text(&event.target),
        text(&event.service),
        text(&event.provider),
        text(&event.ip),
        text(&event.user_agent),
        text(&event.reference),
        event.details.to_string(),
        event.seq.map(|seq| seq.to_string()).unwrap_or_default(),
        text(&event.hash),
    ]
}

/// A spreadsheet takes what begins so for a formula; strangers choose their browsers' names.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn row(cells: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}
