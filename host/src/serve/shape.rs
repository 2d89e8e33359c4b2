//! What a component imports and exports, read before anything is compiled.

use wac_graph::types::{Package, Types};

/// The names at a component's outside.
#[derive(Debug)]
pub(super) struct Shape {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Which of the two handlers a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandlerKind {
    /// `wasi:http/incoming-handler@0.2`.
    P2,
    /// `wasi:http/handler@0.3`.
    P3,
}

impl Shape {
    /// Reads and validates. The error says in one line what the bytes are instead.
    pub(super) fn read(wasm: &[u8]) -> Result<Self, String> {
        match wasm.get(..8) {
            Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => {}
            Some([0, b'a', b's', b'm', ..]) => {
                return Err("is a core module and not a component (build it for wasm32-wasip2, or see `wasm-tools component new`)".into());
            }
            _ => return Err("is not a WebAssembly component".into()),
        }
        let mut types = Types::default();
        let package = Package::from_bytes("urlfetch:served", None, wasm, &mut types)
            .map_err(|error| format!("is not a valid component: {error:#}"))?;
        let world = &types[package.ty()];
        Ok(Shape {
            imports: world.imports.keys().cloned().collect(),
            exports: world.exports.keys().cloned().collect(),
        })
    }

    /// Whether it wants to be composed with us.
    pub(super) fn imports_urlfetch(&self) -> bool {
        let ours = ["urlfetch:rpc/", "urlfetch:deferred/"];
        let mut names = self.imports.iter();
        names.any(|name| ours.iter().any(|ours| name.starts_with(ours)))
    }

    /// Whether anything of WASI 0.3 is among its imports and exports: then its instances run tasks of their own.
    pub(super) fn is_concurrent(&self) -> bool {
        let mut names = self.imports.iter().chain(&self.exports);
        names.any(|name| name.starts_with("wasi:") && name.contains("@0.3"))
    }

    /// The handler to call: that of 0.3 where there are both, as in wasmtime.
    pub(super) fn handler(&self) -> Option<HandlerKind> {
        let exports = |prefix| self.exports.iter().any(|name| name.starts_with(prefix));
        if exports("wasi:http/handler@0.3") {
            Some(HandlerKind::P3)
        } else if exports("wasi:http/incoming-handler@0.2") {
            Some(HandlerKind::P2)
        } else {
            None
        }
    }
}
