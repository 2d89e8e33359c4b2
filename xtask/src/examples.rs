//! `cargo xtask examples`: builds every example and writes what runs, composed where it must be, to target/examples.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::shell::{Failure, cargo, root};
use crate::toolchain::WASM;

/// Where the tests build the same programs: nothing is compiled twice.
const BUILT: &str = "target/programs";
/// What is written.
const WRITTEN: &str = "target/examples";
/// In the bytes of a component that imports ours, and of no other.
const IMPORT: &[u8] = b"urlfetch:rpc/fetch@";

/// One example: its package, and the file that cargo makes of it.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    package: String,
    file: String,
}

/// Builds them all by one cargo; `compose` puts the component into an application.
pub(crate) fn run(compose: impl Fn(&[&str]) -> Result<(), Failure>) -> Result<(), Failure> {
    let metadata = cargo(["metadata", "--quiet", "--no-deps", "--format-version", "1"]).read()?;
    let examples = examples_in(&metadata, &root().join("examples"))
        .filter(|examples| !examples.is_empty())
        .ok_or_else(|| Failure::because("`cargo metadata` names no package in examples/"))?;
    let selected = examples
        .iter()
        .flat_map(|example| ["--package", &example.package]);
    cargo([
        "build",
        "--release",
        "--target",
        WASM,
        "--target-dir",
        BUILT,
    ])
    .args(selected)
    .run()?;
    let folder = root().join(WRITTEN);
    fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
    for example in &examples {
        let built = Path::new(BUILT)
            .join(WASM)
            .join("release")
            .join(&example.file);
        let wasm = fs::read(root().join(&built)).map_err(|error| at(&built, &error))?;
        let written = Path::new(WRITTEN).join(format!("{}.wasm", example.package));
        if wasm.windows(IMPORT.len()).any(|bytes| bytes == IMPORT) {
            compose(&["compose", text(&built)?, "-o", text(&written)?])?;
        } else {
            fs::write(root().join(&written), &wasm).map_err(|error| at(&written, &error))?;
            eprintln!("{}: {} bytes", written.display(), wasm.len());
        }
    }
    Ok(())
}

/// The packages below a folder, by name, from the output of `cargo metadata`.
fn examples_in(metadata: &str, folder: &Path) -> Option<Vec<Example>> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    let packages = metadata["packages"].as_array()?.iter();
    let mut examples = packages
        .filter(|package| {
            let manifest = package["manifest_path"].as_str().map(PathBuf::from);
            manifest.is_some_and(|manifest| manifest.starts_with(folder))
        })
        .map(|package| {
            let target = package["targets"].as_array()?.first()?;
            let file = format!("{}.wasm", target["name"].as_str()?);
            let package = package["name"].as_str()?.to_owned();
            Some(Example { package, file })
        })
        .collect::<Option<Vec<_>>>()?;
    examples.sort_by(|one, other| one.package.cmp(&other.package));
    Some(examples)
}

fn text(path: &Path) -> Result<&str, Failure> {
    path.to_str()
        .ok_or_else(|| Failure::because(format!("{}: is not UTF-8", path.display())))
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    Failure::because(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Example, examples_in};

    #[test]
    fn examples_are_the_packages_below_the_folder_and_their_files() {
        let metadata = r#"{"packages": [
            {"name": "ticker", "manifest_path": "/w/examples/ticker/Cargo.toml", "targets": [{"name": "ticker"}]},
            {"name": "host", "manifest_path": "/w/host/Cargo.toml", "targets": [{"name": "host"}]},
            {"name": "fan-out", "manifest_path": "/w/examples/fan-out/Cargo.toml", "targets": [{"name": "fan_out"}]}
        ]}"#;
        let example = |package: &str, file: &str| Example {
            package: package.into(),
            file: file.into(),
        };
        assert_eq!(
            examples_in(metadata, Path::new("/w/examples")),
            Some(vec![
                example("fan-out", "fan_out.wasm"),
                example("ticker", "ticker.wasm")
            ])
        );
        assert_eq!(examples_in("{}", Path::new("/w/examples")), None);
    }
}
