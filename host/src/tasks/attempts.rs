//! The verbs of the dispatcher: what is due is claimed, and what became of it is noted. Each works inside a transaction that `store`
//! commits; now is an argument.

use super::moment::Moment;
use super::policy::{RETENTION, RateLimits, RetryConfig};
use super::queue::RetryWish;
use super::table::{JOINED, TASK, bury, task_of};
use super::task::Task;
use rusqlite::{OptionalExtension, Result, Transaction, params};

/// A task that is being delivered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claimed {
    pub(crate) key: i64,
    /// The key of its queue.
    pub(crate) queue: i64,
    pub(crate) task: Task,
    /// How many attempts were answered by the application, well or not, but with no status of 500 and above.
    pub(crate) executions: i64,
    /// What the attempt before this one came to.
    pub(crate) previous: Option<u16>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// This status; and the microseconds that the answer asked to wait.
    Answered(u16, i64),
    /// Nothing in time.
    TimedOut,
    /// No answer at all.
    Unanswered,
}

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    /// It is tried again then.
    Retried(Moment),
    GivenUp,
    /// It is gone, or has been dispatched anew: the attempt came to nothing.
    Stale,
}

/// What may be claimed of a queue, as far as its limits go.
pub(crate) trait Allowance {
    /// How many tasks of this queue may go now.
    fn of(&mut self, queue: i64, limits: &RateLimits) -> usize;
}

/// What was claimed, and when the next task will be due in a queue that had room for more.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Claims {
    pub(crate) tasks: Vec<Claimed>,
    pub(crate) next: Option<Moment>,
}

