//! The rules of queues that need no clock and no store: when to try again, when to give up, how fast to go. Time is an argument.

use super::moment::SECOND;
use std::time::Duration;

/// The most dispatches a second that a queue may ask for.
pub(crate) const MAX_RATE: f64 = 500.0;
/// The most deliveries at once that a queue may ask for.
pub(crate) const MAX_CONCURRENT: i64 = 5_000;
/// How far ahead a task may be scheduled.
pub(crate) const MAX_AHEAD: i64 = 30 * 24 * 3_600 * SECOND;
/// How long a task is kept, whatever becomes of it.
pub(crate) const RETENTION: i64 = 31 * 24 * 3_600 * SECOND;
/// How long a name stays taken when its task is gone.
pub(crate) const TOMBSTONE: i64 = 24 * 3_600 * SECOND;
/// How long the name of a queue stays taken when the queue is gone.
pub(crate) const QUEUE_TOMBSTONE: i64 = 7 * 24 * 3_600 * SECOND;
/// What a task may weigh: see `Task::weight`.
pub(crate) const MAX_TASK_BYTES: usize = 1_048_569;
/// The shortest and the longest time that a delivery may be given, and what it is given otherwise.
pub(crate) const DEADLINES: std::ops::RangeInclusive<i64> = 15 * SECOND..=1_800 * SECOND;
pub(crate) const DEFAULT_DEADLINE: i64 = 600 * SECOND;

/// When a failed task is tried again. The defaults are those of Cloud Tasks; see semantics.md, 17.6 and 17.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryConfig {
    /// How often it is tried, the first time included; -1 is no limit.
    pub(crate) max_attempts: i64,
    /// Microseconds after the first attempt; 0 is no limit.
    pub(crate) max_duration: i64,
    /// Microseconds before the first retry.
    pub(crate) min_backoff: i64,
    /// The most microseconds between two attempts.
    pub(crate) max_backoff: i64,
    /// How often the wait doubles before it grows by the same amount each time.
    pub(crate) max_doublings: i64,
}

impl Default for RetryConfig {
    fn default() -> Self {
        RetryConfig {
            max_attempts: 100,
            max_duration: 0,
            min_backoff: SECOND / 10,
            max_backoff: 3_600 * SECOND,
            max_doublings: 16,
        }
    }
}

impl RetryConfig {
    /// Microseconds to wait before retry `n`, which counts from 1.
    pub(crate) fn backoff(&self, n: i64) -> i64 {
        let n = n.max(1);
        let doublings = (n - 1).min(self.max_doublings).max(0);
        let doubled = 1_i64.checked_shl(u32::try_from(doublings).unwrap_or(u32::MAX));
        // What overflows is more than any limit.
        let wait = doubled
            .filter(|&factor| factor > 0)
            .and_then(|factor| self.min_backoff.checked_mul(factor))
            .and_then(|wait| wait.checked_mul((n - doublings).max(1)))
            .unwrap_or(if self.min_backoff == 0 { 0 } else { i64::MAX });
        wait.min(self.max_backoff)
    }

    /// Whether a task that failed is given up: after so many attempts, and so many microseconds after the first of them. Every limit
    /// that is given must be exceeded, and without any it never is.
    pub(crate) fn is_exhausted(&self, attempts: i64, age: i64) -> bool {
        let tried = (self.max_attempts > 0).then_some(attempts >= self.max_attempts);
        let aged = (self.max_duration > 0).then_some(age >= self.max_duration);
        match (tried, aged) {
            (None, None) => false,
            (tried, aged) => tried.unwrap_or(true) && aged.unwrap_or(true),
        }
    }
}

/// How fast a queue goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateLimits {
    /// Dispatches a second, from a bucket of `burst` tokens.
    pub(crate) rate: f64,
    /// What the bucket holds.
    pub(crate) burst: i64,
    /// How many deliveries run at once.
    pub(crate) concurrent: i64,
}

impl Default for RateLimits {
    fn default() -> Self {
        RateLimits {
            rate: MAX_RATE,
            burst: 100,
            concurrent: 1_000,
        }
    }
}

/// The burst that belongs to a rate: a fifth of what goes in a second, as Cloud Tasks gives 100 for 500.
pub(crate) fn burst_of(rate: f64) -> i64 {
    ((rate / 5.0).ceil() as i64).clamp(1, 100)
}

