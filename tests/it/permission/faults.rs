//! Every fault of every kind of provider that can fail, and what each `on_error` makes of it.
//!
//! A kind takes part by a [`Victim`]: something that stands behind a provider of that kind and can be told to be ill.

use std::sync::{Arc, Mutex};
use std::time::{Duration as Patience, Instant};

use base64::Engine as _;
use time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Act, Scripted, ada, allow, names, opened, policy, question, service};
use crate::domain::user::User;
use crate::it::stage::clock::ManualClock;
use crate::permission::chain::{Chain, ChainError, ChainState, Granted};
use crate::permission::{OnError, PermissionProvider};

/// What it says in good health.
const GOOD: &str = r#"{"permissions": ["wiki:read"]}"#;
/// The same and a mebibyte of spaces, packed.
const BOMB: &str = "\
    H4sIAAAAAAACA+3BuwmAMBQAwFXkjZFVxEIwxUP8kBQpxN0dwvbunrhrO7L3vM4eZY6Re5ZW1y2WdwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAA+OkDe3ZF4R0AEAA=";

/// What goes wrong.
#[derive(Debug, Clone)]
enum Fault {
    /// It answers, and this is not an answer.
    Says(&'static str, Vec<u8>),
    /// It breaks in a way of its own kind.
    Own(&'static str),
}

impl Fault {
    fn name(&self) -> &'static str {
        match self {
            Self::Says(name, _) | Self::Own(name) => name,
        }
    }
}

/// What stands behind a provider and can fall ill.
trait Victim: Send + Sync {
    /// The provider's section.
    fn section(&self) -> String;
    /// The faults that only this kind has.
    fn own(&self) -> &'static [&'static str];
    /// The deadline it needs on a busy machine.
    fn timeout(&self) -> &'static str;
    /// From now on it suffers from this, or is well.
    fn suffer(&self, fault: Option<Fault>);
}

