//! The component this crate was built with.

/// `urlfetch.wasm` as shipped: the bytes `urlfetch component -o FILE` writes and [`Harness`](crate::Harness) runs. Exports
/// `urlfetch:rpc/{types,fetch}`; holds no custom sections.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/urlfetch.wasm"));
