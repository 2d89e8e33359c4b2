//! urlfetch-component: the WIT exports over the crate `urlfetch`. Conversions only; there is no decision here.
#![no_std]
extern crate alloc;

mod abi;
mod client;
mod convert;
mod rpc;

use bindings::exports::urlfetch::rpc::fetch;
use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

#[allow(missing_docs, reason = "generated; the WIT has the documentation")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "urlfetch",
        with: { "wasi:io/poll@0.2.0": wasi::io::poll },
        // See abi.rs.
        skip: [
            "[method]client.create-rpc",
            "[method]client.fetch",
            "[method]client.turn",
            "[method]rpc.make-fetch-call",
            "[method]rpc.wait",
            "[method]rpc.check-success",
            "[method]rpc.get-result",
            "[static]rpc.into-result",
            "[method]rpc.hops",
            "[method]rpc.rejected-headers",
            "wait-any",
        ],
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

    fn progress() {
        urlfetch::binding::driver().progress();
    }
}

bindings::export!(Component with_types_in bindings);
