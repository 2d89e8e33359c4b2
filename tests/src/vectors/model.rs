//! A vector as it is written in its file, after placeholders are filled in. `tests/vectors/README.toml` explains the format.

use super::op::Op;
use super::origin::{Answer, HeaderLines};
use super::seen::{Kind, Requests};
use super::tls::Handshake;
use serde::de::Deserializer;
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// One vector, or one row of one that has rows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vector {
    /// The claim, as a sentence.
    pub title: String,
    /// Ids of the cases it shows, such as `RPC-01`.
    pub cases: Vec<String>,
    /// Who can play it.
    #[serde(default)]
    pub surface: Surface,
    /// What it needs beyond sockets on this machine; what follows from its origin is added.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Answers by target, as in `urlfetch_host::Script`.
    #[serde(default)]
    pub(super) origin: BTreeMap<String, Vec<Answer>>,
    /// Which names speak TLS, and how well.
    #[serde(default)]
    pub(super) tls: BTreeMap<String, Handshake>,
    /// The most exchanges that the host lets hold a connection at once.
    pub(super) connections: Option<usize>,
    /// What is done, and seen, in order.
    pub(super) steps: Vec<Step>,
    /// What the origin saw: how many requests, or which.
    pub(super) requests: Requests,
}

/// Who can play a vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surface {
    /// The host, through the exports of the component.
    #[default]
    Wit,
    /// A guest program, with closures: callbacks that do something, hooks, stub maps.
    Rust,
}

/// What not every world has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Seconds cost nothing and are exact.
    VirtualTime,
    /// Every authority there is can be fetched from: https, any port, any name.
    AnyAuthority,
    /// The origin fails by a code of wasi:http. Follows from `fail`.
    FaultCodes,
    /// Bytes on a wire. Follows from `raw`, and from `tls`.
    Sockets,
    /// Calls that no binding makes. Follows from `mistyped` and `methods`.
    Untyped,
    /// The host is told whom to trust or how many connections to open. Follows from `connections`, and from a certificate that holds.
    OurSender,
}

/// One thing that is done, and what must be seen of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Table")]
pub(super) struct Step {
    /// What is done.
    pub(super) op: Op,
    /// The seconds it takes; what does not block takes none.
    pub(super) took: Option<f64>,
    /// How often it is done, each time with the same outcome.
    pub(super) times: u32,
}

impl TryFrom<Table> for Step {
    type Error = toml::de::Error;

    fn try_from(mut table: Table) -> Result<Self, Self::Error> {
        let took = table.remove("took").map(f64::deserialize).transpose()?;
        let times = table.remove("times").map(u32::deserialize).transpose()?;
        Ok(Step {
            op: Op::deserialize(Value::Table(table))?,
            took,
            times: times.unwrap_or(1),
        })
    }
}

/// Settings of a client; those that are given are made, in the order in which they stand here.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    #[serde(default = "super::op::main")]
    pub(super) client: String,
    pub(super) default_deadline: Option<f64>,
    #[serde(default)]
    pub(super) no_default_deadline: bool,
    pub(super) maximum_deadline: Option<f64>,
    pub(super) max_in_flight: Option<(u32, u32)>,
    pub(super) max_redirects: Option<u32>,
    #[serde(rename = "follow-308")]
    pub(super) follow_308: Option<bool>,
    pub(super) max_response: Option<u32>,
    /// Bytes of a URL, and whether any port is fetched.
    pub(super) url_limits: Option<(u32, bool)>,
    pub(super) user_agent: Option<String>,
    #[serde(default)]
    pub(super) default_user_agent: bool,
    pub(super) allowed_origins: Option<Vec<String>>,
    pub(super) allow_private: Option<bool>,
    pub(super) validate_anyway: Option<bool>,
    pub(super) current_request: Option<CurrentRequest>,
    #[serde(default)]
    pub(super) no_current_request: bool,
    pub(super) development_mode: Option<bool>,
    /// For the surface `rust`: the WIT has no function for it.
    pub(super) keep_credentials: Option<bool>,
    /// For the surface `rust`: the WIT has no function for it.
    pub(super) truncation_passes_check: Option<bool>,
    /// The kind with which the setting is refused.
    pub(super) error: Option<Kind>,
}

/// The request being served.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CurrentRequest {
    pub(super) authority: String,
    pub(super) path: String,
}

/// The record `request`; text stands for a GET of that URL.
#[derive(Clone, Debug)]
pub(super) struct RequestGiven {
    pub(super) url: String,
    pub(super) method: String,
    pub(super) headers: HeaderLines,
    /// How often all of them are given.
    pub(super) headers_times: usize,
    pub(super) payload: Option<String>,
    pub(super) follow_redirects: bool,
    pub(super) allow_truncated: bool,
    pub(super) validate_certificate: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RequestTable {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: HeaderLines,
    #[serde(default = "once")]
    headers_times: usize,
    payload: Option<String>,
    #[serde(default = "yes")]
    follow_redirects: bool,
    #[serde(default)]
    allow_truncated: bool,
    validate_certificate: Option<bool>,
}

pub(super) fn get() -> String {
    "GET".to_owned()
}

fn yes() -> bool {
    true
}

fn once() -> usize {
    1
}

impl<'de> Deserialize<'de> for RequestGiven {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = match Value::deserialize(deserializer)? {
            Value::String(url) => Table::from_iter([("url".to_owned(), Value::String(url))]).into(),
            other => other,
        };
        let table: RequestTable = read(given)?;
        Ok(RequestGiven {
            url: table.url,
            method: table.method,
            headers: table.headers,
            headers_times: table.headers_times,
            payload: table.payload,
            follow_redirects: table.follow_redirects,
            allow_truncated: table.allow_truncated,
            validate_certificate: table.validate_certificate,
        })
    }
}

/// A value that was looked at before it is read.
pub(super) fn read<T: DeserializeOwned, E: serde::de::Error>(value: Value) -> Result<T, E> {
    T::deserialize(value).map_err(|error| E::custom(error.message()))
}
