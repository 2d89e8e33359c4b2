//! Comparing what was seen with what the step says must be seen.

use serde_json::Value;
use std::fmt::Debug;
use urlfetch::{Error, FetchError, Response};

/// Not what must be seen, in one line.
pub(crate) type Surprise = String;

pub(crate) fn same<T: PartialEq + Debug>(
    what: &str,
    seen: &T,
    expected: &T,
) -> Result<(), Surprise> {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{what} must be {expected:?}, and is {seen:?}"))
}

/// Success when no error is expected; then what was given.
pub(crate) fn outcome<T>(step: &Value, seen: Result<T, Error>) -> Result<Option<T>, Surprise> {
    let expected = &step["error"];
    let error = match seen {
        Ok(given) if expected.is_null() => return Ok(Some(given)),
        Ok(_) => return Err(format!("it must fail with {expected}, and succeeds")),
        Err(error) if expected.is_null() => {
            return Err(format!("it must succeed, and fails: {error}"));
        }
        Err(error) => error,
    };
    let kind = match &error {
        Error::Callback(_) => "callback",
        Error::Hook(_) => "hook",
        other => other.kind().map_or("unknown", |kind| kind.name()),
    };
    same("the kind", &Some(kind), &expected["kind"].as_str())?;
    if let Some(error) = error.fetch() {
        failure(error, expected)?;
    }
    Ok(None)
}

/// What is mentioned of it.
fn failure(error: &FetchError, expected: &Value) -> Result<(), Surprise> {
    if let Some(code) = expected["code"].as_u64() {
        same("the code", &u64::from(error.code), &code)?;
    }
    if let Some(retryable) = expected["retryable"].as_bool() {
        same("retryable", &error.retryable, &retryable)?;
    }
    if let Some(part) = expected["detail"].as_str()
        && !error.detail.contains(part)
    {
        let detail = &error.detail;
        return Err(format!(
            "the detail must contain {part:?}, and is {detail:?}"
        ));
    }
    if let Some(classes) = expected["caught-by"].as_array() {
        let mut caught = vec!["error"];
        caught.extend(error.kind.is_download().then_some("download"));
        caught.extend(error.kind.is_invalid_url().then_some("invalid-url"));
        let classes: Vec<&str> = classes.iter().filter_map(Value::as_str).collect();
        same("what catches it", &caught, &classes)?;
    }
    match (&error.response, &expected["response"]) {
        (None, Value::Null) => Ok(()),
        (Some(seen), expected @ Value::Object(_)) => response(seen, expected),
        (seen, _) => {
            let seen = if seen.is_some() { "does" } else { "does not" };
            Err(format!("whether the error carries a response: it {seen}"))
        }
    }
}

/// Of a response, status 200 and no truncation unless it says otherwise, and what else is mentioned.
pub(crate) fn response(seen: &Response, expected: &Value) -> Result<(), Surprise> {
    let status = expected["status"].as_u64().unwrap_or(200);
    same("the status", &u64::from(seen.status), &status)?;
    let truncated = expected["was-truncated"].as_bool().unwrap_or_default();
    same("was-truncated", &seen.was_truncated, &truncated)?;
    let url = expected["final-url"].as_str();
    same("the final url", &seen.final_url.as_deref(), &url)?;
    for line in expected["joined"].as_array().into_iter().flatten() {
        let name = line[0].as_str().unwrap_or_default();
        same(name, &seen.header(name).as_deref(), &line[1].as_str())?;
    }
    for line in expected["values"].as_array().into_iter().flatten() {
        let (name, values) = (line[0].as_str().unwrap_or_default(), &line[1]);
        let seen: Vec<_> = seen
            .header_values(name)
            .map(String::from_utf8_lossy)
            .collect();
        let values = values.as_array().into_iter().flatten();
        same(
            name,
            &seen,
            &values.filter_map(Value::as_str).map(Into::into).collect(),
        )?;
    }
    match expected["content"].as_str() {
        Some(expected) => same("the content", &seen.text().as_ref(), &expected),
        None => Ok(()),
    }
}
