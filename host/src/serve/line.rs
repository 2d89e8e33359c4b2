//! The line that a request leaves in the log, with its outbound calls.

use super::record::{Answer, Record, RequestOutcome};
use crate::{Call, CallOutcome, Moments};
use serde_json::{Value, json};
use std::fmt::{self, Display, Write};
use std::sync::Arc;
use std::time::Duration;

/// How many outbound calls a line of text tells one by one. JSON tells all that were kept.
const TOLD_CALLS: usize = 16;

/// Writes the line. What went well is information, what the client or the clock ended a warning, what the application did an error.
pub(super) fn write(record: &Record, answer: &Answer) {
    let outcome = answer.outcome.unwrap_or(RequestOutcome::Answered);
    let (calls, failed) = record.tally();
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "request",
                request = record.id,
                peer = %record.peer,
                method = %record.method,
                path = %record.path,
                version = ?record.version,
                status = answer.status.map(|status| status.as_u16()),
                outcome = %outcome.name(),
                reason = (!answer.reason.is_empty()).then(|| tracing::field::display(&answer.reason)),
                head_ms = answer.head.map(milliseconds),
                ms = milliseconds(answer.ended.unwrap_or_default()),
                sent = answer.sent,
                calls,
                failed,
                outbound = (calls > 0).then(|| tracing::field::display(Outbound(record))),
            )
        };
    }
    match outcome {
        RequestOutcome::Answered => line!(info),
        RequestOutcome::Refused | RequestOutcome::ClientGone | RequestOutcome::CutOff => {
            line!(warn)
        }
        RequestOutcome::Trapped | RequestOutcome::Failed | RequestOutcome::TimedOut => line!(error),
    }
}

/// Milliseconds with three places: microseconds are as exact as anybody can use.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}

/// The calls of a request: for people, or with `{:#}` as a JSON array.
struct Outbound<'a>(&'a Record);

impl Display for Outbound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calls, beyond) = self.0.calls();
        if f.alternate() {
            return told_to_machines(f, &calls);
        }
        f.write_char('[')?;
        for (place, call) in calls.iter().take(TOLD_CALLS).enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            told_to_people(f, call)?;
        }
        let more = calls.len().saturating_sub(TOLD_CALLS) as u64 + beyond;
        if more > 0 {
            write!(f, "; and {more} more")?;
        }
        f.write_char(']')
    }
}

/// `GET http://a/b 200 3.1 ms reused`.
fn told_to_people(f: &mut fmt::Formatter<'_>, call: &Call) -> fmt::Result {
    let moments = call.moments();
    write!(f, "{} {}", call.method(), call.url())?;
    if let Some(status) = moments.status {
        write!(f, " {}", status.as_u16())?;
    }
    match &moments.outcome {
        Some(CallOutcome::Complete) => {}
        Some(CallOutcome::Failed(fault)) => write!(f, " {fault}")?,
        Some(CallOutcome::Abandoned) | None => f.write_str(" abandoned")?,
    }
    if let Some(ended) = moments.ended {
        write!(f, " {:.1} ms", milliseconds(ended))?;
    }
    match moments.reused {
        Some(true) => f.write_str(" reused"),
        Some(false) => f.write_str(" new"),
        None => Ok(()),
    }
}

fn told_to_machines(f: &mut fmt::Formatter<'_>, calls: &[Arc<Call>]) -> fmt::Result {
    f.write_char('[')?;
    for (place, call) in calls.iter().enumerate() {
        if place > 0 {
            f.write_char(',')?;
        }
        write!(
            f,
            "{}",
            call_as_json(call.method().as_str(), call.url(), &call.moments())
        )?;
    }
    f.write_char(']')
}

/// One call. Durations are milliseconds since the guest handed it over; what has not come is left out.
pub(super) fn call_as_json(method: &str, url: &str, moments: &Moments) -> Value {
    let mut call = json!({ "method": method, "url": url, "received": moments.received });
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            call[key] = value;
        }
    };
    let times = [
        ("placed_ms", moments.placed),
        ("resolved_ms", moments.resolved),
        ("connected_ms", moments.connected),
        ("encrypted_ms", moments.encrypted),
        ("ready_ms", moments.ready),
        ("head_ms", moments.head),
        ("ms", moments.ended),
    ];
    for (key, time) in times {
        put(key, time.map(|time| milliseconds(time).into()));
    }
    put("reused", moments.reused.map(Value::from));
    put(
        "version",
        moments.version.map(|version| format!("{version:?}").into()),
    );
    put(
        "status",
        moments.status.map(|status| status.as_u16().into()),
    );
    let (outcome, error) = match &moments.outcome {
        None => ("running", None),
        Some(CallOutcome::Complete) => ("complete", None),
        Some(CallOutcome::Failed(fault)) => ("failed", Some(fault.to_string())),
        Some(CallOutcome::Abandoned) => ("abandoned", None),
    };
    put("outcome", Some(outcome.into()));
    put("error", error.map(Value::from));
    call
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::log::logged;
    use crate::serve::record::Record;

    #[test]
    fn a_request_is_one_line_with_its_calls_as_json() {
        let request = http::Request::get("/a?b").body(()).unwrap();
        let record = Record::begin(9, ([127, 0, 0, 1], 80).into(), &request);
        let call = Call::begin(
            http::Method::GET,
            &"http://o.test/\"x".parse().unwrap_or_default(),
        );
        record.keep(&call);
        record.answered(http::StatusCode::OK);
        record.sent(5);
        let answer = record.end();
        let lines = logged(|| write(&record, &answer));
        let [line] = &lines[..] else {
            panic!("{lines:?}");
        };
        assert_eq!(
            (
                &line["request"],
                &line["path"],
                &line["status"],
                &line["sent"]
            ),
            (&9.into(), &"/a?b".into(), &200.into(), &5.into())
        );
        assert_eq!(
            (&line["outcome"], &line["calls"], &line["failed"]),
            (&"answered".into(), &1.into(), &1.into())
        );
        assert_eq!(line["outbound"][0]["outcome"], "running");
    }

    #[test]
    fn a_line_for_people_does_not_tell_every_call() {
        let request = http::Request::get("/").body(()).unwrap();
        let record = Record::begin(1, ([127, 0, 0, 1], 80).into(), &request);
        for _ in 0..TOLD_CALLS + 3 {
            record.keep(&Call::begin(
                http::Method::GET,
                &"http://o.test/".parse().unwrap(),
            ));
        }
        let text = Outbound(&record).to_string();
        assert!(text.ends_with("; and 3 more]"), "{text}");
        assert_eq!(text.matches("o.test").count(), TOLD_CALLS);
    }
}
