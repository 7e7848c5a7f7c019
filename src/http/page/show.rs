//! Small things that pages show: links that cannot run code, moments, notices, marks.

use std::fmt;

use time::macros::format_description;
use time::{Duration, OffsetDateTime};

/// The target of a link or form: a path of ours, or an `http`, `https` or `mailto` URL. Anything else becomes `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Href(String);

impl<T: Into<String>> From<T> for Href {
    fn from(raw: T) -> Self {
        let raw = raw.into();
        let own = raw.starts_with('/') && !raw.starts_with("//") && !raw.starts_with("/\\");
        let start = raw.get(..8).unwrap_or(&raw).to_ascii_lowercase();
        let known = ["http://", "https://", "mailto:"].iter().any(|scheme| start.starts_with(scheme));
        Self(if (own || known) && !raw.contains(char::is_control) { raw } else { "/".into() })
    }
}

impl fmt::Display for Href {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A field of a form that nobody sees, such as `csrf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// The field's name.
    pub name: &'static str,
    /// What is sent back.
    pub value: String,
}

impl Hidden {
    /// A field and its value.
    pub fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into() }
    }
}

/// A field that people fill in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// As typed before; never a password.
    pub value: String,
    /// What was wrong with it.
    pub error: Option<String>,
}

impl Field {
    /// What stands in it, and what is wrong with that.
    pub fn new(value: impl Into<String>, error: Option<String>) -> Self {
        Self { value: value.into(), error }
    }
}

/// What the page has to say before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How it looks, and how urgently it is read out.
    pub kind: NoticeKind,
    /// One or two sentences: what happened, what to do.
    pub text: String,
}

/// What sort of news a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Something has to be done again.
    Error,
    /// It worked.
    Success,
    /// Good to know.
    Info,
}

impl Notice {
    /// Something has to be done again.
    pub fn error(text: impl Into<String>) -> Self {
        Self { kind: NoticeKind::Error, text: text.into() }
    }

    /// It worked.
    pub fn success(text: impl Into<String>) -> Self {
        Self { kind: NoticeKind::Success, text: text.into() }
    }

    /// Good to know.
    pub fn info(text: impl Into<String>) -> Self {
        Self { kind: NoticeKind::Info, text: text.into() }
    }

    /// Whether something has to be done again.
    pub fn is_error(&self) -> bool {
        self.kind == NoticeKind::Error
    }

    /// The mark before the text.
    pub fn icon(&self) -> &'static str {
        icon(match self.kind {
            NoticeKind::Error => "alert",
            NoticeKind::Success => "check",
            NoticeKind::Info => "info",
        })
    }

    /// The class of its box.
    pub fn class(&self) -> &'static str {
        match self.kind {
            NoticeKind::Error => "error",
            NoticeKind::Success => "success",
            NoticeKind::Info => "info",
        }
    }
}

/// A service by its name, with a way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLink {
    /// What people call it.
    pub name: String,
    /// Where its people start; `None` if the file does not say.
    pub url: Option<Href>,
}

impl ServiceLink {
    /// The first letter, for a tile in place of a logo.
    pub fn initial(&self) -> String {
        initial(&self.name)
    }
}

/// The first letter or digit of a name, in upper case; a dot for a name without one.
pub fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "•".into(), |c| c.to_uppercase().to_string())
}

/// A time on a page, always in UTC: the server does not know where the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(OffsetDateTime);

impl From<OffsetDateTime> for Moment {
    fn from(at: OffsetDateTime) -> Self {
        Self(at.to_offset(time::UtcOffset::UTC))
    }
}

impl Moment {
    /// For `datetime` attributes: `2020-01-01T12:03:30Z`.
    pub fn iso(&self) -> String {
        self.0
            .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
            .expect("all parts are in the value")
    }

    /// `12:03:30 UTC`.
    pub fn time(&self) -> String {
        self.0.format(format_description!("[hour]:[minute]:[second] UTC")).expect("all parts are in the value")
    }

    /// `1 January 2020, 12:03:30 UTC`.
    pub fn full(&self) -> String {
        self.0
            .format(format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute]:[second] UTC"))
            .expect("all parts are in the value")
    }

    /// `just now`, `5 minutes ago`, `3 hours ago`, `2 days ago`, and the date after 30 days.
    pub fn ago(&self, now: &Moment) -> String {
        let age = now.0 - self.0;
        let counted = |count: i64, unit: &str| format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" });
        match age {
            age if age < Duration::MINUTE => "just now".into(),
            age if age < Duration::HOUR => counted(age.whole_minutes(), "minute"),
            age if age < Duration::DAY => counted(age.whole_hours(), "hour"),
            age if age <= Duration::days(30) => counted(age.whole_days(), "day"),
            _ => self
                .0
                .format(format_description!("on [day padding:none] [month repr:long] [year]"))
                .expect("all parts are in the value"),
        }
    }
}

/// A sentence as HTML: all of it is escaped, and then what stands between backticks is code. One backtick alone is a backtick.
pub fn prose(text: &str) -> String {
    let escaped = match askama::filters::escape(text, askama::filters::Html) {
        Ok(escaped) => escaped.to_string(),
    };
    let (mut html, mut rest) = (String::with_capacity(escaped.len()), escaped.as_str());
    while let Some((before, tail)) = rest.split_once('`')
        && let Some((code, after)) = tail.split_once('`')
    {
        html.extend([before, "<code>", code, "</code>"]);
        rest = after;
    }
    html + rest
}

/// A mark as SVG, for `|safe`; an unknown name gives a key.
pub fn icon(name: &str) -> &'static str {
    ICONS.iter().find(|(known, _)| *known == name).map_or(KEY, |(_, svg)| svg)
}

const KEY: &str = include_str!("../../../templates/icon/key.svg");

macro_rules! icons {
    ($($name:literal),+) => {
        &[$(($name, include_str!(concat!("../../../templates/icon/", $name, ".svg")))),+]
    };
}

/// All marks by name.
const ICONS: &[(&str, &str)] =
    icons!["google", "github", "openid", "dev", "mail", "key", "alert", "check", "info", "device", "mark"];
