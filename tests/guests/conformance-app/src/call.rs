//! What the judge asks of a component, one call at a time: the exports of `urlfetch:rpc/fetch`, and timers to lend.
//!
//! This file is compiled twice: into the app that does the calls, and into the judge (`tests/src/vectors`). Both derive the encoding
//! of the records from the same WIT, so it is one and the same.

use super::types::Request;
use serde::{Deserialize, Serialize};

/// Names a client, an rpc or a timer that an earlier call made.
pub(crate) type Key = u32;

/// One call. What it answers is said behind it; results are those of the WIT, with keys for handles.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Call {
    /// The shared one or, by the constructor, one of its own: `Key`.
    Client { shared: bool },
    /// `()`.
    DropClient(Key),
    /// `Result<(), ErrorKind>`.
    Set(Key, Setting),
    /// `()`.
    Seal(Key),
    /// `Option<f64>`.
    DefaultDeadline(Key),
    /// `Result<Key, FetchError>`.
    CreateRpc(Key, Option<f64>),
    /// `Result<Response, FetchError>`.
    Fetch(Key, Request, Option<f64>),
    /// With the timers that are lent: `Turned`.
    Turn(Key, Vec<Key>),
    /// `()`.
    Drain(Key),
    /// `u32`.
    Id(Key),
    /// By `make-fetch-call`: `Result<(), FetchError>`.
    Start(Key, Request),
    /// `State`.
    State(Key),
    /// `Option<f64>`.
    Deadline(Key),
    /// `Result<bool, FetchError>`.
    Wait(Key),
    /// `Result<(), FetchError>`.
    CheckSuccess(Key),
    /// `Result<Response, FetchError>`.
    GetResult(Key),
    /// `Result<Response, FetchError>`.
    IntoResult(Key),
    /// `bool`.
    Cancel(Key),
    /// `Vec<Hop>`.
    Hops(Key),
    /// `u64`.
    Received(Key),
    /// `Vec<String>`.
    RejectedHeaders(Key),
    /// `()`.
    DropRpc(Key),
    /// With the timer that may end it: `Result<Waited, FetchError>`.
    WaitAny(Vec<Key>, Option<Key>),
    /// `()`.
    Progress,
    /// Ready after so many milliseconds: `Key`.
    Timer(u64),
    /// `()`.
    DropTimer(Key),
}

/// The arguments of one `set-*`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Setting {
    DefaultDeadline(Option<f64>),
    MaximumDeadline(f64),
    MaxInFlight(u32, u32),
    MaxRedirects(u32),
    Follow308(bool),
    MaxResponse(u32),
    UrlLimits(u32, bool),
    UserAgent(Option<String>),
    AllowedOrigins(Vec<String>),
    AllowPrivate(bool),
    ValidateAnyway(bool),
    CurrentRequest(Option<String>, String),
    DevelopmentMode(bool),
}
