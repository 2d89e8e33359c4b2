//! The command `wasmtime` of the line that the host of this repository is built on: finding it, building it, serving by it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::{Says, Server};
use crate::shell::{Failure, cargo, is_ci, program, root, skip};

/// The newest of that line.
const VERSION: &str = "48.0.8";
/// What `serve` needs, and little more: built in minutes.
const FEATURES: &str = "serve,run,component-model-async,cranelift,cache,logging,parallel-compilation,pooling-allocator";

/// The one on the PATH when it is that version, else the one in `target/tools`, which is built when it is not there.
pub(crate) fn ensure() -> Result<PathBuf, Failure> {
    if let Some(found) = find() {
        return Ok(found);
    }
    eprintln!("xtask: building wasmtime {VERSION} into target/tools, once; this takes minutes");
    let version = format!("={VERSION}");
    cargo([
        "install",
        "wasmtime-cli",
        "--locked",
        "--no-default-features",
    ])
    .args(["--version", &version, "--features", FEATURES, "--root"])
    .args([tools()])
    .run()?;
    Ok(in_tools())
}

/// What tests use: the one that is there. Where there is none, they go without and say so; under CI it is built, since nothing may be
/// skipped there.
pub(crate) fn for_tests() -> Result<Option<PathBuf>, Failure> {
    match find() {
        None if is_ci() => ensure().map(Some),
        None => {
            skip(&format!(
                "wasmtime {VERSION} is not installed (`cargo xtask conformance --hosts` builds it)"
            ))?;
            Ok(None)
        }
        found => Ok(found),
    }
}

/// The one that is there, if it is of that version.
pub(crate) fn find() -> Option<PathBuf> {
    let is_it = |path: &PathBuf| {
        let version = program(path).args(["--version"]).probe();
        version.is_some_and(|text| text.split(' ').nth(1) == Some(VERSION))
    };
    [PathBuf::from("wasmtime"), in_tools()]
        .into_iter()
        .find(is_it)
}

fn tools() -> PathBuf {
    root().join("target/tools")
}

fn in_tools() -> PathBuf {
    let name = format!("wasmtime{}", std::env::consts::EXE_SUFFIX);
    tools().join("bin").join(name)
}

/// Serves an application by `wasmtime serve`: with the pooling allocator, as it serves by itself; without, when it was built without.
pub(crate) fn serve(wasmtime: &Path, app: &str, env: &[(&str, &str)]) -> Result<Server, Failure> {
    let without_pool: [&[&str]; 2] = [&[], &["-Opooling-allocator=n"]];
    let mut said = String::new();
    for options in without_pool {
        let mut command = Command::new(wasmtime);
        command
            .args(["serve", "-Scli", "--addr", "127.0.0.1:0"])
            .args(options)
            .args(
                env.iter()
                    .map(|(name, value)| format!("--env={name}={value}")),
            )
            .arg(app);
        match Server::start(command, Says::OnStderr("Serving HTTP on ")) {
            Ok(server) => return Ok(server),
            Err(line) => said = line,
        }
    }
    Err(Failure::because(format!(
        "`wasmtime serve` does not serve: {said}"
    )))
}
