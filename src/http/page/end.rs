//! Where something ended: errors, and a host that is not ours.

use std::sync::Arc;

use askama::Template;

use super::{Href, Moment, Page, Shell};

/// Something went wrong: what happened, what one can do, what to tell the administrator.
#[derive(Debug, Clone, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// A few words: *This sign-in has expired*.
    pub title: String,
    /// What happened, in one or two sentences.
    pub what: String,
    /// From when on it may work again, for waits; `None` otherwise.
    pub again_at: Option<Moment>,
    /// What one can do; the first is the most prominent. Empty: back to the start.
    pub actions: Vec<Action>,
    /// The request id.
    pub reference: String,
    /// When it happened.
    pub at: Moment,
    /// For the administrator, folded: names and values, such as code and service id. Nothing secret.
    pub details: Vec<(&'static str, String)>,
}

/// A button that leads somewhere.
#[derive(Debug, Clone)]
pub struct Action {
    /// What it says.
    pub label: String,
    /// Where it leads.
    pub url: Href,
}

impl Action {
    /// A button.
    pub fn new(label: impl Into<String>, url: impl Into<Href>) -> Self {
        Self { label: label.into(), url: url.into() }
    }
}

/// 421: the browser asked for a host that is not this server's.
#[derive(Debug, Clone, Template)]
#[template(path = "wrong_host.html")]
pub struct WrongHostPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The host that was asked for.
    pub asked: String,
    /// Where this server lives.
    pub home: Href,
    /// The request id.
    pub reference: String,
    /// When it happened.
    pub at: Moment,
}

impl Page for ErrorPage {}
impl Page for WrongHostPage {}
