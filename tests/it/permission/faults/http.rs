//! A server on loopback that falls ill.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration as Patience, Instant};

use async_trait::async_trait;
use base64::Engine as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::answers::{BOMB, garbage, oversize, reserved_claims, wrong_version};
use super::ward::{BESIDE, Victim, WELL, Ward};
use super::{Applies, Fault, GOOD, Ill, Way, does, late};
use crate::it::permission::{ada, names, question, service};

pub fn applies(fault: Fault) -> Applies {
    match fault {
        Fault::Timeout => late(&["silence", "slow loris"]),
        Fault::Failure => {
            does(&["status 500", "status 503", "status 404", "status 201", "closed", "closed mid-body", "not HTTP"])
        }
        Fault::Garbage => Applies::Suffers(garbage()),
        Fault::Oversize => Applies::Suffers(oversize()),
        Fault::WrongVersion => Applies::Suffers(wrong_version()),
        Fault::Redirect => does(&["status 301", "status 302", "status 307", "status 308"]),
        Fault::EndlessLoop => does(&["endless body", "endless header"]),
        Fault::MemoryBomb => does(&["gzip bomb"]),
        Fault::ReservedClaims => Applies::Suffers(reserved_claims()),
        Fault::SlowBody => late(&["slow body"]),
    }
}

/// A server on loopback.
pub struct Server {
    address: SocketAddr,
    ill: Arc<Mutex<Option<Ill>>>,
}

impl Server {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, ill) = (listener.local_addr().unwrap(), Arc::<Mutex<Option<Ill>>>::default());
        let suffered = Arc::clone(&ill);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let ill = suffered.lock().unwrap().clone();
                tokio::spawn(answer(stream, ill));
            }
        });
        Self { address, ill }
    }
}

#[async_trait]
impl Victim for Server {
    fn section(&self, ill: &Ill) -> String {
        let (secret, timeout) = ("a secret of 16 bytes or more", ill.deadline.unwrap_or("5s"));
        format!(
            "kind = \"http\"\nurl = \"http://{}/\"\nsecret = \"{secret}\"\nallow_private = true\nretries = 0\n\
             timeout = \"{timeout}\"",
            self.address
        )
    }

    async fn suffers(&self, ill: Option<&Ill>) {
        *self.ill.lock().unwrap() = ill.cloned();
    }
}

/// Reads one question and answers it, badly if it is ill.
async fn answer(mut stream: TcpStream, ill: Option<Ill>) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"}") {
        let mut some = [0; 4096];
        match stream.read(&mut some).await {
            Ok(read) if read > 0 => asked.extend_from_slice(&some[..read]),
            _ => return,
        }
    }
    let (said, again) = match ill.map(|ill| ill.way) {
        Some(Way::Says(body)) => (whole("200 OK", "", &body), None),
        Some(Way::Does(name)) => broken(&name),
        _ => (whole("200 OK", "", GOOD.as_bytes()), None),
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
fn broken(name: &str) -> (Vec<u8>, Option<Vec<u8>>) {
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
        "gzip bomb" => {
            let packed = base64::prelude::BASE64_STANDARD.decode(BOMB).unwrap();
            (whole("200 OK", "content-encoding: gzip\r\ncontent-type: application/json\r\n", &packed), None)
        }
        status => {
            let number = status.strip_prefix("status ").unwrap();
            let to = if number.starts_with('3') { "location: /elsewhere\r\n" } else { "" };
            (whole(&format!("{number} Bad"), to, GOOD.as_bytes()), None)
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

#[tokio::test]
async fn five_hundred_who_hang_slow_no_other_service() {
    let ward = Ward::open(
        Box::new(Server::open().await),
        Ill { deadline: Some("1500ms"), ..Ill::late("silence") },
        "breaker = { failures = 1000 }",
    );
    ward.falls_ill().await;
    let stuck: Vec<_> = (0..500)
        .map(|_| {
            let chain = Arc::clone(&ward.chain);
            tokio::spawn(async move { chain.decide(&question(&service("wiki", &["deny"]), &ada())).await.is_err() })
        })
        .collect();
    tokio::task::yield_now().await;
    let (began, calls) = (Instant::now(), ward.healthy.calls());

    for _ in 0..50 {
        let granted = ward.chain.decide(&question(&service("shop", &["b"]), &ada())).await.unwrap();
        assert_eq!(names(&granted), [BESIDE]);
    }

    assert!(began.elapsed() < Patience::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(ward.healthy.calls(), calls + 50);
    for one in stuck {
        assert!(one.await.unwrap(), "none of them is let in");
    }
    ward.gets_well().await;
    assert_eq!(ward.asks(&ada()).await, WELL);
}
