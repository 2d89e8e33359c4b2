//! The commands that write components, and the one that hands over to the judge of hosts.

use super::{command, file, ran, urlfetch};
use std::path::PathBuf;
use std::process::Command;
use urlfetch_host::{COMPONENT, Part, compose};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

#[test]
fn component_writes_what_the_library_carries() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("urlfetch.wasm");
    let ran = urlfetch(&["component", "-o", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(
        ran.stderr.contains(" bytes, ") && ran.stderr.contains(" gzipped"),
        "{}",
        ran.stderr
    );
    assert_eq!(std::fs::read(&path).unwrap(), COMPONENT);
    let piped = command().args(["component", "-o", "-"]).output().unwrap();
    assert_eq!(piped.stdout, COMPONENT);
}

/// A component that uses what an application includes, and does nothing.
fn application() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir("../wit").unwrap();
    let world = resolve.select_world(&[package], Some("imports")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).unwrap().encode().unwrap()
}

#[test]
fn compose_writes_what_the_library_composes() {
    let app = file("application.wasm", &application());
    let app = app.to_str().unwrap();
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("whole.wasm");
    let composed = urlfetch(&["compose", app, "-o", out.to_str().unwrap()]);
    assert_eq!((composed.code, composed.stdout.as_str()), (0, ""));
    let part = Part {
        name: app.to_owned(),
        bytes: application(),
    };
    let whole = compose(part, Vec::new()).unwrap();
    assert_eq!(std::fs::read(out).unwrap(), whole);
    assert!(composed.stderr.ends_with(" bytes\n"), "{}", composed.stderr);
}

#[test]
fn compose_refuses_in_one_line_what_it_cannot_compose() {
    let text = file("no-component.wasm", b"hello");
    let module = file("module.wasm", b"\0asm\x01\0\0\0");
    let ours = file("ours.wasm", COMPONENT);
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("never-written.wasm");
    let out = out.to_str().unwrap();
    let compose = |app: &str| urlfetch(&["compose", app, "-o", out]);
    assert!(
        compose("no/such.wasm")
            .refused()
            .starts_with("APP 'no/such.wasm': ")
    );
    assert!(
        compose(text.to_str().unwrap())
            .refused()
            .ends_with("is not a WebAssembly component")
    );
    assert!(
        compose(module.to_str().unwrap())
            .refused()
            .contains("is a core module")
    );
    assert!(
        compose(ours.to_str().unwrap())
            .refused()
            .ends_with("imports no urlfetch:rpc")
    );
    assert!(!std::path::Path::new(out).exists());
}

/// This command in a folder of its own, under these names.
fn alone(folder: &str, names: &[&str]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let here = env!("CARGO_BIN_EXE_urlfetch");
    let place = |name: &&str| {
        let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        // Left by an earlier run, and perhaps of an earlier build.
        let _ = std::fs::remove_file(&path);
        std::fs::hard_link(here, &path).unwrap();
        path
    };
    let placed: Vec<_> = names.iter().map(place).collect();
    placed[0].clone()
}

#[test]
fn conformance_hands_over_to_the_judge_beside_it() {
    // Any program will do for the judge: this one shows that arguments, output and exit code are the other's.
    let urlfetch = alone("with-judge", &["urlfetch", "urlfetch-conformance"]);
    let judge = |args: &[&str]| {
        let mut command = Command::new(&urlfetch);
        ran(command.arg("conformance").args(args).output().unwrap())
    };
    let helped = judge(&["component", "--help"]);
    assert_eq!(helped.code, 0);
    assert!(helped.stdout.contains("Write the urlfetch component"));
    assert!(judge(&["--sing"]).refused().contains("--sing"));
}

#[test]
fn conformance_without_the_judge_says_how_to_install_it() {
    let urlfetch = alone("without-judge", &["urlfetch"]);
    let mut command = Command::new(urlfetch);
    let ran = ran(command.arg("conformance").env("PATH", "").output().unwrap());
    assert!(ran.refused().contains("cargo install --path tests"));
}
