//! `cargo xtask`: the commands of README and CI, one file each. What they build and run lives elsewhere.

mod apt;
mod bench;
mod chromium;
mod ci;
mod doctor;
mod examples;
mod floors;
mod fuzz;
mod hosts;
mod js;
mod matrix;
mod postgres;
mod python;
mod server;
mod shell;
mod tidy;
mod toolchain;
mod wasmtime;
mod wit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shell::{Failure, cargo};

/// The commands of this repository. Each adds what it needs to the toolchain, builds, and runs.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watch the component fetch many URLs at once.
    ///
    /// Adds the target wasm32-wasip2 to the toolchain when it is missing, builds the component and its host, and runs
    /// `urlfetch fetch` on the URLs. Without URLs it runs `urlfetch demo`: an origin on a free loopback port answers slowly, by
    /// redirects, compressed, with a 404, with a large body, not in time and not at all. The last line is then
    /// `demo: N fetched, M failed as expected`, and the exit code is not 0 when anything else happened.
    Demo {
        /// What to fetch. Options of `urlfetch fetch` are passed on as well: `cargo xtask demo --json URL`.
        #[arg(
            value_name = "URL",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        urls: Vec<String>,
    },
    /// Run every test of every language.
    ///
    /// Adds the target wasm32-wasip2 when it is missing; then `cargo test` for all default members, doc tests included, and what
    /// `cargo xtask python` and `cargo xtask js` do. What needs Chromium, `wasmtime`, Python or Node is skipped loudly where that is
    /// missing. With CI=true in the environment nothing is: Chromium is installed by apt-get and wasmtime built, and without Python or
    /// Node it fails.
    Test {
        /// Passed to `cargo test`, which is then all that runs: `cargo xtask test -p urlfetch-core redirect`.
        #[arg(
            value_name = "ARGS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        args: Vec<String>,
    },
    /// Play the conformance vectors of tests/vectors in every world.
    ///
    /// Prints one line for each world and fails on any surprise: a vector that fails without being expected to (tests/expectations),
    /// or passes although it is.
    Conformance {
        /// In no world, but on the hosts of others: `wasmtime serve`, and jco where Node is; must come first. Uses the wasmtime on the
        /// PATH when it is the version wanted, else builds one into target/tools, once, which takes minutes.
        #[arg(long)]
        hosts: bool,
        /// `--json` for one object per vector and world, `--coverage` for the ids of cases that no vector shows, `--world WORLD`,
        /// `--target URL` for a host that serves what `--app FILE` wrote, and a FILTER for names and ids.
        #[arg(
            value_name = "ARGS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        args: Vec<String>,
    },
    /// Fetch a million times from an origin that misbehaves, over real sockets and through one instance.
    ///
    /// Each fetch must end as its URL says, none may be lost, and neither guest nor host may grow.
    Soak {
        /// `--fetches N`, `--in-flight N`, `--seed N` to repeat a run, `--json`.
        #[arg(
            value_name = "ARGS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        args: Vec<String>,
    },
    /// Kill a server of deferred tasks 500 times at random instants.
    ///
    /// What it has acknowledged must have run in the end. With `--postgres` two servers share a database, and all three are killed.
    TasksKill {
        /// `--kills N`, `--postgres`.
        #[arg(
            value_name = "ARGS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        args: Vec<String>,
    },
    /// Measure urlfetch and its peers side by side, on the same host against the same origin.
    ///
    /// Builds both and the benchmark, and writes target/bench/report.json, report.md and growth.svg; a full run takes under three
    /// quarters of an hour and rewrites the tables of README.md. `--help` has the options: `--quick`, `--json`, `--only MEASURE`,
    /// `--resume`, `--check` (exact counts against benches/record.json), `--record`.
    #[command(disable_help_flag = true)]
    Bench {
        /// Options of the benchmark.
        #[arg(
            value_name = "ARGS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        args: Vec<String>,
    },
    /// Run the fuzz targets of guest/core/fuzz and tests/fuzz: operations, location, headers, inflate, component.
    ///
    /// Needs cargo-fuzz and a C++ compiler, and no nightly toolchain. Stops at the first finding; the input is then in the folder
    /// `artifacts` of the crate.
    Fuzz {
        /// Only this one.
        target: Option<String>,
        /// For how long each.
        #[arg(long, default_value_t = 60, value_name = "N")]
        seconds: u64,
    },
    /// Build the Python package and run its tests.
    ///
    /// Installs what bindings/python/requirements.txt pins into target/python/venv, makes the wheel and installs it there, checks its
    /// types, and runs its tests against the loopback origin: as ordinary Python, inside a component, and behind HTTP on every host
    /// that is installed. Then Google's client of Cloud Tasks drives `urlfetch serve --tasks-listen`. Skipped loudly without Python
    /// 3.11; with CI=true in the environment that is a failure.
    Python,
    /// Say what this machine lacks, and how to get it.
    ///
    /// Exit code 1 when something required is missing: cargo, the toolchain of rust-toolchain.toml, the wasm target, a C
    /// compiler, git. rustup is only needed to add what is missing; Python and Node only for their language tests.
    Doctor,
    /// Build the component as it is shipped and write target/urlfetch.wasm.
    ///
    /// Prints its size, and its size gzipped.
    Component,
    /// Build the examples and write target/examples/NAME.wasm, ready to run.
    ///
    /// An example that imports urlfetch:rpc is composed with the component; one that links the crate is complete as it is. Each
    /// folder of examples/ has a README with the commands that run it.
    Examples,
    /// Build the JavaScript package and run its tests.
    ///
    /// Fetches what bindings/js/package-lock.json names, transpiles target/urlfetch.wasm by jco, and runs the tests of bindings/js: in Node,
    /// and, from the packed package, inside a component and behind HTTP on every host that is installed. Skipped loudly without Node 20 and
    /// npm; with CI=true in the environment that is a failure.
    Js,
    /// Measure what the component does on each host that runs here, and write the table of README.md.
    ///
    /// Serves the example fan-out and the conformance app by `urlfetch serve`, by `wasmtime serve` and, where Node is, by jco.
    Matrix,
    /// Vendor the standard WASI 0.2.0 WIT into wit/deps, with its license.
    ///
    /// The files are those of the registry package `wasi` 0.12.1, fetched by cargo. They are never edited by hand.
    Wit {
        /// Change nothing; name every file that differs and fail if there is one.
        #[arg(long)]
        check: bool,
    },
    /// Exactly what CI runs, in its order, stopping at the first failure.
    ///
    /// Formatting, wit --check, the floors (who may depend on whom), tidy, licenses where cargo-deny is installed, clippy with
    /// warnings denied for the host, the component and all guest programs, the tests of every language, the vectors on hosts of others,
    /// the demo.
    Ci {
        /// Then what takes long: the peers and the exact counts of the benchmark, each fuzz target for a minute, a soak of 100,000
        /// fetches, and 500 kills of a server of tasks.
        #[arg(long)]
        long: bool,
    },
    /// Check the rules of this repository that no compiler knows.
    ///
    /// Every .rs file says in line 1 what lives there; a file of more than 500 lines says there why it is long ("long because");
    /// no module is called utils, common, helpers or manager.
    Tidy,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(line) = failure.line {
                eprintln!("xtask: {line}");
            }
            ExitCode::from(failure.code)
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo { urls } => {
            toolchain::ensure_wasm_target()?;
            demo(&urls)
        }
        Command::Test { args } => {
            toolchain::ensure_wasm_target()?;
            test(&args)
        }
        Command::Conformance { hosts, args } => {
            toolchain::ensure_wasm_target()?;
            match hosts {
                true => hosts::run(&args),
                false => hosts::conformance().args(args).run(),
            }
        }
        Command::Soak { args } => soak(&args),
        Command::TasksKill { args } => tasks_kill(&args),
        Command::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds),
        Command::Python => {
            toolchain::ensure_wasm_target()?;
            python::run()
        }
        Command::Bench { args } => {
            toolchain::ensure_wasm_target()?;
            bench::run(&args)
        }
        Command::Doctor => doctor::run(),
        Command::Component => component(),
        Command::Examples => {
            toolchain::ensure_wasm_target()?;
            examples::run(urlfetch)
        }
        Command::Js => js::run(component),
        Command::Matrix => {
            toolchain::ensure_wasm_target()?;
            matrix::run(urlfetch)
        }
        Command::Wit { check } => wit::run(check),
        Command::Ci { long } => ci::run(long),
        Command::Tidy => tidy::run(),
    }
}

