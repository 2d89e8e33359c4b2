//! The bodies a loopback origin sends.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

const CHUNK: u64 = 64 * 1024;
static ZEROS: [u8; CHUNK as usize] = [0; CHUNK as usize];
const DRIP: Duration = Duration::from_secs(1);
/// How long a body that fails holds on: a failure right away would overtake its own head.
const LINGER: Duration = Duration::from_millis(20);

pub(super) enum LoopbackBody {
    /// One chunk, or none when empty.
    Whole(Bytes),
    /// That many zeros are still to come.
    Zeros(u64),
    /// The same, without saying so beforehand.
    Chunked(u64),
    /// As many zeros, and then a failure where one byte more was promised.
    Cut(u64, Option<Pin<Box<Sleep>>>),
    /// A byte whenever the timer has run.
    Drip(Pin<Box<Sleep>>),
    /// Nothing, ever.
    Stall,
}

impl LoopbackBody {
    pub(super) fn cut(after: u64) -> Self {
        LoopbackBody::Cut(after, None)
    }

    pub(super) fn drip() -> Self {
        LoopbackBody::Drip(Box::pin(tokio::time::sleep(DRIP)))
    }
}

fn zeros(left: &mut u64) -> Bytes {
    let size = (*left).min(CHUNK);
    *left -= size;
    Bytes::from_static(&ZEROS[..size as usize])
}

impl Body for LoopbackBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let chunk = match &mut *self {
            LoopbackBody::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            LoopbackBody::Whole(bytes) => std::mem::take(bytes),
            LoopbackBody::Zeros(0) | LoopbackBody::Chunked(0) => return Poll::Ready(None),
            LoopbackBody::Cut(0, linger) => {
                let linger = linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
                ready!(linger.as_mut().poll(cx));
                return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
            }
            LoopbackBody::Zeros(left)
            | LoopbackBody::Chunked(left)
            | LoopbackBody::Cut(left, _) => zeros(left),
            LoopbackBody::Drip(sleep) => {
                ready!(sleep.as_mut().poll(cx));
                sleep.set(tokio::time::sleep(DRIP));
                Bytes::from_static(b".")
            }
            LoopbackBody::Stall => return Poll::Pending,
        };
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            LoopbackBody::Whole(bytes) => bytes.is_empty(),
            LoopbackBody::Zeros(left) => *left == 0,
            _ => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            LoopbackBody::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            LoopbackBody::Zeros(left) => SizeHint::with_exact(*left),
            LoopbackBody::Cut(left, _) => SizeHint::with_exact(left.saturating_add(1)),
            LoopbackBody::Chunked(_) | LoopbackBody::Drip(_) | LoopbackBody::Stall => {
                SizeHint::default()
            }
        }
    }
}
