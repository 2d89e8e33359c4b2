//! The tables of tasks, and the verbs of the API on tasks. Each works inside a transaction that `store` commits; now is an argument.
//! Those on queues are in `queues`, those of the dispatcher in `attempts`.

use super::moment::Moment;
use super::policy::TOMBSTONE;
use super::queues::queue_key;
use super::task::{Attempt, HttpRequest, NewTask, Task};
use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction, params};

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
pub(super) const TASK: &str = "q.name, t.id, r.method, r.url, r.headers, r.body, t.created, t.due, t.deadline, t.retry, t.dispatches, t.responses,
    t.first, t.last_due, t.last_dispatched, t.last_answered, t.last_status, r.oidc";
pub(super) const JOINED: &str =
    "tasks t JOIN queues q ON q.key = t.queue JOIN requests r ON r.key = t.key";

/// Whether there is, was, or never was a task of some name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found<T> {
    There(T),
    Gone,
    Never,
}

/// What became of the wish for a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Enqueued {
    Created(Box<Task>),
    NoQueue,
    /// Its name is taken, or was until lately.
    Exists,
}

/// Makes the tables where there are none. What was running when the last process ended is running no more, but counts.
pub(crate) fn create(connection: &Connection) -> Result<()> {
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

/// Puts a task on file. `id` is what it is called when it has not said so itself.
pub(crate) fn enqueue(
    tx: &Transaction<'_>,
    queue: &str,
    id: String,
    new: NewTask,
    now: Moment,
) -> Result<Enqueued> {
    let Some(key) = queue_key(tx, queue)? else {
        return Ok(Enqueued::NoQueue);
    };
    let id = new.id.unwrap_or(id);
    if buried(tx, key, &id, now)? {
        return Ok(Enqueued::Exists);
    }
    let retry = new
        .retry
        .map(|wish| serde_json::to_string(&wish).unwrap_or_default());
    let inserted = tx.execute(
        "INSERT OR IGNORE INTO tasks (queue, id, due, created, deadline, retry) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![key, id, new.due.0, now.0, new.deadline, retry],
    )?;
    if inserted == 0 {
        return Ok(Enqueued::Exists);
    }
    let request = new.request;
    let headers = serde_json::to_string(&request.headers).unwrap_or_default();
    let oidc = request.oidc.as_ref();
    let oidc = oidc.map(|wish| serde_json::to_string(wish).unwrap_or_default());
    tx.execute(
        "INSERT INTO requests (key, method, url, headers, body, oidc) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            tx.last_insert_rowid(),
            request.method,
            request.url,
            headers,
            &request.body[..],
            oidc
        ],
    )?;
    Ok(Enqueued::Created(Box::new(Task {
        queue: queue.to_owned(),
        id,
        request,
        created: now,
        due: new.due,
        deadline: new.deadline,
        retry: new.retry,
        dispatches: 0,
        responses: 0,
        first: None,
        last: None,
    })))
}

/// Whether a name is still that of a task that is gone.
fn buried(tx: &Transaction<'_>, queue: i64, id: &str, now: Moment) -> Result<bool> {
    tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM tombstones WHERE queue = ?1 AND id = ?2 AND until > ?3)",
        params![queue, id, now.0],
        |row| row.get(0),
    )
}

pub(super) fn task_of(row: &Row<'_>) -> Result<Task> {
    let moment =
        |index: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(Moment));
    let headers: String = row.get(4)?;
    let retry: Option<String> = row.get(9)?;
    let oidc: Option<String> = row.get(17)?;
    let last = match (moment(13)?, moment(14)?) {
        (Some(due), Some(dispatched)) => Some(Attempt {
            due,
            dispatched,
            answered: moment(15)?,
            status: row.get(16)?,
        }),
        _ => None,
    };
    Ok(Task {
        queue: row.get(0)?,
        id: row.get(1)?,
        request: HttpRequest {
            method: row.get(2)?,
            url: row.get(3)?,
            headers: serde_json::from_str(&headers).unwrap_or_default(),
            body: row.get::<_, Vec<u8>>(5)?.into(),
            oidc: oidc.and_then(|oidc| serde_json::from_str(&oidc).ok()),
        },
        created: Moment(row.get(6)?),
        due: Moment(row.get(7)?),
        deadline: row.get(8)?,
        retry: retry.and_then(|retry| serde_json::from_str::<super::queue::RetryWish>(&retry).ok()),
        dispatches: row.get(10)?,
        responses: row.get(11)?,
        first: moment(12)?,
        last,
    })
}

