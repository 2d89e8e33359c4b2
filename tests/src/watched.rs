//! Real sockets under a watchdog.

use std::future::Future;
use std::sync::{Once, mpsc};
use std::time::Duration;
use std::{panic, thread};
use urlfetch_host::raise_fd_limit;

/// A claim over real sockets takes seconds, on a busy machine a minute; what takes this long hangs.
const WATCHDOG: Duration = Duration::from_secs(300);
/// Ten thousand at once in one claim, two for each of a thousand in another beside it, and some.
const SOCKETS: u64 = 15_000;

/// Runs a claim on a runtime and a thread of its own.
///
/// # Panics
/// When the claim does, and when it has not ended after five minutes: a thread, because a guest that spins yields to no timer.
pub fn on_sockets<F: Future<Output = ()>>(claim: impl FnOnce() -> F + Send + 'static) {
    static LIMIT: Once = Once::new();
    // Once and for all: claims that set limits of their own beside each other would lower them. A refusal concerns one claim
    // only, which asks again.
    LIMIT.call_once(|| drop(raise_fd_limit(SOCKETS)));
    let (alive, ended) = mpsc::channel::<()>();
    let claim = thread::spawn(move || {
        let _alive = alive;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(claim());
    });
    match ended.recv_timeout(WATCHDOG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("not over after {WATCHDOG:?}"),
        _ => claim
            .join()
            .unwrap_or_else(|panicked| panic::resume_unwind(panicked)),
    }
}