/// Takes what is due, the earliest first, for delivery: from the commit on the attempt counts.
pub(crate) fn claim(
    tx: &Transaction<'_>,
    allowance: &mut impl Allowance,
    most: usize,
    now: Moment,
) -> Result<Claims> {
    let mut claims = Claims::default();
    let mut select = tx
        .prepare("SELECT key, paused, rate, burst, concurrent FROM queues WHERE deleted IS NULL")?;
    let queues: Vec<(i64, bool, RateLimits)> = select
        .query_map([], |row| {
            let (rate, burst, concurrent) = (row.get(2)?, row.get(3)?, row.get(4)?);
            Ok((
                row.get(0)?,
                row.get(1)?,
                RateLimits {
                    rate,
                    burst,
                    concurrent,
                },
            ))
        })?
        .collect::<Result<_>>()?;
    for (queue, paused, limits) in queues {
        let room = most.saturating_sub(claims.tasks.len());
        take(
            tx,
            &mut claims.tasks,
            queue,
            "queue = ?1 AND forced = 1 AND due <= ?2",
            room,
            now,
        )?;
        if paused {
            continue;
        }
        let room = most.saturating_sub(claims.tasks.len());
        let allowed = allowance.of(queue, &limits).min(room);
        let taken = take(
            tx,
            &mut claims.tasks,
            queue,
            "queue = ?1 AND due <= ?2",
            allowed,
            now,
        )?;
        if taken < allowed {
            let due: Option<i64> = tx.query_row(
                "SELECT min(due) FROM tasks WHERE queue = ?1 AND running = 0",
                [queue],
                |row| row.get(0),
            )?;
            let due = due.map(Moment);
            claims.next = match (claims.next, due) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
    }
    Ok(claims)
}

fn take(
    tx: &Transaction<'_>,
    into: &mut Vec<Claimed>,
    queue: i64,
    which: &str,
    most: usize,
    now: Moment,
) -> Result<usize> {
    if most == 0 {
        return Ok(0);
    }
    let mut select = tx.prepare(&format!(
        "SELECT key, last_status, executions FROM tasks WHERE running = 0 AND {which} ORDER BY due LIMIT ?3"
    ))?;
    let due: Vec<(i64, Option<u16>, i64)> = select
        .query_map(params![queue, now.0, most as i64], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_>>()?;
    let mut update = tx.prepare(
        "UPDATE tasks SET running = 1, forced = 0, dispatches = dispatches + 1, first = coalesce(first, ?2), last_due = due,
         last_dispatched = ?2, last_answered = NULL, last_status = NULL WHERE key = ?1",
    )?;
    let mut read = tx.prepare(&format!("SELECT {TASK} FROM {JOINED} WHERE t.key = ?1"))?;
    for &(key, previous, executions) in &due {
        update.execute(params![key, now.0])?;
        into.push(Claimed {
            key,
            queue,
            task: read.query_row([key], task_of)?,
            executions,
            previous,
        });
    }
    Ok(due.len())
}

/// Ends the attempt `dispatch` at a task: it is done, tried again, or given up. An attempt that is not the last one changes nothing.
pub(crate) fn finish(
    tx: &Transaction<'_>,
    key: i64,
    dispatch: i64,
    outcome: Outcome,
    now: Moment,
) -> Result<Fate> {
    let sql = "SELECT t.first, t.retry, q.max_attempts, q.max_duration, q.min_backoff, q.max_backoff, q.max_doublings
         FROM tasks t JOIN queues q ON q.key = t.queue WHERE t.key = ?1 AND t.dispatches = ?2 AND t.running = 1";
    let row = tx
        .query_row(sql, params![key, dispatch], |row| {
            let config = RetryConfig {
                max_attempts: row.get(2)?,
                max_duration: row.get(3)?,
                min_backoff: row.get(4)?,
                max_backoff: row.get(5)?,
                max_doublings: row.get(6)?,
            };
            let wish: Option<String> = row.get(1)?;
            let wish = wish.and_then(|wish| serde_json::from_str::<RetryWish>(&wish).ok());
            Ok((
                row.get::<_, Option<i64>>(0)?,
                wish.map_or(config, |wish| wish.over(config)),
            ))
        })
        .optional()?;
    let Some((first, config)) = row else {
        return Ok(Fate::Stale);
    };
    let (status, wait) = match outcome {
        Outcome::Answered(200..=299, _) => {
            bury(tx, key, now)?;
            return Ok(Fate::Done);
        }
        Outcome::Answered(status, wait) => (Some(status), wait),
        Outcome::TimedOut => (Some(504), 0),
        Outcome::Unanswered => (None, 0),
    };
    let age = now.0.saturating_sub(first.unwrap_or(now.0));
    if config.is_exhausted(dispatch, age) {
        bury(tx, key, now)?;
        return Ok(Fate::GivenUp);
    }
    let due = now.plus(config.backoff(dispatch).max(wait));
    let answered = matches!(outcome, Outcome::Answered(..));
    let executed = answered && status.is_some_and(|status| status < 500);
    tx.execute(
        "UPDATE tasks SET running = 0, due = ?2, responses = responses + ?3, executions = executions + ?4, last_answered = ?5,
         last_status = ?6 WHERE key = ?1",
        params![key, due.0, answered, executed, answered.then_some(now.0), status],
    )?;
    Ok(Fate::Retried(due))
}

/// Forgets names that may be used again and tasks that are too old, some of each; true when there may be more.
pub(crate) fn sweep(tx: &Transaction<'_>, now: Moment) -> Result<bool> {
    const SOME: i64 = 1_000;
    let names = tx.execute(
        "DELETE FROM tombstones WHERE (queue, id) IN (SELECT queue, id FROM tombstones WHERE until <= ?1 LIMIT ?2)",
        params![now.0, SOME],
    )?;
    // Keys grow with time: the oldest are the first.
    let mut select = tx.prepare("SELECT key, created FROM tasks ORDER BY key LIMIT ?1")?;
    let oldest: Vec<(i64, i64)> = select
        .query_map([SOME], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    let old = oldest
        .iter()
        .take_while(|(_, created)| Moment(*created).plus(RETENTION) <= now);
    let mut dropped = 0;
    for (key, _) in old {
        bury(tx, *key, now)?;
        dropped += 1;
    }
    Ok(names as i64 == SOME || dropped == SOME)
}

/// Ends the attempts that the end of a process has cut off: each counts, and is followed by the wait that it would have been
/// followed by. Returns how many there were.
pub(crate) fn recover(tx: &Transaction<'_>, now: Moment) -> Result<usize> {
    let mut select = tx.prepare("SELECT key, dispatches FROM tasks WHERE running = 1")?;
    let cut: Vec<(i64, i64)> = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    for (key, dispatch) in &cut {
        finish(tx, *key, *dispatch, Outcome::Unanswered, now)?;
    }
    Ok(cut.len())
}

#[cfg(test)]
#[path = "attempts_tests.rs"]
mod tests;
