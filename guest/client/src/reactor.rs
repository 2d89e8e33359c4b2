//! Awaiting rpcs: `block_on` and `sleep` of our own, and the trait by which another reactor drives them instead.
use alloc::{boxed::Box, rc::Rc, sync::Arc, task::Wake};
use core::{
    future::Future,
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use urlfetch_core::{ErrorKind, FetchError, Instant};

use crate::{
    Client, Error,
    awaiting::DriverCell,
    transport::{Pollable, Until},
    waiters::Timer,
};

/// What waits for pollables on behalf of an asynchronous program, when that is not [`block_on`]: the reactor of wstd, say.
///
/// Hand it to [`Client::use_reactor`]. Rpcs that are awaited then move whenever their pollables are ready, and a synchronous wait
/// in between does no harm.
///
/// For wstd, whose bindings of `wasi:io` are those of another crate, it is:
///
/// ```
/// # mod wasip2 { pub mod io { pub mod poll { pub struct Pollable; impl Pollable {
/// #     pub unsafe fn from_handle(_: u32) -> Self { Self }
/// # } } } }
/// # mod wstd { pub mod runtime { pub struct AsyncPollable; impl AsyncPollable {
/// #     pub fn new<P>(_: P) -> Self { Self }
/// #     pub async fn wait_for(&self) {}
/// # } } }
/// use std::pin::Pin;
/// use wasip2::io::poll;
/// use wstd::runtime::AsyncPollable;
///
/// struct Wstd;
///
/// impl urlfetch::Reactor for Wstd {
///     fn ready(&self, pollable: urlfetch::Pollable) -> Pin<Box<dyn Future<Output = ()>>> {
///         // SAFETY: the handle is that of a pollable, and nobody else has it any more.
///         let pollable = unsafe { poll::Pollable::from_handle(pollable.take_handle()) };
///         let pollable = AsyncPollable::new(pollable);
///         Box::pin(async move { pollable.wait_for().await })
///     }
/// }
///
/// urlfetch::Client::shared().use_reactor(Wstd);
/// ```
pub trait Reactor {
    /// A future that is ready when `pollable` is. It owns the pollable and drops it when it is itself dropped, at any time.
    fn ready(&self, pollable: Pollable) -> Pin<Box<dyn Future<Output = ()>>>;
}

/// Notes that it was woken; nobody else has to be told, because there is one thread.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `future` to its end on the shared client's service, and moves every rpc of it meanwhile.
///
/// ```
/// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
/// #     let millis = seen.url.path_and_query().trim_start_matches('/').parse().unwrap_or(0);
/// #     urlfetch::Answer::new(200, seen.url.path_and_query()).after(std::time::Duration::from_millis(millis))
/// # }));
/// use futures_util::future::{join_all, try_join};
/// use urlfetch::{Client, Error, block_on, sleep};
///
/// let client = Client::shared();
/// block_on(async {
///     let song = client.rpc().fetch("https://example.com/20")?;
///     let words = client.rpc().fetch("https://example.com/10")?;
///     let (song, words) = try_join(song, words).await?;
///     assert_eq!((song.content, words.content), (b"/20".to_vec(), b"/10".to_vec()));
///
///     let pages = (1..=100).map(|page| client.rpc().fetch(format!("https://example.com/{page}")));
///     let pages: Vec<_> = pages.collect::<Result<_, _>>()?;
///     assert_eq!(join_all(pages).await.len(), 100);
///
///     sleep(std::time::Duration::from_millis(10)).await;
///     Ok::<_, Error>(())
/// })??;
/// # Ok::<_, Error>(())
/// ```
///
/// # Errors
/// `Deadlock` when the future waits and nothing could ever wake it: no rpc is running and nobody [sleeps](sleep).
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Error> {
    Client::shared().block_on(future)
}

/// Waits for a length of time inside [`block_on`], while other futures and rpcs move. On another reactor, use its own.
pub fn sleep(length: Duration) -> Sleep {
    Client::shared().sleep(length)
}

pub(crate) fn run<F: Future>(driver: &DriverCell, future: F) -> Result<F::Output, Error> {
    let mut future = pin!(future);
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut cx = Context::from_waker(&waker);
    loop {
        let mut until = Until::Forever;
        if flag.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Ok(output);
            }
            if flag.0.load(Ordering::Relaxed) {
                // It wants to be polled again at once: let the rpcs move in between.
                until = Until::Now;
            }
        }
        let mut driver = driver.borrow_mut();
        if until == Until::Forever && !driver.has_prospects() {
            let detail = "block_on: the future waits, no rpc is running and nobody sleeps";
            return Err(FetchError::local(ErrorKind::Deadlock, detail).into());
        }
        driver.step(until, &[]);
    }
}

/// Created by [`sleep`] and [`Client::sleep`]. Dropping it ends the wait.
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    driver: Rc<DriverCell>,
    until: Instant,
    timer: Option<Timer>,
}

impl Sleep {
    pub(crate) fn new(driver: Rc<DriverCell>, length: Duration) -> Self {
        let until = driver.borrow().now().after(length);
        Self {
            driver,
            until,
            timer: None,
        }
    }

    fn forget_timer(&mut self) {
        if let Some(timer) = self.timer.take() {
            let waker = self.driver.borrow_mut().audience.timers.remove(timer);
            drop(waker);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.forget_timer();
        if self.driver.borrow().now() >= self.until {
            return Poll::Ready(());
        }
        let timer = self
            .driver
            .borrow_mut()
            .audience
            .timers
            .add(self.until, cx.waker().clone());
        self.timer = Some(timer);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget_timer();
    }
}
