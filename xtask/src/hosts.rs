//! `cargo xtask conformance --hosts`: the vectors on hosts of others. Today that is one: `wasmtime serve`.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::shell::{Failure, Program, cargo, program, root};

/// The newest of the line that the host of this repository is built on.
const VERSION: &str = "48.0.8";
/// What `serve` needs, and little more: built in minutes.
const FEATURES: &str = "serve,run,component-model-async,cranelift,cache,logging,parallel-compilation,pooling-allocator";
/// `tests/expectations` has its known failures by this name.
const NAME: &str = "wasmtime-serve";

/// Where the app goes, from the root.
const APP: &str = "target/conformance-app.wasm";

/// Builds what is missing, serves the conformance app, and plays the vectors there.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let wasmtime = wasmtime()?;
    conformance().args(["--app", APP]).run()?;
    let server = Server::start(&wasmtime)?;
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
fn wasmtime() -> Result<PathBuf, Failure> {
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

/// A host that serves the app until it is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// With the pooling allocator, as it serves by itself; without, when it was built without.
    fn start(wasmtime: &PathBuf) -> Result<Self, Failure> {
        let without_pool: [&[&str]; 2] = [&[], &["-Opooling-allocator=n"]];
        let mut said = String::new();
        for options in without_pool {
            let mut process = Command::new(wasmtime)
                .current_dir(root())
                .args(["serve", "-Scli", "--addr", "127.0.0.1:0"])
                .args(options)
                .arg(APP)
                .stderr(Stdio::piped())
                .spawn()
                .map_err(|error| Failure::because(format!("wasmtime cannot be run: {error}")))?;
            let stderr = process.stderr.take().into_iter();
            let mut lines = stderr.flat_map(|stderr| BufReader::new(stderr).lines());
            for line in lines.by_ref().map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("Serving HTTP on ") {
                    let url = url.trim_end_matches('/').to_owned();
                    // What it says of traps would fill the pipe, and is told by the vectors.
                    thread::spawn(move || lines.for_each(drop));
                    return Ok(Server { process, url });
                }
                said = line;
            }
            // It has closed its stderr, and ends.
            let _ = process.wait();
        }
        Err(Failure::because(format!(
            "`wasmtime serve` does not serve: {said}"
        )))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.process.kill() {
            Err(error) if error.kind() != ErrorKind::InvalidInput => {
                eprintln!("xtask: wasmtime cannot be stopped: {error}");
            }
            _ => drop(self.process.wait()),
        }
    }
}
