//! Permissions over HTTP, against real servers on loopback, polite and hostile.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{ada, mistakes, opened, question, service};
use crate::clock::{Clock, SystemClock};
use crate::domain::user::{Address, User};
use crate::it::stage::clock::ManualClock;
use crate::permission::chain::{Chain, ChainError, Granted, Question};

const SECRET: &str = "a secret of 16 bytes or more";

type Asked = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A server that answers the n-th question as `answer` says, and keeps what it was asked.
async fn serve(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static) -> (SocketAddr, Asked) {
    let asked = Asked::default();
    let seen = asked.clone();
    let handler = any(move |headers: HeaderMap, body: Bytes| async move {
        let mut seen = seen.lock().unwrap();
        seen.push((headers, body));
        answer(seen.len())
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (address, asked)
}

/// A server that says these bytes to everybody, and then hangs up or stays silent.
async fn say(bytes: &'static [u8], hangs_up: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
            if !hangs_up {
                open.push(stream);
            }
        }
    });
    address
}

fn section(address: SocketAddr, more: &str) -> String {
    format!("kind = \"http\"\nurl = \"http://{address}/ask\"\nsecret = \"{SECRET}\"\nallow_private = true\n{more}")
}

fn chain(clock: Arc<dyn Clock>, section: &str) -> Chain {
    Chain::new(&opened(clock.clone(), section).unwrap(), Arc::default(), clock)
}

async fn decide(chain: &Chain, user: &User) -> Result<Granted, ChainError> {
    chain.decide(&question(&service("wiki", &["a"]), user)).await
}

async fn ask_once(address: SocketAddr, more: &str) -> Result<Granted, ChainError> {
    decide(&chain(Arc::new(ManualClock::new()), &section(address, more)), &ada()).await
}

fn ok(body: &'static str) -> Response {
    body.into_response()
}

#[tokio::test]
async fn the_question_is_the_contract_and_nothing_more() {
    let (address, asked) = serve(|_| ok(r#"{"permissions": ["wiki:read"]}"#)).await;
    let user = ada();
    let chain = chain(Arc::new(ManualClock::new()), &section(address, "auth_header = \"Bearer t0ken\""));

    let granted = decide(&chain, &user).await.unwrap();

    assert_eq!(granted.permissions, [("wiki:read".into(), true)].into());
    let (headers, body) = asked.lock().unwrap()[0].clone();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body,
        json!({
            "version": 1, "id": headers["webhook-id"].to_str().unwrap(), "reason": "authorize",
            "user": {
                "id": user.id, "email": "ada@example.com", "email_verified": true, "username": "ada",
                "roles": ["member"], "groups": ["github:acme/core"], "provider": "github",
                "created_at": "2020-01-01T00:00:00Z",
            },
            "service": { "id": "wiki", "audience": ["https://wiki.example.com"] },
            "context": {},
            "previous": { "permissions": {} },
        })
    );
    assert_eq!(headers["authorization"], "Bearer t0ken");
    assert_eq!(headers["x-countersign-provider"], "a");
    assert_eq!(headers["content-type"], "application/json");
    assert!(headers.get("cookie").is_none());
}

#[tokio::test]
async fn the_signature_stands_by_our_clock_and_by_the_publics_library() {
    for (clock, key) in [
        (Arc::new(SystemClock) as Arc<dyn Clock>, Webhook::from_bytes(SECRET.into()).unwrap()),
        (Arc::new(ManualClock::new()), Webhook::from_bytes(SECRET.into()).unwrap()),
    ] {
        let (address, asked) = serve(|_| ok("{}")).await;
        let now = clock.now().unix_timestamp();
        decide(&chain(clock, &section(address, "")), &ada()).await.unwrap();

        let (headers, body) = asked.lock().unwrap()[0].clone();
        let sent_at: i64 = headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
        assert!((now..now + 5).contains(&sent_at));
        let id = headers["webhook-id"].to_str().unwrap();
        assert_eq!(headers["webhook-signature"], key.sign(id, sent_at, &body).unwrap().as_str());
        assert_eq!(key.verify(&body, &headers).is_ok(), now > 1_700_000_000);
    }
}

#[tokio::test]
async fn an_encoded_secret_is_decoded_before_it_signs() {
    let (address, asked) = serve(|_| ok("{}")).await;
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let section = section(address, "").replace(SECRET, secret);
    decide(&chain(Arc::new(SystemClock), &section), &ada()).await.unwrap();

    let (headers, body) = asked.lock().unwrap()[0].clone();

    Webhook::new(secret).unwrap().verify(&body, &headers).unwrap();
}

#[tokio::test]
async fn context_is_sent_only_when_it_is_asked_for() {
    let ip = Some("192.0.2.7".parse().unwrap());
    for (vary, context) in [
        ("[]", json!({})),
        ("[\"ip\"]", json!({ "ip": "192.0.2.7" })),
        ("[\"provider\"]", json!({ "provider": "github" })),
    ] {
        let (address, asked) = serve(|_| ok("{}")).await;
        let chain = chain(Arc::new(ManualClock::new()), &section(address, &format!("vary = {vary}")));
        let (wiki, user) = (service("wiki", &["a"]), ada());
        chain.decide(&Question { ip, ..question(&wiki, &user) }).await.unwrap();

        let body: Value = serde_json::from_slice(&asked.lock().unwrap()[0].1).unwrap();
        assert_eq!(body["context"], context, "{vary}");
    }
}

#[tokio::test]
async fn hostile_names_stay_values_at_the_configured_address() {
    let (address, asked) = serve(|_| ok("{}")).await;
    let hostile = "a/../b?x=1#y\r\nx-evil: 1%2f\u{202e}é";
    let user = User {
        username: Some(hostile.into()),
        email: Some(Address { email: "x/%2f@example.com".parse().unwrap(), verified: false }),
        ..ada()
    };
    let chain = chain(Arc::new(ManualClock::new()), &section(address, ""));
    let wiki = crate::domain::service::Service { id: hostile.into(), ..service("wiki", &["a"]) };

    chain.decide(&question(&wiki, &user)).await.unwrap();

    let (headers, body) = asked.lock().unwrap()[0].clone();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["service"]["id"], &body["user"]["username"]), (&json!(hostile), &json!(hostile)));
    assert_eq!(body["user"]["email_verified"], false);
    assert!(headers.get("x-evil").is_none());
}

