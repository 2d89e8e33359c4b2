//! Conformance vectors: what they are, how one is played in a world, and what the suite says of it.
//!
//! A vector is a file below `tests/vectors`, and `README.toml` there explains the format. It is read ([`load_all`]), played through
//! the exports of the component ([`play`]), and judged by the known failures of the world ([`run`]). A world is one of this process,
//! or any host that serves the [`app`].

mod act;
#[path = "../../guests/conformance-app/src/call.rs"]
mod call;
mod expect;
mod falsify;
mod fill;
mod load;
mod mistyped;
mod model;
mod op;
mod origin;
mod play;
mod player;
mod report;
mod request;
mod seen;
mod served;
mod settings;
mod sockets;
mod subject;
mod tls;
mod waits;
mod witness;
mod world;

pub use falsify::{Falsehood, falsehoods};
pub use load::{Case, Malformed, Row, load_all, parse};
pub use model::{Need, Surface, Vector};
pub use play::{Ended, cut_off, play};
pub use report::{
    Entry, Expectations, Outcome, expectations, run, shown_elsewhere, summary, uncovered,
};
pub use served::{Target, TargetError, app};
pub use world::WorldName;

use urlfetch_host::bindings::types;
