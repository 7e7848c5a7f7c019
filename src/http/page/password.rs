//! Passwords: forgotten, set anew, changed.

use std::sync::Arc;

use askama::Template;

use super::{Frame, Hidden, Href, Moment, Notice, Page, Shell};

/// `/login/forgot`: whose password, and the word that a letter is on its way.
#[derive(Debug, Clone, Template)]
#[template(path = "forgot.html")]
pub struct ForgotPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// Where the form goes.
    pub action: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// What was typed before.
    pub email: String,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Whether the letter is on its way.
    pub is_sent: bool,
    /// Back to the sign-in.
    pub login: Href,
}

/// A form for another password.
#[derive(Debug, Clone)]
pub struct NewPasswordForm {
    /// Where it goes.
    pub action: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// Least characters.
    pub min_length: usize,
    /// Everything that is wrong with the last wish.
    pub error: Option<String>,
}

/// `/login/reset`: another password by a mailed link.
#[derive(Debug, Clone, Template)]
#[template(path = "reset.html")]
pub struct ResetPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// Whose.
    pub address: String,
    /// The form.
    pub form: NewPasswordForm,
    /// Until when the link works.
    pub valid_until: Moment,
}

/// `/account/password`: another password, or the first.
#[derive(Debug, Clone, Template)]
#[template(path = "account/password.html")]
pub struct PasswordPage {
    /// The other pages of the account.
    pub frame: Frame,
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// What is said first.
    pub notice: Option<Notice>,
    /// The name the browser keeps it under: address or username.
    pub username: String,
    /// Whether there is one that has to be typed first.
    pub has_password: bool,
    /// The form.
    pub form: NewPasswordForm,
    /// What is wrong with the current password.
    pub current_error: Option<String>,
}

impl Page for ForgotPage {}
impl Page for ResetPage {}
impl Page for PasswordPage {}
