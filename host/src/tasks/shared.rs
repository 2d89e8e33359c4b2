//! What hosts that share the work must agree on, all of it on file: who lives, who claims from a queue, and how fast a queue goes.
//! Where a file belongs to one process there is nothing to agree on.

use super::attempts::{Allowance, recover};
use super::moment::Moment;
use super::policy::{Bucket, RateLimits};
use super::sql::{Result, Row, Tx, Value, values};
use std::collections::HashSet;
use std::time::Duration;

/// The class of the advisory locks by which hosts say that they live: the number is the host's.
pub(super) const LIVING: i64 = 0x7572_6c66;

/// Whether this host may claim from a queue: it is known to live, and nobody else claims from it at this moment. Until the
/// transaction ends nobody does.
pub(super) fn may_claim(tx: &Tx<'_>, queue: i64) -> Result<bool> {
    let Some(host) = tx.host() else {
        return Ok(true);
    };
    // What a host claims that nobody knows to live is taken from it at once.
    if is_dead(tx, host)? {
        return Ok(false);
    }
    let sql = format!("SELECT key FROM queues WHERE key = ?1{}", tx.untaken());
    Ok(tx.row(&sql, &values![queue])?.is_some())
}

/// Whether nobody holds the lock of a host. Then nobody does until the transaction ends.
fn is_dead(tx: &Tx<'_>, host: i64) -> Result<bool> {
    let row = tx.row(
        "SELECT pg_try_advisory_xact_lock(CAST(?1 AS INTEGER), CAST(?2 AS INTEGER))",
        &values![LIVING, host],
    )?;
    row.map_or(Ok(false), |row| row.get(0))
}

/// Ends the attempts of hosts that have died, and those whose time is long over. Returns how many there were.
pub(crate) fn take_over(tx: &Tx<'_>, now: Moment) -> Result<usize> {
    let Some(host) = tx.host() else {
        return Ok(0);
    };
    let mut cut = 0;
    for row in tx.rows(
        "SELECT DISTINCT owner FROM tasks WHERE running = 1 AND owner <> ?1",
        &values![host],
    )? {
        let owner: i64 = row.get(0)?;
        if is_dead(tx, owner)? {
            cut += recover(tx, &format!("owner = {owner}"), now)?;
        }
    }
    Ok(cut + recover(tx, &format!("lease <= {}", now.0), now)?)
}

/// Ends the attempts of this host that it does not know of: it was lost on the way that they began. Returns how many there were.
pub(crate) fn take_back(tx: &Tx<'_>, known: &HashSet<i64>, now: Moment) -> Result<usize> {
    let Some(host) = tx.host() else {
        return Ok(0);
    };
    let mut cut = 0;
    for row in tx.rows(
        "SELECT key FROM tasks WHERE running = 1 AND owner = ?1",
        &values![host],
    )? {
        let key: i64 = row.get(0)?;
        if !known.contains(&key) {
            cut += recover(tx, &format!("key = {key}"), now)?;
        }
    }
    Ok(cut)
}

/// A delivery was answered that its queue goes too fast.
pub(crate) fn slow_down(tx: &Tx<'_>, queue: i64, now: Moment) -> Result<()> {
    if tx.host().is_none() {
        return Ok(());
    }
    let sql = format!(
        "SELECT tokens, filled, halved, halved_at, rate, burst, concurrent FROM queues WHERE key = ?1{}",
        tx.locked("queues")
    );
    let Some(row) = tx.row(&sql, &values![queue])? else {
        return Ok(());
    };
    let limits = RateLimits {
        rate: row.get(4)?,
        burst: row.get(5)?,
        concurrent: row.get(6)?,
    };
    let mut bucket = bucket_of(&row, &limits, now)?;
    bucket.slow_down(since_epoch(now));
    keep(tx, queue, &bucket)
}

/// What all hosts together may claim.
pub(crate) struct Together {
    now: Moment,
    /// The queue that was asked after last.
    open: Option<(i64, Bucket, RateLimits)>,
    /// How long until a queue that may give nothing now may give something.
    pub(crate) soon: Option<Duration>,
}

impl Together {
    pub(crate) fn new(now: Moment) -> Self {
        Together {
            now,
            open: None,
            soon: None,
        }
    }
}

impl Allowance for Together {
    fn of(&mut self, tx: &Tx<'_>, queue: i64, limits: &RateLimits) -> Result<usize> {
        let row = tx.row(
            "SELECT tokens, filled, halved, halved_at, (SELECT count(*) FROM tasks WHERE queue = ?1 AND running = 1)
             FROM queues WHERE key = ?1",
            &values![queue],
        )?;
        let Some(row) = row else {
            return Ok(0);
        };
        let mut bucket = bucket_of(&row, limits, self.now)?;
        let available = bucket.available(limits, since_epoch(self.now));
        if row
            .get::<Option<Moment>>(1)?
            .is_some_and(|filled| filled > self.now)
        {
            // The clock was set back: what drips in from now on must not wait until it has caught up.
            keep(tx, queue, &bucket)?;
        }
        if available == 0 {
            let next = bucket.next(limits);
            self.soon = [self.soon, next].into_iter().flatten().min();
        }
        self.open = Some((queue, bucket, *limits));
        let free = limits.concurrent.saturating_sub(row.get(4)?);
        Ok(available.min(usize::try_from(free).unwrap_or(0)))
    }

    fn took(&mut self, tx: &Tx<'_>, queue: i64, count: usize) -> Result<()> {
        // What is run by hand from a queue that is paused costs nothing.
        let Some((_, mut bucket, limits)) = self.open.take_if(|open| open.0 == queue) else {
            return Ok(());
        };
        bucket.take(count);
        if bucket.available(&limits, since_epoch(self.now)) == 0 {
            let next = bucket.next(&limits);
            self.soon = [self.soon, next].into_iter().flatten().min();
        }
        keep(tx, queue, &bucket)
    }
}

/// The bucket of a row that begins with it; a full one where it was never used.
fn bucket_of(row: &Row, limits: &RateLimits, now: Moment) -> Result<Bucket> {
    let Some(tokens) = row.get::<Option<f64>>(0)? else {
        return Ok(Bucket::full(limits, since_epoch(now)));
    };
    // The database's clock may have been set back.
    let at = |kept: Option<Moment>| since_epoch(kept.unwrap_or(now).min(now));
    let halved = row.get::<Option<i64>>(2)?.unwrap_or(0);
    let halved = u32::try_from(halved).unwrap_or(0);
    Ok(Bucket::kept(
        tokens,
        at(row.get(1)?),
        halved,
        at(row.get(3)?),
    ))
}

fn keep(tx: &Tx<'_>, queue: i64, bucket: &Bucket) -> Result<()> {
    let (tokens, at, halved, halved_at) = bucket.parts();
    let micros = |at: Duration| Value::Integer(i64::try_from(at.as_micros()).unwrap_or(i64::MAX));
    tx.execute(
        "UPDATE queues SET tokens = ?2, filled = ?3, halved = ?4, halved_at = ?5 WHERE key = ?1",
        &[
            queue.into(),
            tokens.into(),
            micros(at),
            i64::from(halved).into(),
            micros(halved_at),
        ],
    )?;
    Ok(())
}

fn since_epoch(now: Moment) -> Duration {
    Duration::from_micros(u64::try_from(now.0).unwrap_or(0))
}
