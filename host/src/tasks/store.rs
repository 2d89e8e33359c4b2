//! The way to what is on file: jobs that are done by threads, and answered when what they promise holds.
//!
//! What is promised to somebody (a task that was accepted) is answered when it has been synced. What only the dispatcher notes (an
//! attempt begins, an attempt ended) is answered when it was written. The verbs themselves are in `table`, `queues` and `attempts`;
//! who does the jobs is in `sqlite`, two threads that own a file, and in `postgres`, several that share a database with other hosts.

use super::moment::Moment;
use super::sql::{Result, Tx};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::{Notify, oneshot};

/// Why the store did not do something. Nothing of it has happened, unless it was lost on the way whether it has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StoreError(pub(super) String);

/// What a job is to the one who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reads only.
    Look,
    /// Written when it is answered.
    Note,
    /// Synced when it is answered; the dispatcher is woken.
    Promise,
}

/// Works inside a transaction, and gives what says so when that has been committed.
type Work = Box<dyn FnOnce(&Tx<'_>) -> Result<Answer> + Send>;
pub(super) type Answer = Box<dyn FnOnce() + Send>;

pub(super) struct Job {
    pub(super) kind: Kind,
    pub(super) work: Work,
}

/// The ways to the threads, which end when the last of them is dropped.
#[derive(Clone, Debug)]
pub(super) struct Jobs {
    /// For those who call: what they are promised, and what they read, which must not be lost any more.
    pub(super) calls: mpsc::Sender<Job>,
    /// For what is noted.
    pub(super) notes: mpsc::Sender<Job>,
}

/// What is on file, or in a database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    jobs: Jobs,
    state: Arc<State>,
    shared: bool,
}

/// What the threads say to everybody.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether there is anything on file.
    pub(super) open: AtomicBool,
    /// Why the last job failed.
    trouble: Mutex<String>,
    /// Told when there may be something new to dispatch.
    pub(super) news: Notify,
}

impl Store {
    /// A store in this file, which is made by the first promise. A file that exists is opened at once, and belongs to this process
    /// alone: the error says so when it is another's, or is no file of tasks.
    pub(crate) fn open(path: PathBuf) -> std::result::Result<Self, StoreError> {
        let state = Arc::new(State::default());
        let jobs = super::sqlite::start(path, state.clone())?;
        Ok(Store {
            jobs,
            state,
            shared: false,
        })
    }

    /// A store in a database that other hosts may share, and the keys that these have: see `postgres`.
    pub(crate) fn connect(
        url: &str,
        tls: rustls::ClientConfig,
    ) -> std::result::Result<(Self, String), StoreError> {
        let state = Arc::new(State::default());
        state.open.store(true, Ordering::Relaxed);
        let (jobs, keys) = super::postgres::start(url, tls, state.clone())?;
        let store = Store {
            jobs: Jobs {
                calls: jobs.clone(),
                notes: jobs,
            },
            state,
            shared: true,
        };
        Ok((store, keys))
    }

    /// Whether there is anything on file: otherwise there are no tasks.
    pub(crate) fn is_open(&self) -> bool {
        self.state.open.load(Ordering::Relaxed)
    }

    /// Whether other hosts may deliver what is on file.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Until something was promised since this was last waited for.
    pub(crate) async fn news(&self) {
        self.state.news.notified().await;
    }

    /// What the clock of those who share the tasks says.
    pub(crate) async fn now(&self) -> std::result::Result<Moment, StoreError> {
        match self.shared {
            true => self.look(|tx| Ok(tx.now())).await,
            false => Ok(Moment::now()),
        }
    }

    /// Reads.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        self.ask(Kind::Look, work).await
    }

    /// Writes what may be forgotten by a power cut, but not by the end of this process.
    pub(crate) async fn note<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        self.ask(Kind::Note, work).await
    }

    /// Writes what may not be forgotten.
    pub(crate) async fn promise<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        self.ask(Kind::Promise, work).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let state = self.state.clone();
        let work: Work = Box::new(move |tx| {
            // Who asks hears of a failure when `tell` is dropped: by then the reason is known.
            let value = work(tx).inspect_err(|error| state.failed(error))?;
            Ok(Box::new(move || {
                // Who asked may have gone.
                let _ = tell.send(value);
            }))
        });
        // Threads that have ended take no jobs, and drop what they were asked.
        let jobs = match kind {
            Kind::Note => &self.jobs.notes,
            Kind::Look | Kind::Promise => &self.jobs.calls,
        };
        let _ = jobs.send(Job { kind, work });
        told.await.map_err(|_| {
            let trouble = self.state.trouble.lock();
            StoreError(trouble.unwrap_or_else(PoisonError::into_inner).clone())
        })
    }
}

impl State {
    /// Keeps the reason of a failure, for those who will ask after it.
    pub(super) fn failed(&self, error: &impl ToString) {
        let mut kept = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = error.to_string();
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
