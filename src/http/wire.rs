//! A connection that cannot be held open by saying little: deadlines for heads, pauses and writes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// After the last word, this much of what the other side still sends is read and dropped: whoever closes with unread
/// bytes resets the connection, and the other side loses the answer.
const LINGER_BYTES: usize = 1 << 20;

/// How long that may take.
const LINGER: Duration = Duration::from_secs(2);

/// How long the other side may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the first byte of a head to its last.
    pub head: Duration,
    /// From one request to the next.
    pub idle: Duration,
    /// For taking any byte of the answer.
    pub write: Duration,
}

/// Whether a request of the connection is being answered; shared with whoever answers.
#[derive(Debug, Clone, Default)]
pub struct Busy(Arc<AtomicBool>);

impl Busy {
    /// Busy until the guard is dropped.
    pub fn begin(&self) -> BusyGuard {
        self.0.store(true, Ordering::Release);
        BusyGuard(self.clone())
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Ends the answering when dropped.
#[derive(Debug)]
pub struct BusyGuard(Busy);

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}

/// A stream with deadlines.
pub struct Wire<S> {
    stream: S,
    patience: Patience,
    busy: Busy,
    head: Head,
    reading: Option<Pin<Box<Sleep>>>,
    until: Option<Instant>,
    writing: Option<Pin<Box<Sleep>>>,
    lingering: Option<Pin<Box<Sleep>>>,
    lingered: usize,
}

/// How far the head has come.
#[derive(Debug, Default)]
struct Head {
    at: At,
    after_cr: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    /// Nothing has come, or empty lines only.
    #[default]
    Start,
    /// In a line.
    Line,
    /// Behind a line; another line end is the head's end.
    NextLine,
    /// Behind the head.
    End,
}

impl Head {
    /// Follows the head to its end. A bare LF becomes a NUL, which no parser takes: one of them would end a line for us
    /// and not for a proxy in front (RFC 9112 §2.2).
    fn follow(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.at == At::End {
                return;
            }
            match *byte {
                b'\n' if !self.after_cr => *byte = 0,
                b'\n' => {
                    self.at = match self.at {
                        At::Start => At::Start,
                        At::Line => At::NextLine,
                        At::NextLine | At::End => At::End,
                    }
                }
                b'\r' => {}
                _ => self.at = At::Line,
            }
            self.after_cr = *byte == b'\r';
        }
    }

    fn has_begun(&self) -> bool {
        self.at != At::Start
    }

    fn is_over(&self) -> bool {
        self.at == At::End
    }
}

impl<S> Wire<S> {
    /// A new connection, whose first head has to come now.
    pub fn new(stream: S, patience: Patience, busy: Busy) -> Self {
        Self {
            stream,
            patience,
            busy,
            head: Head::default(),
            reading: None,
            until: Some(Instant::now() + patience.head),
            writing: None,
            lingering: None,
            lingered: 0,
        }
    }

    /// Sees what arrived, and says until when the next byte has to.
    fn arrived(&mut self, bytes: &mut [u8]) {
        if bytes.is_empty() || self.busy.is() {
            return;
        }
        if self.head.is_over() {
            self.head = Head::default();
            self.until = None;
        }
        let had_begun = self.head.has_begun();
        self.head.follow(bytes);
        if self.head.is_over() {
            self.until = None;
        } else if !had_begun {
            let by = Instant::now() + self.patience.head;
            self.until = Some(self.until.map_or(by, |until| until.min(by)));
        }
    }

    /// Whether the other side has waited too long to say something.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.busy.is() {
            return Poll::Pending;
        }
        if self.head.is_over() && self.until.is_none() {
            self.head = Head::default();
            self.until = Some(Instant::now() + self.patience.idle);
        }
        let Some(until) = self.until else { return Poll::Pending };
        let timer = self.reading.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                this.arrived(&mut buf.filled_mut()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Pending => {
                ready!(this.poll_silence(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Ends a write: one that waits for too long fails.
    fn wrote<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        let until = Instant::now() + self.patience.write;
        let timer = self.writing.get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, parts);
        this.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        // Hyper reads ahead while a request is answered, and does not ask again when it is: the answer's end starts the
        // pause, and the timer wakes a read that fails.
        if flushed.is_ready() {
            let _ = this.poll_silence(cx);
        }
        this.wrote(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let timer = this.lingering.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + LINGER)));
        while this.lingered < LINGER_BYTES && timer.as_mut().poll(cx).is_pending() {
            let mut room = [0; 4096];
            let mut dropped = ReadBuf::new(&mut room);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut dropped)) {
                Ok(()) if !dropped.filled().is_empty() => this.lingered += dropped.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