#[tokio::test]
async fn statuses_have_meanings() {
    let (abstains, _) = serve(|_| StatusCode::NO_CONTENT.into_response()).await;
    assert_eq!(ask_once(abstains, "").await.unwrap(), Granted::default());

    for (body, said) in [("", ""), ("<html>", ""), (r#"{"message": "not in May", "decision": "allow"}"#, "not in May")]
    {
        let (denies, _) = serve(move |_| (StatusCode::FORBIDDEN, body).into_response()).await;
        let refused = ask_once(denies, "").await.unwrap_err();
        assert!(matches!(&refused, ChainError::Denied { message, .. } if message == said), "{body}: {refused:?}");
    }
}

#[tokio::test]
async fn every_fault_is_no_token_and_is_not_remembered() {
    let redirect = |_: usize| axum::response::Redirect::temporary("/elsewhere").into_response();
    let status = |code: u16| move |_: usize| (StatusCode::from_u16(code).unwrap(), "{}").into_response();
    let mut faulty = vec![("redirect", serve(redirect).await.0)];
    for code in [201, 202, 400, 401, 404, 429, 500, 502, 503] {
        faulty.push(("status", serve(status(code)).await.0));
    }
    for body in [
        "",
        "<html>",
        "[]",
        "null",
        "\"yes\"",
        "{\"version\": 2}",
        "{\"claims\": {\"sub\": \"usr_1\"}}",
        "{\"permissions\": {\"a\": true",
    ] {
        faulty.push((body, serve(move |_| ok(body)).await.0));
    }
    faulty.push(("oversize", serve(|_| "x".repeat(2000).into_response()).await.0));
    faulty.push(("silence", say(b"", false).await));
    faulty.push(("hang-up", say(b"", true).await));
    faulty.push(("slow body", say(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{", false).await));
    faulty.push(("cut body", say(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}", true).await));
    faulty.push(("not HTTP", say(b"220 mail.example.com ESMTP\r\n", true).await));
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    faulty.push(("nobody there", free));
    for (fault, address) in faulty {
        let more = "timeout = \"150ms\"\nmax_response = \"1 KiB\"\nbreaker = { failures = 100 }";
        let chain = chain(Arc::new(ManualClock::new()), &section(address, more));
        for _ in 0..2 {
            let refused = decide(&chain, &ada()).await.unwrap_err();
            assert!(matches!(refused, ChainError::Unavailable { .. }), "{fault}");
        }
    }
}

#[tokio::test]
async fn a_gateways_error_is_tried_again_as_often_as_the_file_says() {
    for (code, retries, wanted) in [(503, 1, 2), (502, 3, 4), (504, 0, 1), (500, 3, 1), (404, 3, 1)] {
        let (address, asked) = serve(move |_| StatusCode::from_u16(code).unwrap().into_response()).await;

        ask_once(address, &format!("retries = {retries}")).await.unwrap_err();

        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), wanted, "{code}");
        assert!(asked.iter().all(|(headers, _)| headers["webhook-id"] == asked[0].0["webhook-id"]));
    }
    let (address, _) =
        serve(|so_far| if so_far == 1 { StatusCode::BAD_GATEWAY.into_response() } else { ok("{}") }).await;
    ask_once(address, "").await.unwrap();
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });

    ask_once(address, "retries = 2").await.unwrap_err();

    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_http_says_about_keeping_counts_if_it_is_less() {
    for (header, lives) in
        [("max-age=10", 10), ("private, MAX-AGE=10", 10), ("max-age=9999", 60), ("no-store", 0), ("max-age=x", 60)]
    {
        let (address, asked) =
            serve(move |_| ([("cache-control", header)], r#"{"cache_ttl": 3000}"#).into_response()).await;
        let clock = Arc::new(ManualClock::new());
        let chain = chain(clock.clone(), &section(address, ""));
        let user = ada();
        decide(&chain, &user).await.unwrap();
        if lives > 0 {
            clock.advance(Duration::seconds(lives - 1));
            decide(&chain, &user).await.unwrap();
            assert_eq!(asked.lock().unwrap().len(), 1, "{header}");
            clock.advance(Duration::SECOND);
        }
        decide(&chain, &user).await.unwrap();
        assert_eq!(asked.lock().unwrap().len(), 2, "{header}");
    }
}

#[tokio::test]
async fn after_an_outage_the_breaker_closes_by_itself() {
    let is_up = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let state = is_up.clone();
    let (address, asked) =
        serve(
            move |_| {
                if state.load(Ordering::SeqCst) { ok("{}") } else { StatusCode::INTERNAL_SERVER_ERROR.into_response() }
            },
        )
        .await;
    let clock = Arc::new(ManualClock::new());
    let chain = chain(clock.clone(), &section(address, "breaker = { failures = 2, open_for = \"30s\" }"));
    for _ in 0..5 {
        decide(&chain, &ada()).await.unwrap_err();
    }
    assert_eq!(asked.lock().unwrap().len(), 2);
    is_up.store(true, Ordering::SeqCst);

    clock.advance(Duration::seconds(29));
    decide(&chain, &ada()).await.unwrap_err();
    clock.advance(Duration::SECOND);
    for _ in 0..3 {
        decide(&chain, &ada()).await.unwrap();
    }

    assert_eq!(asked.lock().unwrap().len(), 5);
}

#[test]
fn a_section_that_cannot_work_stops_the_start() {
    let section = |url: &str, secret: &str, more: &str| {
        mistakes(&format!("kind = \"http\"\nurl = \"{url}\"\nsecret = \"{secret}\"\n{more}"))
    };
    assert_eq!(section("https://billing.example.com/ask?x=1", SECRET, ""), [""; 0]);
    assert_eq!(section("http://billing.internal:9000/ask", SECRET, "allow_private = true"), [""; 0]);
    for url in [
        "http://billing.example.com/ask",
        "http://127.0.0.1:9000/ask",
        "https://127.0.0.1:9000/ask",
        "https://169.254.169.254/",
        "https://user:pw@billing.example.com/",
        "https://billing.example.com/#x",
        "ftp://billing.example.com/",
    ] {
        assert_eq!(section(url, SECRET, "").len(), 1, "{url}");
        assert!(section(url, SECRET, "")[0].starts_with("CS-C122 "), "{url}");
    }
    assert_eq!(section("http://203.0.113.1/", SECRET, "allow_private = true").len(), 1);
    for secret in ["fifteen bytes..".to_owned(), "whsec_%%%".into(), "whsec_AAAA".into()] {
        let found = section("https://billing.example.com/", &secret, "");
        assert_eq!(found.len(), 1, "{secret}");
        assert!(found[0].starts_with("CS-C123 ") && !found[0].contains(&secret));
    }
    for more in [
        "retries = 4",
        "retries = -1",
        "max_response = \"1 MiB 1\"",
        "max_response = \"2 MiB\"",
        "max_response = \"1000 B\"",
        "auth_header = \"a\\nb\"",
        "config = {}",
    ] {
        assert_eq!(section("https://billing.example.com/", SECRET, more).len(), 1, "{more}");
    }
    assert_eq!(
        section("http://billing.example.com/", "short", "breaker = { failures = 0 }\nauth_header = \"a\\nb\"").len(),
        4
    );
}
