//! Serving an application: an instance for every request, our sender for what it fetches, and a record of both.
//!
//! [`App`] is a compiled component, [`Server`] what answers for it. A request is judged, let in while there is a place for it, and
//! answered by an instance of its own, in a store of its own: what goes wrong there touches no other. Its outbound calls go through
//! one [`Sender`](crate::Sender) with one pool for all of them, and each leaves a [`Call`](crate::Call) in the request's [`Record`].
//! The [`Journal`] has the records of what runs and of what ended last.

mod admin;
mod admission;
mod app;
mod body;
mod call_guest;
mod connection;
mod delivery;
mod door;
mod ending;
mod guest;
mod inbound;
mod journal;
mod judgement;
mod limits;
mod line;
mod log;
mod metrics;
mod output;
mod record;
mod request;
mod server;
mod shape;

pub use app::{App, AppError, AppOptions};
pub use journal::{Journal, KEPT_ERRORS, KEPT_REQUESTS, Malformed};
pub use limits::Needs;
pub use log::{LogFormat, start_log};
pub use record::{Answer, KEPT_CALLS, Record, RequestOutcome};
pub use server::{LentFolder, ServeOptions, Server, Stopped, listen};
