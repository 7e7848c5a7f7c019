//! Letters, and who carries them.

pub mod letter;
pub mod notice;
pub mod sink;
pub mod smtp;

use async_trait::async_trait;

use crate::domain::email::Email;

/// A letter to one person.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mail {
    /// To whom; one address.
    pub to: Email,
    /// One line.
    pub subject: String,
    /// The plain text; complete without the other part.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// Carries letters.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Hands the letter to the next station; `Ok` once that station has taken it.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// Why a letter was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Worth trying again: no connection, a timeout, a 4xx answer.
    #[error("the mail server cannot take the letter now: {0}")]
    Later(String),
    /// Not worth trying again: a 5xx answer, a letter that cannot be written.
    #[error("the mail server refused the letter: {0}")]
    Refused(String),
}
