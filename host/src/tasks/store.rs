//! The file of tasks: one thread that owns it, and commits what came in together by one transaction.
//!
//! What is promised to somebody (a task that was accepted) is answered when it has been synced. What only the dispatcher notes (an
//! attempt begins, an attempt ended) is answered when it was written: a power cut may lose it, which is one delivery more, and the
//! end of this process may not. The verbs themselves are in `table`, `queues` and `attempts`.

use super::moment::Moment;
use super::{attempts, table};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::{Notify, oneshot};

/// The most jobs that one transaction takes in.
const TURN: usize = 256;

/// Why the store did not do something. Nothing of it has happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StoreError(String);

/// What a job is to the one who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Reads only.
    Look,
    /// Written when it is answered.
    Note,
    /// Synced when it is answered; the dispatcher is woken.
    Promise,
}

/// Works inside a transaction, and gives what says so when that has been committed.
type Work = Box<dyn FnOnce(&Transaction<'_>) -> rusqlite::Result<Answer> + Send>;
type Answer = Box<dyn FnOnce() + Send>;

struct Job {
    kind: Kind,
    work: Work,
}

/// The way to the thread. The file is closed when the last of them is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    jobs: mpsc::Sender<Job>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether there is a file.
    open: AtomicBool,
    /// Why the last turn failed.
    trouble: Mutex<String>,
    /// Told when there may be something new to dispatch.
    news: Notify,
}

impl Store {
    /// A store in this file, which is made by the first promise. A file that exists is opened at once, and belongs to this process
    /// alone: the error says so when it is another's, or is no file of tasks.
    pub(crate) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let existing = path.exists().then(|| connect(&path)).transpose()?;
        let state = Arc::new(State::default());
        state.open.store(existing.is_some(), Ordering::Relaxed);
        let (jobs, received) = mpsc::channel();
        let keeper = Keeper {
            path,
            connection: existing,
            state: state.clone(),
            broken: None,
        };
        std::thread::Builder::new()
            .name("tasks".into())
            .spawn(move || keeper.run(&received))
            .map_err(|error| StoreError(error.to_string()))?;
        Ok(Store { jobs, state })
    }

    /// Whether there is a file: without one there are no tasks.
    pub(crate) fn is_open(&self) -> bool {
        self.state.open.load(Ordering::Relaxed)
    }

    /// Until something was promised since this was last waited for.
    pub(crate) async fn news(&self) {
        self.state.news.notified().await;
    }

    /// Reads.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(Kind::Look, work).await
    }

    /// Writes what may be forgotten by a power cut, but not by the end of this process.
    pub(crate) async fn note<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(Kind::Note, work).await
    }

    /// Writes what may not be forgotten.
    pub(crate) async fn promise<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(Kind::Promise, work).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let state = self.state.clone();
        let work: Work = Box::new(move |transaction| {
            // Who asks hears of a failure when `tell` is dropped: by then the reason is known.
            let value = work(transaction).inspect_err(|error| state.failed(&told_by(error)))?;
            Ok(Box::new(move || {
                // Who asked may have gone.
                let _ = tell.send(value);
            }))
        });
        // A thread that has ended takes no jobs, and drops what it was asked.
        let _ = self.jobs.send(Job { kind, work });
        told.await.map_err(|_| {
            let trouble = self.state.trouble.lock();
            StoreError(trouble.unwrap_or_else(PoisonError::into_inner).clone())
        })
    }
}

impl State {
    /// Keeps the reason of a failure, for those who will ask after it.
    fn failed(&self, StoreError(trouble): &StoreError) {
        let mut kept = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone_from(trouble);
    }
}

/// The thread's own.
struct Keeper {
    path: PathBuf,
    connection: Option<Connection>,
    state: Arc<State>,
    /// Why nothing is done any more: what a failing disk has taken is not known.
    broken: Option<String>,
}

impl Keeper {
    fn run(mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut turn = vec![first];
            turn.extend(jobs.try_iter().take(TURN - 1));
            let promised = turn.iter().any(|job| job.kind == Kind::Promise);
            let mut answers = Vec::with_capacity(turn.len());
            match self.turn(&mut turn, &mut answers, promised) {
                Ok(()) => {
                    for answer in answers {
                        answer();
                    }
                    if promised {
                        self.state.news.notify_one();
                    }
                }
                // Then jobs and answers are dropped, which is an answer.
                Err(trouble) => {
                    tracing::error!(target: "tasks", "{trouble}");
                    self.state.failed(&trouble);
                }
            }
        }
    }

    /// Everything, or nothing of it.
    fn turn(
        &mut self,
        turn: &mut Vec<Job>,
        answers: &mut Vec<Answer>,
        promised: bool,
    ) -> Result<(), StoreError> {
        if let Some(broken) = &self.broken {
            return Err(StoreError(broken.clone()));
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            // Nothing is on file: what reads is answered out of nothing.
            None if !promised => {
                return commit(&mut empty()?, turn, answers).map_err(|error| told_by(&error));
            }
            None => {
                let connection = connect(&self.path)?;
                self.state.open.store(true, Ordering::Relaxed);
                self.connection.insert(connection)
            }
        };
        let synchronous = if promised { "FULL" } else { "NORMAL" };
        let done = connection
            .pragma_update(None, "synchronous", synchronous)
            .and_then(|()| commit(connection, turn, answers));
        done.map_err(|error| {
            // A full disk may be emptied, and what did not fit was taken back. What else fails has failed for good.
            if error.sqlite_error_code() != Some(ErrorCode::DiskFull) {
                self.broken = Some(format!(
                    "{error}; it takes nothing until it is started again"
                ));
            }
            told_by(&error)
        })
    }
}

fn told_by(error: &rusqlite::Error) -> StoreError {
    StoreError(error.to_string())
}

/// One transaction.
fn commit(
    connection: &mut Connection,
    turn: &mut Vec<Job>,
    answers: &mut Vec<Answer>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in turn.drain(..) {
        answers.push((job.work)(&transaction)?);
    }
    transaction.commit()
}

/// A store of nothing.
fn empty() -> Result<Connection, StoreError> {
    let connection = Connection::open_in_memory().map_err(|error| told_by(&error))?;
    table::create(&connection).map_err(|error| told_by(&error))?;
    Ok(connection)
}

/// Opens the file, or makes it with its folder, and takes it for this process alone.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let named = |reason: String| StoreError(format!("'{}': {reason}", path.display()));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| named(error.to_string()))?;
    let opened = || {
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        // Held until the file is closed, and let go by the system when this process dies.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Where a sync is not one otherwise (macOS).
        connection.pragma_update(None, "fullfsync", true)?;
        table::create(&connection)?;
        let tx = connection.unchecked_transaction()?;
        let cut = attempts::recover(&tx, Moment::now())?;
        tx.commit()?;
        if cut > 0 {
            tracing::info!(target: "tasks", cut, "deliveries that were cut off are tried again");
        }
        Ok(connection)
    };
    let connection = opened().map_err(|error: rusqlite::Error| {
        named(match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => "is in use by another process".into(),
            Some(ErrorCode::NotADatabase) => "is no file of tasks".into(),
            _ => error.to_string(),
        })
    })?;
    // The file's name is on the disk as well.
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| named(error.to_string()))?;
    Ok(connection)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
