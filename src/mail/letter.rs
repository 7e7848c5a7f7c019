//! The letters we write.

use askama::Template;
use time::OffsetDateTime;
use time::macros::format_description;

use super::Mail;
use crate::domain::email::Email;

/// The letter with the link that signs in, and the code for those who read it elsewhere.
#[derive(Debug, Clone)]
pub struct MagicLinkLetter {
    /// Who runs this server, as people know it.
    pub from: String,
    /// The service the login is for.
    pub service: Option<String>,
    /// The link.
    pub link: String,
    /// The digits; `None` where only links are sent.
    pub code: Option<String>,
    /// Which browser asked: `Firefox on Linux`.
    pub asked_on: String,
    /// When it asked.
    pub asked_at: OffsetDateTime,
    /// When link and code die.
    pub valid_until: OffsetDateTime,
    /// `mail.footer`; may be empty.
    pub footer: String,
}

#[derive(Template)]
#[template(path = "mail/magic_link.txt")]
struct Text<'a>(&'a MagicLinkLetter);

#[derive(Template)]
#[template(path = "mail/magic_link.html")]
struct Html<'a>(&'a MagicLinkLetter);

impl MagicLinkLetter {
    /// The letter, ready to be sent.
    pub fn to(&self, to: Email) -> Mail {
        let written = "writing into a string cannot fail";
        Mail {
            to,
            subject: self.subject(),
            text: Text(self).render().expect(written),
            html: Html(self).render().expect(written),
        }
    }

    /// One line, with the code at its end: that is what a locked phone shows.
    fn subject(&self) -> String {
        let line = match &self.code {
            Some(code) => format!("Sign in to {}: your code is {code}", self.target()),
            None => format!("Sign in to {}", self.target()),
        };
        line.replace(char::is_control, " ")
    }

    /// What one signs in to.
    fn target(&self) -> &str {
        self.service.as_deref().unwrap_or(&self.from)
    }

    /// `1 January 2020, 12:03 UTC`.
    fn asked(&self) -> String {
        let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
        self.asked_at.to_offset(time::UtcOffset::UTC).format(format).expect("all parts are in the value")
    }

    /// `15 minutes (until 12:18 UTC)`.
    fn validity(&self) -> String {
        let minutes = (self.valid_until - self.asked_at).whole_minutes().max(1);
        let format = format_description!("[hour]:[minute] UTC");
        let until =
            self.valid_until.to_offset(time::UtcOffset::UTC).format(format).expect("all parts are in the value");
        format!("{minutes} minute{} (until {until})", if minutes == 1 { "" } else { "s" })
    }
}
