//! Letters, from here to a server that speaks SMTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::it::stage::clock::ManualClock;
use crate::mail::sink::Sink;
use crate::mail::smtp::{Relay, RelayError, Security, Smtp};
use crate::mail::{Mail, MailError, Mailer};

fn letter() -> Mail {
    Mail {
        to: "ada@example.org".parse().unwrap(),
        subject: "Grüße".into(),
        text: "Plain words\n.\nand more".into(),
        html: "<p>Dressed words</p>".into(),
    }
}

fn relay(address: SocketAddr, security: Security) -> Relay {
    Relay {
        host: "localhost".into(),
        port: address.port(),
        security,
        login: None,
        ca_file: None,
        from: "Countersign <login@example.org>".into(),
        reply_to: Some("help@example.org".into()),
        timeout: Duration::from_secs(20),
    }
}

fn open(relay: Relay) -> Result<Smtp, RelayError> {
    Smtp::open(relay, Arc::new(ManualClock::new()))
}

/// A station: what it offers, how it answers `RCPT`, and whether it speaks TLS.
#[derive(Clone, Default)]
struct Station {
    offers: &'static [&'static str],
    to_recipient: Option<&'static str>,
    to_login: Option<&'static str>,
    tls: Option<TlsAcceptor>,
    at_once: bool,
}

impl Station {
    /// Takes one connection; everything that was said comes back when it ends.
    async fn open(self) -> (SocketAddr, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut heard = String::new();
            match &self.tls {
                Some(tls) if self.at_once => {
                    let Ok(stream) = tls.accept(stream).await else { return heard };
                    self.talk(stream, true, &mut heard).await;
                }
                Some(tls) => {
                    let Some(stream) = self.talk(stream, true, &mut heard).await else { return heard };
                    let Ok(stream) = tls.accept(stream).await else { return heard };
                    self.talk(stream, false, &mut heard).await;
                }
                None => {
                    self.talk(stream, true, &mut heard).await;
                }
            }
            heard
        });
        (address, heard)
    }

    /// The stream itself, if the client wants to go on in TLS.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, greet: bool, heard: &mut String) -> Option<S> {
        let mut stream = BufReader::new(stream);
        if greet {
            stream.write_all(b"220 here\r\n").await.ok()?;
        }
        let mut in_letter = false;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            heard.push_str(&line);
            let answer = match line.split([' ', ':', '\r']).next().unwrap_or_default() {
                "." if in_letter => {
                    in_letter = false;
                    "250 taken".to_owned()
                }
                _ if in_letter => continue,
                "EHLO" => {
                    let lines: Vec<_> =
                        ["here"].iter().chain(self.offers).map(|line| format!("250-{line}\r\n")).collect();
                    lines.concat() + "250 8BITMIME"
                }
                "RCPT" => self.to_recipient.unwrap_or("250 yes").to_owned(),
                "AUTH" => self.to_login.unwrap_or("235 in").to_owned(),
                "DATA" => {
                    in_letter = true;
                    "354 go on".to_owned()
                }
                "STARTTLS" => {
                    stream.write_all(b"220 now\r\n").await.ok()?;
                    return Some(stream.into_inner());
                }
                _ => "250 yes".to_owned(),
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        }
    }
}

/// A certificate for `localhost`, the acceptor that shows it, and the file to trust it by.
fn certificate(folder: &tempfile::TempDir) -> (TlsAcceptor, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    (TlsAcceptor::from(Arc::new(config)), path)
}

#[tokio::test]
async fn a_letter_arrives_in_both_forms_and_is_dated_by_our_clock() {
    let (address, heard) = Station::default().open().await;

    open(relay(address, Security::None)).unwrap().send(&letter()).await.unwrap();

    let heard = heard.await.unwrap();
    assert!(heard.contains("MAIL FROM:<login@example.org>") && heard.contains("RCPT TO:<ada@example.org>"));
    assert!(heard.contains("Date: Wed, 01 Jan 2020 12:00:00 +0000"), "{heard}");
    assert!(heard.contains("Subject: =?utf-8?b?R3LDvMOfZQ==?="), "{heard}");
    assert!(heard.contains("Reply-To: help@example.org") && heard.contains("Auto-Submitted: auto-generated"));
    assert!(heard.contains("@example.org>\r\n") && heard.contains("Message-ID: <"));
    assert!(heard.contains("multipart/alternative"));
    assert!(heard.contains("Plain words\r\n..\r\nand more") && heard.contains("<p>Dressed words</p>"), "{heard}");
}

#[tokio::test]
async fn a_letter_travels_in_tls_from_the_first_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, ca_file) = certificate(&folder);
    let station = Station { tls: Some(tls), at_once: true, offers: &["AUTH PLAIN"], ..Station::default() };
    let (address, heard) = station.open().await;
    let login = Some(("us".to_owned(), "hunter2".to_owned()));

    let relay = Relay { ca_file: Some(ca_file), login, ..relay(address, Security::Tls) };
    open(relay).unwrap().send(&letter()).await.unwrap();

    let heard = heard.await.unwrap();
    assert!(heard.contains("AUTH PLAIN ") && heard.contains("<p>Dressed words</p>"));
}

