//! Pages of dev mode: the demo service, the mail sink, the people to be.

use std::sync::Arc;

use askama::Template;

use super::{Href, Moment, Notice, Page, Shell};

/// `/demo`: a service that shows what it gets.
#[derive(Debug, Clone, Template)]
#[template(path = "demo.html")]
pub struct DemoPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// What is said first.
    pub notice: Option<Notice>,
    /// Where the sign-in starts.
    pub start: Href,
    /// What the service got; `None` before the sign-in.
    pub token: Option<DemoToken>,
}

/// What a service gets after a sign-in.
#[derive(Debug, Clone)]
pub struct DemoToken {
    /// What to call them.
    pub name: String,
    /// The token's header, JSON with line breaks.
    pub header: String,
    /// The token's payload, JSON with line breaks.
    pub payload: String,
    /// The token.
    pub raw: String,
    /// Each permission and whether it is granted.
    pub permissions: Vec<(String, bool)>,
    /// Lines to paste into a terminal.
    pub curl: Vec<CurlLine>,
    /// When the token dies.
    pub valid_until: Moment,
    /// Where one signs out.
    pub logout: Href,
}

/// A line to paste into a terminal.
#[derive(Debug, Clone)]
pub struct CurlLine {
    /// What it does, in a few words.
    pub what: String,
    /// The line.
    pub command: String,
}

/// `/dev/mail`: the letters that dev mode did not send.
#[derive(Debug, Clone, Template)]
#[template(path = "dev_mail.html")]
pub struct DevMailPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// All letters, newest first.
    pub mails: Vec<MailRow>,
    /// The one that is open.
    pub open: Option<OpenMail>,
    /// This page anew.
    pub reload: Href,
}

/// A letter in the list.
#[derive(Debug, Clone)]
pub struct MailRow {
    /// Where it is shown.
    pub url: Href,
    /// To whom.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// When it was written.
    pub at: Option<Moment>,
    /// Whether it is the open one.
    pub is_open: bool,
}

/// A letter.
#[derive(Debug, Clone)]
pub struct OpenMail {
    /// To whom.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// When it was written.
    pub at: Option<Moment>,
    /// The plain text.
    pub text: String,
    /// The HTML part; its source is shown.
    pub html: String,
}

impl OpenMail {
    /// The plain text in pieces: `true` for those that are links.
    pub fn pieces(&self) -> Vec<(bool, &str)> {
        let mut pieces = Vec::new();
        let mut rest = self.text.as_str();
        while let Some(start) = ["http://", "https://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
            let (before, link) = rest.split_at(start);
            let end = link.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"')).unwrap_or(link.len());
            let (link, after) = link.split_at(end);
            pieces.extend([(false, before), (true, link)]);
            rest = after;
        }
        pieces.push((false, rest));
        pieces
    }
}

/// The dev provider's own page: whom to be.
#[derive(Debug, Clone, Template)]
#[template(path = "dev_people.html")]
pub struct DevPeoplePage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The seeded people; their buttons are `#dev-person-0`, `#dev-person-1` …
    pub people: Vec<DevPerson>,
    /// Back, with a refusal.
    pub cancel: Option<Href>,
}

/// Somebody to be.
#[derive(Debug, Clone)]
pub struct DevPerson {
    /// *Ada*.
    pub name: String,
    /// *admin*, *member*, *locked*; empty for nothing.
    pub note: String,
    /// Where being them starts.
    pub url: Href,
}

impl Page for DemoPage {}
impl Page for DevMailPage {}
impl Page for DevPeoplePage {}
