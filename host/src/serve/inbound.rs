//! An accepted connection that is listened to for a moment after hyper has done with it.
//!
//! A client that is refused while it still speaks would otherwise lose the answer: a kernel that closes a socket with unread bytes
//! sends a reset, and the other kernel throws away what has not been read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long, and for how many bytes, a client is listened to that was refused.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 4 << 20;

/// The socket as hyper sees it. When hyper drops it, the client is told that nothing more will come.
pub(super) struct Inbound {
    /// None only while it is dropped.
    read: Option<OwnedReadHalf>,
    write: OwnedWriteHalf,
    give_back: Option<oneshot::Sender<OwnedReadHalf>>,
}

/// What is left of a connection after hyper.
pub(super) struct Leftover(oneshot::Receiver<OwnedReadHalf>);

impl Inbound {
    pub(super) fn new(stream: TcpStream) -> (Self, Leftover) {
        let (read, write) = stream.into_split();
        let (give_back, leftover) = oneshot::channel();
        let inbound = Inbound {
            read: Some(read),
            write,
            give_back: Some(give_back),
        };
        (inbound, Leftover(leftover))
    }
}

impl Leftover {
    /// Reads and forgets what the client still says, until it has heard that it was refused.
    pub(super) async fn hear_out(self) {
        let Ok(mut read) = self.0.await else {
            return;
        };
        let forget = async {
            let mut buffer = vec![0; 16 * 1024];
            let mut left = LINGER_BYTES;
            while left > 0 {
                match read.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(length) => left = left.saturating_sub(length),
                }
            }
        };
        let _ = timeout(LINGER, forget).await;
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if let (Some(read), Some(give_back)) = (self.read.take(), self.give_back.take()) {
            // Nobody wants it unless the client was refused.
            let _ = give_back.send(read);
        }
    }
}

impl AsyncRead for Inbound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.read {
            Some(read) => Pin::new(read).poll_read(cx, into),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Inbound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.write.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}