#[tokio::test]
async fn a_letter_waits_for_tls_where_it_is_begun_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, ca_file) = certificate(&folder);
    let station = Station { tls: Some(tls), offers: &["STARTTLS"], ..Station::default() };
    let (address, heard) = station.open().await;

    let relay = Relay { ca_file: Some(ca_file), ..relay(address, Security::StartTls) };
    open(relay).unwrap().send(&letter()).await.unwrap();

    let heard = heard.await.unwrap();
    assert!(heard.find("STARTTLS").unwrap() < heard.find("MAIL FROM").unwrap());
}

#[tokio::test]
async fn without_starttls_nothing_is_said_about_the_letter() {
    let (address, heard) = Station::default().open().await;

    let failed = open(relay(address, Security::StartTls)).unwrap().send(&letter()).await.unwrap_err();

    assert!(matches!(failed, MailError::Later(_)));
    assert!(!heard.await.unwrap().contains("MAIL FROM"));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_stops_the_letter() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, _) = certificate(&folder);
    let (address, heard) = Station { tls: Some(tls), at_once: true, ..Station::default() }.open().await;

    let failed = open(relay(address, Security::Tls)).unwrap().send(&letter()).await.unwrap_err();

    assert!(matches!(failed, MailError::Later(_)));
    assert_eq!(heard.await.unwrap(), "");
}

#[tokio::test]
async fn a_refusal_is_for_good_and_everything_else_is_for_now() {
    let answered = async |answer| {
        let (address, _heard) = Station { to_recipient: Some(answer), ..Station::default() }.open().await;
        open(relay(address, Security::None)).unwrap().send(&letter()).await.unwrap_err()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);

    let refused = answered("550 5.1.1 <ada@example.org> unknown").await;
    let later = answered("451 4.7.1 try later").await;
    let absent = open(relay(nobody, Security::None)).unwrap().send(&letter()).await.unwrap_err();

    assert!(matches!(&refused, MailError::Refused(why) if why == "it answered 550"), "{refused:?}");
    assert!(matches!(&later, MailError::Later(why) if why == "it answered 451"), "{later:?}");
    assert!(matches!(absent, MailError::Later(_)));
}

#[tokio::test]
async fn a_refused_login_keeps_the_letter() {
    let station = Station { offers: &["AUTH PLAIN"], to_login: Some("535 5.7.8 no"), ..Station::default() };
    let (address, _heard) = station.open().await;
    let login = Some(("us".to_owned(), "hunter2".to_owned()));

    let failed = open(Relay { login, ..relay(address, Security::None) }).unwrap().send(&letter()).await.unwrap_err();

    assert!(matches!(&failed, MailError::Later(why) if why == "it answered 535"), "{failed:?}");
}

#[tokio::test]
async fn a_station_that_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = relay(listener.local_addr().unwrap(), Security::None);

    let sent = open(Relay { timeout: Duration::from_millis(50), ..silent }).unwrap().send(&letter()).await;

    assert!(matches!(sent, Err(MailError::Later(_))));
}

#[tokio::test]
async fn a_subject_cannot_bring_headers_along() {
    let smtp = open(relay("127.0.0.1:9".parse().unwrap(), Security::None)).unwrap();

    let sent = smtp.send(&Mail { subject: "hello\r\nBcc: eve@example.org".into(), ..letter() }).await;

    assert!(matches!(sent, Err(MailError::Refused(_))));
}

#[test]
fn mail_in_the_clear_stays_on_this_machine() {
    let nowhere: SocketAddr = "127.0.0.1:25".parse().unwrap();
    let with = |host: &str| open(Relay { host: host.into(), ..relay(nowhere, Security::None) });

    assert!(with("localhost").is_ok() && with("127.0.0.1").is_ok() && with("::1").is_ok());
    assert!(matches!(with("mail.example.org"), Err(RelayError::Exposed(_))));
    assert!(matches!(with("192.0.2.1"), Err(RelayError::Exposed(_))));
}

#[test]
fn a_relay_that_cannot_work_is_found_before_the_first_letter() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let plain = || relay("127.0.0.1:465".parse().unwrap(), Security::Tls);

    assert!(matches!(open(Relay { from: "nobody".into(), ..plain() }), Err(RelayError::Sender(_))));
    let missing = Some(folder.path().join("none.pem"));
    assert!(matches!(open(Relay { ca_file: missing, ..plain() }), Err(RelayError::Authorities { .. })));
    assert!(matches!(open(Relay { ca_file: Some(empty), ..plain() }), Err(RelayError::Authorities { .. })));
}

#[tokio::test]
async fn the_sink_keeps_the_last_hundred() {
    let sink = Sink::new(Arc::new(ManualClock::new()));

    for number in 0..101 {
        sink.send(&Mail { subject: number.to_string(), ..letter() }).await.unwrap();
    }

    let letters = sink.letters();
    assert_eq!(letters.len(), 100);
    assert_eq!((letters[0].mail.subject.as_str(), letters[99].mail.subject.as_str()), ("100", "1"));
}
