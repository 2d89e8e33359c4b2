//! What those who look after the queues see: how much is in each, and its tasks in the order in which they are due, without what is
//! sent. Each verb works inside a transaction that `store` commits.

use super::moment::Moment;
use super::queue::Queue;
use super::queues::{self, queue_key};
use super::sql::{Result, Row, Tx, values};
use serde_json::{Value, json};

/// How many queues are told.
const QUEUES: usize = 200;
/// How many tasks a page has, and how many of those that are being delivered come before its first.
const PAGE: usize = 50;
/// How far is counted: whoever has more waiting has many.
const COUNTED: i64 = 10_000;
/// How many characters of a URL are told.
const URL: usize = 400;

const ROW: &str = "t.key, t.id, r.method, r.url, length(r.body), t.created, t.due, t.dispatches, t.responses, t.last_dispatched,
    t.last_answered, t.last_status, t.running";
const JOINED: &str = "tasks t JOIN requests r ON r.key = t.key";

/// Where a page begins: behind the task that was due then and has this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct After {
    due: i64,
    key: i64,
}

impl After {
    /// Before all tasks.
    const NOTHING: After = After {
        due: i64::MIN,
        key: 0,
    };

    /// As a page says where the next one begins.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (due, key) = text.split_once('.')?;
        Some(After {
            due: due.parse().ok()?,
            key: key.parse().ok()?,
        })
    }
}

/// All queues, with how much is in them.
pub(crate) fn queues(tx: &Tx<'_>) -> Result<Vec<Value>> {
    let queues = queues::list(tx, "projects/", "", QUEUES)?;
    queues.iter().map(|queue| told(tx, queue)).collect()
}

/// A queue and a page of its tasks; none when there is no such queue. The first page begins with what is being delivered.
pub(crate) fn page(tx: &Tx<'_>, name: &str, after: Option<After>) -> Result<Option<Value>> {
    // Not by `find`, which makes a queue called default when it is asked for.
    let named = queues::list(tx, name, "", 1)?.pop();
    let Some(queue) = named.filter(|queue| queue.name == name) else {
        return Ok(None);
    };
    let Some(key) = queue_key(tx, name)? else {
        return Ok(None);
    };
    let mut tasks = Vec::new();
    if after.is_none() {
        let sql = format!(
            "SELECT {ROW} FROM {JOINED} WHERE t.queue = ?1 AND t.running = 1 ORDER BY t.due, t.key LIMIT ?2"
        );
        for row in tx.rows(&sql, &values![key, PAGE as i64])? {
            tasks.push(task_of(&row)?.1);
        }
    }
    let from = after.unwrap_or(After::NOTHING);
    let sql = format!(
        "SELECT {ROW} FROM {JOINED} WHERE t.queue = ?1 AND t.running = 0 AND (t.due, t.key) > (?2, ?3)
         ORDER BY t.due, t.key LIMIT ?4"
    );
    let most = PAGE as i64 + 1;
    let rows = tx.rows(&sql, &values![key, from.due, from.key, most])?;
    let waiting = rows.iter().map(task_of).collect::<Result<Vec<_>>>();
    let mut waiting = waiting?;
    let more = waiting.len() > PAGE;
    waiting.truncate(PAGE);
    let last = waiting.last().filter(|_| more).map(|(after, _)| *after);
    tasks.extend(waiting.into_iter().map(|(_, task)| task));
    Ok(Some(json!({
        "queue": told(tx, &queue)?,
        "tasks": tasks,
        "next": last.map(|After { due, key }| format!("{due}.{key}")),
    })))
}

fn told(tx: &Tx<'_>, queue: &Queue) -> Result<Value> {
    let key = queue_key(tx, &queue.name)?.unwrap_or_default();
    let count = |running: i64| -> Result<i64> {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE queue = ?1 AND running = {running} LIMIT {COUNTED}) AS counted"
        );
        tx.row(&sql, &values![key])?.map_or(Ok(0), |row| row.get(0))
    };
    Ok(json!({
        "name": queue.name,
        "paused": queue.paused,
        "rate": queue.limits.rate,
        "concurrent": queue.limits.concurrent,
        "max_attempts": queue.retry.max_attempts,
        "waiting": count(0)?,
        "running": count(1)?,
    }))
}

fn task_of(row: &Row) -> Result<(After, Value)> {
    let moment = |index: usize| -> Result<Option<i64>> {
        let moment = row.get::<Option<i64>>(index)?;
        Ok(moment.map(|micros| Moment(micros).0.div_euclid(1_000)))
    };
    let url: String = row.get(3)?;
    let after = After {
        due: row.get(6)?,
        key: row.get(0)?,
    };
    let task = json!({
        "id": row.get::<String>(1)?,
        "method": row.get::<String>(2)?,
        "url": url.chars().take(URL).collect::<String>(),
        "bytes": row.get::<i64>(4)?,
        "created": moment(5)?,
        "due": moment(6)?,
        "dispatches": row.get::<i64>(7)?,
        "responses": row.get::<i64>(8)?,
        "dispatched": moment(9)?,
        "answered": moment(10)?,
        "status": row.get::<Option<i64>>(11)?,
        "running": row.get::<i64>(12)? == 1,
    });
    Ok((after, task))
}

#[cfg(test)]
#[path = "overview_tests.rs"]
mod tests;
