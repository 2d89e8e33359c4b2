//! One request and its answer, from `handle` to the end of the body. It owns the host's resources and drops them in the one order
//! that hosts allow: pollable, stream, body, future.
use alloc::vec::Vec;

use urlfetch_core::{Event, Failure, FailureCode, Instant, Method, Outgoing, url::Scheme};
use wasi::{
    http::types::{self, FutureIncomingResponse, IncomingBody, OutgoingRequest, RequestOptions},
    io::streams::{InputStream, StreamError},
};

use super::{
    abi,
    poll_list::{PollList, Slot},
    upload::Upload,
};
use crate::transport::Pollable;

/// See the module. [`end`](Self::end) it: what is waited for is a place in the poll list, which has to be given back.
pub(super) struct Exchange {
    number: usize,
    slot: Option<Slot>,
    upload: Option<Upload>,
    answer: Answer,
}

enum Answer {
    Expected(FutureIncomingResponse),
    /// The stream is a child of the body and is dropped first.
    Body(
        InputStream,
        #[allow(dead_code, reason = "kept for as long as its stream")] IncomingBody,
    ),
    Over,
}

impl Exchange {
    /// Hands the request to the host. Fails when the host refuses it at once.
    pub(super) fn start(
        number: usize,
        request: Outgoing,
        now: Instant,
        polls: &mut PollList,
    ) -> Result<Self, Failure> {
        let options = timeouts(&request, now);
        let payload = request.payload.clone();
        let outgoing = to_wasi(request)?;
        let upload = if payload.is_empty() {
            None
        } else {
            Upload::new(&outgoing, payload)
        };
        let future = abi::handle(outgoing, options)?;
        let slot = Some(polls.add(future.subscribe(), number));
        let mut exchange = Self {
            number,
            slot,
            upload,
            answer: Answer::Expected(future),
        };
        exchange.pump(polls);
        Ok(exchange)
    }

    fn pump(&mut self, polls: &mut PollList) {
        if let Some(upload) = &mut self.upload {
            upload.pump(self.number, polls);
        }
    }

    /// The next thing that happened. When nothing has, `polls` has what it waits for.
    pub(super) fn next_event(&mut self, at_most: usize, polls: &mut PollList) -> Option<Event> {
        self.pump(polls);
        let event = match &self.answer {
            Answer::Expected(future) => {
                let answer = abi::answer(future)?;
                Self::release(&mut self.slot, polls);
                match answer {
                    Ok(response) => self.open(response),
                    Err(failure) => Event::Failed(failure),
                }
            }
            Answer::Body(stream, _) => match stream.read(at_most as u64) {
                Ok(piece) if piece.is_empty() => {
                    if self.slot.is_none() {
                        self.slot = Some(polls.add(stream.subscribe(), self.number));
                    }
                    return None;
                }
                Ok(piece) => Event::Piece(piece),
                Err(StreamError::Closed) => Event::End,
                Err(StreamError::LastOperationFailed(error)) => {
                    Event::Failed(abi::of_stream(&error))
                }
            },
            Answer::Over => return None,
        };
        Some(event)
    }

    /// The head has come: what follows is its body.
    fn open(&mut self, response: types::IncomingResponse) -> Event {
        self.answer = Answer::Over;
        let status = response.status();
        let headers = response.headers().entries();
        let Ok(body) = response.consume() else {
            return Event::Failed(FailureCode::InternalError.into());
        };
        let Ok(stream) = body.stream() else {
            return Event::Failed(FailureCode::InternalError.into());
        };
        self.answer = Answer::Body(stream, body);
        Event::Head { status, headers }
    }

    fn release(slot: &mut Option<Slot>, polls: &mut PollList) {
        if let Some(slot) = slot.take() {
            polls.remove(slot);
        }
    }

    /// Drops everything, finished or not.
    pub(super) fn end(mut self, polls: &mut PollList) {
        Self::release(&mut self.slot, polls);
        if let Some(upload) = &mut self.upload {
            upload.stop(polls);
        }
    }

    /// Pollables of its own for another reactor: for the answer, and for the upload while there is one.
    pub(super) fn subscribe(&self, pollables: &mut Vec<Pollable>) {
        match &self.answer {
            Answer::Expected(future) => pollables.push(future.subscribe()),
            Answer::Body(stream, _) => pollables.push(stream.subscribe()),
            Answer::Over => {}
        }
        pollables.extend(self.upload.as_ref().and_then(Upload::subscribe));
    }
}

/// The host's own timeouts, none of which may outlast the call. A host that does not know one is not asked twice. Never zero: some
/// hosts panic.
fn timeouts(request: &Outgoing, now: Instant) -> RequestOptions {
    let left = request.deadline.since(now).as_nanos().max(1) as u64;
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(Some(left));
    let _ = options.set_first_byte_timeout(Some(left));
    let _ = options.set_between_bytes_timeout(Some(left));
    options
}

fn to_wasi(request: Outgoing) -> Result<OutgoingRequest, Failure> {
    let invalid = |()| Failure::from(FailureCode::HttpRequestUriInvalid);
    // Names and values were checked and what hosts forbid was taken out, so a refusal is a host's own idea.
    let refused = || Failure {
        code: FailureCode::InternalError,
        detail: "the host refuses a header".into(),
    };
    let fields = abi::fields(&request.headers).ok_or_else(refused)?;
    let outgoing = OutgoingRequest::new(fields);
    let method = match request.method {
        Method::Get => types::Method::Get,
        Method::Post => types::Method::Post,
        Method::Head => types::Method::Head,
        Method::Put => types::Method::Put,
        Method::Delete => types::Method::Delete,
        Method::Patch => types::Method::Patch,
    };
    let scheme = match request.url.scheme() {
        Scheme::Http => types::Scheme::Http,
        Scheme::Https => types::Scheme::Https,
    };
    outgoing
        .set_method(&method)
        .map_err(|()| Failure::from(FailureCode::HttpRequestMethodInvalid))?;
    outgoing.set_scheme(Some(&scheme)).map_err(invalid)?;
    outgoing
        .set_authority(Some(request.url.authority()))
        .map_err(invalid)?;
    outgoing
        .set_path_with_query(Some(request.url.path_and_query()))
        .map_err(invalid)?;
    Ok(outgoing)
}
