//! API keys and devices: what else opens the account, and where it is open.

use std::sync::Arc;

use askama::Template;

use super::{Frame, Hidden, Href, Moment, Notice, Page, Shell};

/// `/account/keys`: a person's API keys.
#[derive(Debug, Clone, Template)]
#[template(path = "account/keys.html")]
pub struct KeysPage {
    /// The other pages of the account.
    pub frame: Frame,
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// What is said first.
    pub notice: Option<Notice>,
    /// The keys, the newest first.
    pub keys: Vec<KeyRow>,
    /// Where a key is made; `None` where people make none.
    pub new: Option<Href>,
    /// Where one is revoked, by POST with the field `key`.
    pub revoke: Href,
    /// Where all are revoked, by POST.
    pub revoke_all: Href,
    /// `csrf`, for both.
    pub hidden: Vec<Hidden>,
    /// Now, for times as people say them.
    pub now: Moment,
}

/// An API key.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// What revokes it: the value of the field `key`.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The part that may be shown: `cs_1a2B3c4D`.
    pub prefix: String,
    /// What it is for.
    pub scopes: Vec<String>,
    /// Where it may be used from; empty: anywhere.
    pub networks: Vec<String>,
    /// When it was made.
    pub created: Moment,
    /// When it runs out.
    pub expires: Moment,
    /// Whether it has run out.
    pub is_over: bool,
    /// When it was used last.
    pub used: Option<Moment>,
}

/// `/account/keys/new`: a key to be made.
#[derive(Debug, Clone, Template)]
#[template(path = "account/key_new.html")]
pub struct NewKeyPage {
    /// The other pages of the account.
    pub frame: Frame,
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// What was wrong with the last try.
    pub error: Option<String>,
    /// Where the form is sent.
    pub action: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// The name as typed before.
    pub name: String,
    /// The days as typed before.
    pub days: String,
    /// Most days.
    pub most_days: i64,
    /// The networks as typed before.
    pub networks: String,
    /// Services the key may be for: id, name.
    pub services: Vec<(String, String)>,
    /// Services its owner administers: id, name.
    pub administered: Vec<(String, String)>,
    /// What else the key may be for: only administrators have more.
    pub scopes: Vec<ScopeChoice>,
    /// Back to the list.
    pub back: Href,
}

/// Something a key may be for.
#[derive(Debug, Clone)]
pub struct ScopeChoice {
    /// The field's name: `users:read`.
    pub word: String,
    /// What it allows.
    pub says: &'static str,
    /// Whether it was chosen before.
    pub is_chosen: bool,
}

/// The key that was made, shown this once.
#[derive(Debug, Clone, Template)]
#[template(path = "account/key_made.html")]
pub struct KeyMadePage {
    /// The other pages of the account.
    pub frame: Frame,
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// What its owner calls it.
    pub name: String,
    /// All of it.
    pub key: String,
    /// When it runs out.
    pub expires: Moment,
    /// On to the list.
    pub done: Href,
}

/// `/account/devices`: where somebody is signed in.
#[derive(Debug, Clone, Template)]
#[template(path = "account/devices.html")]
pub struct DevicesPage {
    /// The other pages of the account.
    pub frame: Frame,
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// Live sessions, the last used first.
    pub sessions: Vec<DeviceRow>,
    /// Where a session is ended, by POST with the field `session`.
    pub end_session: Href,
    /// Where all but this session are ended, by POST.
    pub end_others: Href,
    /// `csrf`, for both.
    pub hidden: Vec<Hidden>,
    /// Now, for times as people say them.
    pub now: Moment,
}

/// A live session.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// What ends it: the value of the field `session`.
    pub id: String,
    /// The browser: `Firefox on Linux`.
    pub device: String,
    /// Where that is: `Berlin, Germany`; `None` if nobody knows.
    pub place: Option<String>,
    /// The network address, if it is kept.
    pub ip: Option<String>,
    /// When it began.
    pub created: Moment,
    /// When it was used last.
    pub seen: Moment,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

impl DevicesPage {
    /// Whether there is another session.
    pub fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_this)
    }
}

impl Page for KeysPage {}
impl Page for NewKeyPage {}
impl Page for KeyMadePage {}
impl Page for DevicesPage {}
