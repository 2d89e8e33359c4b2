//! Instants and lengths of time.
use std::time::Duration;

use crate::{Instant, time::from_seconds};

#[test]
fn an_instant_is_so_many_nanoseconds_after_its_clock_began() {
    let instant = Instant::from_nanos(7);
    assert_eq!(instant.as_nanos(), 7);
    assert_eq!(instant.after(Duration::from_nanos(5)).as_nanos(), 12);
    assert!(instant < instant.after(Duration::from_nanos(1)));
}

#[test]
fn no_instant_is_after_the_end_of_time() {
    let end = Instant::from_nanos(u64::MAX);
    assert_eq!(end.after(Duration::from_nanos(1)), end);
    assert_eq!(Instant::from_nanos(1).after(Duration::MAX), end);
}

#[test]
fn time_between_two_instants_is_never_negative() {
    let (early, late) = (
        Instant::from_nanos(1_000),
        Instant::from_nanos(2_500_001_000),
    );
    assert_eq!(late.since(early), Duration::from_millis(2_500));
    assert_eq!(early.since(late), Duration::ZERO);
    assert_eq!(late.seconds_since(early), 2.5);
    assert_eq!(early.seconds_since(late), 0.0);
}

#[test]
fn seconds_have_a_meaning_when_they_are_finite_and_above_zero() {
    assert_eq!(from_seconds(2.5), Some(Duration::from_millis(2_500)));
    assert_eq!(from_seconds(1e-12), Some(Duration::from_nanos(1)));
    assert_eq!(from_seconds(1e300), Some(Duration::from_nanos(u64::MAX)));
    for senseless in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(from_seconds(senseless), None, "{senseless}");
    }
}
