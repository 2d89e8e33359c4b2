//! Waiting for one of several rpcs, or for all of them, and giving up on it. Semantics.md section 6.
use alloc::{rc::Rc, vec::Vec};
use core::cell::Cell;

use urlfetch_core::{ErrorKind, FetchError, RpcKey, State};

use crate::{Error, Rpc, awaiting::DriverCell, driver::Waited, transport::Until};

/// Ends a [`wait_any`] it is a member of: App Engine's `WaitCanceller`. It cancels no rpc.
///
/// Cloning gives another handle of the same. There is one thread, so nobody can cancel while a wait blocks: cancel before, or in a
/// callback.
///
/// ```
/// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
/// #     let millis = seen.url.path_and_query().trim_start_matches('/').parse().unwrap_or(0);
/// #     urlfetch::Answer::new(200, seen.url.path_and_query()).after(std::time::Duration::from_millis(millis))
/// # }));
/// use urlfetch::{Canceller, Client, Waitable, wait_any};
///
/// let enough = Canceller::new();
/// let client = Client::shared();
/// let mut rpcs = Vec::new();
/// for url in ["https://example.com/10", "https://example.com/20", "https://example.com/30"] {
///     let enough = enough.clone();
///     rpcs.push(client.rpc().callback(move |rpc| if rpc.received() > 0 { enough.cancel() }).fetch(url)?);
/// }
/// let first = wait_any(&rpcs)?.and_then(Waitable::rpc).unwrap().id();
/// let others = rpcs.iter().filter(|rpc| rpc.id() != first).map(Waitable::from);
/// let ready = wait_any(others.chain([Waitable::from(&enough)]))?;
/// assert!(matches!(ready, Some(Waitable::Canceller(_))));
/// # Ok::<_, urlfetch::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Canceller(Rc<Cell<bool>>);

impl Canceller {
    /// One that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends every wait it is or will be a member of, for good.
    pub fn cancel(&self) {
        self.0.set(true);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.get()
    }
}

/// A member of a [`wait_any`].
#[derive(Clone, Copy, Debug)]
pub enum Waitable<'a> {
    /// Ready when it has finished.
    Rpc(&'a Rpc),
    /// Ready when it was cancelled.
    Canceller(&'a Canceller),
}

impl<'a> Waitable<'a> {
    /// The rpc, if it is one.
    pub fn rpc(self) -> Option<&'a Rpc> {
        match self {
            Self::Rpc(rpc) => Some(rpc),
            Self::Canceller(_) => None,
        }
    }
}

impl<'a> From<&'a Rpc> for Waitable<'a> {
    fn from(rpc: &'a Rpc) -> Self {
        Self::Rpc(rpc)
    }
}

impl<'a> From<&&'a Rpc> for Waitable<'a> {
    fn from(rpc: &&'a Rpc) -> Self {
        Self::Rpc(rpc)
    }
}

impl<'a> From<&'a Canceller> for Waitable<'a> {
    fn from(canceller: &'a Canceller) -> Self {
        Self::Canceller(canceller)
    }
}

/// Blocks until a member is ready, then returns the rpc that comes first among those that have finished, after its callback, if
/// that was due; or a cancelled canceller when no rpc has finished. None when there is no member.
///
/// Repeating it returns at once, and the same until an earlier rpc finishes. A failed rpc is returned like any other.
///
/// ```
/// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
/// #     let millis = seen.url.path_and_query().trim_start_matches('/').parse().unwrap_or(0);
/// #     urlfetch::Answer::new(200, seen.url.path_and_query()).after(std::time::Duration::from_millis(millis))
/// # }));
/// use urlfetch::{Client, Waitable, wait_any};
///
/// let client = Client::shared();
/// let mut rpcs = Vec::new();
/// for url in ["https://example.com/30", "https://example.com/10", "https://example.com/20"] {
///     rpcs.push(client.rpc().fetch(url)?);
/// }
/// let mut texts = Vec::new();
/// while let Some(Waitable::Rpc(rpc)) = wait_any(&rpcs)? {
///     let id = rpc.id();
///     let place = rpcs.iter().position(|rpc| rpc.id() == id).unwrap();
///     texts.push(rpcs.remove(place).into_result()?.text().into_owned());
/// }
/// assert_eq!(texts, ["/10", "/20", "/30"]);
/// # Ok::<_, urlfetch::Error>(())
/// ```
///
/// The members come from whatever can be iterated: an array, a set, the values of a map, an iterator. What is neither rpc nor canceller
/// is no member:
///
/// ```compile_fail,E0277
/// urlfetch::wait_any(["https://example.com/"])?;
/// # Ok::<_, urlfetch::Error>(())
/// ```
///
/// # Errors
/// `Misuse` when an rpc is idle or the rpcs are of different transports; `Deadlock` when there are only cancellers and none of them
/// is cancelled; what the callback returned (the next wait then returns that rpc).
pub fn wait_any<'a, W: Into<Waitable<'a>>>(
    members: impl IntoIterator<Item = W>,
) -> Result<Option<Waitable<'a>>, Error> {
    let members: Vec<Waitable<'a>> = members.into_iter().map(Into::into).collect();
    let rpcs: Vec<&Rpc> = members.iter().filter_map(|member| member.rpc()).collect();
    let cancelled = members.iter().find(
        |member| matches!(member, Waitable::Canceller(canceller) if canceller.is_cancelled()),
    );
    if members.is_empty() {
        return Ok(None);
    }
    let Some(first) = rpcs.first() else {
        let deadlock = || {
            FetchError::local(
                ErrorKind::Deadlock,
                "wait_any: only cancellers, and nobody is left to cancel them",
            )
        };
        return cancelled
            .copied()
            .map(Some)
            .ok_or_else(|| deadlock().into());
    };
    let keys = keys(first.driver(), &rpcs)?;
    let waits = cancelled.is_none();
    let judged = first.driver().borrow_mut().wait_any(&keys, None, waits)?;
    match judged {
        Waited::Finished(place) => {
            rpcs[place].call_back()?;
            Ok(Some(Waitable::Rpc(rpcs[place])))
        }
        Waited::Interrupted | Waited::Nothing => Ok(cancelled.copied()),
    }
}

