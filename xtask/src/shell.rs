//! Running other programs from the root of the repository, and the one way in which a command fails.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a command ends, and with which exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What is said on stderr; nothing when a program that ran has said it.
    pub(crate) line: Option<String>,
    /// The exit code.
    pub(crate) code: u8,
}

impl Failure {
    /// A failure of our own, with its one line.
    pub(crate) fn because(line: impl Into<String>) -> Self {
        Self {
            line: Some(line.into()),
            code: 1,
        }
    }
}

/// The root of the repository, where every program runs.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// A program of this workspace as every command builds it.
pub(crate) fn built(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// A program of this workspace as `cargo install` makes it.
pub(crate) fn released(name: &str) -> PathBuf {
    target().join("release").join(name)
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// PATH with the `urlfetch` that was just built before any other.
pub(crate) fn with_our_command() -> Result<OsString, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    joined(std::iter::once(built("")).chain(std::env::split_paths(&path)))
}

/// What a variable says that lists these folders.
pub(crate) fn joined(folders: impl Iterator<Item = PathBuf>) -> Result<OsString, Failure> {
    std::env::join_paths(folders).map_err(|error| Failure::because(error.to_string()))
}

/// Whether CI=true stands in the environment.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// Says what is skipped and why; under CI nothing may be, and it is a failure.
pub(crate) fn skip(line: &str) -> Result<(), Failure> {
    if is_ci() {
        return Err(Failure::because(line));
    }
    println!("skipped: {line}");
    Ok(())
}

/// A program about to be run at the root.
pub(crate) struct Program(Command);

/// `program`, to be run at the root.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Program {
    let mut command = Command::new(name);
    command.current_dir(root());
    Program(command)
}

/// The cargo that runs us, with its first arguments.
///
/// It is not told what `cargo run` has told us of our own package: build scripts that look at that, ring's for one, would run again
/// whenever somebody calls cargo without us, and what depends on them be compiled again, the host among it.
pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> Program {
    let mut cargo = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.0.env_remove(&name);
        }
    }
    cargo.args(args)
}

impl Program {
    /// Adds arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.0.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it with our stdout and stderr, and fails as it fails.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        let status = self.0.status().map_err(|error| self.cannot_run(&error))?;
        if status.success() {
            return Ok(());
        }
        let code = status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1);
        Err(Failure {
            line: Some(format!("`{}` failed", self.shown())),
            code,
        })
    }

    /// Runs it and returns what it printed on stdout; its stderr is ours.
    pub(crate) fn read(mut self) -> Result<String, Failure> {
        let output = self
            .0
            .stderr(std::process::Stdio::inherit())
            .output()
            .map_err(|error| self.cannot_run(&error))?;
        if !output.status.success() {
            return Err(Failure::because(format!("`{}` failed", self.shown())));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it and returns what it printed on stdout, also when it failed; its stderr is ours.
    pub(crate) fn read_even_if_it_fails(mut self) -> Result<String, Failure> {
        self.0.stderr(std::process::Stdio::inherit());
        let output = self.0.output().map_err(|error| self.cannot_run(&error))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The first line that it prints, when it runs and succeeds. For asking after versions: nothing is shown.
    pub(crate) fn probe(mut self) -> Option<String> {
        let output = self
            .0
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .next()
            .map(str::to_owned)
    }

    /// Whether it runs and succeeds. Nothing is shown.
    pub(crate) fn succeeds(mut self) -> bool {
        self.0.output().is_ok_and(|output| output.status.success())
    }

    fn cannot_run(&self, error: &std::io::Error) -> Failure {
        Failure::because(format!("`{}` cannot be run: {error}", self.shown()))
    }

    fn shown(&self) -> String {
        let name = Path::new(self.0.get_program())
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let args = self
            .0
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned());
        std::iter::once(name)
            .chain(args)
            .collect::<Vec<_>>()
            .join(" ")
    }
}
