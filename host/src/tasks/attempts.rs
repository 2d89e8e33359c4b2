//! The verbs of the dispatcher: what is due is claimed, and what became of it is noted. Each works inside a transaction that `store`
//! commits, on either database; now is an argument.

use super::moment::{Moment, SECOND};
use super::policy::{RETENTION, RateLimits, RetryConfig};
use super::queue::RetryWish;
use super::shared;
use super::sql::{Result, Row, Tx, values};
use super::table::{JOINED, TASK, bury, task_of};
use super::task::Task;
use std::collections::HashMap;

/// How long after the deadline of a delivery a host that does not say what became of it is not waited for any more.
const GRACE: i64 = 30 * SECOND;

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
    fn of(&mut self, tx: &Tx<'_>, queue: i64, limits: &RateLimits) -> Result<usize>;

    /// So many of them go.
    fn took(&mut self, tx: &Tx<'_>, queue: i64, count: usize) -> Result<()>;
}

/// What was claimed, and when the next task will be due in a queue that had room for more.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Claims {
    pub(crate) tasks: Vec<Claimed>,
    pub(crate) next: Option<Moment>,
}

/// Takes what is due, the earliest first, for delivery: from the commit on the attempt counts.
pub(crate) fn claim(
    tx: &Tx<'_>,
    allowance: &mut impl Allowance,
    most: usize,
    now: Moment,
) -> Result<Claims> {
    let mut claims = Claims::default();
    let queues = tx.rows(
        "SELECT key, paused, rate, burst, concurrent FROM queues WHERE deleted IS NULL ORDER BY key",
        &[],
    )?;
    for row in queues {
        let (queue, paused): (i64, bool) = (row.get(0)?, row.get(1)?);
        let limits = RateLimits {
            rate: row.get(2)?,
            burst: row.get(3)?,
            concurrent: row.get(4)?,
        };
        let due = earliest(tx, queue)?;
        if due.is_none_or(|due| due > now) {
            if !paused {
                claims.wait_for(due);
            }
            continue;
        }
        if !shared::may_claim(tx, queue)? {
            continue;
        }
        let room = most.saturating_sub(claims.tasks.len());
        let forced = "queue = ?1 AND forced = 1 AND due <= ?2";
        let mut taken = take(tx, &mut claims.tasks, queue, forced, room, now)?;
        if !paused {
            let room = room - taken;
            let allowed = allowance.of(tx, queue, &limits)?.saturating_sub(taken);
            let allowed = allowed.min(room);
            let due = "queue = ?1 AND due <= ?2";
            let more = take(tx, &mut claims.tasks, queue, due, allowed, now)?;
            if more < allowed {
                claims.wait_for(earliest(tx, queue)?);
            }
            taken += more;
        }
        if taken > 0 {
            allowance.took(tx, queue, taken)?;
        }
    }
    Ok(claims)
}

