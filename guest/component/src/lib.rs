//! urlfetch-component: the WIT exports over the crate `urlfetch`. Conversions only; there is no decision here.
#![no_std]
extern crate alloc;

mod client;
mod convert;
mod rpc;
mod turn;

use alloc::vec::Vec;

use bindings::exports::urlfetch::rpc::fetch;
use convert::to_error;
use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

#[allow(missing_docs, reason = "generated; the WIT has the documentation")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "urlfetch",
        with: { "wasi:io/poll@0.2.0": wasi::io::poll },
        // See turn.rs.
        skip: ["[method]client.turn"],
    });
}

#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();

/// Nothing here panics by what a caller passes; if something does all the same, the instance ends.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

struct Component;

impl fetch::Guest for Component {
    type Client = client::Client;
    type Rpc = rpc::Rpc;

    fn wait_any(
        rpcs: Vec<fetch::RpcBorrow<'_>>,
        until: Option<&wasi::io::poll::Pollable>,
    ) -> Result<fetch::Waited, fetch::FetchError> {
        let rpcs: Vec<&urlfetch::Rpc> = rpcs.iter().map(|rpc| &rpc.get::<rpc::Rpc>().0).collect();
        let waited = urlfetch::wait_any_due(&rpcs, until).map_err(to_error)?;
        Ok(match waited {
            urlfetch::Waited::Finished(place) => fetch::Waited::Finished(fetch::Finished {
                index: place as u32,
                callback_due: rpcs[place].take_callback_due(),
            }),
            urlfetch::Waited::Interrupted => fetch::Waited::Interrupted,
            urlfetch::Waited::Nothing => fetch::Waited::Nothing,
        })
    }

    fn progress() {
        urlfetch::Client::shared().progress();
    }
}

bindings::export!(Component with_types_in bindings);