/// Answers that are none, for all kinds.
fn answers() -> Vec<Fault> {
    let deep = format!("{}{}", "{\"permissions\":".repeat(200), "}".repeat(200));
    let many: Vec<String> = (0..501).map(|n| format!("\"p{n}\"")).collect();
    let million: Vec<String> = (0..1_000_000).map(|n| format!("\"p{n}\"")).collect();
    let name = "n".repeat(1024 * 1024);
    let text = [
        ("nothing", String::new()),
        ("a page", "<html><body>hello</body></html>".into()),
        ("a list", "[]".into()),
        ("null", "null".into()),
        ("a word", "\"yes\"".into()),
        ("true", "true".into()),
        ("NaN", r#"{"permissions": ["a"], "limits": {"n": NaN}}"#.into()),
        ("cut off", r#"{"permissions": {"a": true"#.into()),
        ("two answers", format!("{GOOD}{GOOD}")),
        ("a member twice", r#"{"permissions": ["a"], "permissions": ["b"]}"#.into()),
        ("a permission twice", r#"{"permissions": {"a": true, "a": false}}"#.into()),
        ("another version", r#"{"version": 2, "permissions": ["a"]}"#.into()),
        ("another decision", r#"{"decision": "maybe", "permissions": ["a"]}"#.into()),
        ("a number for a permission", r#"{"permissions": {"a": 1}}"#.into()),
        ("no name", r#"{"permissions": ["A b"]}"#.into()),
        ("a control character", r#"{"permissions": ["a\u0000"]}"#.into()),
        ("a reserved claim", r#"{"permissions": ["a"], "claims": {"sub": "usr_1"}}"#.into()),
        ("another reserved claim", r#"{"permissions": ["a"], "claims": {"roles": ["admin"]}}"#.into()),
        ("deep", deep),
        ("501 names", format!("{{\"permissions\": [{}]}}", many.join(","))),
        ("a million names", format!("{{\"permissions\": [{}]}}", million.join(","))),
        ("a name of a mebibyte", format!("{{\"permissions\": [\"{name}\"]}}")),
    ];
    let bytes = [("no UTF-8", b"{\"permissions\": [\"\xff\"]}".to_vec())];
    text.map(|(name, text)| Fault::Says(name, text.into_bytes()))
        .into_iter()
        .chain(bytes.map(|(name, bytes)| Fault::Says(name, bytes)))
        .collect()
}

/// A server on loopback.
struct Server {
    address: std::net::SocketAddr,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl Server {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, fault) = (listener.local_addr().unwrap(), Arc::<Mutex<Option<Fault>>>::default());
        let suffered = Arc::clone(&fault);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fault = suffered.lock().unwrap().clone();
                tokio::spawn(answer(stream, fault));
            }
        });
        Self { address, fault }
    }
}

impl Victim for Server {
    fn section(&self) -> String {
        let secret = "a secret of 16 bytes or more";
        format!(
            "kind = \"http\"\nurl = \"http://{}/\"\nsecret = \"{secret}\"\nallow_private = true\nretries = 0",
            self.address
        )
    }

    fn own(&self) -> &'static [&'static str] {
        &[
            "silence",
            "slow loris",
            "slow body",
            "closed",
            "closed mid-body",
            "not HTTP",
            "redirect",
            "status 500",
            "status 503",
            "status 404",
            "status 201",
            "endless body",
            "gzip bomb",
            "endless header",
        ]
    }

    fn timeout(&self) -> &'static str {
        "300ms"
    }

    fn suffer(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }
}

/// A script in a folder of its own.
struct Script(tempfile::TempDir);

impl Script {
    fn open() -> Self {
        let script = Self(tempfile::tempdir().unwrap());
        let path = script.0.path().join("decide");
        let text = "#!/bin/sh\ncat > /dev/null\n. \"${0%/*}/act\"\n";
        // Written by another process: a thread that forks meanwhile would keep our handle open, and a file open for writing is not run.
        let written = std::process::Command::new("/bin/sh")
            .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
            .arg(&path)
            .arg(text)
            .status();
        assert!(written.unwrap().success());
        script.suffer(None);
        script
    }

    fn says(&self, body: &[u8]) -> String {
        std::fs::write(self.0.path().join("body"), body).unwrap();
        "cat \"${0%/*}/body\"".into()
    }
}

impl Victim for Script {
    fn section(&self) -> String {
        format!("kind = \"exec\"\ncommand = [\"{}\"]", self.0.path().join("decide").display())
    }

    fn own(&self) -> &'static [&'static str] {
        &["while :; do :; done", "exit 1", "kill -9 $$", "while :; do echo yes; done"]
    }

    fn timeout(&self) -> &'static str {
        "1s"
    }

    fn suffer(&self, fault: Option<Fault>) {
        let act = match fault {
            None => self.says(GOOD.as_bytes()),
            Some(Fault::Says(_, body)) => self.says(&body),
            Some(Fault::Own(act)) => act.to_owned(),
        };
        std::fs::write(self.0.path().join("act"), act).unwrap();
    }
}

/// Reads one question and answers it, badly if it is ill.
async fn answer(mut stream: TcpStream, fault: Option<Fault>) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"}") {
        let mut some = [0; 4096];
        match stream.read(&mut some).await {
            Ok(read) if read > 0 => asked.extend_from_slice(&some[..read]),
            _ => return,
        }
    }
    let (said, again) = match &fault {
        None => (whole("200 OK", "", GOOD.as_bytes()), None),
        Some(Fault::Says(_, body)) => (whole("200 OK", "", body), None),
        Some(Fault::Own(name)) => ill(name),
    };
    let _ = stream.write_all(&said).await;
    match again {
        None => drop(stream.shutdown().await),
        Some(end) if end.is_empty() => hang(stream).await,
        Some(end) => drip(stream, &end).await,
    }
}

fn whole(status: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.into_bytes(), body.to_vec()].concat()
}

