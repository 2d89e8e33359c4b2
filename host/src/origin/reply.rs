//! What a scripted origin does with one request, as data.

use crate::Fault;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One answer. Reads from data with every field optional; the default is an empty 200 at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reply {
    /// What becomes of the request's body.
    pub upload: Upload,
    /// Milliseconds before the head; with [`Upload::First`] they begin when the upload is complete.
    pub delay_ms: u64,
    /// Never send a head: what happens to a request that is swallowed.
    pub silent: bool,
    /// Fail with this code instead of sending a head.
    pub error: Option<Fault>,
    /// 100 to 999; another number fails the request with internal-error.
    pub status: u16,
    /// Header lines in order, values as latin-1 text. Nothing is added, content-length included.
    pub headers: Vec<(String, String)>,
    /// What the body does, step by step; then it ends.
    pub body: Vec<Step>,
}

/// How an origin treats an upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upload {
    /// Read it to its end, then answer.
    #[default]
    First,
    /// Answer by the clock, and read on meanwhile.
    Meanwhile,
    /// Leave it unread. A client that wants to send everything before it looks at the answer is stuck.
    Never,
}

/// One step of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A chunk of UTF-8 text.
    Text(String),
    /// A chunk of bytes.
    Bytes(Vec<u8>),
    /// That many zero bytes, in chunks of at most 64 KiB.
    Zeros(u64),
    /// Milliseconds of silence.
    Pause(u64),
    /// One byte every so many milliseconds, for ever. What follows is never reached.
    Drip(u64),
    /// Silence for ever. What follows is never reached.
    Stall,
    /// The body fails with this code.
    Fail(Fault),
}

impl Default for Reply {
    fn default() -> Self {
        Reply {
            upload: Upload::default(),
            delay_ms: 0,
            silent: false,
            error: None,
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

impl Reply {
    /// An empty answer of this status.
    pub fn status(status: u16) -> Self {
        Reply {
            status,
            ..Reply::default()
        }
    }

    /// A 200 with this body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Reply::default().then(Step::Bytes(body.into()))
    }

    /// A redirect of this status to `location`.
    pub fn redirect(status: u16, location: &str) -> Self {
        Reply::status(status).header("location", location)
    }

    /// A failure before any head.
    pub fn error(fault: Fault) -> Self {
        Reply {
            error: Some(fault),
            ..Reply::default()
        }
    }

    /// No answer, ever.
    pub fn silence() -> Self {
        Reply {
            silent: true,
            ..Reply::default()
        }
    }

    /// Adds a header line.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets the head come after `delay`, rounded down to milliseconds.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay_ms = delay.as_millis().try_into().unwrap_or(u64::MAX);
        self
    }

    /// Adds a step to the body.
    pub fn then(mut self, step: Step) -> Self {
        self.body.push(step);
        self
    }

    /// Chooses what becomes of the upload.
    pub fn upload(mut self, upload: Upload) -> Self {
        self.upload = upload;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_reads_from_data_and_the_rest_is_an_empty_200() {
        let reply: Reply = serde_json::from_str(
            r#"{"delay-ms": 5, "headers": [["x", "1"]], "body": [{"text": "hi"}, {"pause": 10}, "stall", {"fail": "connection-terminated"}]}"#,
        )
        .unwrap();
        let built = Reply::default()
            .after(Duration::from_millis(5))
            .header("x", "1")
            .then(Step::Text("hi".into()))
            .then(Step::Pause(10))
            .then(Step::Stall)
            .then(Step::Fail(Fault::ConnectionTerminated));
        assert_eq!(reply, built);
        assert!(serde_json::from_str::<Reply>(r#"{"staus": 200}"#).is_err());
    }
}
