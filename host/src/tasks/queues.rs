//! The verbs on queues. Each works inside a transaction that `store` commits; now is an argument.

use super::moment::Moment;
use super::policy::{QUEUE_TOMBSTONE, RateLimits, RetryConfig, TOMBSTONE};
use super::queue::Queue;
use super::table::forget;
use rusqlite::{OptionalExtension, Result, Row, Transaction, params};

const QUEUE: &str = "name, rate, burst, concurrent, max_attempts, max_duration, min_backoff, max_backoff, max_doublings, paused, purged";

/// The queue's key; a queue called `default` is made when it is asked for.
pub(super) fn queue_key(tx: &Transaction<'_>, name: &str) -> Result<Option<i64>> {
    let row = tx
        .query_row(
            "SELECT key, deleted IS NULL FROM queues WHERE name = ?1",
            [name],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)),
        )
        .optional()?;
    match row {
        Some((key, true)) => Ok(Some(key)),
        Some((_, false)) => Ok(None),
        None if name.ends_with("/queues/default") => {
            insert_queue(tx, &Queue::ordinary(name.to_owned()))?;
            Ok(Some(tx.last_insert_rowid()))
        }
        None => Ok(None),
    }
}

fn insert_queue(tx: &Transaction<'_>, queue: &Queue) -> Result<()> {
    let (limits, retry) = (&queue.limits, &queue.retry);
    tx.execute(
        &format!(
            "INSERT INTO queues ({QUEUE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        ),
        params![
            queue.name,
            limits.rate,
            limits.burst,
            limits.concurrent,
            retry.max_attempts,
            retry.max_duration,
            retry.min_backoff,
            retry.max_backoff,
            retry.max_doublings,
            queue.paused,
            queue.purged.map(|at| at.0)
        ],
    )?;
    Ok(())
}

fn queue_of(row: &Row<'_>) -> Result<Queue> {
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
        purged: row.get::<_, Option<i64>>(10)?.map(Moment),
    })
}

/// A queue by its name.
pub(crate) fn find(tx: &Transaction<'_>, name: &str) -> Result<Option<Queue>> {
    let Some(key) = queue_key(tx, name)? else {
        return Ok(None);
    };
    tx.query_row(
        &format!("SELECT {QUEUE} FROM queues WHERE key = ?1"),
        [key],
        queue_of,
    )
    .map(Some)
}

/// The queues of a location that come after a name, in the order of their names.
pub(crate) fn list(
    tx: &Transaction<'_>,
    location: &str,
    after: &str,
    most: usize,
) -> Result<Vec<Queue>> {
    let sql = format!(
        "SELECT {QUEUE} FROM queues WHERE deleted IS NULL AND substr(name, 1, length(?1)) = ?1 AND name > ?2 ORDER BY name LIMIT ?3"
    );
    let mut select = tx.prepare(&sql)?;
    select
        .query_map(params![location, after, most as i64], queue_of)?
        .collect()
}

/// Makes a queue. False when there is one of this name; none when there was one too lately.
pub(crate) fn create(tx: &Transaction<'_>, queue: &Queue, now: Moment) -> Result<Option<bool>> {
    let deleted: Option<Option<i64>> = tx
        .query_row(
            "SELECT deleted FROM queues WHERE name = ?1",
            [&queue.name],
            |row| row.get(0),
        )
        .optional()?;
    match deleted {
        Some(None) => return Ok(Some(false)),
        Some(Some(at)) if now < Moment(at).plus(QUEUE_TOMBSTONE) => return Ok(None),
        Some(Some(_)) => {
            tx.execute("DELETE FROM queues WHERE name = ?1", [&queue.name])?;
        }
        None => {}
    }
    insert_queue(tx, queue)?;
    Ok(Some(true))
}

/// Writes what a queue has become.
pub(crate) fn change(tx: &Transaction<'_>, queue: &Queue) -> Result<()> {
    let (limits, retry) = (&queue.limits, &queue.retry);
    tx.execute(
        "UPDATE queues SET rate = ?2, burst = ?3, concurrent = ?4, max_attempts = ?5, max_duration = ?6, min_backoff = ?7,
         max_backoff = ?8, max_doublings = ?9, paused = ?10, purged = ?11 WHERE name = ?1",
        params![
            queue.name, limits.rate, limits.burst, limits.concurrent, retry.max_attempts, retry.max_duration,
            retry.min_backoff, retry.max_backoff, retry.max_doublings, queue.paused, queue.purged.map(|at| at.0)
        ],
    )?;
    Ok(())
}

/// Deletes a queue with its tasks. False when there is none.
pub(crate) fn delete(tx: &Transaction<'_>, name: &str, now: Moment) -> Result<bool> {
    let Some(key) = queue_key(tx, name)? else {
        return Ok(false);
    };
    forget(tx, "queue = ?1", key)?;
    tx.execute("DELETE FROM tombstones WHERE queue = ?1", [key])?;
    tx.execute(
        "UPDATE queues SET deleted = ?2 WHERE key = ?1",
        params![key, now.0],
    )?;
    Ok(true)
}

/// Deletes the tasks of a queue. None when there is no such queue.
pub(crate) fn purge(tx: &Transaction<'_>, name: &str, now: Moment) -> Result<Option<Queue>> {
    let Some(key) = queue_key(tx, name)? else {
        return Ok(None);
    };
    tx.execute(
        "INSERT OR REPLACE INTO tombstones SELECT queue, id, ?2 FROM tasks WHERE queue = ?1",
        params![key, now.plus(TOMBSTONE).0],
    )?;
    forget(tx, "queue = ?1", key)?;
    tx.execute(
        "UPDATE queues SET purged = ?2 WHERE key = ?1",
        params![key, now.0],
    )?;
    find(tx, name)
}
