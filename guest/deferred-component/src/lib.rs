//! urlfetch-deferred-component: the WIT package `urlfetch:deferred` over the crate `urlfetch-deferred`. Conversions only. It imports
//! `urlfetch:rpc` instead of linking a client, so that one instance moves the calls of all who are composed.

mod carrier;
mod deliveries;
mod tasks;

#[allow(missing_docs, reason = "generated; the WIT has the documentation")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/deferred",
        world: "deferred",
    });
}

#[allow(missing_docs, reason = "generated; the WIT has the documentation")]
mod rpc {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "urlfetch:rpc/imports",
        with: { "wasi:io/poll@0.2.0": wasi::io::poll },
    });
}

struct Component;

bindings::export!(Component with_types_in bindings);
