//! The cargo that a build script runs for wasm: what it is told by the outer one. For `build.rs` here and in `tests`.

use std::env;
use std::path::Path;
use std::process::Command;

/// Where cargo and the toolchain live, what may be fetched and how, and how many jobs there may be.
const TOLD: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_MAKEFLAGS",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "RUSTUP_",
];

/// `cargo build` at the root, with a target folder of its own: the outer cargo holds the lock of the other one while this runs.
///
/// What cargo, clippy or a caller says to the compiler of the host's build (flags, wrappers, profiles, features) would bend this one,
/// and is forgotten.
pub(crate) fn cargo_build(root: &Path, target_dir: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(root)
        .args(["build", "--quiet", "--target-dir"])
        .arg(target_dir);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let begins = |prefix: &&str| text.starts_with(prefix);
        if ["CARGO", "CLIPPY", "RUST"].iter().any(begins) && !TOLD.iter().any(begins) {
            cargo.env_remove(&name);
        }
    }
    cargo
}
