//! The log: one event, one line, whatever is in it.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::settings::{LogFormat, Observability};
use crate::http::layers::RequestId;

/// Longest value, in characters; the rest is cut.
const LONGEST: usize = 2000;

const REQUEST_ID: &str = "request.id";

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log_level` is not in the syntax of `EnvFilter`.
    #[error("`{text}` does not say what to log")]
    Level {
        /// What it says.
        text: String,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// There is one already.
    #[error("there is a log already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts the log on standard error, and sends panics there too.
pub fn init(observability: &Observability, is_terminal: bool) -> Result<(), LogError> {
    let lines = Lines::new(observability, is_terminal, std::io::stderr);
    tracing_subscriber::registry().with(filter(&observability.log_level)?).with(lines).try_init()?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let said = panic.payload_as_str().unwrap_or_default();
        tracing::error!(panic.place = place, panic.said = said, "a task panicked");
    }));
    Ok(())
}

/// What is logged.
pub fn filter(level: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(level).map_err(|source| LogError::Level { text: level.to_owned(), source })
}

/// Writes events as lines.
pub struct Lines<W> {
    is_json: bool,
    is_terminal: bool,
    exclude: Vec<String>,
    to: W,
}

impl<W> Lines<W> {
    /// As the file says; `auto` is text on a terminal and JSON elsewhere.
    pub fn new(observability: &Observability, is_terminal: bool, to: W) -> Self {
        let is_json = match observability.log_format {
            LogFormat::Auto => !is_terminal,
            LogFormat::Text => false,
            LogFormat::Json => true,
        };
        Self { is_json, is_terminal, exclude: observability.log_exclude.clone(), to }
    }
}

impl<S: Subscriber, W: for<'w> MakeWriter<'w> + 'static> Layer<S> for Lines<W> {
    /// What libraries say in detail may hold headers and bodies, so it is never logged.
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= Level::INFO || metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields { exclude: &self.exclude, message: String::new(), rest: Vec::with_capacity(8) };
        event.record(&mut fields);
        if !fields.knows(REQUEST_ID)
            && !fields.is_excluded(REQUEST_ID)
            && let Some(id) = RequestId::current()
        {
            fields.rest.push((REQUEST_ID, id.to_string().into()));
        }
        let line = if self.is_json { json(event.metadata(), fields) } else { self.text(event.metadata(), fields) };
        let _ = self.to.make_writer_for(event.metadata()).write_all(line.as_bytes());
    }
}

impl<W> Lines<W> {
    fn text(&self, metadata: &Metadata<'_>, fields: Fields<'_>) -> String {
        let level = metadata.level();
        let mut line = now();
        let colour = match *level {
            _ if !self.is_terminal => "",
            Level::ERROR => "\x1b[31m",
            Level::WARN => "\x1b[33m",
            _ => "\x1b[2m",
        };
        let plain = if colour.is_empty() { "" } else { "\x1b[0m" };
        let _ = write!(line, " {colour}{level:>5}{plain} {}", escaped(fields.message));
        for (name, value) in fields.rest {
            let value = match value {
                Value::String(text) if text.is_empty() || text.contains([' ', '"', '=']) => {
                    escaped(format!("{text:?}"))
                }
                Value::String(text) => escaped(text),
                other => other.to_string(),
            };
            let _ = write!(line, " {name}={value}");
        }
        line.push('\n');
        line
    }
}

fn json(metadata: &Metadata<'_>, fields: Fields<'_>) -> String {
    let mut line = Vec::with_capacity(512);
    serde_json::to_writer(&mut line, &Line { metadata, fields }).expect("texts and numbers are JSON");
    let mut line = escaped(String::from_utf8(line).expect("JSON is UTF-8"));
    line.push('\n');
    line
}

/// An event as a JSON object.
struct Line<'a> {
    metadata: &'a Metadata<'a>,
    fields: Fields<'a>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let level = match *self.metadata.level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("time", &now())?;
        map.serialize_entry("level", level)?;
        map.serialize_entry("target", self.metadata.target())?;
        map.serialize_entry("message", &self.fields.message)?;
        for (name, value) in &self.fields.rest {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn now() -> String {
    let mut text = String::with_capacity(32);
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

/// Whether the character could end a line, move a cursor or turn the text around.
fn is_unruly(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Unruly characters as JSON writes them: all of them lie in the basic plane, and in JSON text they stand in strings only.
fn escaped(text: String) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unruly(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// The fields of one event.
struct Fields<'a> {
    exclude: &'a [String],
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl Fields<'_> {
    fn is_excluded(&self, name: &str) -> bool {
        self.exclude.iter().any(|excluded| excluded == name)
    }

    fn knows(&self, name: &str) -> bool {
        self.rest.iter().any(|(known, _)| *known == name)
    }

    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        if name == "message" {
            self.message = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
        } else if !name.starts_with("log.") && !self.is_excluded(name) {
            match self.rest.iter_mut().find(|(known, _)| *known == name) {
                Some((_, earlier)) => *earlier = value,
                None => self.rest.push((name, value)),
            }
        }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST
        && let Some((end, _)) = text.char_indices().nth(LONGEST)
    {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, cut(format!("{value:?}")).into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, cut(value.to_owned()).into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}