/// What it says, and what it says again and again afterwards; `None`: it hangs up.
fn ill(name: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    let header = "HTTP/1.1 200 OK\r\nx: ";
    match name {
        "closed" => (Vec::new(), None),
        "silence" => (Vec::new(), Some(Vec::new())),
        "slow loris" => (header.into(), Some(b"y".to_vec())),
        "endless header" => (header.into(), Some(vec![b'y'; 65_536])),
        "slow body" => ("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{".into(), Some(b" ".to_vec())),
        "endless body" => ("HTTP/1.1 200 OK\r\n\r\n{".into(), Some(vec![b' '; 65_536])),
        "closed mid-body" => ("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"permissions\": [\"a\"]}".into(), None),
        "not HTTP" => ("220 mail.example.com ESMTP\r\n".into(), None),
        "redirect" => (whole("307 Temporary Redirect", "location: /elsewhere\r\n", GOOD.as_bytes()), None),
        "gzip bomb" => {
            let packed = base64::prelude::BASE64_STANDARD.decode(BOMB).unwrap();
            (whole("200 OK", "content-encoding: gzip\r\ncontent-type: application/json\r\n", &packed), None)
        }
        status => {
            let number = status.strip_prefix("status ").unwrap();
            (whole(&format!("{number} Bad"), "", GOOD.as_bytes()), None)
        }
    }
}

async fn hang(stream: TcpStream) {
    let _open = stream;
    std::future::pending::<()>().await;
}

/// Says the end again and again, for as long as somebody listens.
async fn drip(mut stream: TcpStream, end: &[u8]) {
    let mut tick = tokio::time::interval(Patience::from_millis(if end.len() == 1 { 20 } else { 1 }));
    while stream.write_all(end).await.is_ok() {
        tick.tick().await;
    }
}

/// A victim as provider `a`, and a healthy one, `b`, beside it.
struct Ward {
    clock: Arc<ManualClock>,
    chain: Arc<Chain>,
    healthy: Arc<Scripted>,
}

impl Ward {
    fn of(victim: &dyn Victim, keys: &str) -> Self {
        let clock = Arc::new(ManualClock::new());
        let provider =
            Arc::clone(opened(clock.clone(), &format!("{}\n{keys}", victim.section())).unwrap().get("a").unwrap());
        let healthy = Scripted::new(policy(), Act::Say(allow(&["wiki:look"])));
        let both: [(String, Arc<dyn PermissionProvider>); 2] = [("a".into(), provider), ("b".into(), healthy.clone())];
        let chain = Arc::new(Chain::of(both.into_iter(), Arc::<ChainState>::default(), clock.clone()));
        Self { clock, chain, healthy }
    }

    async fn decide(&self, user: &User) -> Result<Granted, ChainError> {
        self.chain.decide(&question(&service("wiki", &["a", "b"]), user)).await
    }

    async fn is_refused(&self, user: &User) -> bool {
        matches!(self.decide(user).await, Err(ChainError::Unavailable { provider, .. }) if provider == "a")
    }
}

/// One fault of one victim, from good health to good health.
async fn suffer(victim: &dyn Victim, fault: &Fault, on_error: OnError) {
    let what = format!("{}, {on_error:?}", fault.name());
    let word = format!("{on_error:?}").to_lowercase();
    let more = "stale_max_age = \"15m\"\nbreaker = { failures = 1000 }";
    let keys = format!("timeout = \"{}\"\non_error = \"{word}\"\n{more}", victim.timeout());
    let ward = Ward::of(victim, &keys);
    let (known, stranger) = (ada(), ada());
    assert_eq!(names(&ward.decide(&known).await.unwrap()), ["wiki:look", "wiki:read"], "{what}");
    victim.suffer(Some(fault.clone()));
    ward.clock.advance(Duration::minutes(15));

    while_ill(&ward, &known, &stranger, on_error, &what).await;

    victim.suffer(None);
    for user in [&known, &stranger] {
        let granted = ward.decide(user).await.unwrap();
        assert_eq!((names(&granted), granted.is_stale), (vec!["wiki:look", "wiki:read"], false), "{what}");
    }
}

