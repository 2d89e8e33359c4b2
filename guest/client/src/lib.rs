//! Asynchronous URL fetch RPCs for WebAssembly components, with the semantics of App Engine's `urlfetch`.
//!
//! Create an rpc with a deadline and a callback, start the call, go on working, then wait for one, any or all of them, and get a
//! result or a typed error:
//!
//! ```
//! # use urlfetch::scripted::{Answer, Scripted};
//! # urlfetch::install(Scripted::new().rule(|_| true, |_| Answer::new(200, "hello")));
//! use urlfetch::{Client, wait_all};
//!
//! let client = Client::new();
//! let mut rpcs = Vec::new();
//! for url in ["https://example.com/a", "https://example.com/b"] {
//!     let rpc = client.rpc().deadline(2.5).callback(|rpc| println!("{rpc:?} has finished")).fetch(url)?;
//!     rpcs.push(rpc);
//! }
//! // ... do other things ...
//! wait_all(&rpcs)?;
//! for rpc in rpcs {
//!     let response = rpc.into_result()?;
//!     assert_eq!((response.status, response.content), (200, b"hello".to_vec()));
//! }
//! # Ok::<_, urlfetch::Error>(())
//! ```
//!
//! An [`Rpc`] is a future as well: see [`block_on`], and [`Reactor`] for running it on another reactor.
//!
//! **Nothing runs between calls.** There is one thread: a request that was handed to the host proceeds until its head has come, but
//! uploads, redirects and bodies move only inside a wait, [`Client::turn`], [`Client::progress`] or a reactor. A wait for one rpc
//! moves all of them.
//!
//! The crate CARRIES: [`urlfetch_core`] decides. Outside WebAssembly there is no network; a program's tests give it a
//! [`Scripted`] transport instead, or a [`StubMap`] that says what answers for which service.
#![no_std]
#![deny(unsafe_code)]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod awaiting;
pub mod binding;
mod client;
mod driver;
mod error;
pub mod hooks;
#[cfg(target_family = "wasm")]
mod p2;
mod reactor;
mod request;
mod rpc;
pub mod scripted;
mod shared;
mod stubs;
pub mod transport;
mod wait;
mod waiters;

pub use client::Client;
pub use driver::Turned;
pub use error::{Error, Raised};
pub use hooks::Hooks;
pub use reactor::{Reactor, Sleep, block_on, sleep};
#[cfg(feature = "std")]
pub use request::IntoPayload;
pub use request::IntoRequest;
pub use rpc::{Outcome, Rpc, RpcBuilder};
pub use scripted::{Answer, Scripted};
pub use shared::install;
pub use stubs::{Stub, StubMap};
pub use transport::{Pollable, Transport};
pub use urlfetch_core::{
    CurrentRequest, ErrorKind, FetchError, Headers, Hop, Instant, Method, Phase, Request, Response,
    State,
};
pub use wait::{Canceller, Waitable, wait_all, wait_any};

/// Fetches and waits, with the [shared client](Client::shared): an rpc, make-fetch-call and get-result in one.
///
/// # Errors
/// As [`Rpc::make_fetch_call`] and [`Rpc::get_result`].
pub fn fetch(request: impl IntoRequest) -> Result<Response, Error> {
    Client::shared().fetch(request)
}

/// An idle rpc of the [shared client](Client::shared).
pub fn create_rpc() -> Rpc {
    Client::shared().create_rpc()
}
