//! Listens, and goes in order: HTTP/1.1 only; behind a proxy nothing is gained by more.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::client::{self, Peer};
use super::layers::Edge;
use super::wire::{Busy, Patience, Wire};
use crate::config::settings;

/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long the other side may take.
    pub patience: Patience,
    /// Longest head, in bytes.
    pub head: usize,
    /// Most header fields of a head.
    pub fields: usize,
    /// Most connections at once; more wait to be accepted.
    pub connections: usize,
    /// Most connections of one address at once, but for loopback and trusted proxies; more are closed.
    pub per_address: usize,
    /// From "not ready" to "no more connections".
    pub drain_delay: Duration,
    /// From "no more connections" to the end, whoever is still waiting.
    pub grace: Duration,
}

impl Limits {
    /// What the file says, and what it leaves to us.
    pub fn of(server: &settings::Server) -> Self {
        Self {
            patience: Patience {
                head: Duration::from_secs(10),
                idle: Duration::from_secs(75),
                write: Duration::from_secs(30),
            },
            head: server.header_limit,
            fields: 100,
            connections: 4096,
            per_address: 256,
            drain_delay: server.drain_delay.try_into().unwrap_or_default(),
            grace: server.shutdown_grace.try_into().unwrap_or_default(),
        }
    }
}

/// Whether this process wants requests: what `/health/ready` begins with.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    const READY: u8 = 1;
    const DRAINING: u8 = 2;

    /// Everything is there.
    pub fn open(&self) {
        let _ = self.0.compare_exchange(0, Self::READY, Ordering::AcqRel, Ordering::Acquire);
    }

    /// No more requests, please; there is no way back.
    pub fn drain(&self) {
        self.0.store(Self::DRAINING, Ordering::Release);
    }

    /// Whether requests are wanted.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::READY
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Bound, not yet answering.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
}

impl Server {
    /// Takes the addresses; port 0 is any free one.
    pub async fn bind(addresses: &[SocketAddr]) -> Result<Self, ListenError> {
        let mut listeners = Vec::with_capacity(addresses.len());
        for &address in addresses {
            let listener = TcpListener::bind(address).await;
            listeners.push(listener.map_err(|source| ListenError { address, source })?);
        }
        Ok(Self { listeners })
    }

    /// The addresses it got.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Answers until told to stop, then lets requests under way finish. Being told twice is being told to hurry.
    pub async fn serve<F>(self, edge: Edge, limits: Limits, readiness: Readiness, stop: impl Fn() -> F)
    where
        F: Future<Output = ()>,
    {
        raise_file_limit();
        let (stage, watched) = watch::channel(Stage::Open);
        let doors = Arc::new(Doors {
            edge,
            limits,
            slots: Arc::new(Semaphore::new(limits.connections)),
            by_address: Mutex::default(),
        });
        for listener in self.listeners {
            tokio::spawn(accept(listener, Arc::clone(&doors), watched.clone()));
        }
        drop(watched);
        readiness.open();
        stop().await;

        readiness.drain();
        tracing::info!("stopping");
        let mut hurry = pin!(stop());
        tokio::select! {
            () = &mut hurry => {}
            () = orderly(&stage, limits) => {}
        }
        let _ = stage.send(Stage::Cut);
        stage.closed().await;
    }
}

/// Drain, stop accepting, finish.
async fn orderly(stage: &watch::Sender<Stage>, limits: Limits) {
    pause(limits.drain_delay).await;
    let _ = stage.send(Stage::Draining);
    let _ = tokio::time::timeout(limits.grace, stage.closed()).await;
}

/// SIGTERM or SIGINT.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::error!("signals cannot be received");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Draining,
    Cut,
}

/// What all connections share.
struct Doors {
    edge: Edge,
    limits: Limits,
    slots: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

async fn accept(listener: TcpListener, doors: Arc<Doors>, mut stage: watch::Receiver<Stage>) {
    loop {
        let accepted = async {
            let slot = Arc::clone(&doors.slots).acquire_owned().await.expect("nobody closes the semaphore");
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            biased;
            _ = stage.changed() => return,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(seat) = Seat::take(&doors, peer.ip()) {
                    tokio::spawn(converse(stream, peer, (slot, seat), Arc::clone(&doors), stage.clone()));
                }
            }
            Err(error) => {
                // No more files, most likely: closing connections will free some.
                tracing::warn!(error = %error, "a connection cannot be accepted");
                pause(Duration::from_millis(50)).await;
            }
        }
    }
}

/// All requests of one connection.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    _held: (OwnedSemaphorePermit, Seat),
    doors: Arc<Doors>,
    mut stage: watch::Receiver<Stage>,
) {
    let _ = stream.set_nodelay(true);
    let busy = Busy::default();
    let wire = Wire::new(stream, doors.limits.patience, busy.clone());
    let answer = service_fn(|request: Request<Incoming>| {
        let (edge, guard) = (doors.edge.clone(), busy.begin());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        async move {
            let response = edge.answer(request).await;
            drop(guard);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(hyper_util::rt::TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(doors.limits.fields)
        .max_header_size(doors.limits.head)
        .max_buf_size(doors.limits.head.max(64 * 1024))
        .serve_connection(TokioIo::new(wire), answer);
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = %error, "a connection broke off");
                }
                return;
            }
            _ = stage.changed() => match *stage.borrow_and_update() {
                Stage::Open => {}
                Stage::Draining => connection.as_mut().graceful_shutdown(),
                Stage::Cut => return,
            },
        }
    }
}

/// A connection counted against its address.
struct Seat {
    doors: Arc<Doors>,
    counted: Option<IpAddr>,
}

impl Seat {
    /// `None` if the address has too many already.
    fn take(doors: &Arc<Doors>, peer: IpAddr) -> Option<Self> {
        let address = client::bucket(peer);
        if client::plain(peer).is_loopback() || doors.edge.trusts(peer) {
            return Some(Self { doors: Arc::clone(doors), counted: None });
        }
        let mut all = doors.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(address).or_default();
        if *count >= doors.limits.per_address {
            return None;
        }
        *count += 1;
        drop(all);
        Some(Self { doors: Arc::clone(doors), counted: Some(address) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(address) = self.counted else { return };
        let mut all = self.doors.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&address);
            }
        }
    }
}

/// Every connection is a file; the usual soft limit of 1024 is less than what we accept.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(error = %error, "the limit of open files stays as it is");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "draining is waiting")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
