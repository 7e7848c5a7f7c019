//! The link that sets another password: asked for by its owner, or by an administrator for somebody else.

use serde::{Deserialize, Serialize};

use super::App;
use crate::account::ResetLink;
use crate::account::administration::{AdminError, Office};
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::login::door::Carrier;

/// What a reset is called, as an attempt and as the first factor of its proof.
pub const METHOD: &str = "reset";

/// What a link remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    pub user: UserId,
    /// Where the letter went; if the account moves to another address, the link is over.
    pub email: Email,
    /// Whether the second factor was proven in this browser.
    pub proven: bool,
}

/// Who hands the link of an administrator over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandedOver {
    /// We, by mail.
    ByMail,
    /// Whoever asked; nothing is mailed.
    ByCaller,
}

impl App {
    /// A link for the owner of the address, and its text; it counts from [`crate::account::Accounts::reset_asked`] on.
    pub fn reset_link(&self, user: UserId, email: &Email) -> (ResetLink, String) {
        let memory = Memory { user, email: email.clone(), proven: false };
        let lasts = self.settings.login.password.reset_ttl;
        let attempt = self.door.begin(METHOD, None, lasts, serde_json::to_value(memory).expect("plain JSON"));
        let text = self.url(&format!("/login/reset?token={}", self.door.seal(&attempt, Carrier::Mail)));
        (ResetLink { id: attempt.id, user, expires_at: attempt.expires_at }, text)
    }

    /// Makes a link for somebody else, as an administrator asks for it; no password is set or taken away by that. Returns the link
    /// for whoever hands it over.
    ///
    /// # Errors
    /// A guard, no address, a lock, or that passwords are off, or letters.
    pub async fn reset_for(&self, office: &Office<'_>, user: &User, how: HandedOver) -> Result<String, AdminError> {
        if !self.settings.login.password.enabled {
            return Err(AdminError::NoPasswords);
        }
        if how == HandedOver::ByMail && !self.sends_letters() {
            return Err(AdminError::NoLetters);
        }
        let email = &user.email.as_ref().ok_or(AdminError::NoAddress)?.email;
        let (link, text) = self.reset_link(user.id, email);
        let letter = (how == HandedOver::ByMail).then(|| self.admin_reset_letter(email, text.clone()));
        office.reset(user.id, &link, letter.as_ref()).await?;
        Ok(text)
    }
}
