//! The file of tasks, an SQLite database, and two threads that take turns at it: one for those who call, one for the dispatcher. Each
//! commits what came in together by one transaction.
//!
//! What is promised is synced before it is answered, and meanwhile the dispatcher goes on: what it notes is written. A power cut may
//! lose that, which is one delivery more, and the end of this process may not.

use super::attempts;
use super::moment::Moment;
use super::sql::{Engine, Result, Row, SqlError, Trouble, Tx, Value};
use super::store::{Answer, Job, Jobs, Kind, State, StoreError};
use bytes::Bytes;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, TransactionBehavior};
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};

/// The most jobs that one transaction takes in.
const TURN: usize = 256;
/// What `user_version` says of a file with these tables.
const VERSION: i64 = 2;
/// What makes tables of the version before into these.
const FROM_1: &str = "ALTER TABLE requests ADD COLUMN oidc TEXT;";

/// A queue that was deleted keeps its row until its name may be used again. What changes with every attempt is apart from what is
/// sent, which may be large. Keys are never used twice: a late answer must not be taken for another task's.
const TABLES: &str = "
CREATE TABLE queues (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    rate REAL NOT NULL, burst INTEGER NOT NULL, concurrent INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL, max_duration INTEGER NOT NULL,
    min_backoff INTEGER NOT NULL, max_backoff INTEGER NOT NULL, max_doublings INTEGER NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0, purged INTEGER, deleted INTEGER
) STRICT;
CREATE TABLE tasks (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL, id TEXT NOT NULL,
    running INTEGER NOT NULL DEFAULT 0, forced INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL, created INTEGER NOT NULL, deadline INTEGER NOT NULL, retry TEXT,
    dispatches INTEGER NOT NULL DEFAULT 0, responses INTEGER NOT NULL DEFAULT 0, executions INTEGER NOT NULL DEFAULT 0,
    first INTEGER, last_due INTEGER, last_dispatched INTEGER, last_answered INTEGER, last_status INTEGER,
    UNIQUE (queue, id)
) STRICT;
CREATE INDEX waiting ON tasks (queue, due) WHERE running = 0;
CREATE INDEX forced ON tasks (queue) WHERE forced = 1;
CREATE INDEX delivered ON tasks (queue) WHERE running = 1;
CREATE TABLE requests (
    key INTEGER PRIMARY KEY,
    method TEXT NOT NULL, url TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL, oidc TEXT
) STRICT;
CREATE TABLE tombstones (queue INTEGER NOT NULL, id TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (queue, id))
STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_until ON tombstones (until);
";

/// Starts the threads of a file.
pub(super) fn start(path: PathBuf, state: Arc<State>) -> std::result::Result<Jobs, StoreError> {
    let existing = path.exists().then(|| connect(&path)).transpose()?;
    state.open.store(existing.is_some(), Ordering::Relaxed);
    let keeper = Arc::new(Keeper {
        path,
        file: Mutex::new(existing),
        state,
        broken: OnceLock::new(),
    });
    let thread = || {
        let (jobs, received) = mpsc::channel();
        let keeper = keeper.clone();
        std::thread::Builder::new()
            .name("tasks".into())
            .spawn(move || keeper.run(&received))
            .map_err(|error| StoreError(error.to_string()))?;
        Ok(jobs)
    };
    Ok(Jobs {
        calls: thread()?,
        notes: thread()?,
    })
}

/// An open file, and the log in which SQLite writes what is committed before it comes there.
struct Opened {
    connection: Connection,
    log: Arc<File>,
}

/// What both threads have.
struct Keeper {
    path: PathBuf,
    file: Mutex<Option<Opened>>,
    state: Arc<State>,
    /// Why nothing is done any more: what a failing disk has taken is not known.
    broken: OnceLock<String>,
}

impl Keeper {
    fn run(&self, jobs: &mpsc::Receiver<Job>) {
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
        &self,
        turn: &mut Vec<Job>,
        answers: &mut Vec<Answer>,
        promised: bool,
    ) -> std::result::Result<(), StoreError> {
        let log = self.write(turn, answers, promised)?;
        let Some(log) = log.filter(|_| promised) else {
            return Ok(());
        };
        self.state.news.notify_one();
        // Where SQLite has begun its log anew meanwhile, it has synced the old one and the file before.
        log.sync_data().map_err(|error| self.breaks(&error))
    }

