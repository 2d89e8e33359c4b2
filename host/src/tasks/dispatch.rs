//! The dispatcher: takes what is due as fast as its queues permit, has it delivered, and notes what became of it.

use super::attempts::{self, Allowance, Claimed, Fate, Outcome};
use super::moment::{Moment, SECOND};
use super::policy::{Bucket, RateLimits};
use super::shared::{self, Together};
use super::sql::{self, Tx};
use super::store::{Store, StoreError};
use super::task::OidcWish;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// The most that is claimed at once.
const TURN: usize = 128;
/// The longest sleep: the wall clock may have been set.
const NAP: Duration = Duration::from_secs(1);
/// The longest where other hosts may make tasks, and how often is looked for those that have died.
const SHARED_NAP: Duration = Duration::from_millis(200);
/// How long after a connection was lost what was done on it may still come true.
const DOUBT: Duration = Duration::from_secs(60);
/// How often old names and old tasks are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// How many headers a delivery may have that its task has not: those put here, its host, its length and its token.
const OWN_HEADERS: usize = 16;
/// The longest that an answer's `Retry-After` is heeded.
const LONGEST_WAIT: i64 = 3_600 * SECOND;

/// What came of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// A status, and the seconds of its `Retry-After`.
    Answered(u16, Option<u64>),
    /// Nothing within the deadline.
    TimedOut,
    /// No answer.
    Unanswered,
    /// The server stops: what it would have come to is not known.
    CutOff,
}

/// Delivers a request within a time.
pub(crate) type Deliver = Arc<
    dyn Fn(Request<Bytes>, Duration) -> Pin<Box<dyn Future<Output = Delivered> + Send>>
        + Send
        + Sync,
>;

/// What goes on.
#[derive(Default)]
struct Flows {
    /// In every queue, by its key.
    queues: HashMap<i64, Flow>,
    /// The keys of the tasks that are being delivered.
    tasks: HashSet<i64>,
}

struct Flow {
    bucket: Bucket,
    in_flight: usize,
    limits: RateLimits,
}

/// The flows as a claim sees them.
struct Open {
    flows: Arc<Mutex<Flows>>,
    now: Duration,
}

impl Allowance for Open {
    fn of(&mut self, _: &Tx<'_>, queue: i64, limits: &RateLimits) -> sql::Result<usize> {
        let mut flows = lock(&self.flows);
        let flow = flows.queues.entry(queue).or_insert_with(|| Flow {
            bucket: Bucket::full(limits, self.now),
            in_flight: 0,
            limits: *limits,
        });
        flow.limits = *limits;
        let free = usize::try_from(limits.concurrent)
            .unwrap_or(0)
            .saturating_sub(flow.in_flight);
        Ok(flow.bucket.available(limits, self.now).min(free))
    }

    /// That is noted when it has been committed.
    fn took(&mut self, _: &Tx<'_>, _: i64, _: usize) -> sql::Result<()> {
        Ok(())
    }
}

fn lock(flows: &Mutex<Flows>) -> std::sync::MutexGuard<'_, Flows> {
    flows.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Dispatches until it is dropped; deliveries under way are dropped with it, and tried again by the next process. `stop` ends the
/// claiming: what is under way is finished.
pub(crate) async fn run(store: Store, deliver: Deliver, stop: impl Future<Output = ()>) {
    let began = Instant::now();
    let flows = Arc::new(Mutex::new(Flows::default()));
    let mut deliveries = JoinSet::new();
    let mut swept = None;
    let mut doubt = None;
    let mut stop = std::pin::pin!(stop);
    loop {
        let longest = if store.is_shared() { SHARED_NAP } else { NAP };
        let mut nap = longest;
        if store.is_open() {
            if swept.is_none_or(|at: Instant| at.elapsed() >= SWEEP) {
                swept = Some(Instant::now());
                sweep(&store).await;
            }
            let claimed = match store.is_shared() {
                true => claim_together(&store, &flows, &mut doubt).await,
                false => claim(&store, &flows, began.elapsed()).await,
            };
            // A failure has been said in the log.
            if let Ok((claimed, soon)) = claimed {
                nap = soon.min(longest);
                for claimed in claimed {
                    let (store, flows, deliver) = (store.clone(), flows.clone(), deliver.clone());
                    deliveries.spawn(async move {
                        attempt(&store, &flows, &deliver, claimed, began).await;
                    });
                }
            }
        }
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = store.news() => {}
            Some(_) = deliveries.join_next() => while deliveries.try_join_next().is_some() {},
            () = sleep(nap) => {}
        }
    }
    while deliveries.join_next().await.is_some() {}
}

