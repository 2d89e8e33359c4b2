//! Instants and lengths of time: nanoseconds inside, seconds at the edge. No clock lives here; `now` is always an argument.
use core::time::Duration;

/// A point on the caller's monotonic clock, in nanoseconds since a start of its own choosing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The instant `nanos` nanoseconds after the clock's start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This instant and `length` more; the end of time when that is out of range.
    pub fn after(self, length: Duration) -> Self {
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// The time from `earlier` to this instant; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The same in seconds.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e9
    }
}

/// A length of time given in seconds, as the sources speak of deadlines: none when it is zero, negative or not finite
/// (semantics.md 1.6). What is shorter than a nanosecond counts as one, what is beyond 584 years as that.
pub fn from_seconds(seconds: f64) -> Option<Duration> {
    if !(seconds.is_finite() && seconds > 0.0) {
        return None;
    }
    // The cast saturates, which is what the contract says.
    Some(Duration::from_nanos(((seconds * 1e9) as u64).max(1)))
}
