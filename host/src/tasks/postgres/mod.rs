//! Tasks in a PostgreSQL database that hosts share: threads with a connection each, which do jobs by a transaction each, and one more
//! connection by which this host says that it lives, and hears when another one has made tasks.
//!
//! Times are those of the database. What is lost by the end of a connection is an error for those who asked; the next job finds
//! another connection.

mod address;
mod schema;
mod stream;
mod wire;

use super::moment::Moment;
use super::shared::LIVING;
use super::sql::{Engine, Result, Row, SqlError, Tx, Value};
use super::store::{Job, Kind, State, StoreError};
use super::token::random_name;
use address::Address;
use rustls::ClientConfig;
use std::cell::RefCell;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wire::Wire;

/// How many jobs are done at once.
const WORKERS: usize = 8;
/// How long it may take until this host is known to live.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before the database is tried again by who tells it that this host lives.
const PAUSE: Duration = Duration::from_millis(100);
/// How often that connection is looked after.
const TICK: Duration = Duration::from_millis(500);
/// The least between two announcements to other hosts, which look for themselves now and then.
const HUSH: Duration = Duration::from_millis(20);
/// Of every connection. A database may be told to answer before it has written: not to us. A host that is gone without a word is missed
/// when the database has asked after it three times.
const SESSION: &str = "SET search_path TO urlfetch_tasks; SET synchronous_commit TO on; SET statement_timeout TO '30s';
    SET tcp_keepalives_idle TO 5; SET tcp_keepalives_interval TO 5; SET tcp_keepalives_count TO 3;
    SET default_transaction_isolation TO 'read committed'; SET client_min_messages TO warning";
/// Begins, and says when.
const BEGIN: &str = "BEGIN; SELECT CAST(extract(epoch FROM now()) * 1000000 AS BIGINT)";

/// What the threads share.
struct Shared {
    address: Address,
    /// This host's number: see `shared`.
    host: i64,
    state: Arc<State>,
    jobs: Mutex<mpsc::Receiver<Job>>,
    /// When other hosts were told last.
    announced: Mutex<Option<Instant>>,
}

/// Starts the threads, and says the keys that all hosts have. `tls` is used when the URL wants it.
pub(super) fn start(
    url: &str,
    tls: ClientConfig,
    state: Arc<State>,
) -> std::result::Result<(mpsc::Sender<Job>, String), StoreError> {
    let address = Address::parse(url, tls).map_err(StoreError)?;
    // Who calls may be in a runtime, and a connection is one.
    let prepared = std::thread::scope(|scope| scope.spawn(|| prepare(&address)).join());
    let keys = prepared.map_err(|_| StoreError("the database is not understood".into()))??;

    let host = host().ok_or_else(|| StoreError("there is no randomness".into()))?;
    let (jobs, received) = mpsc::channel();
    let (lives, gone) = mpsc::channel::<()>();
    let (known, wait) = mpsc::channel::<()>();
    let shared = Arc::new(Shared {
        address: address.clone(),
        host,
        state: state.clone(),
        jobs: Mutex::new(received),
        announced: Mutex::new(None),
    });
    let spawn = |work: Box<dyn FnOnce() + Send>| {
        let thread = std::thread::Builder::new().name("tasks".into());
        thread
            .spawn(work)
            .map_err(|error| StoreError(error.to_string()))
    };
    spawn(Box::new(move || {
        live(&address, host, &state, &gone, &known)
    }))?;
    for _ in 0..WORKERS {
        let (shared, lives) = (shared.clone(), lives.clone());
        spawn(Box::new(move || {
            work(&shared);
            drop(lives);
        }))?;
    }
    // Before that nothing may be claimed here.
    let waited = wait.recv_timeout(PATIENCE);
    waited.map_err(|_| StoreError("the database takes too long".into()))?;
    Ok((jobs, keys))
}

/// Makes the tables what they have to be, and says the keys. The connection ends here: a server has only so many.
fn prepare(address: &Address) -> std::result::Result<String, StoreError> {
    let failed = |error: SqlError| StoreError(error.reason);
    let wire = connect(address).map_err(failed)?;
    schema::create(&wire).map_err(failed)?;
    schema::keys(&wire).map_err(failed)
}

/// A number that no other host has: by chance, and as small as the database wants it.
fn host() -> Option<i64> {
    let name = random_name()?;
    let number = i64::from_str_radix(name.get(..8)?, 16).ok()?;
    Some((number & 0x7fff_ffff).max(1))
}

/// A connection that is as we want it.
fn connect(address: &Address) -> Result<Wire> {
    let wire = Wire::connect(address)?;
    wire.ask(SESSION)?;
    Ok(wire)
}

