//! What became of one rpc, as plain data: what the table, the waterfall and the JSON are made of.

use urlfetch_host::bindings::types::{ErrorKind, Phase};

/// One rpc, finished. Times are milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fetched {
    /// The URL as it was given.
    pub(crate) url: String,
    /// When the call was made, after the start of the whole run.
    pub(crate) called_at: f64,
    /// From the call to its end.
    pub(crate) ms: f64,
    /// Bytes of content received, after decoding.
    pub(crate) bytes: u64,
    /// Every exchange, in order.
    pub(crate) hops: Vec<Hop>,
    /// The answer, or why there is none.
    pub(crate) outcome: Result<Answer, Failure>,
}

/// One exchange. Instants are milliseconds after the call was made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hop {
    pub(crate) url: String,
    /// 0 when no head came.
    pub(crate) status: u16,
    pub(crate) started_at: f64,
    pub(crate) head_at: Option<f64>,
    pub(crate) ended_at: Option<f64>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The content was cut at the most that is kept.
    pub(crate) truncated: bool,
    /// Set when a redirect was followed.
    pub(crate) final_url: Option<String>,
}

/// A typed error, in words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    /// The kind as the WIT spells it: `deadline-exceeded`.
    pub(crate) kind: &'static str,
    /// App Engine's service code; 0 when there is none.
    pub(crate) code: u32,
    /// Where the call was, as the WIT spells it: `body`.
    pub(crate) phase: &'static str,
    pub(crate) retryable: bool,
    /// The URL of the hop at fault.
    pub(crate) url: String,
    pub(crate) detail: String,
}

impl Fetched {
    /// The status of the last answer, also when the call failed after it.
    pub(crate) fn status(&self) -> Option<u16> {
        match &self.outcome {
            Ok(answer) => Some(answer.status),
            Err(_) => self
                .hops
                .iter()
                .rev()
                .map(|hop| hop.status)
                .find(|status| *status != 0),
        }
    }
}

/// A kind as the WIT spells it.
pub(crate) fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Download => "download",
        ErrorKind::DeadlineExceeded => "deadline-exceeded",
        ErrorKind::DnsLookupFailed => "dns-lookup-failed",
        ErrorKind::ConnectionClosed => "connection-closed",
        ErrorKind::TooManyRedirects => "too-many-redirects",
        ErrorKind::MalformedReply => "malformed-reply",
        ErrorKind::InvalidUrl => "invalid-url",
        ErrorKind::PayloadTooLarge => "payload-too-large",
        ErrorKind::InternalTransient => "internal-transient",
        ErrorKind::SslCertificate => "ssl-certificate",
        ErrorKind::ResponseTooLarge => "response-too-large",
        ErrorKind::InvalidMethod => "invalid-method",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::Refused => "refused",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::InvalidArgument => "invalid-argument",
        ErrorKind::Misuse => "misuse",
        ErrorKind::Deadlock => "deadlock",
    }
}

/// A phase as the WIT spells it.
pub(crate) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Local => "local",
        Phase::Queued => "queued",
        Phase::Resolve => "resolve",
        Phase::Connect => "connect",
        Phase::Tls => "tls",
        Phase::Request => "request",
        Phase::Body => "body",
        Phase::Redirect => "redirect",
        Phase::Decode => "decode",
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Finished rpcs for the tests of everything that shows them.

    use super::{Answer, Failure, Fetched, Hop};

    /// One exchange of `url` that got its head and its body at these times.
    pub(crate) fn hop(url: &str, status: u16, started_at: f64, head_at: f64, ended_at: f64) -> Hop {
        Hop {
            url: url.into(),
            status,
            started_at,
            head_at: Some(head_at),
            ended_at: Some(ended_at),
        }
    }

    /// A plain success: waits until half of `ms`, reads for the other half.
    pub(crate) fn success(url: &str, ms: f64) -> Fetched {
        Fetched {
            url: url.into(),
            called_at: 0.0,
            ms,
            bytes: 1024,
            hops: vec![hop(url, 200, 0.0, ms / 2.0, ms)],
            outcome: Ok(Answer {
                status: 200,
                truncated: false,
                final_url: None,
            }),
        }
    }

    /// A deadline that passed while the head was awaited.
    pub(crate) fn late(url: &str, ms: f64) -> Fetched {
        Fetched {
            url: url.into(),
            called_at: 0.0,
            ms,
            bytes: 0,
            hops: vec![Hop {
                url: url.into(),
                status: 0,
                started_at: 0.0,
                head_at: None,
                ended_at: Some(ms),
            }],
            outcome: Err(Failure {
                kind: "deadline-exceeded",
                code: 5,
                phase: "request",
                retryable: true,
                url: url.into(),
                detail: "no answer within 0.5 s".into(),
            }),
        }
    }
}
