//! `cargo xtask bench`: builds urlfetch, the programs it is compared with and the benchmark, and runs it.

use std::path::Path;

use crate::shell::{Failure, cargo, program, released, root};
use crate::toolchain::WASM;
use crate::{urlfetch, wasmtime};

/// Where the peers' workspace is.
pub(crate) const PEERS: &str = "benches/peers/Cargo.toml";
/// Where everything of a benchmark goes.
const FOLDER: &str = "target/bench";
/// What of the peers runs on the machine itself.
pub(crate) const NATIVE: &str = "native";

/// Builds and runs; `args` go to the benchmark.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if !args.iter().any(|arg| arg == "--help" || arg == "-h") {
        prepare(args)?;
    }
    // Selected by name among the default members, as everywhere: so wasmtime is built once.
    let mut bench = cargo(["run", "--quiet", "--bin", "urlfetch-bench", "--"]).args(args);
    if wants_server(args) {
        bench = bench.env("URLFETCH", released("urlfetch"));
    }
    match wasmtime::find() {
        Some(wasmtime) => bench.env("WASMTIME", wasmtime),
        None => bench,
    }
    .run()
}

fn prepare(args: &[String]) -> Result<(), Failure> {
    let peers = format!("{FOLDER}/peers");
    let release = [
        "--quiet",
        "--release",
        "--locked",
        "--manifest-path",
        PEERS,
        "--target-dir",
        &peers,
    ];
    // What is compared with the record is ours, and counts need no other.
    let is_ours_only = args.iter().any(|arg| arg == "--check" || arg == "--record");
    let guests: &[&str] = match is_ours_only {
        true => &["--package", "linked", "--package", "composed"],
        false => &["--workspace", "--exclude", NATIVE],
    };
    cargo(["build", "--target", WASM])
        .args(guests)
        .args(release)
        .run()?;
    let app = format!("{peers}/{WASM}/release/composed.wasm");
    urlfetch(&["compose", &app, "-o", &format!("{FOLDER}/composed.wasm")])?;
    if is_ours_only {
        return Ok(());
    }
    cargo(["build", "--package", NATIVE]).args(release).run()?;
    // In the folder of the programs that tests run: it is one of them.
    cargo([
        "build",
        "--quiet",
        "--release",
        "--package",
        "fan-out",
        "--target",
        WASM,
    ])
    .args(["--target-dir", "target/programs"])
    .run()?;
    let app = format!("target/programs/{WASM}/release/fan_out.wasm");
    urlfetch(&["compose", &app, "-o", &format!("{FOLDER}/fan-out.wasm")])?;
    if wants_server(args) {
        // As `cargo install` makes it: so was the other one.
        cargo(["build", "--release", "--bin", "urlfetch"]).run()?;
    }
    say_what_is_missing();
    Ok(())
}

/// Whether servers are compared, and nobody has named ours.
fn wants_server(args: &[String]) -> bool {
    let has = |names: &[&str]| args.iter().any(|arg| names.contains(&arg.as_str()));
    let is_partial = args.iter().any(|arg| arg.starts_with("--only"));
    let counts_only = has(&["--check", "--record", "--help", "-h"]);
    let serves = !counts_only && (!is_partial || has(&["serve", "--only=serve"]));
    serves && std::env::var_os("URLFETCH").is_none()
}

/// Peers that are no part of this repository; without one its column stays empty.
fn say_what_is_missing() {
    let python = program("python3").args(["-c", "import requests; print(requests.__version__)"]);
    if python.probe().is_none() {
        eprintln!("skipped: requests, threads: needs python3 with the package requests");
    }
    if wasmtime::find().is_none() {
        eprintln!("skipped: wasmtime serve: `cargo xtask conformance --hosts` builds it");
    }
}

/// Whether the workspace of the peers is formatted and free of warnings.
pub(crate) fn lint() -> Result<(), Failure> {
    cargo(["fmt", "--all", "--check", "--manifest-path", PEERS]).run()?;
    let target_dir = root().join(FOLDER).join("peers");
    let clippy = |selected: &[&str]| {
        cargo(["clippy", "--locked", "--manifest-path", PEERS])
            .args([Path::new("--target-dir"), &target_dir])
            .args(selected)
            .args(["--", "-D", "warnings"])
            .run()
    };
    clippy(&["--workspace", "--exclude", NATIVE, "--target", WASM])?;
    clippy(&["--package", NATIVE])
}
