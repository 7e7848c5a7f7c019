//! Letters: who writes them, and those about passwords.

use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use super::App;
use crate::config::settings::MailTransport;
use crate::domain::email::Email;
use crate::domain::pause::Pause;
use crate::domain::user::User;
use crate::mail::Mail;
use crate::mail::notice::{Letter, Sender};

const TIME: StaticFormatDescription = format_description!("[hour]:[minute] UTC");
const DAY_AND_TIME: StaticFormatDescription =
    format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");

impl App {
    /// The link that sets another password; `device`: where it was asked for.
    pub fn reset_letter(&self, to: &Email, link: String, device: &str) -> Mail {
        let name = &self.settings.theme.name;
        let lasts = self.settings.login.password.reset_ttl;
        let letter = Letter {
            subject: format!("Choose a new password for {name}"),
            lines: vec![
                format!("Somebody asked on {device} for a new password for your {name} account."),
                format!("The link works once, until {}, and the newest one counts.", at(self.now() + lasts, TIME)),
            ],
            button: Some(("Choose a new password".into(), link)),
            small: vec!["If that was not you, you need not do anything: your password stays as it is.".into()],
        };
        self.letter(to, &letter)
    }

    /// The same, where an administrator wants it.
    pub fn admin_reset_letter(&self, to: &Email, link: String) -> Mail {
        let name = &self.settings.theme.name;
        let lasts = self.settings.login.password.reset_ttl;
        let letter = Letter {
            subject: format!("Choose a new password for {name}"),
            lines: vec![
                format!("An administrator asks you to choose a new password for your {name} account."),
                format!("The link works once, until {}, and the newest one counts.", at(self.now() + lasts, TIME)),
            ],
            button: Some(("Choose a new password".into(), link)),
            small: vec!["Your password stays as it is until you choose another one.".into()],
        };
        self.letter(to, &letter)
    }

    /// For somebody who asked for another password and has none.
    pub fn no_password_letter(&self, to: &Email, device: &str) -> Mail {
        let name = &self.settings.theme.name;
        let letter = Letter {
            subject: format!("Signing in to {name}"),
            lines: vec![
                format!("Somebody asked on {device} for a new password for your {name} account."),
                "The account has no password. Sign in the way you did before.".into(),
            ],
            button: Some(("Sign in".into(), self.url("/login"))),
            small: vec!["If that was not you, you need not do anything.".into()],
        };
        self.letter(to, &letter)
    }

    /// The password is another one now; `None` for somebody without an address. `device`: where it was set.
    pub fn password_changed_letter(&self, user: &User, device: &str) -> Option<Mail> {
        let name = &self.settings.theme.name;
        let letter = Letter {
            subject: format!("Your {name} password was changed"),
            lines: vec![
                format!("The password of your {name} account was set on {device}, {}.", self.day_and_time()),
                "Everybody who was signed in elsewhere is signed out.".into(),
            ],
            button: Some(("Choose a new password".into(), self.url("/login/forgot"))),
            small: vec!["If that was you, all is well. If not, choose a new password now.".into()],
        };
        self.mailed(user, &letter)
    }

    /// The password does not work for a while; `None` for somebody without an address.
    pub fn paused_letter(&self, user: &User, pause: Pause) -> Option<Mail> {
        let name = &self.settings.theme.name;
        let letter = Letter {
            subject: format!("Wrong passwords for your {name} account"),
            lines: vec![
                format!("Somebody typed many wrong passwords for your {name} account."),
                format!(
                    "To keep it safe, its password does not work for {}, until {}. Everything else does: where you are signed in you stay so.",
                    length(pause.lasts),
                    at(self.now() + pause.lasts, TIME)
                ),
            ],
            button: Some(("Choose a new password".into(), self.url("/login/forgot"))),
            small: vec!["If that was not you, your password is still a secret: nobody came in.".into()],
        };
        self.mailed(user, &letter)
    }

    /// Whether letters can be sent at all.
    pub fn sends_letters(&self) -> bool {
        !matches!(self.settings.mail.transport, MailTransport::None)
    }

    /// The letter to the user's main address; `None` for somebody without one, or where no mail is sent.
    pub(super) fn mailed(&self, user: &User, letter: &Letter) -> Option<Mail> {
        let address = user.email.as_ref().filter(|_| self.sends_letters())?;
        Some(self.letter(&address.email, letter))
    }

    /// The letter, from this server.
    pub fn letter(&self, to: &Email, letter: &Letter) -> Mail {
        letter.to(to.clone(), Sender { name: &self.settings.theme.name, footer: &self.settings.mail.footer })
    }

    /// Now, as letters say it.
    pub(super) fn day_and_time(&self) -> String {
        at(self.now(), DAY_AND_TIME)
    }
}

fn at(moment: OffsetDateTime, format: StaticFormatDescription) -> String {
    moment.to_offset(time::UtcOffset::UTC).format(format).expect("all parts are in the value")
}

fn length(span: Duration) -> String {
    let (count, unit) =
        if span < Duration::hours(2) { (span.whole_minutes(), "minute") } else { (span.whole_hours(), "hour") };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
