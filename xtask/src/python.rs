//! `cargo xtask python`: builds the Python package, and runs its tests as ordinary Python, inside a component and behind HTTP.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::shell::{Failure, built, cargo, program, root, skip};

const PACKAGE: &str = "bindings/python";
/// Whose programs the tests run, as they are.
const EXAMPLES: [&str; 2] = ["examples/appengine-python", "examples/asyncio-python"];
/// The oldest Python that the package supports.
const OLDEST: (u32, u32) = (3, 11);

/// Everything, or nothing where there is no Python to run it, unless CI=true says that nothing may be skipped.
pub(crate) fn run() -> Result<(), Failure> {
    let Some(python) = python() else {
        return skip(&format!(
            "Python {}.{} or later, with venv, is not installed: https://www.python.org",
            OLDEST.0, OLDEST.1
        ));
    };
    cargo(["build", "--bin", "urlfetch", "--bin", "loopback-origin"]).run()?;
    // Not by `cargo run`: with other programs selected it would build the host a second time.
    program(built("urlfetch"))
        .args(["component", "-o", "target/urlfetch.wasm"])
        .run()?;
    let tools = Tools::install(&python)?;
    install_package(&tools)?;
    check(&tools)?;
    let origin = Origin::start()?;
    println!("-- as ordinary Python");
    tools
        .python()
        .args(["-m", "unittest", "discover", "-s"])
        .args([format!("{PACKAGE}/tests")])
        .env("ORIGIN", &origin.url)
        .env("PYTHONPATH", import_path()?)
        .run()?;
    println!("-- inside a component");
    let whole = bundle(&tools)?;
    tools
        .python()
        .args([format!("{PACKAGE}/tests/run_inside.py"), whole.clone()])
        .env("ORIGIN", &origin.url)
        .run()?;
    println!("-- behind HTTP");
    serve(&tools, &origin, &whole)
}

/// The interpreters of one virtual environment, `target/python/venv`.
struct Tools(PathBuf);

impl Tools {
    /// Installs what requirements.txt pins, unless exactly that is there.
    fn install(python: &str) -> Result<Self, Failure> {
        let lock = format!("{PACKAGE}/requirements.txt");
        let pinned = fs::read_to_string(root().join(&lock))
            .map_err(|error| Failure::because(format!("{lock}: {error}")))?;
        let folder = root().join("target/python/venv");
        let tools = Self(folder.join(if cfg!(windows) { "Scripts" } else { "bin" }));
        let stamp = folder.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pinned) {
            return Ok(tools);
        }
        program(python)
            .args(["-m", "venv", "--clear", "target/python/venv"])
            .run()?;
        tools
            .pip(["install", "--quiet", "--no-deps", "--requirement"])
            .args([lock])
            .run()?;
        fs::write(&stamp, pinned)
            .map_err(|error| Failure::because(format!("{}: {error}", stamp.display())))?;
        Ok(tools)
    }

    fn python(&self) -> crate::shell::Program {
        // Nothing is written beside the sources, and what is found is what was installed.
        program(self.0.join("python")).env("PYTHONDONTWRITEBYTECODE", "1")
    }

    fn pip<const N: usize>(&self, args: [&str; N]) -> crate::shell::Program {
        let quiet = ["-m", "pip", "--disable-pip-version-check"];
        self.python().args(quiet).args(args)
    }
}

/// Builds the wheel as a user would, and installs it.
fn install_package(tools: &Tools) -> Result<(), Failure> {
    let wheels = root().join("target/python/dist");
    // An older wheel of the same version would be taken for this one.
    let _ = fs::remove_dir_all(&wheels);
    tools
        .pip(["wheel", "--quiet", "--no-deps", "--no-build-isolation"])
        .args(["--wheel-dir", "target/python/dist", PACKAGE])
        .run()?;
    let wheel = fs::read_dir(&wheels)
        .ok()
        .and_then(|mut entries| entries.next()?.ok())
        .ok_or_else(|| Failure::because("pip made no wheel"))?;
    tools
        .pip(["install", "--quiet", "--no-deps", "--force-reinstall"])
        .args([wheel.path()])
        .run()
}

/// Types, format and lints.
fn check(tools: &Tools) -> Result<(), Failure> {
    let config = format!("{PACKAGE}/pyproject.toml");
    tools
        .python()
        .args(["-m", "mypy", "--config-file", &config])
        .env("MYPYPATH", format!("{PACKAGE}/src"))
        .env("MYPY_CACHE_DIR", "target/python/mypy")
        .run()?;
    for verb in [&["format", "--check"][..], &["check"]] {
        tools
            .python()
            .args(["-m", "ruff"])
            .args(verb)
            .args(["--quiet", "--no-cache", "--config", &config, PACKAGE])
            .args(EXAMPLES)
            .run()?;
    }
    Ok(())
}

/// One component of all tests; making it takes longer than running it.
fn bundle(tools: &Tools) -> Result<String, Failure> {
    let whole = "target/python/tests.wasm".to_owned();
    let app = format!("{PACKAGE}/tests/inside.py");
    let paths = EXAMPLES.iter().flat_map(|path| ["--path", path]);
    tools
        .python()
        .args(["-m", "urlfetch.bundle", &app, "--output", &whole])
        .args(["--world", "command-and-handler"])
        .args(paths)
        .env("PATH", with_our_command()?)
        .run()?;
    Ok(whole)
}

/// On every host that is installed.
fn serve(tools: &Tools, origin: &Origin, whole: &str) -> Result<(), Failure> {
    if program("wasmtime").args(["--version"]).probe().is_none() {
        println!("skipped: wasmtime is not installed (cargo install wasmtime-cli)");
        return Ok(());
    }
    tools
        .python()
        .args([&format!("{PACKAGE}/tests/served.py"), whole])
        .args(["wasmtime", "serve", "-Scli", "-Opooling-allocator=n"])
        .args(["--addr", "127.0.0.1:0", "--env", "ALLOW_PRIVATE=1"])
        .env("ORIGIN", &origin.url)
        .run()
}

/// The tests, and the programs they run.
fn import_path() -> Result<std::ffi::OsString, Failure> {
    joined(EXAMPLES.iter().map(|path| root().join(path)))
}

/// PATH with the `urlfetch` that was just built before any other.
fn with_our_command() -> Result<std::ffi::OsString, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    joined(std::iter::once(built("")).chain(std::env::split_paths(&path)))
}

fn joined(folders: impl Iterator<Item = PathBuf>) -> Result<std::ffi::OsString, Failure> {
    std::env::join_paths(folders).map_err(|error| Failure::because(error.to_string()))
}

/// The first interpreter that is new enough and has venv.
fn python() -> Option<String> {
    let check = format!("import sys, venv, ensurepip; sys.exit(sys.version_info < {OLDEST:?})");
    ["python3", "python"]
        .into_iter()
        .find(|name| program(name).args(["-c", &check]).succeeds())
        .map(str::to_owned)
}

/// The loopback origin, until it is dropped: it ends with its stdin.
struct Origin {
    url: String,
    process: Child,
}

impl Origin {
    fn start() -> Result<Self, Failure> {
        let failed = |what: &str| Failure::because(format!("the loopback origin {what}"));
        let mut process = Command::new(built("loopback-origin"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&format!("cannot be run: {error}")))?;
        let stdout = process
            .stdout
            .take()
            .ok_or_else(|| failed("has no stdout"))?;
        let mut url = String::new();
        BufReader::new(stdout)
            .read_line(&mut url)
            .map_err(|error| failed(&format!("did not say where it listens: {error}")))?;
        Ok(Self {
            url: url.trim().to_owned(),
            process,
        })
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
