//! urlfetch-core DECIDES: the rules of App Engine's URL Fetch as a machine without clock, socket or host. It carries nothing.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod address;
mod call;
mod content;
mod error;
mod failure;
pub mod gunzip;
pub mod headers;
mod line;
pub mod policy;
mod queue;
mod redirect;
mod request;
mod response;
mod service;
pub mod time;
pub mod url;

pub use call::{Call, Event, Outgoing, Want};
pub use error::{ErrorKind, FetchError, Phase};
pub use failure::{Failure, FailureCode, Retry, Verdict};
pub use headers::Headers;
pub use policy::Policy;
pub use request::{CurrentRequest, MAX_REQUEST, Method, Request};
pub use response::{Hop, Response};
pub use service::{ClientKey, Judged, RpcKey, Service, State};
pub use time::Instant;

#[cfg(test)]
mod tests;
