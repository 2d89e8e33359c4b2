//! `--json`: one object per rpc and line. The keys are a promise: `--help` documents them.

use super::fetched::{Failure, Fetched, Hop};
use serde::Serialize;

/// What `--help` says about `--json`.
pub(crate) const KEYS: &str = "\
JSON (--json): one object per URL and line, in the order of the arguments, all keys always present:
  url        string       the URL as given
  status     number|null  the status of the last answer; null when none came
  bytes      number       bytes of content received, after decoding
  hops       array        every exchange, redirects included, in order; empty when nothing was sent
                          {url, status|null, started_ms, head_ms|null, ended_ms|null}, after the call
  final_url  string|null  the URL that answered, when a redirect was followed
  ms         number       from the call to its end, queueing included
  truncated  boolean      the content was cut (--allow-truncated)
  error      object|null  {kind, code, phase, retryable, url, detail}; null when there is an answer,
                          whatever its status. kind and phase are those of the WIT, in kebab-case:
                          deadline-exceeded, refused, ...; code is App Engine's 1 to 13, or 0";

#[derive(Serialize)]
struct Line<'a> {
    url: &'a str,
    status: Option<u16>,
    bytes: u64,
    hops: Vec<HopLine<'a>>,
    final_url: Option<&'a str>,
    ms: f64,
    truncated: bool,
    error: Option<ErrorLine<'a>>,
}

#[derive(Serialize)]
struct HopLine<'a> {
    url: &'a str,
    status: Option<u16>,
    started_ms: f64,
    head_ms: Option<f64>,
    ended_ms: Option<f64>,
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    kind: &'a str,
    code: u32,
    phase: &'a str,
    retryable: bool,
    url: &'a str,
    detail: &'a str,
}

/// One rpc as one line of JSON, without the newline.
pub(crate) fn json_line(rpc: &Fetched) -> serde_json::Result<String> {
    let answer = rpc.outcome.as_ref().ok();
    serde_json::to_string(&Line {
        url: &rpc.url,
        status: rpc.status(),
        bytes: rpc.bytes,
        hops: rpc.hops.iter().map(hop_line).collect(),
        final_url: answer.and_then(|answer| answer.final_url.as_deref()),
        ms: thousandths(rpc.ms),
        truncated: answer.is_some_and(|answer| answer.truncated),
        error: rpc.outcome.as_ref().err().map(error_line),
    })
}

fn hop_line(hop: &Hop) -> HopLine<'_> {
    HopLine {
        url: &hop.url,
        status: (hop.status != 0).then_some(hop.status),
        started_ms: thousandths(hop.started_at),
        head_ms: hop.head_at.map(thousandths),
        ended_ms: hop.ended_at.map(thousandths),
    }
}

fn error_line(failure: &Failure) -> ErrorLine<'_> {
    ErrorLine {
        kind: failure.kind,
        code: failure.code,
        phase: failure.phase,
        retryable: failure.retryable,
        url: &failure.url,
        detail: &failure.detail,
    }
}

/// Microseconds are as fine as anybody measures a fetch.
fn thousandths(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::fetched::samples::{late, success};
    use super::{KEYS, json_line};

    #[test]
    fn an_answer_is_one_line_with_every_key() {
        assert_eq!(
            json_line(&success("http://a/", 12.0)).unwrap(),
            r#"{"url":"http://a/","status":200,"bytes":1024,"hops":[{"url":"http://a/","status":200,"started_ms":0.0,"head_ms":6.0,"ended_ms":12.0}],"final_url":null,"ms":12.0,"truncated":false,"error":null}"#
        );
    }

    #[test]
    fn a_failure_carries_its_type_in_kebab_case() {
        assert_eq!(
            json_line(&late("http://a/", 500.0)).unwrap(),
            r#"{"url":"http://a/","status":null,"bytes":0,"hops":[{"url":"http://a/","status":null,"started_ms":0.0,"head_ms":null,"ended_ms":500.0}],"final_url":null,"ms":500.0,"truncated":false,"error":{"kind":"deadline-exceeded","code":5,"phase":"request","retryable":true,"url":"http://a/","detail":"no answer within 0.5 s"}}"#
        );
    }

    #[test]
    fn every_key_is_documented() {
        let line: serde_json::Value =
            serde_json::from_str(&json_line(&late("http://a/", 1.0)).unwrap()).unwrap();
        let documented = |key: &String| KEYS.contains(&format!("\n  {key} "));
        assert!(line.as_object().unwrap().keys().all(documented));
        let within = |value: &serde_json::Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .all(|key| KEYS.contains(key.as_str()))
        };
        assert!(within(&line["error"]) && within(&line["hops"][0]));
    }
}
