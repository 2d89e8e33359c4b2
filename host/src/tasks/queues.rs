//! The verbs on queues. Each works inside a transaction that `store` commits, on either database; now is an argument.

use super::moment::Moment;
use super::policy::{QUEUE_TOMBSTONE, RateLimits, RetryConfig, TOMBSTONE};
use super::queue::Queue;
use super::sql::{Result, Row, Tx, values};

const QUEUE: &str = "name, rate, burst, concurrent, max_attempts, max_duration, min_backoff, max_backoff, max_doublings, paused, purged";

/// The queue's key; a queue called `default` is made when it is asked for.
pub(super) fn queue_key(tx: &Tx<'_>, name: &str) -> Result<Option<i64>> {
    key_of(tx, name, "")
}

/// The same, and the queue cannot be deleted before the transaction ends.
pub(super) fn queue_key_held(tx: &Tx<'_>, name: &str) -> Result<Option<i64>> {
    key_of(tx, name, tx.held())
}

/// The same, and nobody else can do anything to the queue before the transaction ends.
fn queue_key_locked(tx: &Tx<'_>, name: &str) -> Result<Option<i64>> {
    key_of(tx, name, &tx.locked("queues"))
}

fn key_of(tx: &Tx<'_>, name: &str, lock: &str) -> Result<Option<i64>> {
    let sql = format!("SELECT key, deleted FROM queues WHERE name = ?1{lock}");
    let mut row = tx.row(&sql, &values![name])?;
    if row.is_none() && name.ends_with("/queues/default") {
        insert_queue(tx, &Queue::ordinary(name.to_owned()))?;
        row = tx.row(&sql, &values![name])?;
    }
    match row {
        Some(row) if row.get::<Option<Moment>>(1)?.is_none() => row.get(0).map(Some),
        _ => Ok(None),
    }
}

/// Whether there was none of this name.
fn insert_queue(tx: &Tx<'_>, queue: &Queue) -> Result<bool> {
    let (limits, retry) = (&queue.limits, &queue.retry);
    let inserted = tx.execute(
        &format!(
            "INSERT INTO queues ({QUEUE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (name) DO NOTHING"
        ),
        &values![
            &queue.name,
            limits.rate,
            limits.burst,
            limits.concurrent,
            retry.max_attempts,
            retry.max_duration,
            retry.min_backoff,
            retry.max_backoff,
            retry.max_doublings,
            queue.paused,
            queue.purged
        ],
    )?;
    Ok(inserted > 0)
}

fn queue_of(row: &Row) -> Result<Queue> {
    Ok(Queue {
        name: row.get(0)?,
        limits: RateLimits {
            rate: row.get(1)?,
            burst: row.get(2)?,
            concurrent: row.get(3)?,
        },
        retry: RetryConfig {
            max_attempts: row.get(4)?,
            max_duration: row.get(5)?,
            min_backoff: row.get(6)?,
            max_backoff: row.get(7)?,
            max_doublings: row.get(8)?,
        },
        paused: row.get(9)?,
        purged: row.get(10)?,
    })
}

/// A queue by its name.
pub(crate) fn find(tx: &Tx<'_>, name: &str) -> Result<Option<Queue>> {
    match queue_key(tx, name)? {
        Some(key) => of_key(tx, key),
        None => Ok(None),
    }
}

/// The same, to be changed: nobody else does before the transaction ends.
pub(crate) fn find_to_change(tx: &Tx<'_>, name: &str) -> Result<Option<Queue>> {
    match queue_key_locked(tx, name)? {
        Some(key) => of_key(tx, key),
        None => Ok(None),
    }
}

fn of_key(tx: &Tx<'_>, key: i64) -> Result<Option<Queue>> {
    let sql = format!("SELECT {QUEUE} FROM queues WHERE key = ?1");
    tx.row(&sql, &values![key])?
        .as_ref()
        .map(queue_of)
        .transpose()
}

