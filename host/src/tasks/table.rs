//! The verbs of the API on tasks. Each works inside a transaction that `store` commits, on either database; now is an argument. Those
//! on queues are in `queues`, those of the dispatcher in `attempts`.
//!
//! Who changes a task locks its row before anything else of it, so that no two wait for each other.

use super::moment::Moment;
use super::policy::TOMBSTONE;
use super::queues::{queue_key, queue_key_held};
use super::sql::{Result, Row, Tx, values};
use super::task::{Attempt, HttpRequest, NewTask, Task};

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

/// Puts a task on file. `id` is what it is called when it has not said so itself.
pub(crate) fn enqueue(
    tx: &Tx<'_>,
    queue: &str,
    id: String,
    new: NewTask,
    now: Moment,
) -> Result<Enqueued> {
    let Some(queue_key) = queue_key_held(tx, queue)? else {
        return Ok(Enqueued::NoQueue);
    };
    let id = new.id.unwrap_or(id);
    let retry = new
        .retry
        .map(|wish| serde_json::to_string(&wish).unwrap_or_default());
    let inserted = tx.row(
        "INSERT INTO tasks (queue, id, due, created, deadline, retry) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (queue, id) DO NOTHING RETURNING key",
        &values![queue_key, &id, new.due, now, new.deadline, retry],
    )?;
    let Some(inserted) = inserted else {
        return Ok(Enqueued::Exists);
    };
    let key: i64 = inserted.get(0)?;
    // Asked last: another host may have ended the task of this name while the row was waited for.
    if buried(tx, queue_key, &id, now)? {
        tx.execute("DELETE FROM tasks WHERE key = ?1", &values![key])?;
        return Ok(Enqueued::Exists);
    }
    let request = new.request;
    let headers = serde_json::to_string(&request.headers).unwrap_or_default();
    let oidc = request.oidc.as_ref();
    let oidc = oidc.map(|wish| serde_json::to_string(wish).unwrap_or_default());
    tx.execute(
        "INSERT INTO requests (key, method, url, headers, body, oidc) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &values![
            key,
            &request.method,
            &request.url,
            headers,
            request.body.clone(),
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
fn buried(tx: &Tx<'_>, queue: i64, id: &str, now: Moment) -> Result<bool> {
    let found = tx.row(
        "SELECT 1 FROM tombstones WHERE queue = ?1 AND id = ?2 AND until > ?3",
        &values![queue, id, now],
    )?;
    Ok(found.is_some())
}

pub(super) fn task_of(row: &Row) -> Result<Task> {
    let moment = |index| row.get::<Option<Moment>>(index);
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
            body: row.get(5)?,
            oidc: oidc.and_then(|oidc| serde_json::from_str(&oidc).ok()),
        },
        created: row.get(6)?,
        due: row.get(7)?,
        deadline: row.get(8)?,
        retry: retry.and_then(|retry| serde_json::from_str::<super::queue::RetryWish>(&retry).ok()),
        dispatches: row.get(10)?,
        responses: row.get(11)?,
        first: moment(12)?,
        last,
    })
}

/// A task by the names of its queue and its own; none when there is no such queue.
pub(crate) fn task(tx: &Tx<'_>, queue: &str, id: &str, now: Moment) -> Result<Found<Task>> {
    let Some(key) = queue_key(tx, queue)? else {
        return Ok(Found::Never);
    };
    let sql = format!("SELECT {TASK} FROM {JOINED} WHERE t.queue = ?1 AND t.id = ?2");
    match tx.row(&sql, &values![key, id])? {
        Some(row) => task_of(&row).map(Found::There),
        None if buried(tx, key, id, now)? => Ok(Found::Gone),
        None => Ok(Found::Never),
    }
}

/// The tasks of a queue that come after an id, in the order of their ids; none when there is no such queue.
pub(crate) fn tasks(
    tx: &Tx<'_>,
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
    let rows = tx.rows(&sql, &values![key, after, most as i64])?;
    rows.iter().map(task_of).collect::<Result<_>>().map(Some)
}

/// Deletes a task, whether it is being delivered or not.
pub(crate) fn delete(tx: &Tx<'_>, queue: &str, id: &str, now: Moment) -> Result<Found<()>> {
    let Some(queue) = queue_key(tx, queue)? else {
        return Ok(Found::Never);
    };
    let found = tx.row(
        "SELECT key FROM tasks WHERE queue = ?1 AND id = ?2",
        &values![queue, id],
    )?;
    match found {
        Some(row) => bury(tx, row.get(0)?, now).map(Found::There),
        None if buried(tx, queue, id, now)? => Ok(Found::Gone),
        None => Ok(Found::Never),
    }
}

/// A task is gone; its name stays taken.
pub(super) fn bury(tx: &Tx<'_>, key: i64, now: Moment) -> Result<()> {
    let sql = format!(
        "SELECT queue, id FROM tasks WHERE key = ?1{}",
        tx.locked("tasks")
    );
    let Some(row) = tx.row(&sql, &values![key])? else {
        return Ok(());
    };
    tx.execute(
        "INSERT INTO tombstones (queue, id, until) VALUES (?1, ?2, ?3)
         ON CONFLICT (queue, id) DO UPDATE SET until = excluded.until",
        &values![
            row.get::<i64>(0)?,
            row.get::<String>(1)?,
            now.plus(TOMBSTONE)
        ],
    )?;
    tx.execute("DELETE FROM requests WHERE key = ?1", &values![key])?;
    tx.execute("DELETE FROM tasks WHERE key = ?1", &values![key])?;
    Ok(())
}

/// Makes a task due now, whatever its queue's limits and state. One that is being delivered stays as it is.
pub(crate) fn force(tx: &Tx<'_>, queue: &str, id: &str, now: Moment) -> Result<Found<Task>> {
    let found = task(tx, queue, id, now)?;
    if let Found::There(_) = found {
        tx.execute(
            "UPDATE tasks SET forced = 1, due = CASE WHEN due < ?3 THEN due ELSE ?3 END
             WHERE queue = (SELECT key FROM queues WHERE name = ?1) AND id = ?2 AND running = 0",
            &values![queue, id, now],
        )?;
        return task(tx, queue, id, now);
    }
    Ok(found)
}
