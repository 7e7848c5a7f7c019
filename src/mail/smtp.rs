//! Letters by SMTP: encrypted or on this machine, never in between (RFC 8314).

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters, TlsVersion};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use uuid::Uuid;

use super::{Mail, MailError, Mailer};
use crate::clock::Clock;

/// The next station, and how letters are signed.
pub struct Relay {
    /// A name, or an address; the certificate has to be for it.
    pub host: String,
    /// Usually 465 with [`Security::Tls`] and 587 with [`Security::StartTls`].
    pub port: u16,
    /// How the way there is kept private.
    pub security: Security,
    /// User name and password.
    pub login: Option<(String, String)>,
    /// More certificate authorities, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// `Name <address>`.
    pub from: String,
    /// `Name <address>`; `None`: answers go to `from`.
    pub reply_to: Option<String>,
    /// For one letter, from connecting to the last word.
    pub timeout: Duration,
}

/// How the way to the next station is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// From the first byte.
    Tls,
    /// Before anything is said; without it nothing is sent.
    StartTls,
    /// Not at all; only to this machine.
    None,
}

/// Why letters cannot be sent this way.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Neither `Name <address>` nor an address.
    #[error("`{0}` is not a sender of mail")]
    Sender(String),
    /// Not encrypted, and not on this machine.
    #[error("mail to {0} would not be encrypted; only a server on this machine may be reached that way")]
    Exposed(String),
    /// The file of certificate authorities.
    #[error("the certificate authorities in {} cannot be read", path.display())]
    Authorities {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The host's name, or the system's certificate authorities.
    #[error("mail to {host} cannot be encrypted")]
    Tls {
        /// To whom.
        host: String,
        /// Why.
        #[source]
        source: lettre::transport::smtp::Error,
    },
}

/// Sends letters to one station.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    reply_to: Option<Mailbox>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl Smtp {
    /// Prepares everything; nothing is sent yet.
    pub fn open(relay: Relay, clock: Arc<dyn Clock>) -> Result<Self, RelayError> {
        let from = mailbox(relay.from)?;
        let reply_to = relay.reply_to.map(mailbox).transpose()?;
        let tls = match relay.security {
            Security::Tls => Tls::Wrapper(parameters(&relay.host, relay.ca_file)?),
            Security::StartTls => Tls::Required(parameters(&relay.host, relay.ca_file)?),
            Security::None if is_here(&relay.host) => Tls::None,
            Security::None => return Err(RelayError::Exposed(relay.host)),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(relay.host)
            .port(relay.port)
            .tls(tls)
            .timeout(Some(relay.timeout));
        if let Some((name, password)) = relay.login {
            transport = transport.credentials(Credentials::new(name, password));
        }
        Ok(Self { transport: transport.build(), from, reply_to, timeout: relay.timeout, clock })
    }

    fn written(&self, mail: &Mail) -> Result<Message, MailError> {
        if mail.subject.contains(char::is_control) {
            return Err(MailError::Refused("the subject is not one line".into()));
        }
        let to = mail.to.as_str().parse().map_err(|_| MailError::Refused("the address cannot be written".into()))?;
        let seconds = u64::try_from(self.clock.now().unix_timestamp()).unwrap_or_default();
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.clone())
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(format!("<{}@{}>", Uuid::now_v7().simple(), self.from.email.domain())))
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"), // RFC 3834 §5: holiday notes are not answers to it
                "auto-generated".into(),
            ));
        if let Some(reply_to) = &self.reply_to {
            message = message.reply_to(reply_to.clone());
        }
        message
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|error| MailError::Refused(error.to_string()))
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = self.written(mail)?;
        match tokio::time::timeout(self.timeout, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(verdict(&error)),
            Err(_) => Err(late()),
        }
    }
}

fn late() -> MailError {
    MailError::Later("it took too long".into())
}

/// What the other side says is not repeated: it often holds the address. A refused login is ours to repair, so the
/// letter waits.
fn verdict(error: &lettre::transport::smtp::Error) -> MailError {
    if let Some(code) = error.status() {
        let code = u16::from(code);
        let is_login = matches!(code, 530 | 534 | 535 | 538);
        let text = format!("it answered {code}");
        return if error.is_permanent() && !is_login { MailError::Refused(text) } else { MailError::Later(text) };
    }
    let mut text = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    MailError::Later(text)
}

fn mailbox(text: String) -> Result<Mailbox, RelayError> {
    text.parse().map_err(|_| RelayError::Sender(text))
}

fn is_here(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn parameters(host: &str, ca_file: Option<PathBuf>) -> Result<TlsParameters, RelayError> {
    let mut parameters = TlsParameters::builder(host.to_owned()).set_min_tls_version(TlsVersion::Tlsv12);
    if let Some(path) = ca_file {
        for authority in authorities(path)? {
            parameters = parameters.add_root_certificate(authority);
        }
    }
    parameters.build_rustls().map_err(|source| RelayError::Tls { host: host.to_owned(), source })
}

const END: &str = "-----END CERTIFICATE-----";

fn authorities(path: PathBuf) -> Result<Vec<Certificate>, RelayError> {
    let pem = match std::fs::read_to_string(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(RelayError::Authorities { path, source: source.into() }),
    };
    let one_each = pem.split_inclusive(END).filter(|part| part.contains(END));
    let read: Result<Vec<_>, _> = one_each.map(|part| Certificate::from_pem(part.as_bytes())).collect();
    match read {
        Ok(read) if !read.is_empty() => Ok(read),
        Ok(_) => Err(RelayError::Authorities { path, source: "there is no certificate in it".into() }),
        Err(source) => Err(RelayError::Authorities { path, source: source.into() }),
    }
}
