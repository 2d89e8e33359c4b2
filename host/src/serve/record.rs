//! What is kept of one inbound request: who asked for what, how it ended, and every outbound call it made.

use crate::{Call, CallOutcome};
use http::header::HOST;
use http::{Method, StatusCode, Version};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The most outbound calls that one request keeps in full; of those beyond only the number is kept.
pub const KEPT_CALLS: usize = 256;

/// One inbound request. Written by the server while it runs, and to be read at any time, from anywhere.
#[derive(Debug)]
pub struct Record {
    /// Counts from 1 as long as the server runs.
    pub id: u64,
    /// Who asked.
    pub peer: SocketAddr,
    /// The request's method.
    pub method: Method,
    /// Whom it was meant for: the authority of its URL, or what it says in `host`; empty when it says nothing.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// The protocol it came by.
    pub version: Version,
    /// When its head had come.
    pub begun: Instant,
    /// The same moment, as the wall clock told it.
    pub begun_at: SystemTime,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    answer: Answer,
    calls: Vec<Arc<Call>>,
    uncounted: u64,
}

/// How far the answer has come. Durations are measured from [`Record::begun`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What the client was answered; none as long as it was not, and for ever when it went away before.
    pub status: Option<StatusCode>,
    /// When the head of the answer was there.
    pub head: Option<Duration>,
    /// When answer and guest had both ended.
    pub ended: Option<Duration>,
    /// Bytes of the body handed to the connection so far.
    pub sent: u64,
    /// How it ended; none while it goes on and nothing has gone wrong.
    pub outcome: Option<RequestOutcome>,
    /// What went wrong, in words on one line; empty when nothing did.
    pub reason: String,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestOutcome {
    /// The application answered, whatever the status, and the answer was handed over whole.
    Answered,
    /// The server refused it before the application saw it.
    Refused,
    /// The application trapped.
    Trapped,
    /// The application failed otherwise: it ended without an answer, answered with an error, or broke its answer off.
    Failed,
    /// The application took longer than a request may.
    TimedOut,
    /// The client went away before it had the answer.
    ClientGone,
    /// The server was told to stop and would not wait any longer.
    CutOff,
}

impl RequestOutcome {
    /// Its name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            RequestOutcome::Answered => "answered",
            RequestOutcome::Refused => "refused",
            RequestOutcome::Trapped => "trapped",
            RequestOutcome::Failed => "failed",
            RequestOutcome::TimedOut => "timed-out",
            RequestOutcome::ClientGone => "client-gone",
            RequestOutcome::CutOff => "cut-off",
        }
    }
}

impl Record {
    pub(super) fn begin<B>(id: u64, peer: SocketAddr, request: &http::Request<B>) -> Self {
        let uri = request.uri();
        let path = uri
            .path_and_query()
            .map_or_else(|| uri.to_string(), ToString::to_string);
        let host = match uri.authority() {
            Some(authority) => authority.as_str().into(),
            None => request
                .headers()
                .get(HOST)
                .map_or_else(String::new, |host| {
                    String::from_utf8_lossy(host.as_bytes()).into_owned()
                }),
        };
        Record {
            id,
            peer,
            method: request.method().clone(),
            host,
            path,
            version: request.version(),
            begun: Instant::now(),
            begun_at: SystemTime::now(),
            progress: Mutex::default(),
        }
    }

    /// How far it has come.
    pub fn answer(&self) -> Answer {
        self.lock().answer.clone()
    }

    /// The outbound calls in the order they were made, [`KEPT_CALLS`] at most, and how many more there were.
    pub fn calls(&self) -> (Vec<Arc<Call>>, u64) {
        let progress = self.lock();
        (progress.calls.clone(), progress.uncounted)
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an outbound call.
    pub(super) fn keep(&self, call: &Arc<Call>) {
        let mut progress = self.lock();
        if progress.calls.len() < KEPT_CALLS {
            progress.calls.push(call.clone());
        } else {
            progress.uncounted += 1;
        }
    }

    /// The head of the answer is there.
    pub(super) fn answered(&self, status: StatusCode) {
        let answer = &mut self.lock().answer;
        answer.status = Some(status);
        answer.head = Some(self.begun.elapsed());
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.lock().answer.sent += bytes as u64;
    }

    /// Something ended it. The first word is the last one, but that a trap says more than the answer it broke off.
    pub(super) fn ended_by(&self, outcome: RequestOutcome, reason: impl Into<String>) {
        let answer = &mut self.lock().answer;
        let says_more =
            answer.outcome == Some(RequestOutcome::Failed) && outcome == RequestOutcome::Trapped;
        if answer.outcome.is_none() || says_more {
            answer.outcome = Some(outcome);
            answer.reason = reason.into();
        }
    }

    /// Whether something went wrong already.
    pub(super) fn has_failed(&self) -> bool {
        self.lock().answer.outcome.is_some()
    }

    /// Whether it is something to look at: it did not end well, the answer says so, or a call failed.
    pub(super) fn is_error(&self) -> bool {
        let progress = self.lock();
        let answer = &progress.answer;
        answer
            .outcome
            .is_some_and(|outcome| outcome != RequestOutcome::Answered)
            || answer.status.is_some_and(|status| status.is_server_error())
            || progress.calls.iter().any(|call| call.has_failed())
    }

    /// About how many bytes keeping it takes.
    pub(super) fn weight(&self) -> usize {
        let progress = self.lock();
        let calls = progress.calls.iter().map(|call| call.weight());
        size_of::<Self>()
            + self.path.len()
            + self.host.len()
            + progress.answer.reason.len()
            + calls.sum::<usize>()
    }

    /// Nothing more will happen. Returns how it ended.
    pub(super) fn end(&self) -> Answer {
        let answer = &mut self.lock().answer;
        answer.ended = Some(self.begun.elapsed());
        answer.outcome.get_or_insert(RequestOutcome::Answered);
        answer.clone()
    }

    /// How many of its calls were made, and how many of the kept ones did not complete.
    pub(super) fn tally(&self) -> (u64, u64) {
        let progress = self.lock();
        let failed = progress
            .calls
            .iter()
            .filter(|call| call.moments().outcome != Some(CallOutcome::Complete));
        (
            progress.calls.len() as u64 + progress.uncounted,
            failed.count() as u64,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_the_last_one_unless_it_was_a_trap_that_broke_the_answer_off() {
        use RequestOutcome::{ClientGone, Failed, TimedOut, Trapped};
        let outcome = |first, second| {
            let request = http::Request::new(());
            let record = Record::begin(1, ([127, 0, 0, 1], 1).into(), &request);
            record.ended_by(first, "first");
            record.ended_by(second, "second");
            let answer = record.end();
            (answer.outcome, answer.reason)
        };
        assert_eq!(outcome(Failed, Trapped), (Some(Trapped), "second".into()));
        for (first, second) in [
            (Trapped, Failed),
            (TimedOut, Trapped),
            (ClientGone, Trapped),
        ] {
            assert_eq!(outcome(first, second), (Some(first), "first".into()));
        }
    }
}
