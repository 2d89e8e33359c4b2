//! The seam under the client: what carries one exchange, tells the time, and blocks. App Engine's "service stub" (semantics.md section 8).
use alloc::{boxed::Box, vec::Vec};

use urlfetch_core::Instant;
pub use urlfetch_core::{Event, Failure, FailureCode, Outgoing, url::Url};

/// A pollable of WASI 0.2, the kind that `wasi:io/poll` waits for.
pub type Pollable = wasi::io::poll::Pollable;

/// How long a [`Transport::wait`] may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Not at all.
    Now,
    /// Until this instant.
    At(Instant),
    /// For as long as it takes.
    Forever,
}

/// What a [`Transport::wait`] saw.
#[derive(Debug, Default)]
pub struct Woken {
    /// Exchanges that may have an event, named by every wait until it was asked for. Naming one too many is harmless, one twice as
    /// well.
    pub exchanges: Vec<usize>,
    /// Places, in `others`, of the pollables that are ready.
    pub others: Vec<u32>,
}

impl Woken {
    pub(crate) const fn new() -> Self {
        Self {
            exchanges: Vec::new(),
            others: Vec::new(),
        }
    }
}

/// Carries exchanges. The client decides, a transport only does: it follows no redirect, keeps no limit and retries nothing.
///
/// An exchange is named by a small number of the caller's choice, which is free for another once it was [ended](Self::end).
/// Everything is called from one thread, and nothing but [`wait`](Self::wait) may block.
pub trait Transport {
    /// The time on a clock that never goes back.
    fn now(&self) -> Instant;

    /// Hands a request over and starts the exchange. A refusal is returned as the event it is; everything else happens later.
    fn send(&mut self, exchange: usize, request: Outgoing, now: Instant) -> Option<Event>;

    /// Moves the exchange, its upload as well, as far as goes without blocking; the next thing that happened to it, or none.
    /// A [`Event::Piece`] has at most `at_most` bytes. After [`Event::End`] or [`Event::Failed`] it is not asked again.
    fn next_event(&mut self, exchange: usize, at_most: usize) -> Option<Event>;

    /// The number of App Engine's that the service gave the failure which the exchange has just reported: it then counts instead of
    /// the failure's code, and the detail is told as it is (semantics.md 9.2). A transport that speaks HTTP has none.
    fn service_code(&self, exchange: usize) -> Option<u32> {
        let _ = exchange;
        None
    }

    /// Ends the exchange, finished or not, and releases what it held. Of an unknown exchange: nothing.
    fn end(&mut self, exchange: usize);

    /// Blocks until an exchange may have an event, one of `others` is ready, or `until` has come. Returns at once when nothing of
    /// this could ever happen. Adds to `woken`.
    fn wait(&mut self, until: Until, others: &[&Pollable], woken: &mut Woken);

    /// Pollables of its own for another reactor to wait on: for what the exchange waits for, and for `deadline`. All of them are
    /// dropped before the exchange is touched again. A transport without pollables has none to give, and works only with
    /// [`block_on`](crate::block_on).
    fn subscribe(&mut self, exchange: Option<usize>, deadline: Instant) -> Vec<Pollable> {
        let _ = (exchange, deadline);
        Vec::new()
    }
}

impl Transport for Box<dyn Transport> {
    fn now(&self) -> Instant {
        (**self).now()
    }

    fn send(&mut self, exchange: usize, request: Outgoing, now: Instant) -> Option<Event> {
        (**self).send(exchange, request, now)
    }

    fn next_event(&mut self, exchange: usize, at_most: usize) -> Option<Event> {
        (**self).next_event(exchange, at_most)
    }

    fn service_code(&self, exchange: usize) -> Option<u32> {
        (**self).service_code(exchange)
    }

    fn end(&mut self, exchange: usize) {
        (**self).end(exchange);
    }

    fn wait(&mut self, until: Until, others: &[&Pollable], woken: &mut Woken) {
        (**self).wait(until, others, woken);
    }

    fn subscribe(&mut self, exchange: Option<usize>, deadline: Instant) -> Vec<Pollable> {
        (**self).subscribe(exchange, deadline)
    }
}
