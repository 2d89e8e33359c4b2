//! Composing: components that import the fetch interface, with one instance of ours for all of them.

use super::run::{composed, lines, run_wasm};
use crate::programs;
use std::time::Duration;
use urlfetch_host::{Loopback, Reply, Scripted, Sender, SenderOptions, World, run_in_virtual_time};
use urlfetch_tests::on_sockets;
use wit_parser::decoding::{DecodedWasm, decode};

/// The names on one side of a component.
pub(super) fn names(wasm: &[u8]) -> (Vec<String>, Vec<String>) {
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
    let wasm = composed(programs::IMPORTER, &[]);
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
    let wasm = composed(programs::IMPORTER, &[]);
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
    let wasm = composed(programs::SHARING_APP, &[programs::SHARING_LIBRARY]);
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
    let (imports, exports) = names(&composed(programs::FAN_OUT, &[]));
    assert!(
        imports.iter().all(|import| import.starts_with("wasi:")),
        "{imports:?}"
    );
    assert_eq!(exports, ["wasi:http/incoming-handler@0.2.0"]);
}
