//! The components this crate was built with.

/// `urlfetch.wasm` as shipped: the bytes `urlfetch component -o FILE` writes and [`Harness`](crate::Harness) runs. Exports
/// `urlfetch:rpc/{types,fetch}`; holds no custom sections.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/urlfetch.wasm"));

/// `urlfetch-deferred.wasm`: exports `urlfetch:deferred/{types,tasks,deliveries}` and imports `urlfetch:rpc`. [`compose`](crate::compose) puts
/// it into what imports it.
pub const DEFERRED_COMPONENT: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/urlfetch-deferred.wasm"));

#[cfg(test)]
mod tests {
    use super::{COMPONENT, DEFERRED_COMPONENT};
    use wasmparser::{Parser, Payload};

    #[test]
    fn the_embedded_components_are_valid_and_hold_no_custom_section_at_any_depth() {
        for component in [COMPONENT, DEFERRED_COMPONENT] {
            wasmparser::validate(component).unwrap();
            for payload in Parser::new(0).parse_all(component) {
                if let Payload::CustomSection(section) = payload.unwrap() {
                    panic!("{} ({} bytes)", section.name(), section.data().len());
                }
            }
        }
    }
}
