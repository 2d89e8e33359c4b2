//! The body of a scripted reply, played step by step under tokio's clock.

use super::recorded::{Outcome, Ticket};
use super::reply::Step;
use bytes::Bytes;
use http_body::{Body, Frame};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

/// The most zeros in one chunk.
const CHUNK: u64 = 64 * 1024;
static ZEROS: [u8; CHUNK as usize] = [0; CHUNK as usize];

pub(super) struct ScriptedBody {
    steps: VecDeque<Step>,
    /// Running while the first step is one that waits.
    sleep: Option<Pin<Box<Sleep>>>,
    ticket: Ticket,
}

impl ScriptedBody {
    pub(super) fn new(steps: Vec<Step>, mut ticket: Ticket) -> Self {
        ticket.head = true;
        let mut body = ScriptedBody {
            steps: steps.into(),
            sleep: None,
            ticket,
        };
        if body.steps.is_empty() {
            // Nobody has to read a body that is empty.
            body.ticket.close(Outcome::Answered);
        }
        body
    }

    fn poll_sleep(&mut self, millis: u64, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_millis(millis))));
        ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        Poll::Ready(())
    }

    fn deliver(&mut self, chunk: Bytes) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.ticket.bytes += chunk.len() as u64;
        if self.steps.is_empty() {
            self.ticket.close(Outcome::Answered);
        }
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        loop {
            let chunk = match this.steps.front_mut() {
                None => {
                    this.ticket.close(Outcome::Answered);
                    return Poll::Ready(None);
                }
                Some(Step::Stall) => return Poll::Pending,
                Some(Step::Pause(millis)) => {
                    let millis = *millis;
                    ready!(this.poll_sleep(millis, cx));
                    Bytes::new()
                }
                Some(Step::Drip(millis)) => {
                    let millis = *millis;
                    ready!(this.poll_sleep(millis, cx));
                    return this.deliver(Bytes::from_static(b"."));
                }
                Some(Step::Fail(fault)) => {
                    let fault = fault.clone();
                    this.steps.clear();
                    this.ticket.close(Outcome::Failed(fault.clone()));
                    return Poll::Ready(Some(Err(fault.into())));
                }
                Some(Step::Zeros(left)) if *left > CHUNK => {
                    *left -= CHUNK;
                    return this.deliver(Bytes::from_static(&ZEROS));
                }
                Some(Step::Zeros(left)) => Bytes::from_static(&ZEROS[..*left as usize]),
                Some(Step::Text(text)) => std::mem::take(text).into(),
                Some(Step::Bytes(bytes)) => std::mem::take(bytes).into(),
            };
            this.steps.pop_front();
            if !chunk.is_empty() {
                return this.deliver(chunk);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }
}
