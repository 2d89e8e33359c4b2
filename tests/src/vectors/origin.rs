//! What an origin answers, as vectors write it, and the same in the words of the scripted origin.

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;
use toml::Value;
use urlfetch_host::{Fault, Reply, Script, Scripted, Step, Upload};

/// Header lines in order: name, and value as latin-1 text.
pub(super) type HeaderLines = Vec<(String, String)>;

/// A host of which nothing listens, in any world.
pub(super) const CLOSED: &str = "closed.test";

/// One answer. What is not mentioned makes an empty 200, at once, after the upload was read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Answer {
    /// Seconds before the head, or before whatever comes instead.
    pub(super) after: f64,
    /// 200, or for a redirect 302, when it is not given.
    pub(super) status: Option<u16>,
    /// A `location`.
    pub(super) redirect: Option<String>,
    /// Further header lines.
    pub(super) headers: HeaderLines,
    /// A `content-length` that is true.
    pub(super) sized: bool,
    /// Text, or pieces.
    pub(super) body: Body,
    /// Nothing ever comes.
    pub(super) silent: bool,
    /// Fails with this code of wasi:http.
    pub(super) fail: Option<Failure>,
    /// The connection is closed.
    pub(super) close: bool,
    /// The connection is reset; behind `raw`, when that was written.
    pub(super) reset: bool,
    /// What becomes of the upload.
    pub(super) upload: Upload,
    /// Bytes instead of everything above but `after`, as latin-1 text; then the connection is closed.
    pub(super) raw: Option<String>,
}

/// The body of an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Body(pub(super) Vec<Piece>);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Body(vec![Piece::Text(text)])),
            other => Vec::deserialize(other)
                .map(Body)
                .map_err(|error| D::Error::custom(error.message())),
        }
    }
}

/// A part of a body.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Piece {
    /// UTF-8.
    Text(String),
    /// Pairs of hexadecimal digits.
    Hex(String),
    /// The text as one member of gzip.
    Gzip(String),
    /// So many zeros, as one member of gzip.
    GzipZeros(u64),
    /// So many zeros.
    Zeros(u64),
    /// Seconds of silence.
    Pause(f64),
    /// A byte every so many seconds, for ever.
    Drip(f64),
    /// Silence for ever.
    Stall,
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// Fails with this code of wasi:http.
    Fail(Failure),
}

/// A code of wasi:http by its name; with its payload, a table of one key.
#[derive(Clone, Debug)]
pub(super) struct Failure(pub(super) Fault);

impl<'de> Deserialize<'de> for Failure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = serde_json::Value::deserialize(deserializer)?;
        let mut readings = vec![given.clone()];
        if let Some(name) = given.as_str() {
            // A code that may have a payload, and has none.
            readings.push(serde_json::json!({ name: null }));
            readings.push(serde_json::json!({ name: {} }));
        }
        let read = readings
            .into_iter()
            .find_map(|reading| serde_json::from_value(reading).ok());
        read.map(Failure)
            .ok_or_else(|| D::Error::custom(format!("{given} is no error code of wasi:http")))
    }
}

impl Serialize for Failure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Answer {
    /// The status line says so.
    pub(super) fn status(&self) -> u16 {
        self.status.unwrap_or(match self.redirect {
            Some(_) => 302,
            None => 200,
        })
    }

    /// Every header line.
    pub(super) fn lines(&self) -> HeaderLines {
        let location = self.redirect.clone().map(|to| ("location".to_owned(), to));
        let length = self.sized.then(|| {
            let sizes = self.body.0.iter().map(Piece::size);
            ("content-length".to_owned(), sizes.sum::<u64>().to_string())
        });
        location
            .into_iter()
            .chain(self.headers.iter().cloned())
            .chain(length)
            .collect()
    }

    /// The longest silence in it; none when it is silent for ever.
    pub(super) fn pauses(&self) -> impl Iterator<Item = f64> {
        let pieces = self.body.0.iter().filter_map(|piece| match piece {
            Piece::Pause(seconds) | Piece::Drip(seconds) => Some(*seconds),
            _ => None,
        });
        pieces.chain([self.after])
    }

    /// Whether it fails by a code.
    pub(super) fn fails(&self) -> bool {
        let in_body = |piece: &Piece| matches!(piece, Piece::Fail(_));
        self.fail.is_some() || self.body.0.iter().any(in_body)
    }

    fn to_reply(&self) -> Reply {
        let error = match (&self.fail, self.close || self.reset) {
            (Some(failure), _) => Some(failure.0.clone()),
            (None, true) => Some(Fault::ConnectionTerminated),
            (None, false) => None,
        };
        Reply {
            upload: self.upload,
            delay_ms: millis(self.after),
            silent: self.silent,
            error,
            status: self.status(),
            headers: self.lines(),
            body: self.body.0.iter().map(Piece::to_step).collect(),
        }
    }
}

impl Piece {
    /// The bytes it is; none for what is no bytes, and for zeros, which may be too many.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Piece::Text(text) => Some(text.clone().into()),
            Piece::Hex(digits) => Some(from_hex(digits)),
            Piece::Gzip(text) => Some(gzipped(text.as_bytes())),
            Piece::GzipZeros(count) => Some(gzipped_zeros(*count)),
            _ => None,
        }
    }

    fn size(&self) -> u64 {
        match self {
            Piece::Zeros(count) => *count,
            other => other.bytes().map_or(0, |bytes| bytes.len() as u64),
        }
    }

    fn to_step(&self) -> Step {
        match self {
            Piece::Zeros(count) => Step::Zeros(*count),
            Piece::Pause(seconds) => Step::Pause(millis(*seconds)),
            Piece::Drip(seconds) => Step::Drip(millis(*seconds)),
            Piece::Stall => Step::Stall,
            Piece::Close | Piece::Reset => Step::Fail(Fault::HttpResponseIncomplete),
            Piece::Fail(failure) => Step::Fail(failure.0.clone()),
            bytes => Step::Bytes(bytes.bytes().unwrap_or_default()),
        }
    }
}

/// The scripted origin that plays these answers.
pub(super) fn scripted(answers: &BTreeMap<String, Vec<Answer>>) -> Scripted {
    let replies = |answers: &Vec<Answer>| answers.iter().map(Answer::to_reply).collect();
    let script = answers
        .iter()
        .map(|(target, answers)| (target.clone(), replies(answers)))
        .chain([(
            format!("http://{CLOSED}/"),
            vec![Reply::error(Fault::ConnectionRefused)],
        )]);
    Script(script.collect()).into()
}

/// Seconds as a length of time, rounded to milliseconds.
pub(super) fn length(seconds: f64) -> Duration {
    Duration::from_millis(millis(seconds))
}

/// Seconds in milliseconds.
pub(super) fn millis(seconds: f64) -> u64 {
    (seconds * 1_000.0).round() as u64
}

fn from_hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks_exact(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing to memory does not fail")
}

fn gzipped_zeros(count: u64) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(
        &mut std::io::Read::take(std::io::repeat(0), count),
        &mut encoder,
    )
    .and_then(|_| encoder.finish())
    .expect("writing to memory does not fail")
}
