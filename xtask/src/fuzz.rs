//! `cargo xtask fuzz`: the fuzz targets, each for a while.

use std::fs;

use crate::shell::{Failure, cargo, root};

/// A fuzz target and the crate that has it.
struct Target {
    name: &'static str,
    folder: &'static str,
}

const CORE: &str = "guest/core/fuzz";
const COMPONENT: &str = "tests/fuzz";

const TARGETS: [Target; 5] = [
    Target {
        name: "operations",
        folder: CORE,
    },
    Target {
        name: "location",
        folder: CORE,
    },
    Target {
        name: "headers",
        folder: CORE,
    },
    Target {
        name: "inflate",
        folder: CORE,
    },
    Target {
        name: "component",
        folder: COMPONENT,
    },
];

/// Fuzzes one target, or each, for so many seconds. Stops at the first finding, which libFuzzer has printed then.
pub(crate) fn run(only: Option<&str>, seconds: u64) -> Result<(), Failure> {
    let chosen: Vec<_> = TARGETS
        .iter()
        .filter(|target| only.is_none_or(|name| name == target.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        return Err(Failure {
            line: Some(format!(
                "fuzz target \"{}\" is none of {}",
                only.unwrap_or_default(),
                names.join(", ")
            )),
            code: 2,
        });
    }
    if chosen.iter().any(|target| target.folder == CORE)
        && cargo(["fuzz", "--version"]).probe().is_none()
    {
        return Err(Failure::because(
            "cargo-fuzz is not installed: cargo install cargo-fuzz --locked (it needs a C++ compiler as well)",
        ));
    }
    for target in chosen {
        println!("\n== fuzz {}: {seconds} s", target.name);
        fuzz(target, seconds)?;
    }
    Ok(())
}

fn fuzz(target: &Target, seconds: u64) -> Result<(), Failure> {
    let Target { name, folder } = target;
    // What is found on the way stays out of the repository; what is in it is only read.
    let found = format!("target/fuzz-corpus/{name}");
    fs::create_dir_all(root().join(&found))
        .map_err(|error| Failure::because(format!("{found}: {error}")))?;
    let corpus = format!("{folder}/corpus/{name}");
    let time = format!("-max_total_time={seconds}");
    let options = [time.as_str(), "-print_final_stats=1", "-timeout=20"];
    if *folder == COMPONENT {
        // Without cargo-fuzz, and so without coverage of wasmtime, which would take half an hour to compile: the target tells
        // libFuzzer itself what it has seen.
        let manifest = format!("{folder}/Cargo.toml");
        let artifacts = format!("-artifact_prefix={folder}/artifacts/");
        fs::create_dir_all(root().join(folder).join("artifacts"))
            .map_err(|error| Failure::because(format!("{folder}/artifacts: {error}")))?;
        return cargo(["run", "--target-dir", "target", "--manifest-path"])
            .args([manifest.as_str(), "--"])
            .args(options)
            .args([artifacts.as_str(), found.as_str(), corpus.as_str()])
            .run();
    }
    // No sanitizer: core forbids `unsafe`, and a sanitizer needs a nightly toolchain.
    cargo(["fuzz", "run", "--sanitizer", "none"])
        .args(["--fuzz-dir", folder, "--target-dir", "target/fuzz"])
        .args([*name, found.as_str(), corpus.as_str(), "--"])
        .args(options)
        .run()
}