    /// One transaction of what is to be done. Gives the log that it is in, if there is a file.
    fn write(
        &self,
        turn: &mut Vec<Job>,
        answers: &mut Vec<Answer>,
        promised: bool,
    ) -> std::result::Result<Option<Arc<File>>, StoreError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(broken) = self.broken.get() {
            return Err(StoreError(broken.clone()));
        }
        let opened = match &mut *file {
            Some(opened) => opened,
            // Nothing is on file: what reads is answered out of nothing.
            None if !promised => {
                return empty()
                    .and_then(|mut empty| commit(&mut empty, turn, answers))
                    .map(|()| None)
                    .map_err(|error| StoreError(error.reason));
            }
            None => {
                let opened = connect(&self.path)?;
                self.state.open.store(true, Ordering::Relaxed);
                file.insert(opened)
            }
        };
        let done = commit(&mut opened.connection, turn, answers);
        done.map_err(|error| match error.trouble {
            Trouble::Passing => StoreError(error.reason),
            // What else fails has failed for good.
            Trouble::Lasting => self.breaks(&error),
        })?;
        Ok(Some(opened.log.clone()))
    }

    /// Takes nothing any more. The first reason is the one that is told from then on.
    fn breaks(&self, error: &dyn std::fmt::Display) -> StoreError {
        let told = format!("{error}; it takes nothing until it is started again");
        let _ = self.broken.set(told);
        StoreError(error.to_string())
    }
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // A full disk may be emptied, and what did not fit was taken back.
            Some(ErrorCode::DiskFull) => SqlError::passing(error),
            _ => SqlError::lasting(error),
        }
    }
}

/// One transaction.
fn commit(
    connection: &mut Connection,
    turn: &mut Vec<Job>,
    answers: &mut Vec<Answer>,
) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in turn.drain(..) {
        let tx = Tx::new(&*transaction, Moment::now());
        answers.push((job.work)(&tx)?);
    }
    Ok(transaction.commit()?)
}

impl Engine for Connection {
    fn run(&self, sql: &str, params: &[Value], _: bool) -> Result<(usize, Vec<Row>)> {
        let mut statement = self.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        let mut read = Vec::new();
        while let Some(row) = rows.next()? {
            let columns = (0..columns).map(|index| row.get_ref(index).map(value_of));
            read.push(Row(columns.collect::<rusqlite::Result<_>>()?));
        }
        let changed = usize::try_from(self.changes()).unwrap_or(usize::MAX);
        Ok((changed, read))
    }

    fn host(&self) -> Option<i64> {
        None
    }
}

fn value_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Value::Blob(Bytes::copy_from_slice(value)),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Real(value) => ValueRef::Real(*value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// A store of nothing.
pub(super) fn empty() -> Result<Connection> {
    let connection = Connection::open_in_memory()?;
    create(&connection)?;
    Ok(connection)
}

/// Makes the tables where there are none.
fn create(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let work = match version {
        VERSION => return Ok(()),
        0 => TABLES,
        1 => FROM_1,
        _ => {
            let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB);
            return Err(rusqlite::Error::SqliteFailure(error, None));
        }
    };
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {work} PRAGMA user_version = {VERSION}; COMMIT;"
    ))
}

/// Makes the file where there is none, for its owner alone: payloads and headers of tasks may be secrets. SQLite gives the files that it
/// puts beside it the same mode.
fn make(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    // One that is there is not opened: closing it would let go of the locks that this process has on it.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Opens the file, or makes it with its folder, and takes it for this process alone.
fn connect(path: &Path) -> std::result::Result<Opened, StoreError> {
    let named = |reason: String| StoreError(format!("'{}': {reason}", path.display()));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| named(error.to_string()))?;
    make(path).map_err(|error| named(error.to_string()))?;
    let opened = || {
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        // Held until the file is closed, and let go by the system when this process dies.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Where a sync is not one otherwise (macOS).
        connection.pragma_update(None, "fullfsync", true)?;
        create(&connection)?;
        Ok(connection)
    };
    let connection = opened().map_err(|error: rusqlite::Error| {
        named(match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => "is in use by another process".into(),
            Some(ErrorCode::NotADatabase) => "is no file of tasks".into(),
            _ => error.to_string(),
        })
    })?;
    let transaction = connection.unchecked_transaction();
    let cut = transaction.map_err(SqlError::from).and_then(|transaction| {
        let now = Moment::now();
        let cut = attempts::recover(&Tx::new(&*transaction, now), "true", now)?;
        transaction.commit()?;
        Ok(cut)
    });
    let cut = cut.map_err(|error| named(error.reason))?;
    if cut > 0 {
        tracing::info!(target: "tasks", cut, "deliveries that were cut off are tried again");
    }
    // From here on only what is promised is synced, and not by SQLite, but for what it moves from its log into the file.
    let relaxed = connection.pragma_update(None, "synchronous", "NORMAL");
    relaxed.map_err(|error| named(error.to_string()))?;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    // The names of both are on the disk as well.
    let log = OpenOptions::new().write(true).open(log).and_then(|log| {
        File::open(folder)?.sync_all()?;
        Ok(Arc::new(log))
    });
    let log = log.map_err(|error| named(error.to_string()))?;
    Ok(Opened { connection, log })
}
