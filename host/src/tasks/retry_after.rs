//! `Retry-After`: how long an answer asks to wait. In seconds or until a date (RFC 9110, 10.2.3); now is an argument.

use http::HeaderMap;
use http::header::RETRY_AFTER;
use std::time::{Duration, SystemTime};

/// The whole seconds that an answer asks to wait, rounded up; none when it does not ask, or when what it says cannot be read. A date
/// that is over asks for nothing.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let said = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !said.is_empty() && said.bytes().all(|byte| byte.is_ascii_digit()) {
        // What cannot be counted is longer than anybody waits.
        return Some(said.parse().unwrap_or(u64::MAX));
    }
    let until = httpdate::parse_http_date(said).ok()?;
    let wait = until.duration_since(now).unwrap_or(Duration::ZERO);
    Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn a_wait_is_said_in_seconds_or_until_a_date() {
        // Fri, 20 Nov 2026 12:00:00 GMT, and a bit.
        let now = UNIX_EPOCH + Duration::from_millis(1_795_176_000_250);
        for (said, wait) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("99999999999999999999999", Some(u64::MAX)),
            // In the three formats of RFC 9110, 5.6.7. Never early: a part of a second is a second.
            ("Fri, 20 Nov 2026 12:00:10 GMT", Some(10)),
            ("Friday, 20-Nov-26 12:00:10 GMT", Some(10)),
            ("Fri Nov 20 12:00:10 2026", Some(10)),
            ("Fri, 20 Nov 2026 12:00:00 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
            ("Fri, 20 Nov 2026 12:00:10 CET", None),
            ("2026-11-20T12:00:10Z", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, said.parse().unwrap());
            assert_eq!(retry_after(&headers, now), wait, "{said}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