/// The queues of a location that come after a name, in the order of their names.
pub(crate) fn list(tx: &Tx<'_>, location: &str, after: &str, most: usize) -> Result<Vec<Queue>> {
    let sql = format!(
        "SELECT {QUEUE} FROM queues WHERE deleted IS NULL AND substr(name, 1, length(?1)) = ?1 AND name > ?2 ORDER BY name LIMIT ?3"
    );
    let rows = tx.rows(&sql, &values![location, after, most as i64])?;
    rows.iter().map(queue_of).collect()
}

/// Makes a queue. False when there is one of this name; none when there was one too lately.
pub(crate) fn create(tx: &Tx<'_>, queue: &Queue, now: Moment) -> Result<Option<bool>> {
    let sql = format!(
        "SELECT deleted FROM queues WHERE name = ?1{}",
        tx.locked("queues")
    );
    if let Some(row) = tx.row(&sql, &values![&queue.name])? {
        match row.get::<Option<Moment>>(0)? {
            None => return Ok(Some(false)),
            Some(deleted) if now < deleted.plus(QUEUE_TOMBSTONE) => return Ok(None),
            Some(_) => {
                tx.execute("DELETE FROM queues WHERE name = ?1", &values![&queue.name])?;
            }
        }
    }
    insert_queue(tx, queue).map(Some)
}

/// Writes what a queue has become.
pub(crate) fn change(tx: &Tx<'_>, queue: &Queue) -> Result<()> {
    let (limits, retry) = (&queue.limits, &queue.retry);
    tx.execute(
        "UPDATE queues SET rate = ?2, burst = ?3, concurrent = ?4, max_attempts = ?5, max_duration = ?6, min_backoff = ?7,
         max_backoff = ?8, max_doublings = ?9, paused = ?10, purged = ?11 WHERE name = ?1",
        &values![
            &queue.name, limits.rate, limits.burst, limits.concurrent, retry.max_attempts, retry.max_duration,
            retry.min_backoff, retry.max_backoff, retry.max_doublings, queue.paused, queue.purged
        ],
    )?;
    Ok(())
}

/// Deletes a queue with its tasks. False when there is none.
pub(crate) fn delete(tx: &Tx<'_>, name: &str, now: Moment) -> Result<bool> {
    let Some(key) = queue_key_locked(tx, name)? else {
        return Ok(false);
    };
    forget_all(tx, key)?;
    tx.execute("DELETE FROM tombstones WHERE queue = ?1", &values![key])?;
    tx.execute(
        "UPDATE queues SET deleted = ?2 WHERE key = ?1",
        &values![key, now],
    )?;
    Ok(true)
}

/// Deletes the tasks of a queue. None when there is no such queue.
pub(crate) fn purge(tx: &Tx<'_>, name: &str, now: Moment) -> Result<Option<Queue>> {
    let Some(key) = queue_key_locked(tx, name)? else {
        return Ok(None);
    };
    lock_all(tx, key)?;
    tx.execute(
        "INSERT INTO tombstones (queue, id, until) SELECT queue, id, CAST(?2 AS BIGINT) FROM tasks WHERE queue = ?1
         ON CONFLICT (queue, id) DO UPDATE SET until = excluded.until",
        &values![key, now.plus(TOMBSTONE)],
    )?;
    forget_all(tx, key)?;
    tx.execute(
        "UPDATE queues SET purged = ?2 WHERE key = ?1",
        &values![key, now],
    )?;
    of_key(tx, key)
}

/// Deletes the tasks of a queue, with what they would have sent.
fn forget_all(tx: &Tx<'_>, queue: i64) -> Result<()> {
    lock_all(tx, queue)?;
    tx.execute(
        "DELETE FROM requests WHERE key IN (SELECT key FROM tasks WHERE queue = ?1)",
        &values![queue],
    )?;
    tx.execute("DELETE FROM tasks WHERE queue = ?1", &values![queue])?;
    Ok(())
}

/// Waits for those who work on tasks of a queue; new ones cannot come while the queue is locked.
fn lock_all(tx: &Tx<'_>, queue: i64) -> Result<()> {
    if tx.host().is_some() {
        let sql = format!(
            "SELECT count(*) FROM (SELECT key FROM tasks WHERE queue = ?1 ORDER BY key{}) AS locked",
            tx.locked("tasks")
        );
        tx.rows(&sql, &values![queue])?;
    }
    Ok(())
}
