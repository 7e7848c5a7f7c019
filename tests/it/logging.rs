//! What ends up in the log, and what does not.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::Secret;
use crate::config::settings::{ClientIpHeader, LogFormat, Observability};
use crate::http::error::Error;
use crate::http::layers::{Edge, Rules};
use crate::logging::{Lines, filter};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Paper {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What is logged meanwhile, on this thread.
pub fn logged(log_format: LogFormat, is_terminal: bool, what: impl FnOnce()) -> String {
    let log_exclude = vec!["user.id".to_owned()];
    let observability = Observability { log_format, log_level: "trace".into(), log_exclude };
    let paper = Paper::default();
    let lines = Lines::new(&observability, is_terminal, paper.clone());
    let log = tracing_subscriber::registry().with(filter("trace").unwrap()).with(lines);
    tracing::subscriber::with_default(log, what);
    String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
}

const NASTY: &str = "a\r\nb \x1b[31m \u{9b}31m \u{2028} \u{202e} \"q\" \\n \0";

#[test]
fn an_event_is_one_line_whatever_is_in_it() {
    for (format, is_terminal) in [(LogFormat::Json, false), (LogFormat::Text, false), (LogFormat::Auto, true)] {
        let log = logged(format, is_terminal, || {
            tracing::info!(said = NASTY, shown = ?NASTY, displayed = %NASTY, "said {NASTY}");
        });

        assert_eq!(log.lines().count(), 1, "{log}");
        let body = log.trim_end().trim_start_matches(|c| c != 'I').replace("\x1b[0m", "");
        assert!(!body.contains(['\r', '\x1b', '\u{9b}', '\u{2028}', '\u{202e}', '\0']), "{body:?}");
    }
}

#[test]
fn json_stays_json_and_says_the_same() {
    let log = logged(LogFormat::Auto, false, || tracing::warn!(said = NASTY, number = 7, truth = true, "hello"));

    let event: serde_json::Value = serde_json::from_str(&log).unwrap();
    assert_eq!(event["said"], NASTY);
    assert_eq!((&event["number"], &event["truth"], &event["message"]), (&7.into(), &true.into(), &"hello".into()));
    assert_eq!((&event["level"], event["time"].is_string()), (&"warn".into(), true));
}

#[test]
fn excluded_fields_and_secrets_are_not_there() {
    for format in [LogFormat::Json, LogFormat::Text] {
        let log = logged(format, false, || {
            let secret = Secret::new("hunter2".into());
            tracing::info!(user.id = "usr_1", secret = ?secret, "in");
        });

        assert!(!log.contains("usr_1") && !log.contains("user.id") && !log.contains("hunter2"), "{log}");
    }
}

#[test]
fn long_values_are_cut() {
    let log = logged(LogFormat::Json, false, || tracing::info!(said = "x".repeat(100_000), "in"));

    assert!(log.len() < 2500);
}

#[test]
fn libraries_do_not_log_their_details() {
    let log = logged(LogFormat::Text, false, || {
        tracing::debug!(target: "hyper::proto", "authorization: Bearer hunter2");
        tracing::warn!(target: "hyper::proto", "worth knowing");
    });

    assert!(!log.contains("hunter2") && log.contains("worth knowing"), "{log}");
}

#[test]
fn a_level_that_says_nothing_is_refused() {
    assert!(filter("countersign=loud").is_err());
    assert!(filter("info,countersign::http=debug").is_ok());
}

#[tokio::test]
async fn a_request_is_one_line_and_a_failure_one_more() {
    let routes = Router::new().route("/people/{name}", get(async || Err::<(), _>(Error::internal("the disk is full"))));
    let rules = Rules {
        hosts: vec!["auth.example".into()],
        default_port: 443,
        proxies: Vec::new(),
        client_ip: ClientIpHeader::None,
        timeout: Duration::from_secs(20),
        body_limit: 1000,
        hsts: false,
    };
    let edge = Edge::new(routes, Arc::new(ArcSwap::from_pointee(rules)));
    let request = Request::get("/people/ada?jwt=hunter2").header("host", "auth.example").body(Body::empty()).unwrap();
    let paper = Paper::default();
    let observability =
        Observability { log_format: LogFormat::Json, log_level: String::new(), log_exclude: Vec::new() };
    let lines = Lines::new(&observability, false, paper.clone());

    let response = {
        let log = tracing_subscriber::registry().with(filter("info").unwrap()).with(lines);
        let _guard = tracing::subscriber::set_default(log);
        edge.oneshot(request).await.unwrap()
    };

    let log = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 2, "{log}");
    assert_eq!((&events[0]["level"], &events[0]["error.cause"]), (&"error".into(), &"the disk is full".into()));
    assert_eq!((&events[1]["http.route"], &events[1]["http.status"]), (&"/people/{name}".into(), &500.into()));
    assert!(events.iter().all(|event| event["request.id"] == response.headers()["x-request-id"].to_str().unwrap()));
    assert!(!log.contains("ada") && !log.contains("hunter2"));
}
