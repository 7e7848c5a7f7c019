//! What strangers may do to the listener, spoken byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::config::settings::ClientIpHeader;
use crate::http::client::{self, ClientIp};
use crate::http::error::{Code, Error};
use crate::http::face::{self, ErrorView};
use crate::http::fields::{Form, JsonOrForm, Query};
use crate::http::layers::{Edge, RequestId, Rules};
use crate::http::origin;
use crate::http::server::{Limits, Readiness, Server};
use crate::http::wire::Patience;

struct House {
    address: SocketAddr,
    readiness: Readiness,
    stop: watch::Sender<u32>,
    finished: JoinHandle<()>,
    gate: Arc<Notify>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
    age: Option<u8>,
}

fn rules() -> Rules {
    Rules {
        hosts: vec!["auth.example".into()],
        default_port: 443,
        proxies: Vec::new(),
        client_ip: ClientIpHeader::XForwardedFor,
        timeout: Duration::from_secs(20),
        body_limit: 1000,
        hsts: true,
    }
}

fn limits() -> Limits {
    let long = Duration::from_mins(1);
    Limits {
        patience: Patience { head: long, idle: long, write: long },
        head: 16 * 1024,
        fields: 100,
        connections: 100,
        per_address: 100,
        drain_delay: Duration::ZERO,
        grace: long,
    }
}

fn draw(view: &ErrorView) -> Response {
    Html(format!("<h1>{}</h1><p>{}", view.title, view.reference)).into_response()
}

fn routes(gate: Arc<Notify>) -> Router {
    let pages = Router::new()
        .route("/page", get(async || Err::<(), _>(Error::new(Code::LoginStale))))
        .layer(axum::middleware::map_response(face::page(Arc::new(draw))));
    Router::new()
        .route("/", get(async || "home"))
        .route("/own", get(async || ([("content-security-policy", "default-src 'self'"), ("server", "x/1")], "own")))
        .route("/ip", get(async |ClientIp(ip): ClientIp| ip.to_string()))
        .route("/query", get(async |Query(name): Query<Name>| format!("{} {:?}", name.name, name.age)))
        .route("/form", post(async |Form(name): Form<Name>| name.name))
        .route("/either", post(async |JsonOrForm(name): JsonOrForm<Name>| name.name))
        .route("/panic", get(async || panic_now()))
        .route("/busy", get(async || Err::<(), _>(Error::new(Code::Busy).because(std::io::Error::other("hunter2")))))
        .route("/big", get(async || vec![b'x'; 64 << 20]))
        .route("/health/live", get(async || "ok"))
        .route(
            "/gate",
            get(async move || {
                gate.notified().await;
                "through"
            }),
        )
        .merge(pages)
        .route("/client", get(async || Err::<(), _>(Error::new(Code::InvalidClient))))
}

fn panic_now() -> &'static str {
    panic!("hunter2")
}

impl House {
    async fn open(rules: Rules, limits: Limits) -> Self {
        let gate = Arc::new(Notify::new());
        let server = Server::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
        let address = server.addresses()[0];
        let edge = Edge::new(routes(Arc::clone(&gate)), Arc::new(ArcSwap::from_pointee(rules)));
        let (stop, orders) = watch::channel(0);
        let readiness = Readiness::default();
        let ready = readiness.clone();
        let finished = tokio::spawn(async move {
            let stop = || {
                let mut orders = orders.clone();
                let before = *orders.borrow();
                async move {
                    let _ = orders.wait_for(|now| *now > before).await;
                }
            };
            server.serve(edge, limits, ready, stop).await;
        });
        Self { address, readiness, stop, finished, gate }
    }

