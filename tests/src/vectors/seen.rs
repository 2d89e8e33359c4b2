//! What a vector says must be seen: of a response, a failure, the hops of an rpc, and by the origin.

use super::model::{get, read};
use super::origin::HeaderLines;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use toml::Value;

/// What must be seen of a response. What is not mentioned has its ordinary value; headers, content and length are not looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ResponseSeen {
    pub(super) status: u16,
    /// For each name here, all its lines.
    pub(super) headers: HeaderLines,
    /// Names of which there is no line.
    pub(super) absent: Vec<String>,
    /// Every line there is, in order.
    pub(super) all_headers: Option<HeaderLines>,
    pub(super) content: Option<String>,
    /// Bytes of content.
    pub(super) length: Option<usize>,
    pub(super) was_truncated: bool,
    pub(super) final_url: Option<String>,
    /// For the surface `rust`: values joined by a comma, by names in any case.
    pub(super) joined: HeaderLines,
    /// For the surface `rust`: values one by one, by names in any case.
    pub(super) values: Vec<(String, Vec<String>)>,
}

impl Default for ResponseSeen {
    fn default() -> Self {
        ResponseSeen {
            status: 200,
            headers: HeaderLines::new(),
            absent: Vec::new(),
            all_headers: None,
            content: None,
            length: None,
            was_truncated: false,
            final_url: None,
            joined: HeaderLines::new(),
            values: Vec::new(),
        }
    }
}

/// What must be seen of a failure; beside the kind, what is mentioned.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ErrorSeen {
    pub(super) kind: Kind,
    pub(super) code: Option<u32>,
    pub(super) phase: Option<PhaseName>,
    pub(super) retryable: Option<bool>,
    pub(super) url: Option<String>,
    /// A part of it.
    pub(super) detail: Option<String>,
    /// For the surface `rust`: the classes of App Engine's that catch it, `error` first, then `download` or `invalid-url`.
    pub(super) caught_by: Option<Vec<String>>,
    /// Without it, there must be none.
    pub(super) response: Option<ResponseSeen>,
}

/// One hop of an rpc.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HopSeen {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) started_at: Option<f64>,
    pub(super) head_at: Option<f64>,
    pub(super) ended_at: Option<f64>,
}

/// What the origin saw.
#[derive(Clone, Debug)]
pub(super) enum Requests {
    /// That many requests.
    Count(usize),
    /// These, in this order.
    These(Vec<RequestSeen>),
}

impl<'de> Deserialize<'de> for Requests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Integer(count) => usize::try_from(count)
                .map(Requests::Count)
                .map_err(D::Error::custom),
            other => read(other).map(Requests::These),
        }
    }
}

/// One request, as the origin saw it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RequestSeen {
    /// GET when it is not given.
    #[serde(default = "get")]
    pub(super) method: String,
    /// The whole URL.
    pub(super) url: String,
    /// For each name here, all its lines.
    #[serde(default)]
    pub(super) headers: HeaderLines,
    /// Names of which there is no line.
    #[serde(default)]
    pub(super) absent: Vec<String>,
    /// Every line there is, in any order.
    pub(super) all_headers: Option<HeaderLines>,
    /// Empty when it is not given.
    #[serde(default)]
    pub(super) body: String,
    /// Seconds after the first request.
    pub(super) at: Option<f64>,
    /// How it ended.
    pub(super) outcome: Option<EndName>,
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident: $($case:ident)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(super) enum $name { $($case),* }
    };
}

names! {
    /// `error-kind`, and for the surface `rust` what a callback or a hook raised.
    Kind: Download DeadlineExceeded DnsLookupFailed ConnectionClosed TooManyRedirects MalformedReply InvalidUrl PayloadTooLarge
        InternalTransient SslCertificate ResponseTooLarge InvalidMethod Cancelled Refused Unsupported InvalidArgument Misuse Deadlock
        Callback Hook
}
names! {
    /// `phase`.
    PhaseName: Local Queued Resolve Connect Tls Request Body Redirect Decode
}
names! {
    /// `state`.
    StateName: Idle Running Finishing
}
names! {
    /// How an exchange ended, as the origin saw it.
    EndName: Open Answered Failed Dropped
}
