//! What the console reads, as JSON: `host/console/README.md` documents it.

use crate::serve::journal::Malformed;
use crate::serve::line::{call_as_json, milliseconds};
use crate::serve::record::Record;
use crate::serve::server::Shared;
use crate::{Call, CallOutcome};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many requests that run are told one by one: the oldest.
const TOLD_LIVE: usize = 500;
/// How many characters of a path or a reason a row has; a single request has them all.
const ROW_TEXT: usize = 400;
/// How many of the places it fetched from a row has, and how many of the calls that failed.
const ROW_CALLS: usize = 8;

/// Answers for a path below `/api/`.
pub(super) fn read(
    shared: &Shared,
    path: &str,
    query: Option<&str>,
) -> Result<Value, (StatusCode, String)> {
    match path.split_once('/') {
        None if path == "requests" => Ok(requests(shared, after(query)?)),
        None if path == "errors" => Ok(errors(shared)),
        Some(("requests", id)) => {
            let record = id.parse().ok().and_then(|id| shared.journal.find(id));
            let forgotten = || format!("request '{id}' is not known, or not any more");
            record
                .map(|record| request(&record))
                .ok_or_else(|| (StatusCode::NOT_FOUND, forgotten()))
        }
        _ => Err((
            StatusCode::NOT_FOUND,
            "there are requests, requests/N, errors and tasks".into(),
        )),
    }
}

/// `after=N`: how many ended requests the reader has seen.
fn after(query: Option<&str>) -> Result<u64, (StatusCode, String)> {
    let mut pairs = query.unwrap_or_default().split('&');
    match pairs.find_map(|pair| pair.strip_prefix("after=")) {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| {
            let reason = format!("after='{text}': is not a number");
            (StatusCode::BAD_REQUEST, reason)
        }),
    }
}

fn requests(shared: &Shared, after: u64) -> Value {
    let (ended, cursor) = shared.journal.ended_after(after);
    let live = shared.journal.live();
    json!({
        "server": server(shared),
        "now": now(),
        "cursor": cursor,
        "live": live.iter().take(TOLD_LIVE).map(|one| row(one)).collect::<Vec<_>>(),
        "live_total": live.len(),
        "ended": ended.iter().map(|one| row(one)).collect::<Vec<_>>(),
    })
}

fn server(shared: &Shared) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "interface": shared.app.interface(),
        "address": shared.address.map(|address| address.to_string()),
        "begun_at": since_epoch(shared.begun_at),
        "in_flight": shared.admission.in_flight(),
        "places": shared.app.instances(),
        "stopping": shared.admission.is_stopping(),
    })
}

fn errors(shared: &Shared) -> Value {
    let journal = &shared.journal;
    let requests = journal.errors().into_iter().map(|record| {
        let mut row = row(&record);
        row["failures"] = failures(&record.calls().0).into();
        row
    });
    let malformed = journal.not_requests();
    json!({
        "now": now(),
        "requests": requests.collect::<Vec<_>>(),
        "malformed": malformed.iter().map(|one| not_a_request(one)).collect::<Vec<_>>(),
    })
}

fn not_a_request(malformed: &Malformed) -> Value {
    json!({
        "at": since_epoch(malformed.at),
        "peer": malformed.peer.to_string(),
        "status": malformed.status,
        "reason": shortened(&malformed.reason),
    })
}

/// Calls that ended with an error, as a row tells them.
fn failures(calls: &[Arc<Call>]) -> Vec<Value> {
    let failed = calls.iter().filter_map(|call| {
        let Some(CallOutcome::Failed(fault)) = call.moments().outcome else {
            return None;
        };
        Some(json!({
            "method": call.method().as_str(),
            "url": shortened(call.url()),
            "error": fault.to_string(),
        }))
    });
    failed.take(ROW_CALLS).collect()
}

/// One request with everything that is known of it.
fn request(record: &Record) -> Value {
    let (calls, beyond) = record.calls();
    let mut request = row(record);
    request["path"] = record.path.clone().into();
    request["reason"] = record.answer().reason.into();
    request["outbound"] = calls
        .iter()
        .map(|call| {
            let mut value = call_as_json(call.method().as_str(), call.url(), &call.moments());
            let begun = call.begun().saturating_duration_since(record.begun);
            value["begun_ms"] = milliseconds(begun).into();
            value
        })
        .collect();
    request["outbound_beyond"] = beyond.into();
    request
}

/// One request as a line of a table.
fn row(record: &Record) -> Value {
    let answer = record.answer();
    let (calls, beyond) = record.calls();
    let mut hosts: Vec<&str> = Vec::new();
    let (mut running, mut failed) = (0_u64, 0_u64);
    for call in &calls {
        match call.moments().outcome {
            None => running += 1,
            Some(CallOutcome::Failed(_)) => failed += 1,
            Some(CallOutcome::Complete | CallOutcome::Abandoned) => {}
        }
        let host = host_of(call.url());
        if hosts.len() < ROW_CALLS && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    json!({
        "id": record.id,
        "at": since_epoch(record.begun_at),
        "peer": record.peer.to_string(),
        "method": record.method.as_str(),
        "host": shortened(&record.host),
        "path": shortened(&record.path),
        "version": format!("{:?}", record.version),
        "status": answer.status.map(|status| status.as_u16()),
        "outcome": answer.ended.and(answer.outcome).map_or("running", |outcome| outcome.name()),
        "reason": shortened(&answer.reason),
        "is_error": record.is_error(),
        "head_ms": answer.head.map(milliseconds),
        "ms": milliseconds(answer.ended.unwrap_or_else(|| record.begun.elapsed())),
        "sent": answer.sent,
        "calls": calls.len() as u64 + beyond,
        "calls_running": running,
        "calls_failed": failed,
        "to": hosts,
    })
}

/// `a:80` of `http://a:80/b`.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(ROW_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
    }
}

/// What the server's clock says.
pub(super) fn now() -> u64 {
    since_epoch(SystemTime::now())
}

/// Milliseconds since 1970.
fn since_epoch(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_short_whatever_the_request_was() {
        let path = format!("/{}", "x".repeat(10_000));
        let asked = http::Request::get(&path).header("host", "a<b>");
        let record = Record::begin(3, ([127, 0, 0, 1], 9).into(), &asked.body(()).unwrap());
        for n in 0..20 {
            let url = format!("http://{n}.test:81?q/{}", "y".repeat(1_000));
            record.keep(&Call::begin(http::Method::GET, &url.parse().unwrap()));
        }
        let told = row(&record);
        assert!(told.to_string().len() < 1_500, "{told}");
        assert_eq!((&told["id"], &told["calls"]), (&3.into(), &20.into()));
        assert_eq!(told["calls_running"], 20);
        assert_eq!(
            (&told["outcome"], &told["status"]),
            (&"running".into(), &Value::Null)
        );
        assert_eq!(told["to"][1], "1.test:81");
        let whole = request(&record);
        assert_eq!(whole["path"], path);
        assert_eq!(whole["outbound"].as_array().unwrap().len(), 20);
        assert!(whole["outbound"][0]["begun_ms"].is_number());
    }

    #[test]
    fn where_a_reader_goes_on_is_a_number() {
        assert_eq!(after(None), Ok(0));
        assert_eq!(after(Some("x=1&after=12")), Ok(12));
        assert_eq!(after(Some("after=-1")).unwrap_err().0, 400);
    }
}
