//! The resource `rpc`.
use alloc::{string::String, vec::Vec};

use crate::{
    bindings::exports::urlfetch::rpc::{
        fetch::{self, GuestRpc},
        types::{FetchError, Hop, Request, Response},
    },
    client,
    convert::{to_error, to_hop, to_response, to_state},
};

pub(crate) struct Rpc(pub(crate) urlfetch::Rpc);

impl GuestRpc for Rpc {
    fn id(&self) -> u32 {
        self.0.id()
    }

    fn make_fetch_call(&self, request: Request) -> Result<(), FetchError> {
        client::start(&self.0, request).map_err(to_error)
    }

    fn state(&self) -> fetch::State {
        to_state(self.0.state())
    }

    fn deadline(&self) -> Option<f64> {
        self.0.deadline()
    }

    fn wait(&self) -> Result<bool, FetchError> {
        self.0.wait_due().map_err(to_error)
    }

    fn check_success(&self) -> Result<(), FetchError> {
        let outcome = self
            .0
            .outcome(|outcome| outcome.as_ref().map(|_| ()).map_err(Clone::clone));
        outcome.map_err(to_error)
    }

    fn get_result(&self) -> Result<Response, FetchError> {
        self.0
            .outcome(Clone::clone)
            .map(to_response)
            .map_err(to_error)
    }

    fn into_result(rpc: fetch::Rpc) -> Result<Response, FetchError> {
        rpc.into_inner::<Self>()
            .0
            .into_outcome()
            .map(to_response)
            .map_err(to_error)
    }

    fn cancel(&self) -> bool {
        self.0.cancel()
    }

    fn hops(&self) -> Vec<Hop> {
        let hops = self
            .0
            .hops(|hops, start| hops.iter().map(|hop| to_hop(hop, start)).collect());
        hops.unwrap_or_default()
    }

    fn received(&self) -> u64 {
        self.0.received()
    }

    fn rejected_headers(&self) -> Vec<String> {
        self.0.rejected_headers()
    }
}
