//! Letters about what somebody should know of their account.

use super::App;
use crate::domain::user::User;
use crate::mail::Mail;
use crate::mail::notice::Letter;

impl App {
    /// Somebody signed in with a browser that never did; `None` for somebody without an address, or where no mail is sent.
    /// `device`: `Firefox on Linux`.
    pub fn new_device_letter(&self, user: &User, device: &str) -> Option<Mail> {
        let name = &self.settings.theme.name;
        self.mailed(
            user,
            &Letter {
                subject: format!("A new sign-in to your {name} account"),
                lines: vec![
                    format!("Somebody signed in to your {name} account with {device}, {}.", self.day_and_time()),
                    "With this browser, nobody had signed in to it before.".into(),
                ],
                button: Some(("See what happened".into(), self.url("/account/activity"))),
                small: vec![
                    "If that was you, you need not do anything.".into(),
                    "If it was not, open the page and say so: it signs everybody else out, and you can lock them out for good."
                        .into(),
                ],
            },
        )
    }

    /// Somebody said that a deed was not theirs, and everybody else was signed out.
    pub fn disowned_letter(&self, user: &User) -> Option<Mail> {
        let name = &self.settings.theme.name;
        self.mailed(
            user,
            &Letter {
                subject: format!("You were signed out of {name} elsewhere"),
                lines: vec![
                    format!("On your activity page, {}, you said that something was not you.", self.day_and_time()),
                    "All other sessions of your account have ended. Now change your password, and look at your sign-in methods."
                        .into(),
                ],
                button: Some(("Sign-in methods".into(), self.url("/account/security"))),
                small: vec!["If you did not say so, somebody else is signed in: do the same on your side.".into()],
            },
        )
    }
}
