//! The component this crate was built with.

/// `urlfetch.wasm` as shipped: the bytes `urlfetch component -o FILE` writes and [`Harness`](crate::Harness) runs. Exports
/// `urlfetch:rpc/{types,fetch}`; holds no custom sections.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/urlfetch.wasm"));

#[cfg(test)]
mod tests {
    use super::COMPONENT;
    use wasmparser::{Parser, Payload};

    #[test]
    fn the_embedded_component_is_valid_and_holds_no_custom_section_at_any_depth() {
        wasmparser::validate(COMPONENT).unwrap();
        for payload in Parser::new(0).parse_all(COMPONENT) {
            if let Payload::CustomSection(section) = payload.unwrap() {
                panic!("{} ({} bytes)", section.name(), section.data().len());
            }
        }
    }
}
