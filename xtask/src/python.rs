//! `cargo xtask python`: builds the Python package, and runs its tests as ordinary Python, inside a component and behind HTTP.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::hosts::ALLOW_PRIVATE;
use crate::server::{Says, Server};
use crate::shell::{Failure, Program, built, cargo, joined, program, root, skip, with_our_command};
use crate::wasmtime;

const PACKAGE: &str = "bindings/python";
/// Whose programs the tests run, as they are.
const EXAMPLES: [&str; 3] = [APP_ENGINE, "examples/asyncio-python", DEFERRED];
/// The one that answers HTTP.
const APP_ENGINE: &str = "examples/appengine-python";
/// Those that defer.
const DEFERRED: &str = "examples/deferred-python";
/// The oldest Python that the package supports.
const OLDEST: (u32, u32) = (3, 11);

/// Everything, or nothing where there is no Python to run it, unless CI=true says that nothing may be skipped.
pub(crate) fn run() -> Result<(), Failure> {
    let Some(tools) = install()? else {
        return Ok(());
    };
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
    let whole = "target/python/tests.wasm";
    let paths = EXAMPLES.iter().flat_map(|path| ["--path", path]);
    tools
        .bundle(&format!("{PACKAGE}/tests/inside.py"), whole)?
        .args(["--world", "command-and-handler"])
        .args(paths)
        .run()?;
    tools
        .python()
        .args([&format!("{PACKAGE}/tests/run_inside.py"), whole])
        .env("ORIGIN", &origin.url)
        .run()?;
    println!("-- behind HTTP");
    serve(&tools, &origin, whole)?;
    println!("-- deferred tasks of App Engine's programs, in a component");
    deferred(&tools)?;
    println!("-- Google's client of Cloud Tasks");
    cloud_tasks(&tools)
}

/// App Engine's three programs for deferred tasks, under our own host, which makes their key and lends them a folder.
fn deferred(tools: &Tools) -> Result<(), Failure> {
    let whole = "target/python/deferred.wasm";
    tools
        .bundle(&format!("{PACKAGE}/tests/deferred_inside.py"), whole)?
        .args(["--path", DEFERRED])
        .run()?;
    tools
        .python()
        .args([&format!("{PACKAGE}/tests/deferred_served.py"), whole])
        .args([built("urlfetch").as_os_str(), "serve".as_ref()])
        .run()
}

/// Google's client against `urlfetch serve`, with an application that `tests/build.rs` built.
fn cloud_tasks(tools: &Tools) -> Result<(), Failure> {
    let tools = Tools::install(
        tools.0.join("python"),
        "cloud-tasks",
        "requirements-cloud-tasks.txt",
    )?;
    tools
        .python()
        .args([format!("{PACKAGE}/tests/cloud_tasks.py")])
        .args([built("urlfetch")])
        .args([
            "serve",
            "target/programs/wasm32-wasip2/release/deferring.wasm",
        ])
        .args(["--addr", "127.0.0.1:0"])
        .run()
}

/// Puts the package and what it is tested with where [`Tools`] finds them; none when it was skipped.
pub(crate) fn install() -> Result<Option<Tools>, Failure> {
    let Some(python) = python() else {
        skip(&format!(
            "Python {}.{} or later, with venv, is not installed: https://www.python.org",
            OLDEST.0, OLDEST.1
        ))?;
        return Ok(None);
    };
    cargo(["build", "--bin", "urlfetch", "--bin", "loopback-origin"]).run()?;
    // Not by `cargo run`: with other programs selected it would build the host a second time.
    program(built("urlfetch"))
        .args(["component", "-o", "target/urlfetch.wasm"])
        .run()?;
    let tools = Tools::install(python, "venv", "requirements.txt")?;
    install_package(&tools)?;
    Ok(Some(tools))
}

/// The interpreters of a virtual environment, `target/python/NAME`.
pub(crate) struct Tools(PathBuf);

impl Tools {
    /// Installs what a file pins, unless exactly that is there.
    fn install(python: impl AsRef<OsStr>, name: &str, pins: &str) -> Result<Self, Failure> {
        let lock = format!("{PACKAGE}/{pins}");
        let pinned = fs::read_to_string(root().join(&lock))
            .map_err(|error| Failure::because(format!("{lock}: {error}")))?;
        let place = format!("target/python/{name}");
        let folder = root().join(&place);
        let tools = Self(folder.join(if cfg!(windows) { "Scripts" } else { "bin" }));
        let stamp = folder.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pinned) {
            return Ok(tools);
        }
        program(python)
            .args(["-m", "venv", "--clear", &place])
            .run()?;
        tools
            .pip(["install", "--quiet", "--no-deps", "--require-hashes"])
            .args(["--requirement", &lock])
            .run()?;
        fs::write(&stamp, pinned)
            .map_err(|error| Failure::because(format!("{}: {error}", stamp.display())))?;
        Ok(tools)
    }

    fn python(&self) -> Program {
        // Nothing is written beside the sources, and what is found is what was installed.
        program(self.0.join("python")).env("PYTHONDONTWRITEBYTECODE", "1")
    }

    fn pip<const N: usize>(&self, args: [&str; N]) -> Program {
        let quiet = ["-m", "pip", "--disable-pip-version-check"];
        self.python().args(quiet).args(args)
    }

    /// Makes one component of a module and what it imports: `python -m urlfetch.bundle`, to be given more arguments.
    fn bundle(&self, app: &str, output: &str) -> Result<Program, Failure> {
        Ok(self
            .python()
            .args(["-m", "urlfetch.bundle", app, "--output", output])
            .env("PATH", with_our_command()?))
    }

    /// `3.11.7`, say.
    pub(crate) fn version(&self) -> String {
        let version = self.python().args(["--version"]).probe();
        version.map_or_else(String::new, |line| line.replace("Python ", ""))
    }

    /// Writes the example that answers HTTP, as a component.
    pub(crate) fn example(&self, output: &str) -> Result<(), Failure> {
        self.bundle(&format!("{APP_ENGINE}/app.py"), output)?.run()
    }

    /// The same, by this interpreter and without a component around it.
    pub(crate) fn serve_example(&self) -> Result<Server, Failure> {
        let (name, value) = ALLOW_PRIVATE;
        let mut command = Command::new(self.0.join("python"));
        command
            .arg(format!("{APP_ENGINE}/app.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env(name, value);
        Server::start(command, Says::OnStdout("listening on "))
            .map_err(|said| Failure::because(format!("{APP_ENGINE}/app.py: {said}")))
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

/// On our own host, and on `wasmtime serve`.
fn serve(tools: &Tools, origin: &Origin, whole: &str) -> Result<(), Failure> {
    let urlfetch = built("urlfetch");
    let mut hosts = vec![vec![urlfetch.as_os_str(), "serve".as_ref()]];
    let wasmtime = wasmtime::for_tests()?;
    if let Some(wasmtime) = &wasmtime {
        let options = ["serve", "-Scli", "-Opooling-allocator=n"].map(OsStr::new);
        hosts.push([&[wasmtime.as_os_str()], &options[..]].concat());
    }
    let (name, value) = ALLOW_PRIVATE;
    for host in hosts {
        tools
            .python()
            .args([&format!("{PACKAGE}/tests/served.py"), whole])
            .args(host)
            .args(["--addr", "127.0.0.1:0", "--env", &format!("{name}={value}")])
            .env("ORIGIN", &origin.url)
            .run()?;
    }
    Ok(())
}

/// The tests, and the programs they run.
fn import_path() -> Result<OsString, Failure> {
    joined(EXAMPLES.iter().map(|path| root().join(path)))
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
