//! Comparing what was seen with what must be seen. What differs is told in one line.

use super::origin::HeaderLines;
use super::seen::{ErrorSeen, HopSeen, RequestSeen, Requests, ResponseSeen};
use super::witness::{Seen, latin1};
use std::fmt::Debug;
use std::time::Duration;
use urlfetch_host::bindings::types::{FetchError, Hop, Response};

/// Not what must be seen.
pub(super) type Surprise = String;

/// The tick of a virtual clock, and one more for rounding.
const TICK: f64 = 0.0021;

/// Equal, or a surprise that names it.
pub(super) fn same<T: PartialEq + Debug>(
    what: &str,
    seen: &T,
    expected: &T,
) -> Result<(), Surprise> {
    if seen == expected {
        return Ok(());
    }
    Err(format!(
        "{what} must be {}, and is {}",
        shown(expected),
        shown(seen)
    ))
}

fn shown(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

/// The case of an enum in the spelling of the WIT, from the one of `Debug`: so that ours and the generated one compare.
pub(super) fn name(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    let mut name = String::new();
    for c in text.rsplit("::").next().unwrap_or_default().chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// A length of virtual time.
pub(super) fn time(what: &str, seen: Duration, expected: f64) -> Result<(), Surprise> {
    seconds(what, seen.as_secs_f64(), expected)
}

fn seconds(what: &str, seen: f64, expected: f64) -> Result<(), Surprise> {
    match (-1e-6..=TICK).contains(&(seen - expected)) {
        true => Ok(()),
        false => Err(format!("{what} must be {expected} s, and is {seen:.6} s")),
    }
}

/// Success when no error is expected; then what was given.
pub(super) fn outcome<T>(
    seen: Result<T, FetchError>,
    expected: Option<&ErrorSeen>,
) -> Result<Option<T>, Surprise> {
    match (seen, expected) {
        (Ok(given), None) => Ok(Some(given)),
        (Err(error), Some(expected)) => failure(&error, expected).map(|()| None),
        (Ok(_), Some(expected)) => Err(format!(
            "it must fail with {}, and succeeds",
            name(&expected.kind)
        )),
        (Err(error), None) => Err(format!(
            "it must succeed, and fails with {} ({}): {}",
            error.kind.name(),
            error.url,
            error.detail
        )),
    }
}

fn failure(seen: &FetchError, expected: &ErrorSeen) -> Result<(), Surprise> {
    let told = |error: Surprise| format!("{error} (\"{}\")", seen.detail);
    same(
        "the kind",
        &seen.kind.name().to_owned(),
        &name(&expected.kind),
    )
    .map_err(told)?;
    if let Some(code) = expected.code {
        same("the code", &seen.code, &code)?;
    }
    if let Some(phase) = expected.phase {
        same("the phase", &name(&seen.phase), &name(&phase))?;
    }
    if let Some(retryable) = expected.retryable {
        same("retryable", &seen.retryable, &retryable)?;
    }
    if let Some(url) = &expected.url {
        same("the error's url", &seen.url, url)?;
    }
    if let Some(part) = &expected.detail
        && !seen.detail.contains(part)
    {
        return Err(format!(
            "the detail must contain {part:?}, and is {:?}",
            seen.detail
        ));
    }
    if expected.caught_by.is_some() {
        return Err("what catches an error is a question of the surface rust".into());
    }
    match (&seen.response, &expected.response) {
        (None, None) => Ok(()),
        (Some(seen), Some(expected)) => response(seen, expected),
        (Some(_), None) => Err("the error must carry no response, and does".into()),
        (None, Some(_)) => Err("the error must carry a response, and does not".into()),
    }
}

/// A response.
pub(super) fn response(seen: &Response, expected: &ResponseSeen) -> Result<(), Surprise> {
    if !expected.joined.is_empty() || !expected.values.is_empty() {
        return Err("a look at headers by name is one of the surface rust".into());
    }
    same("the status", &seen.status, &expected.status)?;
    let lines: HeaderLines = seen
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), latin1(value)))
        .collect();
    headers(&lines, &expected.headers, &expected.absent)?;
    if let Some(all) = &expected.all_headers {
        same("the header lines", &lines, all)?;
    }
    if let Some(length) = expected.length {
        same("the length", &seen.content.len(), &length)?;
    }
    if let Some(content) = &expected.content {
        same("the content", &text(&seen.content), content)?;
    }
    same(
        "was-truncated",
        &seen.was_truncated,
        &expected.was_truncated,
    )?;
    same("the final url", &seen.final_url, &expected.final_url)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// For each name among `expected`, all its lines; and none of those that are `absent`. Both compare names caselessly.
