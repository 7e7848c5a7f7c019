//! Letters that say one thing, and offer at most one.

use askama::Template;

use super::Mail;
use crate::domain::email::Email;

/// A letter: what happened, and what one can do.
#[derive(Debug, Clone, Default)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// What happened, a sentence or two each.
    pub lines: Vec<String>,
    /// What one can do about it: what the button says, and where it leads.
    pub button: Option<(String, String)>,
    /// What else is worth knowing, smaller.
    pub small: Vec<String>,
}

/// Who writes.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// As people know the server.
    pub name: &'a str,
    /// `mail.footer`; may be empty.
    pub footer: &'a str,
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct Text<'a> {
    letter: &'a Letter,
    sender: Sender<'a>,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a> {
    letter: &'a Letter,
    sender: Sender<'a>,
}

impl Letter {
    /// The letter, ready to be sent.
    pub fn to(&self, to: Email, sender: Sender<'_>) -> Mail {
        let written = "writing into a string cannot fail";
        Mail {
            to,
            subject: self.subject.replace(char::is_control, " "),
            text: Text { letter: self, sender }.render().expect(written),
            html: Html { letter: self, sender }.render().expect(written),
        }
    }
}
