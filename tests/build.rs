//! Builds the guest programs and the examples for wasm32-wasip2, by one nested cargo, and gives each of them a constant.

#[path = "../host/nested_cargo.rs"]
mod nested_cargo;

use nested_cargo::cargo_build;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Packages with a `src/main.rs` are commands; the others are libraries or handlers. All of them become components.
const FOLDERS: [&str; 2] = ["tests/guests", "examples"];
/// They play vectors, which the suite does and no claim; see `src/vectors`.
const PLAYERS: [&str; 2] = ["conformance-app", "vector-player"];
const TARGET: &str = "wasm32-wasip2";

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace");
    for path in ["guest", "wit", "Cargo.toml", "Cargo.lock"]
        .iter()
        .chain(&FOLDERS)
    {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    if let Err(reason) = build(root) {
        println!("cargo::error={reason}");
    }
}

/// One program: its package, and the file that cargo makes of it.
struct Program {
    package: String,
    file: String,
}

fn build(root: &Path) -> Result<(), String> {
    let programs = programs(root)?;
    let target_dir = root.join("target").join("programs");
    let mut cargo = cargo_build(root, &target_dir);
    cargo.args(["--release", "--target", TARGET]);
    for program in &programs {
        cargo.args(["--package", &program.package]);
    }
    let output = cargo
        .output()
        .map_err(|error| format!("cannot run cargo for the guest programs: {error}"))?;
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(
            "the guest programs do not build (is the target wasm32-wasip2 installed?)".into(),
        );
    }
    let made = target_dir.join(TARGET).join("release");
    generate(&programs, &made).map_err(|error| format!("guest programs: {error}"))
}

/// Every package below the folders, in a fixed order.
fn programs(root: &Path) -> Result<Vec<Program>, String> {
    let mut programs = Vec::new();
    for folder in FOLDERS.map(|folder| root.join(folder)) {
        let entries = fs::read_dir(&folder)
            .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            if !path.join("Cargo.toml").exists() {
                continue;
            }
            let package = entry.file_name().to_string_lossy().into_owned();
            let is_command = path.join("src/main.rs").exists();
            let file = match is_command {
                true => format!("{package}.wasm"),
                false => format!("{}.wasm", package.replace('-', "_")),
            };
            programs.push(Program { package, file });
        }
    }
    programs.sort_by(|one, other| one.package.cmp(&other.package));
    Ok(programs)
}

/// Copies every component out of cargo's way and writes its constant: `pub(crate) const JOIN_ALL: &str = "...";`.
fn generate(programs: &[Program], made: &Path) -> std::io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut source = String::new();
    for Program { package, file } in programs {
        fs::copy(made.join(file), out.join(format!("{package}.wasm")))?;
        if PLAYERS.contains(&package.as_str()) {
            // Their constants are in the library.
            continue;
        }
        let name = package.replace('-', "_").to_uppercase();
        source += &format!(
            "/// The component of `{package}`.\npub(crate) const {name}: &str = concat!(env!(\"OUT_DIR\"), \"/{package}.wasm\");\n"
        );
    }
    fs::write(out.join("programs.rs"), source)
}