    async fn plain() -> Self {
        Self::open(rules(), limits()).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Everything that comes back until the other side closes.
    async fn say(&self, words: &[u8]) -> String {
        let mut wire = self.connect().await;
        wire.write_all(words).await.unwrap();
        rest(&mut wire).await
    }

    async fn get(&self, path: &str) -> String {
        self.say(format!("GET {path} HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\r\n").as_bytes()).await
    }

    async fn post(&self, path: &str, media: &str, body: &str) -> String {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\nContent-Length: {length}");
        self.say(format!("{head}\r\n{media}\r\n\r\n{body}").as_bytes()).await
    }
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const JSON: &str = "Content-Type: application/json; charset=utf-8";

async fn rest(wire: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(15), wire.read_to_end(&mut all)).await;
    read.expect("the other side closes").ok();
    String::from_utf8(all).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap_or("0").parse().unwrap_or(0)
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn problem(answer: &str) -> serde_json::Value {
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

#[tokio::test]
async fn every_answer_carries_the_headers_a_browser_needs() {
    let house = House::plain().await;

    for path in ["/", "/nowhere", "/panic", "/busy"] {
        let answer = house.get(path).await;

        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"));
        assert_eq!(header(&answer, "x-frame-options"), Some("DENY"));
        assert_eq!(header(&answer, "cross-origin-opener-policy"), Some("same-origin"));
        assert_eq!(header(&answer, "cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(header(&answer, "cache-control"), Some("no-store"));
        assert!(header(&answer, "content-security-policy").unwrap().contains("frame-ancestors 'none'"));
        assert!(header(&answer, "permissions-policy").is_some());
        assert!(header(&answer, "strict-transport-security").is_some());
        assert!(header(&answer, "server").is_none());
        assert!(uuid::Uuid::try_parse(header(&answer, "x-request-id").unwrap()).is_ok());
    }
}

#[tokio::test]
async fn a_page_keeps_its_own_policy_and_no_server_is_named() {
    let answer = House::plain().await.get("/own").await;

    assert_eq!(header(&answer, "content-security-policy"), Some("default-src 'self'"));
    assert_eq!(header(&answer, "server"), None);
}

#[tokio::test]
async fn browsers_are_not_told_to_come_by_https_where_there_is_none() {
    let house = House::open(Rules { hsts: false, ..rules() }, limits()).await;

    assert_eq!(header(&house.get("/").await, "strict-transport-security"), None);
}

#[tokio::test]
async fn a_problem_names_the_request_and_hides_the_cause() {
    let answer = House::plain().await.get("/busy").await;

    let problem = problem(&answer);
    assert_eq!(status(&answer), 503);
    assert_eq!(header(&answer, "content-type"), Some("application/problem+json"));
    assert_eq!(header(&answer, "retry-after"), Some("5"));
    assert_eq!(problem["type"], "/errors/busy");
    assert_eq!(problem["code"], "CS-H016");
    assert_eq!(problem["status"], 503);
    assert_eq!(problem["instance"], format!("urn:uuid:{}", header(&answer, "x-request-id").unwrap()));
    assert!(!answer.contains("hunter2"));
}

#[tokio::test]
async fn a_panic_is_an_answer_and_the_others_go_on() {
    let house = House::plain().await;
    let mut wire = house.connect().await;
    wire.write_all(b"GET /panic HTTP/1.1\r\nHost: auth.example\r\n\r\n").await.unwrap();

    wire.write_all(b"GET / HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\r\n").await.unwrap();

    let both = rest(&mut wire).await;
    assert_eq!(status(&both), 500);
    assert!(both.contains("/errors/internal") && !both.contains("hunter2"));
    assert!(both.ends_with("home"));
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let house = House::plain().await;

    let nowhere = house.get("/nowhere").await;
    let wrong = house.say(b"DELETE /form HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\r\n").await;
    let trace = house.say(b"TRACE / HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\r\n").await;
    let made_up = house.say(b"PROPFIND / HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\r\n").await;
    let connect =
        house.say(b"CONNECT evil.example:443 HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\r\n").await;

    assert_eq!((status(&nowhere), problem(&nowhere)["code"].as_str()), (404, Some("CS-H018")));
    assert_eq!((status(&wrong), header(&wrong, "allow")), (405, Some("POST")));
    assert_eq!(problem(&wrong)["type"], "/errors/method-not-allowed");
    assert_eq!((status(&trace), header(&trace, "allow")), (405, Some("GET,HEAD")));
    assert_eq!((status(&made_up), header(&made_up, "allow")), (405, Some("GET,HEAD")));
    assert_eq!(status(&connect), 405);
    assert!(header(&connect, "allow").is_some());
}

#[tokio::test]
async fn a_head_is_a_page_without_the_page() {
    let answer = House::plain().await.say(b"HEAD / HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\r\n").await;

    assert_eq!((status(&answer), header(&answer, "content-length")), (200, Some("4")));
    assert!(answer.ends_with("\r\n\r\n"));
}

#[tokio::test]
async fn only_our_own_host_is_answered_for() {
    let house = House::plain().await;
    let asked = async |host: &str| {
        let head = format!("GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        status(&house.say(head.as_bytes()).await)
    };

    assert_eq!(asked("Host: auth.example\r\n").await, 200);
    assert_eq!(asked("Host: AUTH.example:443\r\n").await, 200);
    assert_eq!(asked("Host: auth.example:444\r\n").await, 421);
    assert_eq!(asked("Host: auth.example.\r\n").await, 421);
    assert_eq!(asked("Host: evil.example\r\n").await, 421);
    assert_eq!(asked("Host: evil.example\r\nX-Forwarded-Host: auth.example\r\n").await, 421);
    assert_eq!(asked("Host: auth.example@evil.example\r\n").await, 421);
    assert_eq!(asked("Host: \r\n").await, 400);
    assert_eq!(asked("").await, 400);
    assert_eq!(asked("Host: auth.example\r\nHost: evil.example\r\n").await, 400);
    assert_eq!(asked("Host: auth.example\r\nHost: auth.example\r\n").await, 400);
}

#[tokio::test]
async fn health_is_asked_for_by_address() {
    let house = House::plain().await;

    let answer = house.say(b"GET /health/live HTTP/1.1\r\nHost: 10.0.0.7:8080\r\nConnection: close\r\n\r\n").await;

    assert_eq!(status(&answer), 200);
}

#[tokio::test]
async fn requests_that_two_parsers_could_read_differently_are_refused_and_the_connection_ends() {
    let house = House::plain().await;
    let second = "GET / HTTP/1.1\r\nHost: auth.example\r\n\r\n";
    let odd = [
        ("absolute form", "GET http://auth.example/ HTTP/1.1\r\nHost: auth.example\r\n\r\n"),
        ("foreign absolute form", "GET http://evil.example/ HTTP/1.1\r\nHost: auth.example\r\n\r\n"),
        ("asterisk", "OPTIONS * HTTP/1.1\r\nHost: auth.example\r\n\r\n"),
        ("bare LF", "GET / HTTP/1.1\nHost: auth.example\n\n"),
        ("one bare LF", "GET / HTTP/1.1\r\nHost: auth.example\nX: y\r\n\r\n"),
        ("bare LF at the end", "GET / HTTP/1.1\r\nHost: auth.example\r\n\n"),
        ("folded line", "GET / HTTP/1.1\r\nHost: auth.example\r\nX: a\r\n b\r\n\r\n"),
        ("NUL", "GET / HTTP/1.1\r\nHost: auth.example\r\nX: a\0b\r\n\r\n"),
        ("bare CR", "GET / HTTP/1.1\r\nHost: auth.example\r\nX: a\rb\r\n\r\n"),
        ("space before the colon", "GET / HTTP/1.1\r\nHost : auth.example\r\n\r\n"),
        ("HTTP/0.9", "GET /\r\n"),
        ("two lengths", "POST /form HTTP/1.1\r\nHost: auth.example\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        ("unknown framing", "POST /form HTTP/1.1\r\nHost: auth.example\r\nTransfer-Encoding: chunked, x\r\n\r\n"),
        ("signed length", "POST /form HTTP/1.1\r\nHost: auth.example\r\nContent-Length: +4\r\n\r\n"),
    ];

    for (name, words) in odd {
        let answer = house.say(format!("{words}{second}").as_bytes()).await;

        assert_eq!(status(&answer), 400, "{name}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: {answer}");
    }
}

/// RFC 9112 §6.1: served by its chunks, then closed.
#[tokio::test]
async fn a_request_with_both_framings_is_the_last_of_its_connection() {
    let house = House::plain().await;

    for framing in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let head = format!("POST /form HTTP/1.1\r\nHost: auth.example\r\n{FORM}\r\n{framing}\r\n\r\n");
        let answer = house
            .say(format!("{head}6\r\nname=a\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: auth.example\r\n\r\n").as_bytes())
            .await;

        assert!(answer.ends_with("\r\n\r\na"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1);
    }
}

#[tokio::test]
async fn a_head_has_its_limits() {
    let house = House::plain().await;
    let with = async |more: String| {
        status(
            &house
                .say(format!("GET / HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n{more}\r\n").as_bytes())
                .await,
        )
    };

    assert_eq!(with("X: y\r\n".repeat(98)).await, 200);
    assert_eq!(with("X: y\r\n".repeat(99)).await, 431);
    assert_eq!(with(format!("X: {}\r\n", "y".repeat(15_000))).await, 200);
    assert_eq!(with(format!("X: {}\r\n", "y".repeat(17_000))).await, 431);
    assert_eq!(with(format!("X: {}\r\n", "y".repeat(300_000))).await, 431);
    assert!([414, 431].contains(&status(&house.get(&format!("/{}", "y".repeat(70_000))).await)));
}

#[tokio::test]
async fn a_body_has_its_limit_however_it_comes() {
    let house = House::plain().await;
    let fits = format!("name={}", "a".repeat(995));
    let over = format!("name={}", "a".repeat(996));
    let huge = format!("name={}", "a".repeat(500_000));
    let chunked = format!(
        "POST /form HTTP/1.1\r\nHost: auth.example\r\n{FORM}\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{over}\r\n0\r\n\r\n"
    );

    assert_eq!(status(&house.post("/form", FORM, &fits).await), 200);
    assert_eq!(status(&house.post("/form", FORM, &over).await), 413);
    assert_eq!(status(&house.post("/form", FORM, &huge).await), 413);
    assert_eq!(status(&house.say(chunked.as_bytes()).await), 413);
}

#[tokio::test]
async fn a_half_sent_head_is_closed_and_so_is_silence() {
    let short = Duration::from_millis(50);
    let patience = Patience { head: short, idle: short, write: short };
    let house = House::open(rules(), Limits { patience, ..limits() }).await;

    assert_eq!(house.say(b"").await, "");
    assert_eq!(house.say(b"GET / HTTP/1.1\r\nHost: auth").await, "");
    let answered = house.say(b"GET / HTTP/1.1\r\nHost: auth.example\r\n\r\n").await;
    let then_half = house.say(b"GET / HTTP/1.1\r\nHost: auth.example\r\n\r\nGET / HT").await;

    assert!(answered.ends_with("home") && then_half.ends_with("home"));
}

#[tokio::test]
async fn dripping_a_head_does_not_extend_its_time() {
    let patience = Patience { head: Duration::from_millis(200), ..limits().patience };
    let house = House::open(rules(), Limits { patience, ..limits() }).await;
    let mut wire = house.connect().await;
    let begun = Instant::now();

    let mut drip = tokio::time::interval(Duration::from_millis(20));
    while wire.write_all(b"G").await.is_ok() && begun.elapsed() < Duration::from_secs(5) {
        drip.tick().await;
    }

    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_pause_between_requests_is_longer_than_a_head() {
    let patience = Patience { head: Duration::from_millis(100), ..limits().patience };
    let house = House::open(rules(), Limits { patience, ..limits() }).await;
    let mut wire = house.connect().await;
    let mut room = [0; 4096];
    wire.write_all(b"GET / HTTP/1.1\r\nHost: auth.example\r\n\r\n").await.unwrap();
    assert!(wire.read(&mut room).await.unwrap() > 0);

    tokio::time::timeout(Duration::from_millis(300), wire.read(&mut room)).await.unwrap_err();
    wire.write_all(b"GET / HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\r\n").await.unwrap();

    assert!(rest(&mut wire).await.ends_with("home"));
}

#[tokio::test]
async fn a_slow_body_ends_with_the_request_and_is_told_so() {
    let house = House::open(Rules { timeout: Duration::from_millis(50), ..rules() }, limits()).await;

    let answer = house
        .say(format!("POST /form HTTP/1.1\r\nHost: auth.example\r\n{FORM}\r\nContent-Length: 9\r\n\r\nn").as_bytes())
        .await;

    assert_eq!((status(&answer), problem(&answer)["type"].as_str()), (503, Some("/errors/timeout")));
}

#[tokio::test]
async fn who_asks_and_does_not_read_is_left() {
    let patience = Patience { write: Duration::from_millis(100), ..limits().patience };
    let house = House::open(rules(), Limits { patience, connections: 1, ..limits() }).await;
    let mut deaf = house.connect().await;
    deaf.write_all(b"GET /big HTTP/1.1\r\nHost: auth.example\r\n\r\n").await.unwrap();

    let next = house.get("/").await;

    assert!(next.ends_with("home"));
    drop(deaf);
}

#[tokio::test]
async fn stopping_lets_requests_finish_and_takes_no_more() {
    let house = House::plain().await;
    let mut wire = house.connect().await;
    wire.write_all(b"GET /gate HTTP/1.1\r\nHost: auth.example\r\n\r\n").await.unwrap();
    assert!(house.get("/").await.ends_with("home"));
    assert!(house.readiness.is_ready());

    house.stop.send_modify(|told| *told += 1);
    while house.readiness.is_ready() || TcpStream::connect(house.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    house.gate.notify_one();

    assert!(rest(&mut wire).await.ends_with("through"));
    house.finished.await.unwrap();
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let house = House::open(rules(), Limits { grace: Duration::from_millis(50), ..limits() }).await;
    let mut wire = house.connect().await;
    wire.write_all(b"GET /gate HTTP/1.1\r\nHost: auth.example\r\n\r\n").await.unwrap();
    assert!(house.get("/").await.ends_with("home"));

    house.stop.send_modify(|told| *told += 1);

    house.finished.await.unwrap();
    assert_eq!(rest(&mut wire).await, "");
}

#[tokio::test]
async fn being_told_twice_to_stop_is_being_told_to_hurry() {
    let house = House::open(rules(), Limits { drain_delay: Duration::from_mins(10), ..limits() }).await;
    assert!(house.get("/").await.ends_with("home"));

    house.stop.send_modify(|told| *told += 1);
    while house.readiness.is_ready() {
        tokio::task::yield_now().await;
    }
    assert!(house.get("/").await.ends_with("home"), "still answering while the balancer notices");
    house.stop.send_modify(|told| *told += 1);

    house.finished.await.unwrap();
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_wait_their_turn() {
    let house = House::open(rules(), Limits { connections: 1, ..limits() }).await;
    let mut first = house.connect().await;
    first.write_all(b"GET / HTTP/1.1\r\nHost: auth.example\r\n\r\n").await.unwrap();
    assert!(first.read(&mut [0; 4096]).await.unwrap() > 0);
    let mut second = house.connect().await;
    second.write_all(b"GET / HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\r\n").await.unwrap();

    tokio::time::timeout(Duration::from_millis(100), second.read(&mut [0; 1])).await.unwrap_err();
    drop(first);

    assert!(rest(&mut second).await.ends_with("home"));
}

#[tokio::test]
async fn an_error_has_the_face_of_its_area() {
    let house = House::plain().await;

    let page = house.get("/page").await;
    let problem = house.get("/client").await;

    assert_eq!(status(&page), 400);
    let reference = header(&page, "x-request-id").unwrap();
    assert!(page.contains(&format!("<h1>This login cannot be continued</h1><p>{reference}")));
    assert_eq!(status(&problem), 401);
    assert_eq!(header(&problem, "www-authenticate"), Some("Basic realm=\"countersign\""));
    assert_eq!(header(&problem, "content-type"), Some("application/problem+json"));
    assert!(problem.contains(r#""code":"CS-H024""#));
}

#[tokio::test]
async fn nothing_may_be_said_twice_or_strangely() {
    let house = House::plain().await;
    let detail = async |path: &str| problem(&house.get(path).await)["detail"].as_str().unwrap_or_default().to_owned();

    assert!(house.get("/query?name=a+b%2B&age=7&utm=1&utm=2").await.ends_with("a b+ Some(7)"));
    assert_eq!(detail("/query?name=a&name=b").await, "The parameter `name` is given more than once.");
    assert_eq!(detail("/query?name=a&n%61me=b").await, "The parameter `name` is given more than once.");
    assert_eq!(detail("/query").await, "The parameter `name` is missing.");
    assert_eq!(detail("/query?name=a%00").await, "A parameter holds a NUL.");
    assert_eq!(detail("/query?name=%ff").await, "A parameter is not UTF-8.");
    assert_eq!(detail("/query?name=a&age=x").await, "A parameter is not a number.");
    assert_eq!(detail("/query?name=a&age=256").await, "A parameter is not a number.");
}

#[tokio::test]
async fn bodies_are_read_only_as_what_they_say_to_be() {
    let house = House::plain().await;

    assert!(house.post("/either", FORM, "name=ada").await.ends_with("ada"));
    assert!(house.post("/either", JSON, r#"{"name":"ada","x":1}"#).await.ends_with("ada"));
    assert_eq!(status(&house.post("/either", JSON, r#"{"name":"a","name":"b"}"#).await), 400);
    assert_eq!(status(&house.post("/either", JSON, r#"{"name":"a\u0000"}"#).await), 400);
    let wrong = house.post("/either", JSON, r#"{"name":"a","age":"hunter2"}"#).await;
    assert!(status(&wrong) == 400 && !wrong.contains("hunter2"), "{wrong}");
    assert_eq!(status(&house.post("/either", JSON, &"[".repeat(1000)).await), 400);
    assert_eq!(status(&house.post("/either", JSON, r#"{"name":"a\\u0000"}"#).await), 200);
    assert_eq!(status(&house.post("/either", "Content-Type: text/plain", r#"{"name":"a"}"#).await), 415);
    assert_eq!(status(&house.post("/either", "X: y", r#"{"name":"a"}"#).await), 415);
    assert_eq!(status(&house.post("/form", JSON, r#"{"name":"a"}"#).await), 415);
    assert_eq!(status(&house.post("/form", "Content-Type: multipart/form-data; boundary=x", "--x--").await), 415);
    assert_eq!(status(&house.post("/form", &format!("{FORM}\r\nContent-Encoding: gzip"), "name=a").await), 415);
    assert_eq!(status(&house.post("/form", &format!("{FORM}\r\n{JSON}"), "name=a").await), 400);
}

#[tokio::test]
async fn a_strangers_request_id_is_ignored_and_a_proxys_is_kept() {
    let given = "0190f0c0-0000-7000-8000-000000000001";
    let ask = format!("GET / HTTP/1.1\r\nHost: auth.example\r\nX-Request-Id: {given}\r\nConnection: close\r\n\r\n");
    let trusting = Rules { proxies: vec!["127.0.0.0/8".parse().unwrap()], ..rules() };

    let stranger = House::plain().await.say(ask.as_bytes()).await;
    let proxy = House::open(trusting, limits()).await.say(ask.as_bytes()).await;

    assert_ne!(header(&stranger, "x-request-id"), Some(given));
    assert_eq!(header(&proxy, "x-request-id"), Some(given));
    assert_eq!(RequestId::current(), None);
}

#[tokio::test]
async fn the_clients_address_is_the_nearest_that_is_not_ours() {
    let ask = b"GET /ip HTTP/1.1\r\nHost: auth.example\r\nX-Forwarded-For: 198.51.100.9, 203.0.113.7\r\nConnection: close\r\n\r\n";
    let trusting = Rules { proxies: vec!["127.0.0.0/8".parse().unwrap()], ..rules() };

    assert!(House::plain().await.say(ask).await.ends_with("\r\n\r\n127.0.0.1"));
    assert!(House::open(trusting, limits()).await.say(ask).await.ends_with("\r\n\r\n203.0.113.7"));
}

#[test]
fn each_header_is_read_as_it_is_meant() {
    use ClientIpHeader::{CfConnectingIp, Forwarded, None, XForwardedFor, XRealIp};

    let ours: Vec<ipnet::IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let seen = |peer: &str, name: &'static str, lines: &[&str], from| {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(line).unwrap());
        }
        client::address(peer.parse().unwrap(), &headers, from, &ours).to_string()
    };
    let list = "x-forwarded-for";
    assert_eq!(seen("192.0.2.1", list, &["198.51.100.1"], XForwardedFor), "192.0.2.1");
    assert_eq!(seen("10.0.0.1", list, &["6.6.6.6, 198.51.100.1, 10.0.0.2"], XForwardedFor), "198.51.100.1");
    assert_eq!(seen("::ffff:10.0.0.1", list, &["6.6.6.6", "198.51.100.1"], XForwardedFor), "198.51.100.1");
    assert_eq!(seen("10.0.0.1", list, &["198.51.100.1, rubbish"], XForwardedFor), "10.0.0.1");
    assert_eq!(seen("10.0.0.1", list, &["10.0.0.3, 10.0.0.2"], XForwardedFor), "10.0.0.3");
    assert_eq!(seen("10.0.0.1", list, &["[2001:db8::1]:443"], XForwardedFor), "2001:db8::1");
    assert_eq!(seen("10.0.0.1", list, &["198.51.100.1:1234"], XForwardedFor), "198.51.100.1");
    assert_eq!(seen("10.0.0.1", list, &["198.51.100.1"], None), "10.0.0.1");
    assert_eq!(seen("10.0.0.1", list, &["198.51.100.1"], XRealIp), "10.0.0.1");
    assert_eq!(seen("10.0.0.1", "x-real-ip", &["198.51.100.1"], XRealIp), "198.51.100.1");
    assert_eq!(seen("10.0.0.1", "x-real-ip", &["198.51.100.1", "6.6.6.6"], XRealIp), "10.0.0.1");
    assert_eq!(seen("10.0.0.1", "cf-connecting-ip", &["2001:db8::2"], CfConnectingIp), "2001:db8::2");
    assert_eq!(
        seen("fd00::1", "forwarded", &["for=6.6.6.6, For=\"[2001:db8::1]:9\";proto=https"], Forwarded),
        "2001:db8::1"
    );
    assert_eq!(seen("fd00::1", "forwarded", &["for=198.51.100.1, for=_hidden"], Forwarded), "fd00::1");
}

#[test]
fn what_another_site_made_a_browser_send_is_refused() {
    let passes = |method: Method, lines: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        origin::check(&method, &headers, "https://auth.example").is_ok()
    };

    assert!(passes(Method::POST, &[("origin", "https://auth.example"), ("sec-fetch-site", "same-origin")]));
    assert!(passes(Method::POST, &[("sec-fetch-site", "none")]));
    assert!(passes(Method::POST, &[]));
    assert!(passes(Method::GET, &[("sec-fetch-site", "cross-site")]));
    for foreign in
        ["null", "https://evil.example", "https://auth.example.evil", "http://auth.example", "https://auth.example:444"]
    {
        assert!(!passes(Method::POST, &[("origin", foreign)]), "{foreign}");
    }
    assert!(!passes(Method::POST, &[("origin", "https://auth.example"), ("origin", "https://evil.example")]));
    assert!(!passes(Method::POST, &[("sec-fetch-site", "cross-site")]));
    assert!(!passes(Method::POST, &[("sec-fetch-site", "same-site")]));
    assert!(!passes(Method::DELETE, &[("origin", "https://evil.example")]));
}

#[test]
fn a_household_is_one_bucket() {
    let bucket = |text: &str| client::bucket(text.parse().unwrap()).to_string();

    assert_eq!(bucket("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(bucket("2001:db8:1:2:ffff::"), "2001:db8:1:2::");
    assert_eq!(bucket("2001:db8:1:3::"), "2001:db8:1:3::");
    assert_eq!(bucket("::ffff:192.0.2.1"), "192.0.2.1");
}

#[test]
fn every_line_of_the_table_is_its_own() {
    let distinct = |key: fn(Code) -> &'static str| {
        Code::ALL.iter().map(|&code| key(code)).collect::<std::collections::HashSet<_>>().len()
    };

    assert_eq!(distinct(Code::slug), Code::ALL.len());
    assert_eq!(distinct(Code::number), Code::ALL.len());
    assert!(Code::ALL.iter().all(|code| code.status().is_client_error() || code.status().is_server_error()));
}