/// A queue's bucket of tokens, and its slowing down when it is asked to. Times are those of a clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    at: Duration,
    /// How often the rate is halved, and since when.
    halved: u32,
    halved_at: Duration,
}

/// After a 429 or a 503 the rate is halved, once in this time at most,
const HALVE: Duration = Duration::from_secs(1);
/// down to a sixty-fourth, and is doubled again after as long without another.
const MOST_HALVED: u32 = 6;
const RECOVER: Duration = Duration::from_secs(10);

impl Bucket {
    /// A full one.
    pub(crate) fn full(limits: &RateLimits, now: Duration) -> Self {
        Bucket {
            tokens: limits.burst as f64,
            at: now,
            halved: 0,
            halved_at: now,
        }
    }

    /// One that was kept as its [`Bucket::parts`].
    pub(crate) fn kept(tokens: f64, at: Duration, halved: u32, halved_at: Duration) -> Self {
        Bucket {
            tokens,
            at,
            halved: halved.min(MOST_HALVED),
            halved_at,
        }
    }

    /// What there is to keep: tokens and when they were counted, how often the rate is halved and since when.
    pub(crate) fn parts(&self) -> (f64, Duration, u32, Duration) {
        (self.tokens, self.at, self.halved, self.halved_at)
    }

    /// Fills up to now, and says how many may go.
    pub(crate) fn available(&mut self, limits: &RateLimits, now: Duration) -> usize {
        while self.halved > 0 && now.saturating_sub(self.halved_at) >= RECOVER {
            self.halved -= 1;
            self.halved_at += RECOVER;
        }
        let elapsed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.rate(limits)).min(limits.burst as f64);
        self.at = self.at.max(now);
        // A hair's breadth: sums of fractions are not exact.
        (self.tokens + 1e-9).max(0.0) as usize
    }

    /// Takes tokens that were there.
    pub(crate) fn take(&mut self, count: usize) {
        self.tokens -= count as f64;
    }

    /// How long until the next one is there; none when none ever will.
    pub(crate) fn next(&self, limits: &RateLimits) -> Option<Duration> {
        let missing = (1.0 - self.tokens).max(0.0);
        Duration::try_from_secs_f64(missing / self.rate(limits)).ok()
    }

    /// A delivery was answered 429 or 503.
    pub(crate) fn slow_down(&mut self, now: Duration) {
        if self.halved == 0 || now.saturating_sub(self.halved_at) >= HALVE {
            self.halved = (self.halved + 1).min(MOST_HALVED);
            self.halved_at = now;
        }
    }

    fn rate(&self, limits: &RateLimits) -> f64 {
        limits.rate / f64::from(1_u32 << self.halved)
    }
}

/// Whether this may be a task's id: 1 to 500 letters, digits, `-`, `_`.
pub(crate) fn is_task_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=500).contains(&id.len()) && id.bytes().all(allowed)
}

