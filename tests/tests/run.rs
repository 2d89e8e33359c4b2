//! Running a guest program, as it is or composed.

use urlfetch_host::{Harness, HarnessOptions, Invocation, Output, Part, World, compose};
use urlfetch_tests::FUEL;

/// What lets an example fetch from this machine.
pub(super) const ALLOW_PRIVATE: (&str, &str) = ("URLFETCH_ALLOW_PRIVATE", "1");

/// Runs the component in a file to its end, metered under virtual time.
pub(super) async fn run_file(path: &str, world: World, args: &[&str]) -> Output {
    let wasm = std::fs::read(path).expect("build.rs wrote it");
    run_wasm(&wasm, world, args).await
}

/// Runs a component to its end.
pub(super) async fn run_wasm(wasm: &[u8], world: World, args: &[&str]) -> Output {
    run(wasm, world, Invocation::new(args.iter().copied())).await
}

/// Runs a component to its end, with an environment.
pub(super) async fn run(wasm: &[u8], world: World, invocation: Invocation) -> Output {
    let fuel = matches!(world, World::Scripted(_)).then_some(FUEL);
    let harness = Harness::new(HarnessOptions { fuel }).expect("the component compiles");
    let program = harness
        .program(wasm)
        .expect("it needs nothing but WASI 0.2");
    let output = harness.run(&program, world, invocation).await;
    output.expect("it does not trap")
}

/// What a program printed. It must have succeeded.
pub(super) fn lines(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status, &*stderr), (0, ""), "{}", output.text());
    output.text().lines().map(str::to_owned).collect()
}

/// An application and its libraries, from their files, with one instance of our component.
pub(super) fn composed(app: &str, libs: &[&str]) -> Vec<u8> {
    let part = |path: &str| Part {
        name: path.to_owned(),
        bytes: std::fs::read(path).expect("build.rs wrote it"),
    };
    let libs = libs.iter().map(|path| part(path)).collect();
    compose(part(app), libs).unwrap_or_else(|error| panic!("{error}"))
}
