//! `cargo xtask conformance --hosts`: the vectors on hosts of others. Today that is one: `wasmtime serve`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::{Says, Server};
use crate::shell::{Failure, Program, cargo, program, root};

/// The newest of the line that the host of this repository is built on.
const VERSION: &str = "48.0.8";
/// What `serve` needs, and little more: built in minutes.
const FEATURES: &str = "serve,run,component-model-async,cranelift,cache,logging,parallel-compilation,pooling-allocator";
/// `tests/expectations` has its known failures by this name.
pub(crate) const NAME: &str = "wasmtime-serve";
/// What lets an example fetch private addresses: in the environment it is served with.
pub(crate) const ALLOW_PRIVATE: (&str, &str) = ("URLFETCH_ALLOW_PRIVATE", "1");
/// Where the app goes, from the root.
pub(crate) const APP: &str = "target/conformance-app.wasm";

/// Builds what is missing, serves the conformance app, and plays the vectors there.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let wasmtime = wasmtime()?;
    conformance().args(["--app", APP]).run()?;
    let server = serve(&wasmtime, APP, &[])?;
    conformance()
        .args(["--host", NAME, "--target", &server.url])
        .args(args)
        .run()
}

/// The judge, to be given its arguments.
pub(crate) fn conformance() -> Program {
    cargo(["run", "--quiet", "--bin", "urlfetch-conformance", "--"])
}

/// One on the PATH when it is that version, else the one in `target/tools`, which is built when it is not there.
pub(crate) fn wasmtime() -> Result<PathBuf, Failure> {
    let tools = root().join("target/tools");
    let built = tools
        .join("bin")
        .join(format!("wasmtime{}", std::env::consts::EXE_SUFFIX));
    let is_it = |path: &PathBuf| {
        let version = program(path).args(["--version"]).probe();
        version.is_some_and(|text| text.split(' ').nth(1) == Some(VERSION))
    };
    for found in [PathBuf::from("wasmtime"), built.clone()] {
        if is_it(&found) {
            return Ok(found);
        }
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
    .args([&tools])
    .run()?;
    Ok(built)
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
