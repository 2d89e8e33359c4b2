//! The operations of a vector: one for each function of the WIT, and those that only a guest program does.

use super::model::{RequestGiven, Settings, Step};
use super::seen::{ErrorSeen, HopSeen, ResponseSeen, StateName};
use serde::Deserialize;

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
        /// For the surface `rust`: the kind of collection.
        from: Option<Collection>,
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
        /// For the surface `rust`: the kind of collection.
        from: Option<Collection>,
        error: Option<ErrorSeen>,
    },
    /// Whether who gives something for an argument is refused, because it is not of its type in the WIT.
    Mistyped {
        argument: Argument,
        given: Given,
        refused: bool,
    },
    /// The methods of a resource, all of them.
    Methods {
        of: String,
        names: Vec<String>,
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
    /// The instance ends, as when the application's own request has expired. The last step.
    End {},
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
        /// Else `callback RPC`.
        r#as: Option<String>,
        #[serde(default)]
        steps: Vec<Step>,
        #[serde(default)]
        raises: bool,
        #[serde(default)]
        none: bool,
    },
    /// For the surface `rust`: adds a hook of a client or of a map, last unless it is to be `first`, which raises as many times.
    /// `taken`: its name is.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Hook {
        hook: String,
        when: When,
        #[serde(default = "main")]
        client: String,
        map: Option<String>,
        /// The only service it is for.
        service: Option<String>,
        /// Registered by another source file.
        #[serde(default)]
        elsewhere: bool,
        /// A method of an object of this name, which counts its calls.
        receiver: Option<String>,
        #[serde(default)]
        sees_error: bool,
        #[serde(default)]
        raises: u32,
        #[serde(default)]
        first: bool,
        #[serde(default)]
        taken: bool,
    },
    /// For the surface `rust`: how many hooks there are.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Hooks {
        when: When,
        #[serde(default = "main")]
        client: String,
        map: Option<String>,
        count: usize,
    },
    /// For the surface `rust`: removes all hooks of a list.
    #[expect(dead_code, reason = "only a guest program plays it")]
    ClearHooks {
        when: When,
        #[serde(default = "main")]
        client: String,
        map: Option<String>,
    },
    /// For the surface `rust`: a map of stubs, empty or a clone.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Map {
        map: String,
        clone_of: Option<String>,
    },
    /// For the surface `rust`: a stub that answers with this content and is noted by its name and the request; or, by a code of App
    /// Engine's, fails with it. `installed`: the one of this world, which is not noted.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Stub {
        stub: String,
        content: Option<String>,
        raises_code: Option<u32>,
        /// Instead of `content` for all: the first that fits answers.
        #[serde(default)]
        rules: Vec<Rule>,
        #[serde(default)]
        installed: bool,
        #[serde(default)]
        function: bool,
        #[serde(default)]
        synchronous: bool,
    },
    /// For the surface `rust`: the stub answers for a service from now on, which must have none.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Register {
        map: String,
        #[serde(default = "urlfetch")]
        service: String,
        stub: String,
        error: Option<ErrorSeen>,
    },
    /// For the surface `rust`: as `register`, whether the service has one or not.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Replace {
        map: String,
        #[serde(default = "urlfetch")]
        service: String,
        stub: String,
    },
    /// For the surface `rust`: the stub of services without one; none clears it.
    #[expect(dead_code, reason = "only a guest program plays it")]
    SetDefault {
        map: String,
        stub: Option<String>,
    },
    /// For the surface `rust`: a client of a service of a map.
    #[expect(dead_code, reason = "only a guest program plays it")]
    ClientOf {
        client: String,
        map: String,
        #[serde(default = "urlfetch")]
        service: String,
        error: Option<ErrorSeen>,
    },
    /// For the surface `rust`: calls a service of a map and waits.
    #[expect(dead_code, reason = "only a guest program plays it")]
    MakeSyncCall {
        map: String,
        #[serde(default = "urlfetch")]
        service: String,
        request: RequestGiven,
        #[serde(default)]
        response: ResponseSeen,
        error: Option<ErrorSeen>,
    },
    /// For the surface `rust`: starts an rpc of any service.
    #[expect(dead_code, reason = "only a guest program plays it")]
    MakeCall {
        rpc: String,
        request: RequestGiven,
        error: Option<ErrorSeen>,
    },
    /// For the surface `rust`: the service of an rpc.
    #[expect(dead_code, reason = "only a guest program plays it")]
    Service {
        rpc: String,
        is: String,
    },
    /// For the surface `rust`: another idle rpc like this one.
    #[expect(dead_code, reason = "only a guest program plays it")]
    CloneRpc {
        rpc: String,
        r#as: String,
        error: Option<ErrorSeen>,
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

impl Op {
    /// Whether only a guest program can do it.
    pub(super) fn needs_closures(&self) -> bool {
        match self {
            Op::Callback { .. }
            | Op::Hook { .. }
            | Op::Hooks { .. }
            | Op::ClearHooks { .. }
            | Op::Called { .. }
            | Op::Canceller { .. }
            | Op::CancelWait { .. }
            | Op::Map { .. }
            | Op::Stub { .. }
            | Op::Register { .. }
            | Op::Replace { .. }
            | Op::SetDefault { .. }
            | Op::ClientOf { .. }
            | Op::MakeSyncCall { .. }
            | Op::MakeCall { .. }
            | Op::Service { .. }
            | Op::CloneRpc { .. } => true,
            Op::WaitAny { from, .. } | Op::WaitAll { from, .. } => from.is_some(),
            Op::Set(change) => {
                change.keep_credentials.is_some() || change.truncation_passes_check.is_some()
            }
            _ => false,
        }
    }
}

/// What a stub answers to some requests.
#[expect(dead_code, reason = "only a guest program plays it")]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Rule {
    method: Option<String>,
    path: Option<String>,
    content: Option<String>,
    raises_code: Option<u32>,
}

/// In which kind of collection rpcs are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Collection {
    /// An array of two.
    Tuple,
    /// A set, ordered by id.
    Set,
    /// The values of a map.
    Mapping,
    /// What can be gone through once.
    Iterator,
}

/// An argument of `wait-any`, or a part of the request of `make-fetch-call`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Argument {
    /// The list of rpcs.
    Rpcs,
    /// The request's url.
    Url,
    /// The name of a header of the request.
    HeaderName,
}

/// What is given for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Given {
    /// Perhaps no value.
    None,
    /// A number.
    Number,
    /// A text.
    Text,
    /// One rpc.
    Rpc,
    /// A list of rpcs.
    Rpcs,
    /// A list of handles of another resource.
    Strangers,
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

pub(super) fn main() -> String {
    "main".to_owned()
}

fn urlfetch() -> String {
    "urlfetch".to_owned()
}
