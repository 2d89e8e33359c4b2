//! The resource `rpc`, but for what `abi.rs` exports.
use crate::{
    bindings::exports::urlfetch::rpc::fetch::{GuestRpc, State},
    convert::to_state,
};

pub(crate) struct Rpc(pub(crate) urlfetch::Rpc);

impl GuestRpc for Rpc {
    fn id(&self) -> u32 {
        self.0.id()
    }

    fn state(&self) -> State {
        to_state(self.0.state())
    }

    fn deadline(&self) -> Option<f64> {
        self.0.deadline()
    }

    fn cancel(&self) -> bool {
        self.0.cancel()
    }

    fn received(&self) -> u64 {
        self.0.received()
    }
}