/// Holds the lock that says that this host lives, on a connection that hears of news, until every worker has gone.
fn live(
    address: &Address,
    host: i64,
    state: &State,
    gone: &mpsc::Receiver<()>,
    known: &mpsc::Sender<()>,
) {
    loop {
        let lost = match listen(address, host, state, gone, known) {
            Ok(()) => return,
            Err(error) => error,
        };
        tracing::warn!(target: "tasks", error = %lost, "no connection to the database");
        if gone.recv_timeout(PAUSE) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Until every worker has gone, or the connection is lost.
fn listen(
    address: &Address,
    host: i64,
    state: &State,
    gone: &mpsc::Receiver<()>,
    known: &mpsc::Sender<()>,
) -> Result<()> {
    let wire = connect(address)?;
    wire.ask(&format!(
        "SELECT pg_advisory_lock({LIVING}, {host}); LISTEN urlfetch_tasks"
    ))?;
    // Only the first time somebody waits.
    let _ = known.send(());
    state.news.notify_one();
    while gone.try_recv() != Err(TryRecvError::Disconnected) {
        match wire.listen(TICK)? {
            true => state.news.notify_one(),
            // Whether there is still somebody.
            false => drop(wire.ask("SELECT 1")?),
        }
    }
    Ok(())
}

/// Does one job after the other until nobody can ask for any more.
fn work(shared: &Shared) {
    let mut session = None;
    loop {
        let job = {
            let jobs = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.recv()
        };
        let Ok(job) = job else {
            return;
        };
        let kind = job.kind;
        // Where it fails the job or its answer is dropped, which is an answer.
        if let Err(error) = perform(shared, &mut session, job) {
            tracing::warn!(target: "tasks", error = error.reason, "the database did not do it");
            shared.state.failed(&error);
        } else if kind == Kind::Promise {
            shared.state.news.notify_one();
            announce(shared, session.as_ref());
        }
    }
}

/// One transaction.
fn perform(shared: &Shared, session: &mut Option<Session>, job: Job) -> Result<()> {
    let (now, open) = begin(shared, session)?;
    match (job.work)(&Tx::new(open, now)) {
        Ok(answer) => {
            open.command("COMMIT")?;
            answer();
            Ok(())
        }
        Err(error) => {
            // When that fails as well, the connection will be found to be lost.
            let _ = open.command("ROLLBACK");
            Err(error)
        }
    }
}

/// Begins a transaction, on a new connection when there is none or the old one turns out to be lost.
fn begin<'a>(
    shared: &Shared,
    session: &'a mut Option<Session>,
) -> Result<(Moment, &'a mut Session)> {
    let begun = match session.as_ref() {
        Some(open) => open.begin().ok(),
        None => None,
    };
    let now = match begun {
        Some(now) => now,
        None => {
            // The old one goes first: a database has only so many.
            *session = None;
            let wire = connect(&shared.address)?;
            session.insert(Session::new(wire, shared.host)).begin()?
        }
    };
    match session {
        Some(open) => Ok((now, open)),
        None => Err(SqlError::passing("there is no connection")),
    }
}

/// Tells other hosts that there may be something to deliver: apart from the transaction, because a database lets those that tell
/// something commit one after the other only.
fn announce(shared: &Shared, session: Option<&Session>) {
    let mut announced = shared
        .announced
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if announced.is_some_and(|at| at.elapsed() < HUSH) {
        return;
    }
    *announced = Some(Instant::now());
    drop(announced);
    if let Some(session) = session {
        let _ = session.command("NOTIFY urlfetch_tasks");
    }
}

/// A connection.
struct Session {
    wire: RefCell<Wire>,
    host: i64,
}

impl Session {
    fn new(wire: Wire, host: i64) -> Self {
        let wire = RefCell::new(wire);
        Session { wire, host }
    }

    fn begin(&self) -> Result<Moment> {
        let now = self.wire.borrow().ask(BEGIN)?;
        let now = now.and_then(|now| now.parse().ok());
        now.map(Moment)
            .ok_or_else(|| SqlError::passing("the database does not say the time"))
    }

    fn command(&self, command: &str) -> Result<()> {
        self.wire.borrow().ask(command)?;
        Ok(())
    }
}

impl Engine for Session {
    fn run(&self, sql: &str, params: &[Value], kept: bool) -> Result<(usize, Vec<Row>)> {
        let sql = sql.replace('?', "$");
        self.wire.borrow_mut().run(&sql, params, kept)
    }

    fn host(&self) -> Option<i64> {
        Some(self.host)
    }
}

#[cfg(test)]
mod tests;