fn keys(driver: &Rc<DriverCell>, rpcs: &[&Rpc]) -> Result<Vec<RpcKey>, FetchError> {
    if rpcs.iter().any(|rpc| !Rc::ptr_eq(rpc.driver(), driver)) {
        return Err(FetchError::local(
            ErrorKind::Misuse,
            "rpcs of different transports cannot be waited for together",
        ));
    }
    Ok(rpcs.iter().map(|rpc| rpc.key).collect())
}

/// Blocks until all have finished, running each callback as its rpc finishes. Failed fetches are not reported here.
///
/// A canceller is no member, for nobody could cancel it (semantics.md 6.11):
///
/// ```compile_fail,E0271
/// urlfetch::wait_all([&urlfetch::Canceller::new()])?;
/// # Ok::<_, urlfetch::Error>(())
/// ```
///
/// ```
/// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
/// #     let millis = seen.url.path_and_query().trim_start_matches('/').parse().unwrap_or(0);
/// #     urlfetch::Answer::new(200, seen.url.path_and_query()).after(std::time::Duration::from_millis(millis))
/// # }));
/// use urlfetch::{Client, wait_all};
///
/// let client = Client::shared();
/// let mut rpcs = Vec::new();
/// for url in ["https://example.com/30", "https://example.com/10", "ftp://example.com/"] {
///     rpcs.push(client.rpc().callback(|rpc| println!("{rpc:?}")).fetch(url)?);
/// }
/// wait_all(&rpcs)?;
/// let succeeded = rpcs.iter().filter(|rpc| rpc.check_success().is_ok());
/// assert_eq!(succeeded.count(), 2);
/// # Ok::<_, urlfetch::Error>(())
/// ```
///
/// # Errors
/// `Misuse` when an rpc is idle or the rpcs are of different transports; what a callback returned: calling again then finishes the
/// rest.
pub fn wait_all<'a>(rpcs: impl IntoIterator<Item = &'a Rpc>) -> Result<(), Error> {
    let all: Vec<&Rpc> = rpcs.into_iter().collect();
    let Some(first) = all.first() else {
        return Ok(());
    };
    let driver = first.driver();
    let keys = keys(driver, &all)?;
    for &key in &keys {
        driver.borrow().service.check_started(key)?;
    }
    // By place: duplicates are harmless.
    let mut left: Vec<Option<&Rpc>> = Vec::new();
    for rpc in all {
        let place = rpc.key.index();
        if left.len() <= place {
            left.resize(place + 1, None);
        }
        left[place] = Some(rpc);
    }
    let mut log = Log::open(driver);
    let mut finished = keys;
    finished.retain(|&key| driver.borrow().service.state(key) == State::Finishing);
    loop {
        for key in finished {
            if let Some(rpc) = left.get_mut(key.index()).and_then(Option::take) {
                rpc.call_back()?;
            }
        }
        while let Some(None) = left.last() {
            left.pop();
        }
        let Some(Some(last)) = left.last() else {
            return Ok(());
        };
        let last = last.key;
        driver.borrow_mut().act(|service, _| service.execute(last));
        finished = log.next();
    }
}

/// Reads, from now on, which rpcs have finished: so that waiting for many takes time with their number only.
struct Log<'a> {
    driver: &'a DriverCell,
    read: usize,
}

impl<'a> Log<'a> {
    fn open(driver: &'a DriverCell) -> Self {
        let read = driver.borrow_mut().audience.log.open();
        Self { driver, read }
    }

    /// Blocks until there is something to read, which a callback's own waits may have written.
    fn next(&mut self) -> Vec<RpcKey> {
        let mut driver = self.driver.borrow_mut();
        loop {
            let news = driver.audience.log.since(self.read);
            if !news.is_empty() {
                self.read += news.len();
                return news.to_vec();
            }
            driver.step(Until::Forever, &[]);
        }
    }
}

impl Drop for Log<'_> {
    fn drop(&mut self) {
        self.driver.borrow_mut().audience.log.close();
    }
}
