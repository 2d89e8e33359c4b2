//! What the tests share: conformance vectors and what plays them, the component as one object, worlds with a watchdog, an origin of
//! raw bytes, the soak, the kill loop, and goldens.
//!
//! It drives the component by its exports only, through `urlfetch-host`; nothing here knows what the component decides.

mod at_most;
mod browser;
pub mod database;
mod golden;
mod instance;
pub mod kills;
mod raw_origin;
pub mod soak;
pub mod vectors;
mod watched;

pub use browser::Browser;
pub use golden::check_golden;
pub use instance::{Client, FUEL, Instance, Rpc, request};
pub use raw_origin::RawOrigin;
pub use watched::on_sockets;
