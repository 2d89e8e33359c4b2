//! `urlfetch compose`: components that import the fetch interface, with one instance of ours for all of them.

use super::run::{lines, run_wasm, urlfetch};
use crate::programs;
use std::path::PathBuf;
use std::time::Duration;
use urlfetch_host::{Loopback, Reply, Scripted, Sender, SenderOptions, World, run_in_virtual_time};
use urlfetch_tests::on_sockets;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{ManglingAndAbi, Resolve};

/// A file of its own for one claim.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Composes the parts into a file of this name.
fn composed(name: &str, parts: &[&str]) -> Vec<u8> {
    let out = file(name);
    let mut args = vec!["compose"];
    args.extend(parts);
    args.extend(["-o", out.to_str().unwrap()]);
    let finished = urlfetch(&args);
    let stderr = String::from_utf8_lossy(&finished.stderr);
    assert!(finished.status.success(), "{stderr}");
    std::fs::read(out).unwrap()
}

/// Composes, expecting the one line that says why not.
fn refused(parts: &[&str]) -> String {
    let out = file("never-written.wasm");
    let mut args = vec!["compose"];
    args.extend(parts);
    args.extend(["-o", out.to_str().unwrap()]);
    let finished = urlfetch(&args);
    let stderr = String::from_utf8(finished.stderr).unwrap();
    assert_eq!(
        (finished.status.code(), stderr.lines().count()),
        (Some(2), 1),
        "{stderr}"
    );
    stderr
}

/// The names on one side of a component.
fn names(wasm: &[u8]) -> (Vec<String>, Vec<String>) {
    let decoded = decode(wasm).unwrap();
    let DecodedWasm::Component(resolve, world) = &decoded else {
        panic!("a WIT package, and no component");
    };
    let world = &resolve.worlds[*world];
    let names = |keys: &mut dyn Iterator<Item = &wit_parser::WorldKey>| {
        keys.map(|key| resolve.name_world_key(key)).collect()
    };
    (
        names(&mut world.imports.keys()),
        names(&mut world.exports.keys()),
    )
}

#[test]
fn an_application_runs_its_callbacks_in_the_order_of_the_answers() {
    let wasm = composed("importer.wasm", &[programs::IMPORTER]);
    assert!(
        names(&wasm)
            .0
            .iter()
            .all(|import| import.starts_with("wasi:")),
        "{:?}",
        names(&wasm).0
    );
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/slow", Reply::ok("slow").after(Duration::from_millis(95)))
            .on("/quick", Reply::ok("hi"))
            .on("/silent", Reply::silence());
        let urls = [
            "http://a.test/slow",
            "http://a.test/quick",
            "not a url",
            "http://a.test/gone",
        ];
        let output = run_wasm(&wasm, World::Scripted(origin), &urls).await;
        let gone = "nothing is scripted for GET http://a.test/gone\n".len();
        let mut printed = lines(&output);
        // What has no answer to wait for finishes at once, in an order that nobody promises.
        printed[..3].sort();
        printed[4..7].sort();
        assert_eq!(
            printed,
            [
                &format!("wait-any http://a.test/gone: 404, {gone} bytes"),
                "wait-any http://a.test/quick: 200, 2 bytes",
                "wait-any not a url: invalid-url",
                "wait-any http://a.test/slow: 200, 4 bytes",
                &format!("turn http://a.test/gone: 404, {gone} bytes"),
                "turn http://a.test/quick: 200, 2 bytes",
                "turn not a url: invalid-url",
                "turn http://a.test/slow: 200, 4 bytes",
                "ticks: 9",
            ]
        );
    });
}

#[test]
fn an_application_fetches_a_hundred_urls_over_real_sockets() {
    let wasm = composed("importer-on-sockets.wasm", &[programs::IMPORTER]);
    on_sockets(|| async move {
        let origin = Loopback::start().await.unwrap();
        let url = origin.url("/bytes/1024");
        let world = World::Pooled(Sender::new(SenderOptions::default()).unwrap());
        let output = run_wasm(&wasm, world, &[url.as_str(); 100]).await;
        let printed = lines(&output);
        let whole = printed
            .iter()
            .filter(|line| line.ends_with(": 200, 1024 bytes"))
            .count();
        assert_eq!((whole, printed.len()), (200, 201), "{printed:?}");
    });
}

#[test]
fn a_library_and_an_application_share_an_rpc() {
    let wasm = composed(
        "sharing.wasm",
        &[programs::SHARING_APP, programs::SHARING_LIBRARY],
    );
    run_in_virtual_time(async {
        let origin = Scripted::new().on("*", Reply::ok("hello").after(Duration::from_millis(10)));
        let output = run_wasm(&wasm, World::Scripted(origin.clone()), &["http://a.test/"]).await;
        assert_eq!(
            lines(&output),
            [
                "theirs: Waited::Finished(Finished { index: 0, callback-due: true })",
                "theirs: Ok(200)",
                "own, finished by the library: 200",
                "ids: true, kept: true",
            ]
        );
        assert_eq!(origin.requests().len(), 2);
    });
}

#[test]
fn a_handler_is_composed_and_still_a_handler() {
    let (imports, exports) = names(&composed("fan-out.wasm", &[programs::FAN_OUT]));
    assert!(
        imports.iter().all(|import| import.starts_with("wasi:")),
        "{imports:?}"
    );
    assert_eq!(exports, ["wasi:http/incoming-handler@0.2.0"]);
}

#[test]
fn another_version_is_one_line_that_names_both() {
    let mut resolve = Resolve::default();
    let theirs = "package urlfetch:rpc@0.3.0; interface fetch { progress: func(); }";
    resolve.push_str("rpc.wit", theirs).unwrap();
    let app =
        "package test:app; world app { import urlfetch:rpc/fetch@0.3.0; export run: func(); }";
    let package = resolve.push_str("app.wit", app).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let wasm = ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap();
    let app = file("next-generation.wasm");
    std::fs::write(&app, wasm).unwrap();
    let app = app.to_str().unwrap();
    let line = refused(&[app]);
    assert_eq!(
        line.trim_end(),
        format!(
            "urlfetch: APP '{app}': imports urlfetch:rpc/fetch@0.3.0, but this component is urlfetch:rpc@0.2.0"
        )
    );
}

#[test]
fn a_missing_part_is_one_line() {
    let line = refused(&["no-such-file.wasm"]);
    assert!(
        line.starts_with("urlfetch: APP 'no-such-file.wasm': "),
        "{line}"
    );
}
