//! What happened with the account.

use std::sync::Arc;

use askama::Template;

use super::{Frame, Hidden, Href, Moment, Notice, Page, Shell};

/// `/account/activity`: what happened, newest first. Field of its forms: `event`.
#[derive(Debug, Clone, Template)]
#[template(path = "account/activity.html")]
pub struct ActivityPage {
    /// The other pages of the account.
    pub frame: Frame,
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// What is said first.
    pub notice: Option<Notice>,
    /// Which events are shown, and which could be.
    pub filters: Vec<ActivityFilter>,
    /// Newest first.
    pub rows: Vec<ActivityRow>,
    /// The next page; `None` on the last.
    pub older: Option<Href>,
    /// The first page; `None` there.
    pub newest: Option<Href>,
    /// Where somebody says, by POST, that it was not them.
    pub not_me: Href,
    /// Where sign-in methods are changed.
    pub security: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// Now, for times as people say them.
    pub now: Moment,
}

/// A choice of events.
#[derive(Debug, Clone)]
pub struct ActivityFilter {
    /// What it is called.
    pub label: &'static str,
    /// Where it is.
    pub href: Href,
    /// Whether it is the one that is shown.
    pub is_here: bool,
}

/// One event.
#[derive(Debug, Clone)]
pub struct ActivityRow {
    /// The event's id.
    pub id: String,
    /// `You signed in with Google`.
    pub what: String,
    /// `Firefox on Linux`.
    pub device: Option<String>,
    /// The network address, while it is kept.
    pub ip: Option<String>,
    /// The service it was about.
    pub service: Option<String>,
    /// When it happened.
    pub at: Moment,
    /// Whether it should not be overlooked.
    pub is_grave: bool,
    /// Whether the person may say that it was not them.
    pub may_disown: bool,
}

impl Page for ActivityPage {}
