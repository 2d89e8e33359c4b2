//! Builds the components that this crate embeds: a nested cargo for each, for wasm32-wasip2, then the custom sections off.

mod nested_cargo;

use nested_cargo::cargo_build;
use std::path::{Path, PathBuf};
use std::{env, fs};
use wasm_encoder::{RawSection, Section};
use wasmparser::{Parser, Payload};

const TARGET: &str = "wasm32-wasip2";
/// Their packages, and what they are called here. Not by one cargo: it would give the first one features that only the second wants.
const COMPONENTS: [(&str, &str); 2] = [
    ("urlfetch-component", "urlfetch.wasm"),
    ("urlfetch-deferred-component", "urlfetch-deferred.wasm"),
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("host/ lies in the workspace");
    for path in ["guest", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for (package, name) in COMPONENTS {
        let out = out.join(name);
        let built = build(root, package).and_then(|wasm| {
            let stripped = strip(&wasm)
                .map_err(|error| format!("the component is not well-formed: {error}"))?;
            fs::write(&out, stripped)
                .map_err(|error| format!("cannot write {}: {error}", out.display()))
        });
        if let Err(reason) = built {
            // One line that cargo prints as an error of its own, and no dump of this script.
            println!("cargo::error={reason}");
        }
    }
}

/// Runs the nested cargo and reads what it made.
fn build(root: &Path, package: &str) -> Result<Vec<u8>, String> {
    let target_dir = root.join("target").join("component");
    let mut command = cargo_build(root, &target_dir);
    command.args(["--package", package]);
    command.args(["--profile", "component", "--target", TARGET]);
    let output = command
        .output()
        .map_err(|error| format!("cannot run cargo for the component: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        // rustc's words when a target was never installed.
        if said.contains("target may not be installed")
            || said.contains("can't find crate for `core`")
        {
            return Err(format!(
                "the target {TARGET} is missing: run `rustup target add {TARGET}` (or `cargo xtask demo`)"
            ));
        }
        // Cargo shows all of this, for this script has failed.
        eprintln!("{said}");
        std::process::exit(1);
    }
    let wasm = target_dir
        .join(TARGET)
        .join("component")
        .join(format!("{}.wasm", package.replace('-', "_")));
    fs::read(&wasm).map_err(|error| format!("cannot read {}: {error}", wasm.display()))
}

/// The component or module without custom sections, in what is nested as well: they carry names and producers, nothing that runs.
fn strip(wasm: &[u8]) -> Result<Vec<u8>, wasmparser::BinaryReaderError> {
    // Preamble: magic, version, layer.
    let mut out = wasm.get(..8).unwrap_or(wasm).to_vec();
    let mut end_of_nested = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::CustomSection(_) => continue,
            // Everything inside a nested one was dealt with when its section was met.
            _ if payload
                .as_section()
                .is_some_and(|(_, range)| range.start < end_of_nested) =>
            {
                continue;
            }
            Payload::ModuleSection {
                unchecked_range, ..
            }
            | Payload::ComponentSection {
                unchecked_range, ..
            } => {
                end_of_nested = unchecked_range.end;
                let id = if matches!(payload, Payload::ModuleSection { .. }) {
                    1
                } else {
                    4
                };
                let data = strip(&wasm[unchecked_range.clone()])?;
                append(&mut out, id, &data);
            }
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    append(&mut out, id, &wasm[range]);
                }
            }
        }
    }
    Ok(out)
}

fn append(out: &mut Vec<u8>, id: u8, data: &[u8]) {
    let section = RawSection { id, data };
    out.push(Section::id(&section));
    wasm_encoder::Encode::encode(&section, out);
}
