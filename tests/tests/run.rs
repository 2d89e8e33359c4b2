//! Running a guest program, and the command `urlfetch`.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output as Finished};
use std::sync::OnceLock;
use urlfetch_host::{COMPONENT, Harness, HarnessOptions, Invocation, Output, World};
use urlfetch_tests::FUEL;

/// Runs the component in a file to its end, metered under virtual time.
pub(super) async fn run_file(path: &str, world: World, args: &[&str]) -> Output {
    let wasm = std::fs::read(path).expect("build.rs wrote it");
    run_wasm(&wasm, world, args).await
}

/// Runs a component to its end.
pub(super) async fn run_wasm(wasm: &[u8], world: World, args: &[&str]) -> Output {
    let fuel = matches!(world, World::Scripted(_)).then_some(FUEL);
    let harness = Harness::new(HarnessOptions { fuel }).expect("the component compiles");
    let program = harness
        .program(wasm)
        .expect("it needs nothing but WASI 0.2");
    let args = args.iter().map(ToString::to_string).collect();
    let output = harness
        .run(
            &program,
            world,
            Invocation {
                args,
                env: Vec::new(),
            },
        )
        .await;
    output.expect("it does not trap")
}

/// What a program printed. It must have succeeded.
pub(super) fn lines(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status, &*stderr), (0, ""), "{}", output.text());
    output.text().lines().map(str::to_owned).collect()
}

/// Runs the command `urlfetch`, of the same build as this one.
pub(super) fn urlfetch(args: &[&str]) -> Finished {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let binary = BINARY.get_or_init(|| beside_this().unwrap_or_else(build_urlfetch));
    Command::new(binary).args(args).output().expect("it starts")
}

/// Where `cargo test` puts it, which builds it for the tests of the command itself. None when it is not there, or is another build's:
/// `cargo test --test claims` does not touch it.
fn beside_this() -> Option<PathBuf> {
    let deps = std::env::current_exe().ok()?;
    let name = format!("urlfetch{}", std::env::consts::EXE_SUFFIX);
    let binary = deps.parent()?.parent()?.join(name);
    let component = Command::new(&binary)
        .args(["component", "-o", "-"])
        .output()
        .ok()?;
    (component.stdout == COMPONENT).then_some(binary)
}

/// Not selected by `-p`: this is the selection of `cargo test`, so that nothing is built twice.
fn build_urlfetch() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--bin",
        "urlfetch",
        "--message-format",
        "json",
    ]);
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = cargo.current_dir(root).output().expect("cargo starts");
    let said = String::from_utf8_lossy(&built.stdout);
    let messages = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let binary = messages
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back();
    binary.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&built.stderr)))
}