/// A task by the names of its queue and its own; none when there is no such queue.
pub(crate) fn task(
    tx: &Transaction<'_>,
    queue: &str,
    id: &str,
    now: Moment,
) -> Result<Found<Task>> {
    let Some(key) = queue_key(tx, queue)? else {
        return Ok(Found::Never);
    };
    let sql = format!("SELECT {TASK} FROM {JOINED} WHERE t.queue = ?1 AND t.id = ?2");
    match tx.query_row(&sql, params![key, id], task_of).optional()? {
        Some(task) => Ok(Found::There(task)),
        None if buried(tx, key, id, now)? => Ok(Found::Gone),
        None => Ok(Found::Never),
    }
}

/// The tasks of a queue that come after an id, in the order of their ids; none when there is no such queue.
pub(crate) fn tasks(
    tx: &Transaction<'_>,
    queue: &str,
    after: &str,
    most: usize,
) -> Result<Option<Vec<Task>>> {
    let Some(key) = queue_key(tx, queue)? else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT {TASK} FROM {JOINED} WHERE t.queue = ?1 AND t.id > ?2 ORDER BY t.id LIMIT ?3"
    );
    let mut select = tx.prepare(&sql)?;
    select
        .query_map(params![key, after, most as i64], task_of)?
        .collect::<Result<_>>()
        .map(Some)
}

/// Deletes a task, whether it is being delivered or not.
pub(crate) fn delete(
    tx: &Transaction<'_>,
    queue: &str,
    id: &str,
    now: Moment,
) -> Result<Found<()>> {
    let Some(queue) = queue_key(tx, queue)? else {
        return Ok(Found::Never);
    };
    let key: Option<i64> = tx
        .query_row(
            "SELECT key FROM tasks WHERE queue = ?1 AND id = ?2",
            params![queue, id],
            |row| row.get(0),
        )
        .optional()?;
    match key {
        Some(key) => bury(tx, key, now).map(Found::There),
        None if buried(tx, queue, id, now)? => Ok(Found::Gone),
        None => Ok(Found::Never),
    }
}

/// A task is gone; its name stays taken.
pub(super) fn bury(tx: &Transaction<'_>, key: i64, now: Moment) -> Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO tombstones SELECT queue, id, ?2 FROM tasks WHERE key = ?1",
        params![key, now.plus(TOMBSTONE).0],
    )?;
    forget(tx, "key = ?1", key)?;
    Ok(())
}

/// Makes a task due now, whatever its queue's limits and state. One that is being delivered stays as it is.
pub(crate) fn force(
    tx: &Transaction<'_>,
    queue: &str,
    id: &str,
    now: Moment,
) -> Result<Found<Task>> {
    let found = task(tx, queue, id, now)?;
    if let Found::There(_) = found {
        tx.execute(
            "UPDATE tasks SET forced = 1, due = min(due, ?3) WHERE queue = (SELECT key FROM queues WHERE name = ?1) AND id = ?2
             AND running = 0",
            params![queue, id, now.0],
        )?;
        return task(tx, queue, id, now);
    }
    Ok(found)
}

/// Deletes the rows of tasks, with what they would have sent.
pub(super) fn forget(tx: &Transaction<'_>, which: &str, key: i64) -> Result<usize> {
    tx.execute(
        &format!("DELETE FROM requests WHERE key IN (SELECT key FROM tasks WHERE {which})"),
        [key],
    )?;
    tx.execute(&format!("DELETE FROM tasks WHERE {which}"), [key])
}
