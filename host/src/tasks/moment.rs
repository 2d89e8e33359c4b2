//! Instants and durations of tasks: microseconds of the wall clock, and how JSON writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A second, in microseconds.
pub(crate) const SECOND: i64 = 1_000_000;
/// The last instant that RFC 3339 can write: the end of the year 9999.
const LAST: i64 = 253_402_300_799 * SECOND;

/// An instant: microseconds since 1970 in UTC, before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    /// What the wall clock says.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Moment(i64::try_from(micros).unwrap_or(LAST).min(LAST))
    }

    /// So many microseconds later.
    pub(crate) fn plus(self, micros: i64) -> Self {
        Moment(self.0.saturating_add(micros).min(LAST))
    }

    /// How long until `later`; nothing when that is over.
    pub(crate) fn until(self, later: Moment) -> Duration {
        Duration::from_micros(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// The second it lies in, as Cloud Tasks gives the time of a task's creation.
    pub(crate) fn whole_second(self) -> Self {
        Moment(self.0 - self.0.rem_euclid(SECOND))
    }

    /// Reads RFC 3339 with up to nine digits of a fraction and any offset. What lies between two microseconds is the later one: nothing
    /// may happen too early.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let nanos = OffsetDateTime::parse(text, &Rfc3339)
            .ok()?
            .unix_timestamp_nanos();
        let micros = nanos.div_euclid(1_000) + i128::from(nanos.rem_euclid(1_000) > 0);
        i64::try_from(micros).ok().map(Moment)
    }

    /// Writes RFC 3339 in UTC, with no, three or six digits of a fraction.
    pub(crate) fn text(self) -> String {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0.min(LAST)) * 1_000);
        let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let fraction = match at.microsecond() {
            0 => String::new(),
            micros if micros % 1_000 == 0 => format!(".{:03}", micros / 1_000),
            micros => format!(".{micros:06}"),
        };
        let (year, month, day) = at.to_calendar_date();
        let (hour, minute, second) = at.to_hms();
        let month = u8::from(month);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
    }
}

/// Reads a duration of protobuf's JSON, `"600s"` or `"0.100s"`, into microseconds; up to nine digits of a fraction.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let text = text.strip_suffix('s')?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    // Protobuf's own limit: ten thousand years.
    let seconds = whole
        .parse::<i64>()
        .ok()
        .filter(|&seconds| seconds <= 315_576_000_000)?;
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    let micros = seconds * SECOND + nanos / 1_000 + i64::from(nanos % 1_000 > 0);
    Some(if negative { -micros } else { micros })
}

/// Writes a duration as protobuf's JSON does: no, three or six digits of a fraction.
pub(crate) fn duration_text(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    match fraction {
        0 => format!("{sign}{whole}s"),
        _ if fraction % 1_000 == 0 => format!("{sign}{whole}.{:03}s", fraction / 1_000),
        _ => format!("{sign}{whole}.{fraction:06}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_any_offset_and_up_to_nine_digits() {
        let base = 1_795_176_000 * SECOND;
        for (text, micros) in [
            ("2026-11-20T12:00:00Z", base),
            ("2026-11-20T13:30:00.5+01:30", base + 500_000),
            ("2026-11-20T12:00:00.123456Z", base + 123_456),
            ("2026-11-20T12:00:00.000000001Z", base + 1),
            ("1969-12-31T23:59:59.9Z", -100_000),
        ] {
            assert_eq!(Moment::parse(text), Some(Moment(micros)), "{text}");
        }
        for bad in [
            "",
            "now",
            "2026-11-20",
            "2026-13-01T00:00:00Z",
            "1795176000",
        ] {
            assert_eq!(Moment::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for micros in [0, 1, 1_000, 1_795_176_000_123_456, -1, LAST] {
            let text = Moment(micros).text();
            assert_eq!(Moment::parse(&text), Some(Moment(micros)), "{text}");
        }
        assert_eq!(Moment(1_500_000).text(), "1970-01-01T00:00:01.500Z");
        assert_eq!(
            Moment(1_500_000).whole_second().text(),
            "1970-01-01T00:00:01Z"
        );
    }

    #[test]
    fn a_duration_is_seconds_with_a_fraction_and_an_s() {
        for (text, micros) in [
            ("600s", 600 * SECOND),
            ("0.100s", 100_000),
            ("0.1s", 100_000),
            ("-1.5s", -1_500_000),
            ("0.000000001s", 1),
        ] {
            assert_eq!(parse_duration(text), Some(micros), "{text}");
        }
        for bad in [
            "",
            "s",
            "600",
            "1m",
            "1.s0",
            ".5s",
            "1e3s",
            "0.0000000001s",
            "+1s",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        assert_eq!(duration_text(100_000), "0.100s");
        assert_eq!(duration_text(3_600 * SECOND), "3600s");
        assert_eq!(duration_text(-1), "-0.000001s");
    }
}
