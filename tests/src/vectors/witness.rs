//! What an origin saw, whichever world it stands in.

use super::origin::CLOSED;
use super::seen::EndName;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use urlfetch_host::{Outcome, Recorded, Scripted};

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The method.
    pub(super) method: String,
    /// The whole URL.
    pub(super) url: String,
    /// Every line, names in small letters, values as latin-1.
    pub(super) headers: Vec<(String, String)>,
    /// The upload.
    pub(super) body: Vec<u8>,
    /// When, after the first; only where time is exact.
    pub(super) at: Option<Duration>,
    /// How it ended; only where that is certain.
    pub(super) end: Option<EndName>,
}

/// Where the requests can be read.
#[derive(Clone, Debug)]
pub(super) enum Witness {
    /// In the origin in memory.
    Scripted(Scripted),
    /// In the record of an origin on sockets.
    Sockets(Arc<Mutex<Vec<Seen>>>),
}

impl Witness {
    /// Every request so far, in the order of arrival.
    pub(super) fn requests(&self) -> Vec<Seen> {
        match self {
            // At the closed one nothing listens, so nobody sees it.
            Witness::Scripted(origin) => origin
                .requests()
                .into_iter()
                .filter(|request| request.uri.host() != Some(CLOSED))
                .map(seen)
                .collect(),
            Witness::Sockets(record) => record
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}

fn seen(request: Recorded) -> Seen {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), latin1(value.as_bytes()))
    };
    Seen {
        method: request.method.to_string(),
        url: request.uri.to_string(),
        headers: request.headers.iter().map(line).collect(),
        body: request.body.to_vec(),
        at: Some(request.at),
        end: Some(match request.outcome {
            Outcome::Open => EndName::Open,
            Outcome::Answered => EndName::Answered,
            Outcome::Failed(_) => EndName::Failed,
            Outcome::Dropped { .. } => EndName::Dropped,
        }),
    }
}

/// Bytes as text, one character each.
pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// Text as bytes, when every character is one.
pub(super) fn to_latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}
