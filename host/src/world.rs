//! Where a guest's requests go.

use crate::hooks::Hooks;
use crate::{Scripted, Sender};

/// The network a guest finds itself in.
#[derive(Clone, Debug)]
pub enum World {
    /// An origin in memory, under tokio's clock: with [`run_in_virtual_time`](crate::run_in_virtual_time) or a paused runtime, hours
    /// cost nothing and every run is the same. No sockets, no randomness.
    Scripted(Scripted),
    /// Real sockets, through our pooled sender.
    Pooled(Sender),
    /// Real sockets, through the sender that wasmtime has for everybody: one connection per request, HTTP/1.1, Mozilla's roots.
    Stock,
}

impl World {
    /// Whether the guest's clocks are tokio's and its random numbers always the same.
    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self, World::Scripted(_))
    }

    pub(crate) fn into_hooks(self) -> Hooks {
        match self {
            World::Scripted(origin) => Hooks::Scripted(origin),
            World::Pooled(sender) => Hooks::Pooled(sender),
            World::Stock => Hooks::Stock,
        }
    }
}
