//! `cargo xtask ci`: what CI runs, step by step, stopping at the first failure.

use std::time::Instant;

use crate::shell::{Failure, cargo, program};
use crate::toolchain::{WASM, ensure_wasm_target};
use crate::{bench, demo, floors, fuzz, hosts, soak, tasks_kill, test, tidy, wit};

/// A step's name and what it does.
type Step = (&'static str, fn() -> Result<(), Failure>);

/// The component, whose build must not be mixed with others: they would give the client the feature `std`.
const COMPONENT: &str = "urlfetch-component";

/// Cheap steps first. Clippy comes before the tests because it finds in one minute what they would find in ten.
const STEPS: [Step; 12] = [
    ("format", || {
        cargo(["fmt", "--all", "--check"]).run()?;
        // These are workspaces of their own.
        for manifest in ["guest/core/fuzz/Cargo.toml", "tests/fuzz/Cargo.toml"] {
            cargo(["fmt", "--check", "--manifest-path", manifest]).run()?;
        }
        Ok(())
    }),
    ("tidy", tidy::run),
    ("wit", || wit::run(true)),
    ("floors", floors::run),
    ("licenses and bans", licenses),
    ("clippy", || {
        cargo(["clippy", "--all-targets", "--", "-D", "warnings"]).run()
    }),
    ("clippy for the component", || {
        clippy_for_wasm(&[COMPONENT.to_owned()])
    }),
    ("clippy for guest programs and examples", || {
        clippy_for_wasm(&programs()?)
    }),
    ("test", || test(&[])),
    ("exact counts", || bench::run(&["--check".to_owned()])),
    ("vectors on hosts of others", || hosts::run(&[])),
    ("demo", || demo(&[])),
];

/// What `--long` adds.
const LONG_STEPS: [Step; 6] = [
    (
        "format and clippy for the peers of the benchmark",
        bench::lint,
    ),
    ("corpus", || {
        cargo(["test", "--target-dir", "target/fuzz", "--manifest-path"])
            .args(["guest/core/fuzz/Cargo.toml"])
            .run()
    }),
    ("fuzz", || fuzz::run(None, 60)),
    ("soak", || soak(&["--fetches".into(), "100000".into()])),
    ("kills", || tasks_kill(&[])),
    ("kills of two hosts and their database", || {
        tasks_kill(&["--postgres".into(), "--kills".into(), "200".into()])
    }),
];

/// Runs every step; when it may take long, those that do as well.
pub(crate) fn run(long: bool) -> Result<(), Failure> {
    ensure_wasm_target()?;
    let more: &[Step] = if long { &LONG_STEPS } else { &[] };
    for (name, step) in STEPS.iter().chain(more) {
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

fn clippy_for_wasm(packages: &[String]) -> Result<(), Failure> {
    if packages.is_empty() {
        // Without a selection cargo takes the default members, which are not for wasm.
        return Ok(());
    }
    let selected = packages.iter().flat_map(|package| ["--package", package]);
    cargo(["clippy", "--target", WASM])
        .args(selected)
        .args(["--", "-D", "warnings"])
        .run()
}

/// The members of the workspace that are built for wasm only, the component left out.
fn programs() -> Result<Vec<String>, Failure> {
    let metadata = cargo(["metadata", "--quiet", "--no-deps", "--format-version", "1"]).read()?;
    let programs = beside_the_default(&metadata).ok_or_else(|| {
        Failure::because("`cargo metadata` does not name the members of the workspace")
    })?;
    Ok(programs
        .into_iter()
        .filter(|package| package != COMPONENT)
        .collect())
}

/// The packages that a plain `cargo build` leaves out, from the output of `cargo metadata`.
fn beside_the_default(metadata: &str) -> Option<Vec<String>> {
    let metadata: serde_json::Value = serde_json::from_str(metadata).ok()?;
    let default = metadata["workspace_default_members"].as_array()?;
    let packages = metadata["packages"].as_array()?.iter();
    let others = packages.filter(|package| !default.contains(&package["id"]));
    others
        .map(|package| Some(package["name"].as_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::beside_the_default;

    #[test]
    fn what_a_plain_build_leaves_out_is_found() {
        let metadata = r#"{
            "packages": [{"id": "1", "name": "host"}, {"id": "2", "name": "ticker"}],
            "workspace_default_members": ["1"]
        }"#;
        assert_eq!(
            beside_the_default(metadata),
            Some(vec!["ticker".to_owned()])
        );
        assert_eq!(beside_the_default("{}"), None);
    }
}
