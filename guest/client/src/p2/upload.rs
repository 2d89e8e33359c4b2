//! Sending the body of one request, as fast as the host takes it.
use urlfetch_core::Payload;
use wasi::{
    http::types::{OutgoingBody, OutgoingRequest},
    io::streams::OutputStream,
};

use super::poll_list::{PollList, Slot};
use crate::transport::Pollable;

/// The most bytes written at once. Hosts offer more, but each write is copied as a whole.
const PIECE: usize = 64 * 1024;

/// A body on its way out.
///
/// It never fails by itself: when the host takes no more, the origin has answered or gone, and the answer says which.
pub(super) struct Upload {
    /// None when nothing more can be done. The stream is a child of the body and is dropped first.
    out: Option<(OutputStream, OutgoingBody)>,
    slot: Option<Slot>,
    payload: Payload,
    written: usize,
    is_flushed: bool,
}

impl Upload {
    /// For a request that is not handed over yet; none when its host has no place for a body.
    pub(super) fn new(request: &OutgoingRequest, payload: Payload) -> Option<Self> {
        let body = request.body().ok()?;
        let stream = body.write().ok()?;
        Some(Self {
            out: Some((stream, body)),
            slot: None,
            payload,
            written: 0,
            is_flushed: false,
        })
    }

    /// Writes what the host has room for. Waits for more room in `polls`.
    pub(super) fn pump(&mut self, exchange: usize, polls: &mut PollList) {
        while let Some((stream, _)) = &self.out {
            let rest = self.payload.get(self.written..).unwrap_or_default();
            match stream.check_write() {
                Ok(0) => {
                    if self.slot.is_none() {
                        self.slot = Some(polls.add(stream.subscribe(), exchange));
                    }
                    return;
                }
                Ok(room) if !rest.is_empty() => {
                    let room = usize::try_from(room).unwrap_or(usize::MAX);
                    let piece = &rest[..rest.len().min(room).min(PIECE)];
                    if stream.write(piece).is_err() {
                        return self.stop(polls);
                    }
                    self.written += piece.len();
                }
                Ok(_) if !self.is_flushed => {
                    self.is_flushed = true;
                    if stream.flush().is_err() {
                        return self.stop(polls);
                    }
                }
                Ok(_) => return self.finish(polls),
                Err(_) => return self.stop(polls),
            }
        }
    }

    /// All was taken: says so to the host.
    fn finish(&mut self, polls: &mut PollList) {
        if let Some(body) = self.take_body(polls) {
            // What it could complain about, the answer tells as well.
            let _ = OutgoingBody::finish(body, None);
        }
    }

    /// Gives up what is not written yet.
    pub(super) fn stop(&mut self, polls: &mut PollList) {
        drop(self.take_body(polls));
    }

    fn take_body(&mut self, polls: &mut PollList) -> Option<OutgoingBody> {
        if let Some(slot) = self.slot.take() {
            polls.remove(slot);
        }
        let (stream, body) = self.out.take()?;
        drop(stream);
        Some(body)
    }

    /// A pollable of its own for another reactor.
    pub(super) fn subscribe(&self) -> Option<Pollable> {
        self.out.as_ref().map(|(stream, _)| stream.subscribe())
    }
}
