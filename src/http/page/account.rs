//! Being signed in, leaving, and the first administrator.

use std::sync::Arc;

use askama::Template;

use super::show::initial;
use super::{ActivityRow, Frame, Hidden, Href, Methods, Moment, Notice, Page, ServiceLink, Shell};

/// `/account`: who is signed in, and where.
#[derive(Debug, Clone, Template)]
#[template(path = "account/overview.html")]
pub struct AccountPage {
    /// The other pages of the account.
    pub frame: Frame,
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// What is said first.
    pub notice: Option<Notice>,
    /// What to call them.
    pub name: String,
    /// The username; `None` until one is chosen.
    pub username: Option<String>,
    /// The main address.
    pub address: Option<ShownAddress>,
    /// How they signed in this time: `Google`, `password`, `link by mail`.
    pub signed_in_with: String,
    /// When they signed in.
    pub signed_in_at: Moment,
    /// Services to go on to; the first is the most prominent button.
    pub services: Vec<ServiceLink>,
    /// Where one signs out.
    pub logout: Href,
    /// Now, for times as people say them.
    pub now: Moment,
    /// Whether nobody administrates this server yet.
    pub no_admin_yet: bool,
    /// Where this server is administrated; `None` for most.
    pub administration: Option<Href>,
    /// What makes the account safe.
    pub checks: Vec<CheckRow>,
    /// What happened lately, the newest first.
    pub deeds: Vec<ActivityRow>,
}

/// One thing that makes an account safe.
#[derive(Debug, Clone)]
pub struct CheckRow {
    /// Whether it is so.
    pub is_good: bool,
    /// How it is.
    pub text: &'static str,
    /// Where it is changed.
    pub action: Href,
}

impl AccountPage {
    /// The first letter of the name.
    pub fn initial(&self) -> String {
        initial(&self.name)
    }

    /// Services with a way to them.
    pub fn reachable(&self) -> Vec<(&str, &Href)> {
        self.services.iter().filter_map(|service| Some((service.name.as_str(), service.url.as_ref()?))).collect()
    }
}

/// `/account/confirm`: the person signs in once more before a sensitive step.
#[derive(Debug, Clone, Template)]
#[template(path = "account/confirm.html")]
pub struct ConfirmPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// Who it is asked of.
    pub name: String,
    /// The ways in that the account has.
    pub methods: Methods,
    /// Back to the account, with nothing done.
    pub back: Href,
}

/// An address and whether it is proven.
#[derive(Debug, Clone)]
pub struct ShownAddress {
    /// The address.
    pub address: String,
    /// Whether it is proven.
    pub verified: bool,
}

/// `/logout`: here, or everywhere. Field `scope`: `here` or `everywhere`.
#[derive(Debug, Clone, Template)]
#[template(path = "logout.html")]
pub struct LogoutPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// Who is signed in.
    pub name: String,
    /// Where the form is sent.
    pub action: Href,
    /// `csrf` and the like.
    pub hidden: Vec<Hidden>,
    /// How many sessions live, this one included.
    pub sessions: usize,
    /// Back to where they were.
    pub stay: Href,
}

/// After signing out.
#[derive(Debug, Clone, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// Whether every session was ended.
    pub everywhere: bool,
    /// The service to go back to, if known and trusted.
    pub service: Option<ServiceLink>,
    /// Where one signs in again.
    pub login: Href,
}

/// `/setup/…`: the holder of the link becomes the first administrator. Fields `email`, `name`, `password`.
#[derive(Debug, Clone, Template)]
#[template(path = "setup.html")]
pub struct SetupPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// Where the form is sent.
    pub action: Href,
    /// `csrf` and the token of the link.
    pub hidden: Vec<Hidden>,
    /// The address as typed before.
    pub email: String,
    /// The name as typed before.
    pub name: String,
    /// Shortest password, in characters.
    pub min_length: usize,
    /// What was wrong with the last try.
    pub errors: SetupErrors,
    /// When the link dies.
    pub valid_until: Option<Moment>,
}

/// What was wrong, by field; all `None` at first.
#[derive(Debug, Clone, Default)]
pub struct SetupErrors {
    /// The address.
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The password.
    pub password: Option<String>,
}

impl SetupErrors {
    /// Field ids and sentences, in the order of the page.
    pub fn list(&self) -> Vec<(&'static str, &str)> {
        [("email", &self.email), ("name", &self.name), ("password", &self.password)]
            .into_iter()
            .filter_map(|(field, error)| Some((field, error.as_deref()?)))
            .collect()
    }
}

impl Page for AccountPage {}
impl Page for ConfirmPage {
    fn has_script(&self) -> bool {
        self.methods.passkey.is_some()
    }
}
impl Page for LogoutPage {}
impl Page for SignedOutPage {}
impl Page for SetupPage {}
