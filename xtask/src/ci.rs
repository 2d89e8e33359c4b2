//! `cargo xtask ci`: what CI runs, step by step, stopping at the first failure.

use std::time::Instant;

use crate::shell::{Failure, cargo, program};
use crate::toolchain::{WASM, ensure_wasm_target};
use crate::{demo, floors, test, tidy, wit};

/// A step's name and what it does.
type Step = (&'static str, fn() -> Result<(), Failure>);

/// Cheap steps first. Clippy comes before the tests because it finds in one minute what they would find in ten.
const STEPS: [Step; 9] = [
    ("format", || cargo(["fmt", "--all", "--check"]).run()),
    ("tidy", tidy::run),
    ("wit", || wit::run(true)),
    ("floors", floors::run),
    ("licenses and bans", licenses),
    ("clippy", || {
        cargo(["clippy", "--all-targets", "--", "-D", "warnings"]).run()
    }),
    ("clippy for wasm", || {
        cargo([
            "clippy",
            "--package",
            "urlfetch-component",
            "--target",
            WASM,
            "--",
            "-D",
            "warnings",
        ])
        .run()
    }),
    ("test", || test(&[])),
    ("demo", || demo(&[])),
];

/// Runs every step.
pub(crate) fn run() -> Result<(), Failure> {
    ensure_wasm_target()?;
    for (name, step) in STEPS {
        println!("\n== {name}");
        let started = Instant::now();
        step()?;
        println!("== {name}: {:.0} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

/// deny.toml, where the tool for it is installed. Advisories change by the day and without us: they are asked for by hand.
fn licenses() -> Result<(), Failure> {
    if program("cargo-deny").args(["--version"]).probe().is_none() {
        println!("skipped: cargo-deny is not installed (cargo install cargo-deny)");
        return Ok(());
    }
    cargo(["deny", "check", "bans", "licenses", "sources"]).run()
}
