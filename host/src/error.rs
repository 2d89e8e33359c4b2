//! Why a harness could not do what was asked.

/// A failure of the harness or of the guest it runs; never of a fetch, which reports its own errors inside the component.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The bytes are not a component this engine can compile.
    #[error("not a component that can be compiled: {0:#}")]
    Compile(wasmtime::Error),
    /// The component imports something this host does not offer, or exports something else than was expected of it.
    #[error("the component does not fit this host: {0:#}")]
    Link(wasmtime::Error),
    /// The guest trapped.
    #[error("the guest trapped: {0:#}")]
    Trap(wasmtime::Error),
    /// The guest used up its fuel: under virtual time this is how a guest that spins is caught.
    #[error("the guest spent its {limit} units of fuel")]
    OutOfFuel {
        /// What it had been given.
        limit: u64,
    },
    /// A handler gave no response, but this instead.
    #[error("the handler does not answer: {0}")]
    Unanswered(String),
}

impl HostError {
    /// Sorts what came out of a call into a guest: out of fuel, or any other trap.
    pub(crate) fn from_call(error: wasmtime::Error, fuel: Option<u64>) -> HostError {
        match (error.downcast_ref::<wasmtime::Trap>(), fuel) {
            (Some(wasmtime::Trap::OutOfFuel), Some(limit)) => HostError::OutOfFuel { limit },
            _ => HostError::Trap(error),
        }
    }
}