fn component() -> Result<(), Failure> {
    toolchain::ensure_wasm_target()?;
    urlfetch(&["component", "-o", "target/urlfetch.wasm"])
}

fn demo(urls: &[String]) -> Result<(), Failure> {
    let mut args = vec![if urls.is_empty() { "demo" } else { "fetch" }];
    args.extend(urls.iter().map(String::as_str));
    urlfetch(&args)
}

fn test(args: &[String]) -> Result<(), Failure> {
    chromium::ensure();
    postgres::ensure();
    apt::ensure_strace();
    let tests = cargo(["test"]).args(args);
    match wasmtime::for_tests()? {
        Some(wasmtime) => tests.env("WASMTIME", wasmtime),
        None => tests,
    }
    .run()?;
    if !args.is_empty() {
        return Ok(());
    }
    postgres::test()?;
    println!("\n-- Python");
    python::run()?;
    println!("\n-- JavaScript");
    js::run(component)
}

fn soak(args: &[String]) -> Result<(), Failure> {
    toolchain::ensure_wasm_target()?;
    cargo(["run", "--quiet", "--bin", "soak", "--"])
        .args(args)
        .run()
}

fn tasks_kill(args: &[String]) -> Result<(), Failure> {
    toolchain::ensure_wasm_target()?;
    cargo(["run", "--quiet", "--bin", "tasks-kill", "--"])
        .args(args)
        .run()
}

/// Runs the binary `urlfetch`. Selected by name among the default members and not by `-p`: cargo unifies features over what is
/// selected, and this selection is the one of `cargo test`, so that wasmtime is built once.
fn urlfetch(args: &[&str]) -> Result<(), Failure> {
    cargo(["run", "--bin", "urlfetch", "--"]).args(args).run()
}
