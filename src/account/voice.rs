//! Letters to the owner of an account, in the name of this server.

use time::Duration;

use crate::config::settings::Settings;
use crate::domain::user::User;
use crate::mail::Mail;
use crate::mail::notice::{Letter, Sender};

/// Who writes, and for how long a letter is tried.
#[derive(Debug, Clone, Default)]
pub struct Voice {
    name: String,
    footer: String,
    /// Where people look after their account.
    security: String,
    pub lasts: Duration,
}

impl Voice {
    /// As the file says.
    pub fn of(settings: &Settings) -> Self {
        let issuer = settings.server.issuer.as_str().trim_end_matches('/');
        Self {
            name: settings.theme.name.clone(),
            footer: settings.mail.footer.clone(),
            security: format!("{issuer}/account/security"),
            lasts: settings.mail.retry_for,
        }
    }

    /// Tells the owner what changed; `None` if there is no address to tell it to.
    pub fn changed(&self, user: &User, subject: &str, line: &str) -> Option<Mail> {
        let address = user.email.as_ref()?;
        let letter = Letter {
            subject: format!("{subject} – {}", self.name),
            lines: vec![format!("Hello {},", user.shown_name()), line.to_owned()],
            button: Some(("Look at your account".to_owned(), self.security.clone())),
            small: vec![
                "If this was you, there is nothing to do. If it was not, sign in and change your password.".into(),
            ],
        };
        Some(letter.to(address.email.clone(), Sender { name: &self.name, footer: &self.footer }))
    }
}