/// What may go now, and how long there will be nothing new.
async fn claim(
    store: &Store,
    flows: &Arc<Mutex<Flows>>,
    now: Duration,
) -> Result<(Vec<Claimed>, Duration), StoreError> {
    let mut open = Open {
        flows: flows.clone(),
        now,
    };
    let claims = store
        .note(move |tx| attempts::claim(tx, &mut open, TURN, tx.now()))
        .await?;
    let mut soon = match claims.next {
        Some(due) => Moment::now().until(due),
        None => NAP,
    };
    let mut flows = lock(flows);
    for claimed in &claims.tasks {
        flows.tasks.insert(claimed.key);
        if let Some(flow) = flows.queues.get_mut(&claimed.queue) {
            flow.bucket.take(1);
            flow.in_flight += 1;
        }
    }
    if claims.tasks.len() == TURN {
        soon = Duration::ZERO;
    }
    // Where a bucket is empty, until its next token.
    for flow in flows.queues.values_mut() {
        if flow.bucket.available(&flow.limits, now) == 0 {
            soon = soon.min(flow.bucket.next(&flow.limits).unwrap_or(NAP));
        }
    }
    Ok((claims.tasks, soon))
}

/// The same where other hosts claim as well: what is due, and what was cut off where one of them has died. `doubt` is how long it is
/// not known whether what was claimed here was claimed.
async fn claim_together(
    store: &Store,
    flows: &Mutex<Flows>,
    doubt: &mut Option<Instant>,
) -> Result<(Vec<Claimed>, Duration), StoreError> {
    let known = doubt
        .filter(|end| *end > Instant::now())
        .map(|_| lock(flows).tasks.clone());
    let claims = store.note(move |tx| {
        let mut cut = shared::take_over(tx, tx.now())?;
        if let Some(known) = known {
            cut += shared::take_back(tx, &known, tx.now())?;
        }
        let mut together = Together::new(tx.now());
        let claims = attempts::claim(tx, &mut together, TURN, tx.now())?;
        let due = claims.next.map(|due| tx.now().until(due));
        let soon = [due, together.soon].into_iter().flatten().min();
        Ok((claims.tasks, soon, cut))
    });
    let claims = claims
        .await
        .inspect_err(|_| *doubt = Some(Instant::now() + DOUBT));
    let (tasks, soon, cut) = claims?;
    if cut > 0 {
        tracing::warn!(target: "tasks", cut, "deliveries that were cut off are tried again");
    }
    lock(flows)
        .tasks
        .extend(tasks.iter().map(|claimed| claimed.key));
    let soon = match tasks.len() {
        TURN => Duration::ZERO,
        _ => soon.unwrap_or(NAP),
    };
    Ok((tasks, soon))
}

async fn sweep(store: &Store) {
    while let Ok(true) = store.note(|tx| attempts::sweep(tx, tx.now())).await {}
}

