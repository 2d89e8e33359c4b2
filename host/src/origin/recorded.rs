//! What a scripted origin saw: one entry per request, completed as the exchange goes on.

use crate::Fault;
use bytes::{Bytes, BytesMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use wasmtime_wasi_http::RequestOptions;

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The method.
    pub method: http::Method,
    /// The absolute URI.
    pub uri: http::Uri,
    /// Every header line, `host` included.
    pub headers: http::HeaderMap,
    /// What was read of the upload so far.
    pub body: Bytes,
    /// The upload was read to its end.
    pub body_complete: bool,
    /// The guest's request options; none when it set none.
    pub options: Option<RequestOptions>,
    /// When it arrived, counted from the origin's first request.
    pub at: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// How far an exchange came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Still going on.
    Open,
    /// The body was delivered to its end.
    Answered,
    /// The script's failure was delivered, before the head or in the body; or the upload failed.
    Failed(Fault),
    /// The guest dropped it.
    Dropped {
        /// The head had been delivered.
        head: bool,
        /// Bytes of the body that had been delivered.
        bytes: u64,
    },
}

/// The shared record of one origin.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    first: Option<Instant>,
    entries: Vec<(Recorded, BytesMut)>,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<Recorded> {
        let log = self.lock();
        let whole = |(entry, body): &(Recorded, BytesMut)| Recorded {
            body: body.clone().freeze(),
            ..entry.clone()
        };
        log.entries.iter().map(whole).collect()
    }

    pub(super) fn open(
        &self,
        parts: &http::request::Parts,
        options: Option<RequestOptions>,
    ) -> Ticket {
        let now = Instant::now();
        let mut log = self.lock();
        let at = now - *log.first.get_or_insert(now);
        let entry = Recorded {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            body: Bytes::new(),
            body_complete: false,
            options,
            at,
            outcome: Outcome::Open,
        };
        log.entries.push((entry, BytesMut::new()));
        Ticket {
            log: self.clone(),
            index: log.entries.len() - 1,
            head: false,
            bytes: 0,
            open: true,
        }
    }

    pub(super) fn append(&self, index: usize, chunk: &[u8]) {
        self.lock().entries[index].1.extend_from_slice(chunk);
    }

    pub(super) fn complete_body(&self, index: usize) {
        self.lock().entries[index].0.body_complete = true;
    }
}

/// The right to complete one entry. Dropped while the exchange is open, it says so.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) log: Log,
    pub(super) index: usize,
    pub(super) head: bool,
    pub(super) bytes: u64,
    open: bool,
}

impl Ticket {
    pub(super) fn close(&mut self, outcome: Outcome) {
        self.open = false;
        self.log.lock().entries[self.index].0.outcome = outcome;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.close(Outcome::Dropped {
                head: self.head,
                bytes: self.bytes,
            });
        }
    }
}