/// What each `on_error` makes of it, for somebody whose last answer is as old as it may be, and for somebody unknown.
async fn while_ill(ward: &Ward, known: &User, stranger: &User, on_error: OnError, what: &str) {
    let one = ward.decide(known).await;
    let other = ward.decide(stranger).await;
    match on_error {
        OnError::Deny => {
            assert!(matches!(one, Err(ChainError::Unavailable { .. })), "{what}");
            assert!(matches!(other, Err(ChainError::Unavailable { .. })), "{what}");
        }
        OnError::Stale => {
            let one = one.unwrap();
            assert_eq!((names(&one), one.is_stale), (vec!["wiki:look", "wiki:read"], true), "{what}");
            assert!(matches!(other, Err(ChainError::Unavailable { .. })), "{what}");
            ward.clock.advance(Duration::SECOND);
            assert!(ward.is_refused(known).await, "{what}");
        }
        OnError::Skip => {
            for granted in [one.unwrap(), other.unwrap()] {
                assert_eq!((names(&granted), granted.is_stale), (vec!["wiki:look"], false), "{what}");
            }
        }
    }
}

async fn victims() -> Vec<Box<dyn Victim>> {
    let (server, script) = (Server::open().await, Script::open());
    vec![Box::new(server) as Box<dyn Victim>, Box::new(script)]
}

#[tokio::test]
async fn no_fault_of_any_kind_grants_anything() {
    for victim in victims().await {
        let own = victim.own().iter().map(|name| Fault::Own(name));
        for fault in answers().into_iter().chain(own) {
            for on_error in [OnError::Deny, OnError::Stale, OnError::Skip] {
                suffer(victim.as_ref(), &fault, on_error).await;
            }
        }
    }
}

#[tokio::test]
async fn a_breaker_opens_and_closes_again_whatever_the_kind() {
    for victim in victims().await {
        let ward = Ward::of(victim.as_ref(), "breaker = { failures = 2, open_for = \"30s\" }");
        victim.suffer(Some(Fault::Says("null", b"null".to_vec())));
        for _ in 0..2 {
            assert!(ward.is_refused(&ada()).await);
        }
        victim.suffer(None);

        assert!(ward.is_refused(&ada()).await, "it is left alone");
        ward.clock.advance(Duration::seconds(29));
        assert!(ward.is_refused(&ada()).await);
        ward.clock.advance(Duration::SECOND);
        assert!(ward.decide(&ada()).await.is_ok());
        assert!(ward.decide(&ada()).await.is_ok());
    }
}

#[tokio::test]
async fn five_hundred_who_hang_slow_no_other_service() {
    let server = Server::open().await;
    let ward = Ward::of(&server, "timeout = \"1500ms\"\nbreaker = { failures = 1000 }");
    server.suffer(Some(Fault::Own("silence")));
    let stuck: Vec<_> = (0..500)
        .map(|_| {
            let chain = Arc::clone(&ward.chain);
            tokio::spawn(async move { chain.decide(&question(&service("wiki", &["a"]), &ada())).await.is_err() })
        })
        .collect();
    tokio::task::yield_now().await;
    let began = Instant::now();

    for _ in 0..50 {
        let granted = ward.chain.decide(&question(&service("shop", &["b"]), &ada())).await.unwrap();
        assert_eq!(names(&granted), ["wiki:look"]);
    }

    assert!(began.elapsed() < Patience::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(ward.healthy.calls(), 50);
    for one in stuck {
        assert!(one.await.unwrap(), "none of them is let in");
    }
    server.suffer(None);
    assert!(ward.decide(&ada()).await.is_ok());
}
