//! The resource `rpc`, but for what `abi.rs` exports.
use urlfetch::binding::{Call, RpcKey, driver};

use crate::{
    bindings::exports::urlfetch::rpc::fetch::{GuestRpc, State},
    convert::to_state,
};

pub(crate) struct Rpc(pub(crate) RpcKey);

impl Drop for Rpc {
    fn drop(&mut self) {
        driver().drop_rpc(self.0);
    }
}

impl GuestRpc for Rpc {
    fn id(&self) -> u32 {
        driver().service.id(self.0)
    }

    fn state(&self) -> State {
        to_state(driver().state(self.0))
    }

    fn deadline(&self) -> Option<f64> {
        driver().service.deadline(self.0)
    }

    fn cancel(&self) -> bool {
        driver().cancel(self.0)
    }

    fn received(&self) -> u64 {
        driver().service.call(self.0).map_or(0, Call::received)
    }
}
