//! `cargo xtask js`: the component in Node, transpiled by jco, and the package for JavaScript (bindings/js).

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::doctor::version_in;
use crate::server::{Says, Server};
use crate::shell::{Failure, Program, built, cargo, program, root, skip, with_our_command};
use crate::wasmtime;

const FOLDER: &str = "bindings/js";
/// The oldest Node that the tests are run by.
const NODE: (u32, u32) = (20, 0);
/// Since when Node runs what componentize-py makes without this flag, which it then does not know.
const EXTENDED_CONST: (u32, u32) = (21, 0);
const EXTENDED_CONST_FLAG: &str = "--experimental-wasm-extended-const";

/// Builds the package, and runs its tests. Where Node or npm is missing it is skipped, unless CI=true says that nothing may be.
pub(crate) fn run(component: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    if install(component)?.is_none() {
        return Ok(());
    }
    let tests = npm(["test"]).env("URLFETCH", built("urlfetch"));
    let tests = match wasmtime::for_tests()? {
        Some(wasmtime) => tests.env("WASMTIME", wasmtime),
        None => tests,
    };
    tests.run()?;
    println!("-- Google's client of Cloud Tasks");
    cloud_tasks()
}

/// Google's client against `urlfetch serve`, with an application that `tests/build.rs` built. It is installed apart: who uses the package
/// has no use for it.
fn cloud_tasks() -> Result<(), Failure> {
    cargo(["build", "--bin", "urlfetch", "--bin", "loopback-origin"]).run()?;
    let place = "target/js/cloud-tasks";
    let (from, to) = (root().join(FOLDER).join("cloud-tasks"), root().join(place));
    let failed = |error: io::Error| Failure::because(format!("{place}: {error}"));
    let stamp = to.join("installed.json");
    fs::create_dir_all(&to).map_err(failed)?;
    for file in ["package.json", "package-lock.json", "drive.js"] {
        fs::copy(from.join(file), to.join(file)).map_err(failed)?;
    }
    let pinned = fs::read_to_string(to.join("package-lock.json")).map_err(failed)?;
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == pinned) {
        program("npm")
            .args(["--prefix", place, "ci"])
            .args(["--ignore-scripts", "--no-audit", "--no-fund"])
            .run()?;
        fs::write(&stamp, pinned).map_err(failed)?;
    }
    program("node")
        .args([format!("{place}/drive.js")])
        .args([built("urlfetch")])
        .args([
            "serve",
            "target/programs/wasm32-wasip2/release/deferring.wasm",
        ])
        .args(["--addr", "127.0.0.1:0"])
        .run()
}

/// Fetches the packages that the lock file names, transpiles what `component` writes, and tells the version of Node; none when it was
/// skipped.
pub(crate) fn install(
    component: impl FnOnce() -> Result<(), Failure>,
) -> Result<Option<String>, Failure> {
    if !is_there() {
        skip(&format!(
            "Node {}.{} or later, with npm, is not installed: https://nodejs.org",
            NODE.0, NODE.1
        ))?;
        return Ok(None);
    }
    component()?;
    if !is_installed() {
        // Not `npm ci`: it wants the lock file to name optional packages of other platforms that were never published.
        npm(["install", "--no-save", "--no-audit", "--no-fund"]).run()?;
    }
    npm(["run", "build"]).run()?;
    Ok(version())
}

/// Whether there is a Node that is new enough, with npm.
pub(crate) fn is_there() -> bool {
    let node = version().is_some_and(|version| version_in(&version) >= Some(NODE));
    node && npm(["--version"]).probe().is_some()
}

/// Makes a component of an application in JavaScript.
pub(crate) fn bundle(app: &str, output: &str) -> Result<(), Failure> {
    program("node")
        .args([&format!("{FOLDER}/src/bundle.js"), app, "-o", output])
        .env("PATH", with_our_command()?)
        .run()
}

/// Serves a component in Node.
pub(crate) fn serve(app: &str, env: &[(&str, &str)]) -> Result<Server, Failure> {
    program("node")
        .args([&format!("{FOLDER}/transpile.js"), app])
        .run()?;
    let name = Path::new(app).file_stem().unwrap_or_default();
    let mut command = Command::new("node");
    if version_in(&version().unwrap_or_default()) < Some(EXTENDED_CONST) {
        command.arg(EXTENDED_CONST_FLAG);
    }
    command
        .arg(format!("{FOLDER}/serve.js"))
        .arg(name)
        .envs(env.iter().copied());
    Server::start(command, Says::OnStdout("Serving HTTP on "))
        .map_err(|said| Failure::because(format!("{FOLDER}/serve.js: {said}")))
}

/// `v20.20.2`, say; none where there is no Node.
fn version() -> Option<String> {
    program("node").args(["--version"]).probe()
}

fn npm<const N: usize>(args: [&str; N]) -> Program {
    program("npm").args(["--prefix", FOLDER]).args(args)
}

/// npm notes in the folder of packages what it has put there.
fn is_installed() -> bool {
    let changed = |path: &str| -> Option<SystemTime> {
        let metadata = fs::metadata(root().join(FOLDER).join(path));
        metadata.and_then(|metadata| metadata.modified()).ok()
    };
    let installed = changed("node_modules/.package-lock.json");
    installed.is_some() && installed >= changed("package-lock.json")
}