/// One delivery, from the request to the note of what became of it.
async fn attempt(
    store: &Store,
    flows: &Mutex<Flows>,
    deliver: &Deliver,
    claimed: Claimed,
    began: Instant,
) {
    let deadline = Duration::from_micros(u64::try_from(claimed.task.deadline).unwrap_or(0));
    let delivered = match request(&claimed) {
        Some(request) => deliver(request, deadline).await,
        // A URL that is none, or too many headers: the service accepts it as well.
        None => Delivered::Unanswered,
    };
    let too_fast = matches!(delivered, Delivered::Answered(429 | 503, _));
    {
        let mut flows = lock(flows);
        if let Some(flow) = flows.queues.get_mut(&claimed.queue) {
            flow.in_flight = flow.in_flight.saturating_sub(1);
            if too_fast {
                flow.bucket.slow_down(began.elapsed());
            }
        }
    }
    let outcome = match delivered {
        Delivered::Answered(status, wait) => {
            let wait = wait.and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(SECOND));
            Outcome::Answered(status, wait.unwrap_or(0).clamp(0, LONGEST_WAIT))
        }
        Delivered::TimedOut => Outcome::TimedOut,
        Delivered::Unanswered => Outcome::Unanswered,
        Delivered::CutOff => return,
    };
    let (key, queue, dispatch) = (claimed.key, claimed.queue, claimed.task.dispatches);
    let fate = loop {
        let fate = store.note(move |tx| {
            if too_fast {
                shared::slow_down(tx, queue, tx.now())?;
            }
            attempts::finish(tx, key, dispatch, outcome, tx.now())
        });
        match fate.await {
            // A database comes back, and until then the task is this host's. What failed on a file has failed for good.
            Err(_) if store.is_shared() => sleep(SHARED_NAP).await,
            fate => break fate,
        }
    };
    lock(flows).tasks.remove(&key);
    let task = claimed.task.name();
    match fate {
        Ok(Fate::GivenUp) => {
            tracing::warn!(target: "tasks", task, attempts = dispatch, ?outcome, "given up");
        }
        Ok(fate) => {
            tracing::debug!(target: "tasks", task, attempt = dispatch, ?outcome, ?fate, "attempted")
        }
        Err(error) => {
            tracing::error!(target: "tasks", task, %error, "what became of it is not on file")
        }
    }
}

/// What is sent: the task's own headers, and ours in place of those that claim to be.
fn request(claimed: &Claimed) -> Option<Request<Bytes>> {
    let task = &claimed.task;
    let mut request = Request::builder()
        .method(task.request.method.as_str())
        .uri(without_fragment(&task.request.url))
        .body(task.request.body.clone())
        .ok()?;
    let headers = request.headers_mut();
    for (name, value) in &task.request.headers {
        let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) else {
            continue;
        };
        // Of very short lines there may be more than a map has room for.
        headers.try_append(name, value).ok()?;
    }
    // So that what is put last cannot fail.
    headers.try_reserve(OWN_HEADERS).ok()?;
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    let queue = task.queue.rsplit('/').next().unwrap_or_default();
    let due = task.last.map_or(task.due, |last| last.due).0;
    put("user-agent", super::task::USER_AGENT);
    put("x-cloudtasks-queuename", queue);
    put("x-cloudtasks-taskname", &task.id);
    put(
        "x-cloudtasks-taskretrycount",
        &(task.dispatches - 1).to_string(),
    );
    put(
        "x-cloudtasks-taskexecutioncount",
        &claimed.executions.to_string(),
    );
    put(
        "x-cloudtasks-tasketa",
        &format!("{}.{:06}", due.div_euclid(SECOND), due.rem_euclid(SECOND)),
    );
    if task.dispatches > 1 {
        if let Some(previous) = claimed.previous {
            put("x-cloudtasks-taskpreviousresponse", &previous.to_string());
        }
        put("x-cloudtasks-taskretryreason", "");
    }
    // Who delivers it has the keys.
    if let Some(wish) = task.request.oidc.clone() {
        let audience = wish.audience.or_else(|| Some(task.request.url.clone()));
        request
            .extensions_mut()
            .insert(OidcWish { audience, ..wish });
    }
    Some(request)
}

/// A fragment is not sent.
fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or(url)
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
