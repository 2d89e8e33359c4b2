//! The wasmtime host of urlfetch: it plays the world around the component, and knows nothing of what the component decides.
//!
//! A [`Harness`] compiles the embedded [`COMPONENT`] once. A [`Session`] is one instance that the host drives through the generated
//! [`bindings`]; [`Harness::run`] runs anybody's `wasi:cli` program instead, and [`Harness::handle`] answers by anybody's
//! `wasi:http` handler. Each lives in a [`World`]: a [`Scripted`] origin
//! under virtual time, real sockets through the pooled [`Sender`], or wasmtime's stock sender. [`Loopback`] is a real origin on
//! 127.0.0.1 to fetch from. [`compose`] puts the component into applications, and [`serve`] serves them.

pub mod bindings;
mod clock;
mod component;
mod compose;
mod engine;
mod error;
mod fault;
mod fd_limit;
mod fetching;
mod google;
mod handing_over;
mod handler;
mod harness;
mod hooks;
mod memory;
mod oidc;
mod origin;
mod program;
mod sender;
pub mod serve;
mod session;
#[cfg(test)]
mod session_tests;
mod state;
mod tasks;
mod world;

pub use clock::{TokioClock, run_in_virtual_time};
pub use component::{COMPONENT, DEFERRED_COMPONENT};
pub use compose::{ComposeError, Part, compose};
pub use error::HostError;
pub use fault::Fault;
pub use fd_limit::{FdLimitError, raise_fd_limit};
pub use google::{Credentials, CredentialsError, GoogleTasks};
pub use handler::Handler;
pub use harness::{Harness, HarnessOptions};
pub use oidc::{Issuer, IssuerError, TrustedIssuer};
pub use origin::{
    Loopback, Outcome, Recorded, Reply, Script, Scripted, Step, TlsIdentity, TlsIdentityError,
    Upload,
};
pub use program::{Invocation, Output, Program};
pub use sender::{
    AllowedHost, AllowedHostError, BlockedNetwork, BlockedNetworkError, Call, CallOutcome,
    EgressPolicy, Moments, Resolver, RootsError, Sender, SenderOptions,
};
pub use session::Session;
pub use state::State;
pub use tasks::{DeferredKeys, Tasks, TasksError, Token};
pub use world::World;
