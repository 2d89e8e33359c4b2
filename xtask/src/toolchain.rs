//! The wasm target: whether the toolchain has it, and adding it by rustup.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::shell::{Failure, program, root};

/// What the component is built for.
pub(crate) const WASM: &str = "wasm32-wasip2";

/// Whether the toolchain in use has the standard library for wasm.
pub(crate) fn has_wasm_target() -> bool {
    program("rustc")
        .args(["--print", "target-libdir", "--target", WASM])
        .probe()
        .is_some_and(|folder| Path::new(&folder).is_dir())
}

/// Adds the wasm target when it is missing. `rustup` chooses the toolchain as cargo did: by rust-toolchain.toml, at the root.
pub(crate) fn ensure_wasm_target() -> Result<(), Failure> {
    if has_wasm_target() {
        return Ok(());
    }
    eprintln!("xtask: adding the target {WASM} by rustup");
    match Command::new("rustup")
        .args(["target", "add", WASM])
        .current_dir(root())
        .status()
    {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::because(format!(
            "`rustup target add {WASM}` failed"
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::because(format!(
            "the Rust target {WASM} is missing and rustup is not installed: install rustup (https://rustup.rs), or add the target to your toolchain"
        ))),
        Err(error) => Err(Failure::because(format!("rustup cannot be run: {error}"))),
    }
}
