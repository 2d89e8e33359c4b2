//! The world `urlfetch` of `wit/`, seen from the host: generated, with the pollables of `wasi:io` being wasmtime's own.

#[expect(
    missing_docs,
    reason = "generated from wit/, which documents every item"
)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "urlfetch:rpc/urlfetch",
        exports: { default: async },
        require_store_data_send: true,
        // Who drives a component elsewhere sends its records over a wire.
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            // A host lends `turn` and `wait-any` the pollables of its own resource table.
            "wasi:io/poll": wasmtime_wasi::p2::bindings::io::poll,
        },
    });
}

pub use generated::exports::urlfetch::rpc::{fetch, types};
pub use generated::{Urlfetch, UrlfetchPre};
