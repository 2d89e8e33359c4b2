//! The body of a response: frames under the between-bytes timeout, errors as codes.

use super::call::{CallOutcome, Recording};
use super::classify::{Stage, classify};
use crate::Fault;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

/// Holds the exchange's place among the sender's connections until it is dropped or has ended.
pub(super) struct ResponseBody {
    /// None once the body has ended or failed: dropping what is unread closes the connection.
    incoming: Option<Incoming>,
    between_bytes: Duration,
    /// Set while a reader waits. A guest that does not read is not an origin that does not send.
    waiting: Option<Pin<Box<Sleep>>>,
    place: Option<OwnedSemaphorePermit>,
    recording: Recording,
}

impl ResponseBody {
    pub(super) fn new(
        incoming: Incoming,
        between_bytes: Duration,
        place: Option<OwnedSemaphorePermit>,
        recording: Recording,
    ) -> Self {
        // A body known to be empty is never polled by some readers, and must not keep the place.
        let is_empty = incoming.is_end_stream();
        let place = place.filter(|_| !is_empty);
        if is_empty {
            recording.0.end(CallOutcome::Complete);
        }
        ResponseBody {
            incoming: Some(incoming),
            between_bytes,
            waiting: None,
            place,
            recording,
        }
    }

    fn end(&mut self, outcome: CallOutcome) {
        self.recording.0.end(outcome);
        self.incoming = None;
        self.waiting = None;
        self.place = None;
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Some(incoming) = &mut this.incoming else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.waiting = None;
                if let Some(data) = frame.data_ref() {
                    this.recording.0.received(data.len());
                    if incoming.is_end_stream() {
                        // A reader that counts bytes need not come back for the end.
                        this.recording.0.end(CallOutcome::Complete);
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(?error, "response body failed");
                let fault = classify(&error, Stage::Body);
                this.end(CallOutcome::Failed(fault.clone()));
                Poll::Ready(Some(Err(fault.into())))
            }
            Poll::Ready(None) => {
                this.end(CallOutcome::Complete);
                Poll::Ready(None)
            }
            Poll::Pending => {
                let between_bytes = this.between_bytes;
                let waiting = this.waiting.get_or_insert_with(|| {
                    // The far future stands for an instant that cannot be named.
                    let until = Instant::now().checked_add(between_bytes);
                    Box::pin(match until {
                        Some(until) => tokio::time::sleep_until(until),
                        None => tokio::time::sleep(Duration::MAX),
                    })
                });
                ready!(waiting.as_mut().poll(cx));
                this.end(CallOutcome::Failed(Fault::ConnectionReadTimeout));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
