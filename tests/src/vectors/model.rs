//! A vector as it is written in its file, after placeholders are filled in. `tests/vectors/README.toml` explains the format.

use super::origin::{Answer, HeaderLines};
use super::seen::{ErrorSeen, HopSeen, Kind, Requests, ResponseSeen, StateName};
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
    /// Bytes on a wire. Follows from `raw`.
    Sockets,
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

/// The vocabulary is that of `wit/fetch.wit`; clients, rpcs and timers go by names. Without a name it is the client `main`, which is
/// there from the beginning.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    tag = "do",
    deny_unknown_fields,
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub(super) enum Op {
    Client {
        client: String,
        #[serde(default)]
        shared: bool,
    },
    DropClient {
        client: String,
    },
    Set(Box<Settings>),
    Seal {
        #[serde(default = "main")]
        client: String,
    },
    DefaultDeadline {
        #[serde(default = "main")]
        client: String,
        seconds: Option<f64>,
    },
    CreateRpc {
        rpc: String,
        #[serde(default = "main")]
        client: String,
        deadline: Option<f64>,
        error: Option<ErrorSeen>,
    },
    Deadline {
        rpc: String,
        seconds: Option<f64>,
    },
    MakeFetchCall {
        rpc: String,
        request: RequestGiven,
        error: Option<ErrorSeen>,
    },
    /// `create-rpc` and `make-fetch-call` in one.
    Start {
        rpc: String,
        #[serde(default = "main")]
        client: String,
        deadline: Option<f64>,
        request: RequestGiven,
    },
    Fetch {
        #[serde(default = "main")]
        client: String,
        deadline: Option<f64>,
        request: RequestGiven,
        #[serde(default)]
        response: ResponseSeen,
        error: Option<ErrorSeen>,
    },
    State {
        rpc: String,
        is: StateName,
    },
    Wait {
        rpc: String,
        due: Option<bool>,
        error: Option<ErrorSeen>,
    },
    CheckSuccess {
        rpc: String,
        error: Option<ErrorSeen>,
    },
    GetResult {
        rpc: String,
        #[serde(default)]
        response: ResponseSeen,
        error: Option<ErrorSeen>,
    },
    IntoResult {
        rpc: String,
        #[serde(default)]
        response: ResponseSeen,
        error: Option<ErrorSeen>,
    },
    Cancel {
        rpc: String,
        was_running: bool,
    },
    DropRpc {
        rpc: String,
    },
    Hops {
        rpc: String,
        hops: Vec<HopSeen>,
    },
    Received {
        rpc: String,
        bytes: u64,
    },
    RejectedHeaders {
        rpc: String,
        names: Vec<String>,
    },
    /// The ids of these rpcs are all different, and ascend.
    Ids {
        rpcs: Vec<String>,
    },
    Timer {
        timer: String,
        after: f64,
    },
    DropTimer {
        timer: String,
    },
    WaitAny {
        rpcs: Vec<String>,
        until: Option<String>,
        finished: Option<String>,
        due: Option<bool>,
        #[serde(default)]
        interrupted: bool,
        #[serde(default)]
        nothing: bool,
        error: Option<ErrorSeen>,
    },
    /// As a binding does it: `turn`, and `wait` on what has finished.
    WaitAll {
        rpcs: Vec<String>,
        #[serde(default = "main")]
        client: String,
        /// Whose callbacks are run, in order. The surface `rust` has `called` for it.
        #[serde(default)]
        callbacks: Vec<String>,
        error: Option<ErrorSeen>,
    },
    Turn {
        #[serde(default = "main")]
        client: String,
        #[serde(default)]
        timers: Vec<String>,
        #[serde(default)]
        finished: Vec<String>,
        #[serde(default)]
        ready: Vec<u32>,
    },
    Drain {
        #[serde(default = "main")]
        client: String,
    },
    Progress {},
    /// Seconds in which nothing of ours runs.
    Pass {
        seconds: f64,
    },
    /// What the origin has seen so far.
    Requests {
        count: usize,
    },
    /// For the surface `rust`: what the rpc's callback does. `steps` are done in it, then it raises, if it is to. It is noted by `as`.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Callback {
        rpc: String,
        r#as: Option<String>,
        #[serde(default)]
        steps: Vec<Step>,
        #[serde(default)]
        raises: bool,
        #[serde(default)]
        none: bool,
    },
    /// For the surface `rust`: adds a hook, last unless it is to be `first`, which raises as many times. `taken`: its name is.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Hook {
        hook: String,
        when: When,
        #[serde(default)]
        sees_error: bool,
        #[serde(default)]
        raises: u32,
        #[serde(default)]
        first: bool,
        #[serde(default)]
        taken: bool,
    },
    /// For the surface `rust`: what was called since the last time it was asked, in order: `callback RPC` (and, if it has steps,
    /// `end of callback RPC`), and hooks by name and what they saw.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Called {
        names: Vec<String>,
    },
    /// For the surface `rust`: a canceller, which may be a member of `wait-any`.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Canceller {
        canceller: String,
    },
    /// For the surface `rust`: cancels a canceller.
    #[expect(dead_code, reason = "only a guest program plays it")]
    CancelWait {
        canceller: String,
    },
}

/// When a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum When {
    /// In make-fetch-call.
    Pre,
    /// In the first check-success.
    Post,
}

fn main() -> String {
    "main".to_owned()
}

/// Settings of a client; those that are given are made, in the order in which they stand here.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    #[serde(default = "main")]
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