/// Whether this may be a queue's id: 1 to 100 letters, digits, `-`.
pub(crate) fn is_queue_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=100).contains(&id.len()) && id.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(min: i64, max: i64, doublings: i64) -> RetryConfig {
        RetryConfig {
            min_backoff: min * SECOND,
            max_backoff: max * SECOND,
            max_doublings: doublings,
            ..RetryConfig::default()
        }
    }

    fn series(config: RetryConfig, count: i64) -> Vec<i64> {
        (1..=count).map(|n| config.backoff(n) / SECOND).collect()
    }

    #[test]
    fn the_wait_doubles_so_often_and_then_grows_by_the_same_amount() {
        // TQ-03.
        let doubling = series(config(10, 300, 3), 8);
        assert_eq!(doubling, [10, 20, 40, 80, 160, 240, 300, 300]);
        let linear = series(config(10, 200, 0), 21);
        let expected: Vec<_> = (1..=21).map(|n| (10 * n).min(200)).collect();
        assert_eq!(linear, expected);
        let tenths: Vec<_> = (1..=17)
            .map(|n| RetryConfig::default().backoff(n))
            .collect();
        assert_eq!(tenths[..4], [100_000, 200_000, 400_000, 800_000]);
        assert_eq!(tenths[16], 3_600 * SECOND);
    }

    #[test]
    fn no_retry_and_no_limit_is_too_large_to_count() {
        for n in [i64::MIN, 0, 1, 64, 65, i64::MAX] {
            for doublings in [0, 16, 62, 63, 64, i64::MAX] {
                let config = config(10, 300, doublings);
                let wait = config.backoff(n);
                assert!(
                    (10 * SECOND..=300 * SECOND).contains(&wait),
                    "{n} {doublings}"
                );
            }
        }
        assert_eq!(config(0, 300, 70).backoff(70), 0);
    }

    #[test]
    fn a_task_is_given_up_when_every_limit_that_is_given_is_exceeded() {
        // TQ-04, CTK-20.
        let limits = |max_attempts, max_duration| RetryConfig {
            max_attempts,
            max_duration: max_duration * SECOND,
            ..RetryConfig::default()
        };
        let both = limits(3, 100);
        for (attempts, age, given_up) in [
            (2, 99, false),
            (3, 99, false),
            (2, 100, false),
            (3, 100, true),
        ] {
            assert_eq!(both.is_exhausted(attempts, age * SECOND), given_up);
        }
        assert!(limits(3, 0).is_exhausted(3, 0));
        assert!(limits(-1, 100).is_exhausted(1, 100 * SECOND));
        assert!(!limits(-1, 100).is_exhausted(1_000, 99 * SECOND));
        assert!(!limits(-1, 0).is_exhausted(i64::MAX, i64::MAX));
    }

    #[test]
    fn a_bucket_lets_a_burst_go_and_then_its_rate() {
        let limits = RateLimits {
            rate: 10.0,
            burst: 5,
            concurrent: 1,
        };
        let at = Duration::from_millis;
        let mut bucket = Bucket::full(&limits, at(0));
        assert_eq!(bucket.available(&limits, at(0)), 5);
        bucket.take(5);
        assert_eq!(bucket.available(&limits, at(99)), 0);
        assert_eq!(bucket.next(&limits), Some(Duration::from_millis(1)));
        assert_eq!(bucket.available(&limits, at(100)), 1);
        // A clock that seems to go back gives nothing twice.
        assert_eq!(bucket.available(&limits, at(50)), 1);
        bucket.take(1);
        assert_eq!(bucket.available(&limits, at(150)), 0);
        assert_eq!(bucket.available(&limits, at(1_000_000)), 5);
    }

    #[test]
    fn a_queue_of_rate_zero_goes_nowhere() {
        let limits = RateLimits {
            rate: 0.0,
            burst: 1,
            concurrent: 1,
        };
        let mut bucket = Bucket::full(&limits, Duration::ZERO);
        bucket.take(1);
        assert_eq!(bucket.available(&limits, Duration::from_secs(1_000_000)), 0);
        assert_eq!(bucket.next(&limits), None);
    }

    #[test]
    fn a_queue_that_is_asked_to_slow_down_does_and_recovers() {
        // CTK-18.
        let limits = RateLimits {
            rate: 8.0,
            burst: 1,
            concurrent: 1,
        };
        let seconds = Duration::from_secs;
        let mut bucket = Bucket::full(&limits, seconds(0));
        bucket.take(1);
        for _ in 0..100 {
            bucket.slow_down(seconds(0));
        }
        assert_eq!(bucket.next(&limits), Some(Duration::from_millis(250)));
        bucket.slow_down(seconds(1));
        assert_eq!(bucket.next(&limits), Some(Duration::from_millis(500)));
        bucket.available(&limits, seconds(21));
        bucket.take(1);
        assert_eq!(bucket.next(&limits), Some(Duration::from_millis(125)));
    }

    #[test]
    fn names_have_a_grammar() {
        // DEF-14, TQ-07, CTK-06.
        for (id, legal) in [
            ("a-Z_0", true),
            ("", false),
            ("a b", false),
            ("ä", false),
            ("a/b", false),
        ] {
            assert_eq!(is_task_id(id), legal, "{id}");
        }
        assert!(is_task_id(&"x".repeat(500)) && !is_task_id(&"x".repeat(501)));
        assert!(is_queue_id("default-2") && !is_queue_id("a_b"));
        assert!(is_queue_id(&"x".repeat(100)) && !is_queue_id(&"x".repeat(101)));
    }
}
