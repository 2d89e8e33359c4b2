//! Origins to fetch from: one in memory that is described as data, one on a real socket.

mod loopback;
mod loopback_body;
#[cfg(test)]
mod loopback_tests;
mod recorded;
mod reply;
mod routes;
mod scripted;
mod scripted_body;
#[cfg(test)]
mod scripted_tests;

pub use loopback::{Loopback, TlsIdentity, TlsIdentityError};
pub use recorded::{Outcome, Recorded};
pub use reply::{Reply, Step, Upload};
pub use scripted::{Script, Scripted};