impl Claims {
    fn wait_for(&mut self, due: Option<Moment>) {
        self.next = match (self.next, due) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// When the first task of a queue is due.
fn earliest(tx: &Tx<'_>, queue: i64) -> Result<Option<Moment>> {
    let row = tx.row(
        "SELECT due FROM tasks WHERE queue = ?1 AND running = 0 ORDER BY due LIMIT 1",
        &values![queue],
    )?;
    row.map(|row| row.get(0)).transpose()
}

fn take(
    tx: &Tx<'_>,
    into: &mut Vec<Claimed>,
    queue: i64,
    which: &str,
    most: usize,
    now: Moment,
) -> Result<usize> {
    if most == 0 {
        return Ok(0);
    }
    let sql = format!(
        "SELECT key, last_status, executions FROM tasks WHERE running = 0 AND {which} ORDER BY due LIMIT ?3{}",
        tx.untaken()
    );
    let due = tx.rows(&sql, &values![queue, now, most as i64])?;
    let keys: Vec<i64> = due.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
    let owned = match tx.host() {
        Some(host) => format!(", owner = {host}, lease = ?1 + deadline + {GRACE}"),
        None => String::new(),
    };
    let update = format!(
        "UPDATE tasks SET running = 1, forced = 0, dispatches = dispatches + 1, first = coalesce(first, ?1), last_due = due,
         last_dispatched = ?1, last_answered = NULL, last_status = NULL{owned} WHERE key IN (KEYS)"
    );
    tx.of_keys(&keys, &update, &values![now])?;
    let read = format!("SELECT {TASK}, t.key FROM {JOINED} WHERE t.key IN (KEYS)");
    let mut tasks = HashMap::new();
    for row in tx.of_keys(&keys, &read, &[])? {
        tasks.insert(row.get::<i64>(18)?, task_of(&row)?);
    }
    for row in &due {
        let key = row.get(0)?;
        if let Some(task) = tasks.remove(&key) {
            into.push(Claimed {
                key,
                queue,
                task,
                previous: row.get(1)?,
                executions: row.get(2)?,
            });
        }
    }
    Ok(due.len())
}

/// Ends the attempt `dispatch` at a task: it is done, tried again, or given up. An attempt that is not the last one changes nothing.
pub(crate) fn finish(
    tx: &Tx<'_>,
    key: i64,
    dispatch: i64,
    outcome: Outcome,
    now: Moment,
) -> Result<Fate> {
    let sql = format!(
        "SELECT t.first, t.retry, q.max_attempts, q.max_duration, q.min_backoff, q.max_backoff, q.max_doublings
         FROM tasks t JOIN queues q ON q.key = t.queue WHERE t.key = ?1 AND t.dispatches = ?2 AND t.running = 1{}",
        tx.locked("t")
    );
    let Some(row) = tx.row(&sql, &values![key, dispatch])? else {
        return Ok(Fate::Stale);
    };
    let (first, config) = (row.get::<Option<Moment>>(0)?, retries(&row)?);
    let (status, wait) = match outcome {
        Outcome::Answered(200..=299, _) => {
            bury(tx, key, now)?;
            return Ok(Fate::Done);
        }
        Outcome::Answered(status, wait) => (Some(status), wait),
        Outcome::TimedOut => (Some(504), 0),
        Outcome::Unanswered => (None, 0),
    };
    let age = now.0.saturating_sub(first.unwrap_or(now).0);
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
        &values![key, due, answered, executed, answered.then_some(now), status],
    )?;
    Ok(Fate::Retried(due))
}

/// How a task is tried again: as its queue says, where it does not say so itself.
fn retries(row: &Row) -> Result<RetryConfig> {
    let config = RetryConfig {
        max_attempts: row.get(2)?,
        max_duration: row.get(3)?,
        min_backoff: row.get(4)?,
        max_backoff: row.get(5)?,
        max_doublings: row.get(6)?,
    };
    let wish: Option<String> = row.get(1)?;
    let wish = wish.and_then(|wish| serde_json::from_str::<RetryWish>(&wish).ok());
    Ok(wish.map_or(config, |wish| wish.over(config)))
}

/// Forgets names that may be used again and tasks that are too old, some of each; true when there may be more.
pub(crate) fn sweep(tx: &Tx<'_>, now: Moment) -> Result<bool> {
    const SOME: i64 = 1_000;
    let sql = format!(
        "DELETE FROM tombstones WHERE (queue, id) IN (SELECT queue, id FROM tombstones WHERE until <= ?1 LIMIT ?2{})",
        tx.untaken()
    );
    let names = tx.execute(&sql, &values![now, SOME])?;
    // Keys grow with time: the oldest are the first.
    let oldest = tx.rows(
        "SELECT key, created FROM tasks ORDER BY key LIMIT ?1",
        &values![SOME],
    )?;
    let mut dropped = 0;
    for row in oldest {
        if row.get::<Moment>(1)?.plus(RETENTION) > now {
            break;
        }
        bury(tx, row.get(0)?, now)?;
        dropped += 1;
    }
    Ok(names as i64 == SOME || dropped == SOME)
}

/// Ends the attempts that the end of a process has cut off: each counts, and is followed by the wait that it would have been
/// followed by. `which` are those that run no more. Returns how many there were.
pub(super) fn recover(tx: &Tx<'_>, which: &str, now: Moment) -> Result<usize> {
    let sql = format!(
        "SELECT key, dispatches FROM tasks WHERE running = 1 AND {which}{}",
        tx.untaken()
    );
    let cut = tx.once(&sql)?;
    for row in &cut {
        finish(tx, row.get(0)?, row.get(1)?, Outcome::Unanswered, now)?;
    }
    Ok(cut.len())
}

#[cfg(test)]
#[path = "attempts_tests.rs"]
mod tests;
