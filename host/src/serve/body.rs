//! The body of an answer: counted, and tied to the guest that writes it.

use super::ending::Ending;
use super::record::RequestOutcome;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::AbortHandle;
use wasmtime_wasi_http::{Error, WasiBody};

/// What hyper sends.
pub(super) struct AnswerBody {
    inner: WasiBody,
    guest: Option<Guarded>,
    /// Bytes that will still be taken, when that is known: over HTTP/1.1 nobody asks for the end behind the last of them.
    left: Option<u64>,
    /// What broke the answer off, while what came before it is still being sent.
    broken: Option<Error>,
}

/// Ends the guest when it is dropped, unless it was told that nobody has to: the client is gone.
pub(super) struct Guarded {
    task: AbortHandle,
    ending: Arc<Ending>,
    released: bool,
}

impl Guarded {
    pub(super) fn new(task: AbortHandle, ending: Arc<Ending>) -> Self {
        Guarded {
            task,
            ending,
            released: false,
        }
    }

    /// The client has, or will get, what it asked for. The guest may go on working.
    pub(super) fn release(&mut self) {
        self.released = true;
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if !self.released {
            self.ending.record.ended_by(RequestOutcome::ClientGone, "");
            self.task.abort();
        }
    }
}

impl AnswerBody {
    /// What the server itself has to say.
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        let inner = Full::new(text.into())
            .map_err(|never| match never {})
            .boxed_unsync();
        AnswerBody {
            inner,
            guest: None,
            left: None,
            broken: None,
        }
    }

    /// What the guest answers. `expected` is how many bytes will be taken, when that is known before they have come.
    pub(super) fn of_guest(inner: WasiBody, mut guarded: Guarded, expected: Option<u64>) -> Self {
        if expected == Some(0) || inner.is_end_stream() {
            guarded.release();
        }
        AnswerBody {
            inner,
            guest: Some(guarded),
            left: expected,
            broken: None,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        let Some(guest) = &mut this.guest else {
            return Poll::Ready(frame);
        };
        let error = match frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                guest.ending.record.sent(length);
                this.left = this.left.map(|left| left.saturating_sub(length as u64));
                if this.left == Some(0) || this.inner.is_end_stream() {
                    guest.release();
                }
                return Poll::Ready(Some(Ok(frame)));
            }
            Some(Err(error)) => error,
            // A guest of WASI 0.3 that traps leaves a body that seems to end well.
            None if guest.ending.record.has_failed() => Error::HttpProtocolError,
            None => {
                guest.release();
                return Poll::Ready(None);
            }
        };
        let reason = format!("the answer was broken off: {error}");
        guest.ending.record.ended_by(RequestOutcome::Failed, reason);
        guest.release();
        // hyper forgets what it has not sent when a body fails: the failure comes when it has sent it.
        this.broken = Some(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.broken.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
