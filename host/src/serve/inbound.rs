//! An accepted connection as hyper sees it, and what is left of it when hyper has done with it.
//!
//! A client that is refused while it still speaks would otherwise lose the answer: a kernel that closes a socket with unread bytes
//! sends a reset, and the other kernel throws away what has not been read. And a client that does not come to the end of its head is
//! not answered by hyper at all.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// How long, and for how many bytes, a client is listened to that was refused.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 4 << 20;
/// What a client of h2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A client that has begun with something else.
const HTTP1: usize = PREFACE.len() + 1;

/// The socket as hyper sees it. Dropping it gives the socket back.
pub(super) struct Inbound {
    /// None only while it is dropped.
    stream: Option<TcpStream>,
    heard: Arc<Heard>,
    give_back: Option<oneshot::Sender<TcpStream>>,
}

/// How far a client has come with saying what it wants.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How much of the preface it has said and nothing else, or [`HTTP1`].
    preface: AtomicUsize,
    /// It has said something since it was answered last.
    anything: AtomicBool,
}

/// What is left of a connection after hyper.
pub(super) struct Leftover(oneshot::Receiver<TcpStream>);

impl Inbound {
    pub(super) fn new(stream: TcpStream) -> (Self, Arc<Heard>, Leftover) {
        let (give_back, leftover) = oneshot::channel();
        let heard = Arc::<Heard>::default();
        let inbound = Inbound {
            stream: Some(stream),
            heard: heard.clone(),
            give_back: Some(give_back),
        };
        (inbound, heard, Leftover(leftover))
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.stream.as_mut().expect("it is there until the drop"))
    }
}

impl Heard {
    /// Whether there is a head that has begun and not ended, of a connection that waits for one by HTTP/1.1.
    pub(super) fn is_within_a_head(&self) -> bool {
        self.anything.load(Ordering::Relaxed) && !self.is_h2()
    }

    fn is_h2(&self) -> bool {
        self.preface.load(Ordering::Relaxed) == PREFACE.len()
    }

    /// Ends when `time` is over and the client has not even said which protocol it speaks. Hyper waits for ever for that.
    pub(super) async fn nothing_within(&self, time: Duration) {
        sleep(time).await;
        if self.preface.load(Ordering::Relaxed) >= PREFACE.len() {
            pending::<()>().await;
        }
    }

    fn note(&self, bytes: &[u8]) {
        // An empty line before a request is nothing.
        if bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
            self.anything.store(true, Ordering::Relaxed);
        }
        let said = self.preface.load(Ordering::Relaxed);
        if let Some(unsaid) = PREFACE.get(said..).filter(|unsaid| !unsaid.is_empty()) {
            let length = bytes.len().min(unsaid.len());
            let said = match bytes[..length] == unsaid[..length] {
                true => said + length,
                false => HTTP1,
            };
            self.preface.store(said, Ordering::Relaxed);
        }
    }
}

impl Leftover {
    /// Says a last word, and that nothing more will come. Then reads and forgets what the client still says, until it has heard it.
    pub(super) async fn close(self, last_word: &[u8]) {
        let Ok(mut stream) = self.0.await else {
            return;
        };
        let close = async {
            stream.write_all(last_word).await?;
            stream.shutdown().await?;
            let mut buffer = vec![0; 16 * 1024];
            let mut left = LINGER_BYTES;
            while left > 0 {
                match stream.read(&mut buffer).await? {
                    0 => break,
                    length => left = left.saturating_sub(length),
                }
            }
            io::Result::Ok(())
        };
        // A client that has gone need not be told.
        let _ = timeout(LINGER, close).await;
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if let (Some(stream), Some(give_back)) = (self.stream.take(), self.give_back.take()) {
            // Nobody wants it unless the client was refused.
            let _ = give_back.send(stream);
        }
    }
}

impl AsyncRead for Inbound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = self.stream().poll_read(cx, into);
        self.heard.note(&into.filled()[before..]);
        read
    }
}

impl AsyncWrite for Inbound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.heard.anything.store(false, Ordering::Relaxed);
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.heard.anything.store(false, Ordering::Relaxed);
        self.stream().poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(said: &[&[u8]]) -> Heard {
        let heard = Heard::default();
        for bytes in said {
            heard.note(bytes);
        }
        heard
    }

    #[test]
    fn the_preface_of_h2_may_come_in_pieces_and_is_no_head() {
        let heard = after(&[b"PRI * ", b"HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00"]);
        assert!(heard.is_h2() && !heard.is_within_a_head());
        assert!(!after(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"]).is_h2());
        let other = after(&[b"P", b"OST / HTTP/1.1\r\n"]);
        assert!(!other.is_h2() && other.is_within_a_head());
        assert_eq!(other.preface.load(Ordering::Relaxed), HTTP1);
    }

    #[test]
    fn silence_and_empty_lines_are_no_head() {
        assert!(!after(&[]).is_within_a_head());
        assert!(!after(&[b"\r\n", b"\r\n"]).is_within_a_head());
        assert!(after(&[b"\r\nG"]).is_within_a_head());
    }
}