fn headers(seen: &HeaderLines, expected: &HeaderLines, absent: &[String]) -> Result<(), Surprise> {
    let values = |lines: &HeaderLines, name: &str| -> Vec<String> {
        let of_name = lines
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.clone()).collect()
    };
    for (name, _) in expected {
        same(
            &format!("the header {name}"),
            &values(seen, name),
            &values(expected, name),
        )?;
    }
    for name in absent {
        same(
            &format!("the header {name}"),
            &values(seen, name),
            &Vec::new(),
        )?;
    }
    Ok(())
}

/// The hops of an rpc.
pub(super) fn hops(seen: &[Hop], expected: &[HopSeen], exact: bool) -> Result<(), Surprise> {
    same("the number of hops", &seen.len(), &expected.len())?;
    for (index, (seen, expected)) in seen.iter().zip(expected).enumerate() {
        let named = |error: Surprise| format!("hop {index}: {error}");
        same("the url", &seen.url, &expected.url).map_err(named)?;
        same("the status", &seen.status, &expected.status).map_err(named)?;
        if !exact {
            continue;
        }
        let instants = [
            ("started-at", Some(seen.started_at), expected.started_at),
            ("head-at", seen.head_at, expected.head_at),
            ("ended-at", seen.ended_at, expected.ended_at),
        ];
        for (what, seen, expected) in instants {
            match (seen, expected) {
                (Some(seen), Some(expected)) => {
                    seconds(what, seen, expected).map_err(named)?;
                }
                (None, Some(_)) => return Err(named(format!("{what} must be there"))),
                _ => {}
            }
        }
    }
    Ok(())
}

/// What the origin saw.
pub(super) fn requests(seen: &[Seen], expected: &Requests) -> Result<(), Surprise> {
    let list = |seen: &[Seen]| -> Vec<String> {
        seen.iter()
            .map(|request| format!("{} {}", request.method, request.url))
            .collect()
    };
    match expected {
        Requests::Count(count) if seen.len() == *count => Ok(()),
        Requests::Count(count) => Err(format!(
            "the origin must see {count} requests, and sees {}",
            shown(&list(seen))
        )),
        Requests::These(expected) => {
            if seen.len() != expected.len() {
                return Err(format!(
                    "the origin must see {} requests, and sees {}",
                    expected.len(),
                    shown(&list(seen))
                ));
            }
            for (index, (seen, expected)) in seen.iter().zip(expected).enumerate() {
                request(seen, expected).map_err(|error| format!("request {index}: {error}"))?;
            }
            Ok(())
        }
    }
}

fn request(seen: &Seen, expected: &RequestSeen) -> Result<(), Surprise> {
    same("the method", &seen.method, &expected.method)?;
    same("the url", &seen.url, &expected.url)?;
    headers(&seen.headers, &expected.headers, &expected.absent)?;
    if let Some(all) = &expected.all_headers {
        let sorted = |lines: &HeaderLines| {
            let mut lines = lines.clone();
            lines.sort();
            lines
        };
        same("the header lines", &sorted(&seen.headers), &sorted(all))?;
    }
    same("the body", &text(&seen.body), &expected.body)?;
    if let (Some(at), Some(expected)) = (seen.at, expected.at) {
        time("the time", at, expected)?;
    }
    match (seen.end, expected.outcome) {
        (Some(end), Some(expected)) => same("the outcome", &end, &expected),
        _ => Ok(()),
    }
}
