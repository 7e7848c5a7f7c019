//! Pages of the account about who somebody is: name, addresses, what is kept of them, and their leaving.

use std::sync::Arc;

use askama::Template;

use super::{Field, Frame, Hidden, Href, Moment, Notice, Page, Shell};

/// `/account/profile`: name, username, addresses, id.
#[derive(Debug, Clone, Template)]
#[template(path = "account/profile.html")]
pub struct ProfilePage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The list of pages.
    pub frame: Frame,
    /// What is said first.
    pub notice: Option<Notice>,
    /// `csrf`, for both forms.
    pub hidden: Vec<Hidden>,
    /// What to call them. Field `name`.
    pub name: Field,
    /// Where the name is sent.
    pub name_action: Href,
    /// The username.
    pub username: UsernameForm,
    /// The addresses, the main one first.
    pub addresses: Vec<AddressRow>,
    /// Where they are changed.
    pub change_addresses: Href,
    /// Their id, for people who ask for help.
    pub id: String,
}

/// The username, and whether it can be chosen. Field `username`.
#[derive(Debug, Clone)]
pub struct UsernameForm {
    /// The one they have.
    pub current: Option<String>,
    /// Where a wish is sent; `None` if there is nothing to choose.
    pub action: Option<Href>,
    /// Whether the choice is for good.
    pub is_once: bool,
    /// The wish as typed before, and why it cannot be.
    pub wish: Field,
}

/// One address.
#[derive(Debug, Clone)]
pub struct AddressRow {
    /// The address.
    pub address: String,
    /// Whether it is proven.
    pub is_verified: bool,
    /// Whether mail goes there.
    pub is_main: bool,
}

/// `/account/addresses`: another one, another main one, one less. Field `email`.
#[derive(Debug, Clone, Template)]
#[template(path = "account/addresses.html")]
pub struct AddressesPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The list of pages.
    pub frame: Frame,
    /// What is said first.
    pub notice: Option<Notice>,
    /// `csrf`, for all forms.
    pub hidden: Vec<Hidden>,
    /// The addresses, the main one first.
    pub addresses: Vec<AddressRow>,
    /// The new one.
    pub email: Field,
    /// Where a new one is sent.
    pub add: Href,
    /// Where one becomes the main one.
    pub make_main: Href,
    /// Where one is removed.
    pub remove: Href,
    /// Back to the profile.
    pub back: Href,
}

/// One step behind a mailed link, or its end: what happens, and at most one button.
#[derive(Debug, Clone, Template)]
#[template(path = "step.html")]
pub struct StepPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The mark.
    pub icon: &'static str,
    /// The heading.
    pub title: String,
    /// What happens.
    pub text: Vec<String>,
    /// A form without fields: where it is sent, what is sent along, what its button says.
    pub form: Option<(Href, Vec<Hidden>, String)>,
    /// Where one goes instead: where, and what the link says.
    pub link: Option<(Href, String)>,
}

/// `/account/verify`: the one page of an account whose address is not proven.
#[derive(Debug, Clone, Template)]
#[template(path = "account/verify.html")]
pub struct VerifyPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// Whether a link is on its way.
    pub is_sent: bool,
    /// The address.
    pub address: String,
    /// Where the wish for a link is sent.
    pub action: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// The way out.
    pub logout: Href,
}

/// `/account/privacy`: what is kept, and the way to have it gone.
#[derive(Debug, Clone, Template)]
#[template(path = "account/privacy.html")]
pub struct PrivacyPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The list of pages.
    pub frame: Frame,
    /// Where the wish for the data is sent.
    pub export: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// Where one leaves.
    pub leave: Href,
    /// In days; 0: at once.
    pub grace: i64,
    /// For how many days the record of what happened is kept.
    pub audit: i64,
}

/// `/account/privacy/delete`: what has to be typed to leave. Field `confirmation`.
#[derive(Debug, Clone, Template)]
#[template(path = "account/leave.html")]
pub struct LeavePage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The list of pages.
    pub frame: Frame,
    /// What has to be typed.
    pub expected: String,
    /// What was typed, and what was wrong.
    pub confirmation: Field,
    /// Where it is sent.
    pub action: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// In days; 0: at once.
    pub grace: i64,
    /// Back.
    pub back: Href,
}

/// `/account/keep`: the account goes soon, unless.
#[derive(Debug, Clone, Template)]
#[template(path = "account/keep.html")]
pub struct KeepPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// When it goes.
    pub at: Moment,
    /// Where the wish to stay is sent.
    pub action: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// The way out.
    pub logout: Href,
}

impl Page for ProfilePage {}
impl Page for AddressesPage {}
impl Page for StepPage {}
impl Page for VerifyPage {}
impl Page for PrivacyPage {}
impl Page for LeavePage {}
impl Page for KeepPage {}
