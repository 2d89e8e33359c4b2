//! Virtual time: guest clocks that read tokio's, so that a paused runtime moves both at once.

use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// 2000-01-01T00:00:00Z, where every virtual wall clock starts.
const EPOCH: Duration = Duration::from_secs(946_684_800);

/// Runs `future` on a runtime of its own whose time is virtual: it jumps to the next timer whenever nothing else is left to do.
///
/// For the scripted world only: a socket, or work on another thread, does not hold time back.
///
/// # Panics
/// When called inside an asynchronous runtime, or when the process may not create one.
pub fn run_in_virtual_time<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime with nothing but timers")
        .block_on(future)
}

/// Both clocks of a guest, read from tokio's, from the moment it was made. `wasi:clocks` sleeps on tokio's timers already; only
/// `now` has to be told.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    started: Instant,
}

impl TokioClock {
    /// Zero is now.
    pub fn start() -> Self {
        TokioClock {
            started: Instant::now(),
        }
    }
}

impl HostMonotonicClock for TokioClock {
    fn resolution(&self) -> u64 {
        // Tokio's timers tick in milliseconds.
        1_000_000
    }

    fn now(&self) -> u64 {
        self.started
            .elapsed()
            .as_nanos()
            .try_into()
            .unwrap_or(u64::MAX)
    }
}

impl HostWallClock for TokioClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        EPOCH + self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_virtual_seconds_cost_no_real_time() {
        let real = std::time::Instant::now();
        let guest = run_in_virtual_time(async {
            let clock = TokioClock::start();
            tokio::time::sleep(Duration::from_secs(60)).await;
            HostMonotonicClock::now(&clock)
        });
        assert_eq!(guest, 60_000_000_000);
        assert!(
            real.elapsed() < Duration::from_secs(5),
            "time was waited for: {:?}",
            real.elapsed()
        );
    }
}
