//! One exchange as the sender sees it: when it queued, dialled, was answered and ended, on a new connection or a used one.

use crate::Fault;
use http::{Method, StatusCode, Uri, Version};
use hyper_util::client::legacy::connect::{Connected, HttpInfo};
use serde::Serialize;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

tokio::task_local! {
    /// The exchange that dials. The pool connects inside the task that asks it, so the connector and the resolver find it here.
    static DIALLING: Arc<Call>;
}

/// The record of one exchange: made before [`Sender::send_recorded`](super::Sender::send_recorded), filled in by it, and to be
/// read at any time, from anywhere.
#[derive(Debug)]
pub struct Call {
    method: Method,
    url: String,
    begun: Instant,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    moments: Moments,
    dialled: Option<SocketAddr>,
}

/// What is known of an exchange. Every duration is measured from the moment the guest handed its request over, and is none until it
/// has come to that.
///
/// `placed`, `resolved`, `connected`, `encrypted`, `ready`, `head`, `ended` come in this order. On a connection that was used before,
/// the three in the middle stay none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// It stopped queueing for a place among the sender's connections.
    pub placed: Option<Duration>,
    /// The name was looked up. A host that is an address is not.
    pub resolved: Option<Duration>,
    /// TCP was connected.
    pub connected: Option<Duration>,
    /// TLS was agreed on.
    pub encrypted: Option<Duration>,
    /// It had a connection, new or used, and began to send.
    pub ready: Option<Duration>,
    /// The head of the response had come.
    pub head: Option<Duration>,
    /// It was over: see `outcome`.
    pub ended: Option<Duration>,
    /// Whether the connection had carried another exchange before, or was carrying it.
    pub reused: Option<bool>,
    /// The protocol of the response.
    pub version: Option<Version>,
    /// The status of the response.
    pub status: Option<StatusCode>,
    /// Bytes of the body that came so far, as sent.
    pub received: u64,
    /// How it ended; none while it goes on.
    pub outcome: Option<CallOutcome>,
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallOutcome {
    /// The body was read to its end.
    Complete,
    /// With this error, before or after the head.
    Failed(Fault),
    /// The guest dropped it, or ended itself.
    Abandoned,
}

impl Call {
    /// A record that begins now.
    pub fn begin(method: Method, uri: &Uri) -> Arc<Self> {
        Arc::new(Call {
            method,
            url: uri.to_string(),
            begun: Instant::now(),
            progress: Mutex::default(),
        })
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Where the request went: absolute.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// When the guest handed the request over.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// What is known by now.
    pub fn moments(&self) -> Moments {
        self.lock().moments.clone()
    }

    /// Whether it ended with an error.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.lock().moments.outcome, Some(CallOutcome::Failed(_)))
    }

    /// About how many bytes keeping it takes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.url.len()
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what happened now, unless the call is over: the pool may go on dialling for others.
    fn note(&self, what: impl FnOnce(&mut Progress, Duration)) {
        let mut progress = self.lock();
        if progress.moments.outcome.is_none() {
            what(&mut progress, self.begun.elapsed());
        }
    }

    pub(super) fn placed(&self) {
        self.note(|progress, at| progress.moments.placed = Some(at));
    }

    /// It has this connection.
    pub(super) fn ready(&self, connection: Option<&Connected>) {
        let mut extensions = http::Extensions::new();
        if let Some(connection) = connection {
            connection.get_extras(&mut extensions);
        }
        let local = extensions.get::<HttpInfo>().map(HttpInfo::local_addr);
        self.note(|progress, at| {
            let reused = local.is_none() || local != progress.dialled;
            let moments = &mut progress.moments;
            moments.ready = Some(at);
            moments.reused = Some(reused);
            if reused {
                // It had begun to dial when another exchange's connection became free.
                (moments.resolved, moments.connected, moments.encrypted) = (None, None, None);
            }
        });
    }

    pub(super) fn head(&self, status: StatusCode, version: Version) {
        self.note(|Progress { moments, .. }, at| {
            moments.head = Some(at);
            moments.status = Some(status);
            moments.version = Some(version);
        });
    }

    pub(super) fn received(&self, bytes: usize) {
        self.note(|progress, _| progress.moments.received += bytes as u64);
    }

    /// This process answered it itself, without any connection.
    pub(crate) fn answered_here(&self, status: StatusCode) {
        self.head(status, Version::HTTP_11);
        self.end(CallOutcome::Complete);
    }

    /// The first word is the last one.
    pub(super) fn end(&self, outcome: CallOutcome) {
        self.note(|Progress { moments, .. }, at| {
            moments.ended = Some(at);
            moments.outcome = Some(outcome);
        });
    }

    /// Runs what may dial, so that what is dialled is noted here.
    pub(super) fn dialling<F: Future>(
        self: &Arc<Self>,
        exchange: F,
    ) -> impl Future<Output = F::Output> {
        DIALLING.scope(self.clone(), exchange)
    }

    /// The call on whose behalf the current task dials; none when the pool does it for nobody in particular.
    pub(super) fn that_dials() -> Option<Arc<Call>> {
        DIALLING.try_with(Arc::clone).ok()
    }

    pub(super) fn resolved(&self) {
        self.dialled(|progress, at| progress.moments.resolved = Some(at));
    }

    pub(super) fn connected(&self, local: Option<SocketAddr>) {
        self.dialled(|progress, at| {
            progress.moments.connected = Some(at);
            progress.dialled = local;
        });
    }

    pub(super) fn encrypted(&self) {
        self.dialled(|progress, at| progress.moments.encrypted = Some(at));
    }

    /// What is dialled after the call has got another connection is not its own.
    fn dialled(&self, what: impl FnOnce(&mut Progress, Duration)) {
        self.note(|progress, at| {
            if progress.moments.ready.is_none() {
                what(progress, at);
            }
        });
    }
}

/// Ends a call as abandoned unless somebody said something better before.
pub(super) struct Recording(pub(super) Arc<Call>);

impl Drop for Recording {
    fn drop(&mut self) {
        self.0.end(CallOutcome::Abandoned);
    }
}
