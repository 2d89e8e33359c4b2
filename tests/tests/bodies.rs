//! Bodies that are decoded, cut, and not there at all.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use urlfetch_host::bindings::types::{ErrorKind, Phase, Response};
use urlfetch_host::{Loopback, Reply, Scripted, Step, run_in_virtual_time};
use urlfetch_tests::{Instance, on_sockets, request};

const URL: &str = "http://a.test/";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The values of a header, as text.
fn values<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    let lines = response.headers.iter().filter(|(line, _)| line == name);
    lines
        .map(|(_, value)| std::str::from_utf8(value).unwrap())
        .collect()
}

#[test]
fn gzip_is_decoded_and_no_longer_announced() {
    run_in_virtual_time(async {
        let content: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        let packed = gzip(&content);
        let reply = Reply::default()
            .header("content-encoding", "gzip")
            .header("content-length", &packed.len().to_string());
        // In pieces that end anywhere.
        let reply = packed
            .chunks(1_237)
            .fold(reply, |reply, piece| reply.then(Step::Bytes(piece.into())));
        let origin = Scripted::new().on("*", reply);
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        let rpc = instance.get(client, URL, None).await;
        let response = instance.result(rpc).await.unwrap();
        assert!(response.content == content);
        assert_eq!(values(&response, "content-encoding"), [""; 0]);
        assert_eq!(
            values(&response, "content-length"),
            [content.len().to_string()]
        );
        assert_eq!(instance.received(rpc).await, content.len() as u64);
        assert_eq!(origin.requests()[0].headers["accept-encoding"], "gzip");
    });
}

#[test]
fn a_caller_who_asks_for_an_encoding_gets_it_as_it_is() {
    run_in_virtual_time(async {
        let packed = gzip(b"hello");
        let reply = Reply::ok(packed.clone()).header("content-encoding", "gzip");
        let origin = Scripted::new().on("*", reply);
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        let mut asked = request("GET", URL);
        asked.headers = vec![("Accept-Encoding".into(), b"gzip, br".to_vec())];
        let response = instance.fetch(client, &asked, None).await.unwrap();
        assert_eq!(
            (
                response.content,
                &origin.requests()[0].headers["accept-encoding"]
            ),
            (packed, &"gzip, br".parse().unwrap())
        );
    });
}

#[test]
fn gzip_that_is_corrupt_or_cut_is_a_malformed_reply() {
    run_in_virtual_time(async {
        let whole = gzip(&[7; 10_000]);
        let mut corrupt = whole.clone();
        corrupt[12] ^= 0xff;
        for body in [
            corrupt,
            whole[..whole.len() - 1].to_vec(),
            b"not gzip at all".to_vec(),
        ] {
            let reply = Reply::ok(body).header("content-encoding", "gzip");
            let mut instance = Instance::scripted(&Scripted::new().on("*", reply)).await;
            let client = instance.client().await;
            let error = instance
                .fetch(client, &request("GET", URL), None)
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind, error.phase),
                (ErrorKind::MalformedReply, Phase::Decode),
                "{error:?}"
            );
        }
    });
}

#[test]
fn content_is_cut_where_the_caller_allows_it() {
    run_in_virtual_time(async {
        let mut replies = vec![Reply::ok("0123456789")];
        replies.push(Reply::ok(gzip(b"0123456789")).header("content-encoding", "gzip"));
        for reply in replies {
            let mut instance = Instance::scripted(&Scripted::new().on("*", reply)).await;
            let client = instance.client().await;
            instance.set_max_response(client, 4).await.unwrap();
            let mut asked = request("GET", URL);
            let error = instance.fetch(client, &asked, None).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::ResponseTooLarge);
            asked.allow_truncated = true;
            let allowed = instance.fetch(client, &asked, None).await.unwrap();
            for response in [error.response.unwrap(), allowed] {
                assert_eq!(
                    (response.content.as_slice(), response.was_truncated),
                    (b"0123".as_slice(), true)
                );
            }
        }
    });
}

#[test]
fn content_of_exactly_the_limit_is_whole() {
    run_in_virtual_time(async {
        let mut instance = Instance::scripted(&Scripted::new().on("*", Reply::ok("0123"))).await;
        let client = instance.client().await;
        instance.set_max_response(client, 4).await.unwrap();
        let response = instance
            .fetch(client, &request("GET", URL), None)
            .await
            .unwrap();
        assert_eq!(
            (response.content.as_slice(), response.was_truncated),
            (b"0123".as_slice(), false)
        );
    });
}

#[test]
fn the_default_limit_is_32_mib_to_the_byte() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/fits", Reply::default().then(Step::Zeros(1 << 25)))
            .on("/over", Reply::default().then(Step::Zeros((1 << 25) + 1)));
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        let fits = instance
            .fetch(client, &request("GET", "http://a.test/fits"), None)
            .await
            .unwrap();
        assert_eq!((fits.content.len(), fits.was_truncated), (1 << 25, false));
        let over = instance
            .fetch(client, &request("GET", "http://a.test/over"), None)
            .await
            .unwrap_err();
        let cut = over.response.unwrap();
        assert_eq!(
            (over.kind, cut.content.len(), cut.was_truncated),
            (ErrorKind::ResponseTooLarge, 1 << 25, true)
        );
    });
}

#[test]
fn a_head_request_has_the_length_and_no_content() {
    run_in_virtual_time(async {
        let reply = Reply::default()
            .header("content-length", "12345")
            .header("content-encoding", "gzip");
        let mut instance = Instance::scripted(&Scripted::new().on("*", reply)).await;
        let client = instance.client().await;
        let response = instance
            .fetch(client, &request("HEAD", URL), None)
            .await
            .unwrap();
        assert_eq!((response.status, response.content.len()), (200, 0));
        assert_eq!(values(&response, "content-length"), ["12345"]);
    });
}

#[test]
fn a_204_and_a_304_have_no_content_and_a_404_is_an_answer() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/204", Reply::status(204))
            .on("/304", Reply::status(304).header("content-length", "99"))
            .on("/404", Reply::status(404).then(Step::Text("gone".into())));
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        for (status, length) in [(204, 0), (304, 0), (404, 4)] {
            let asked = request("GET", &format!("{URL}{status}"));
            let response = instance.fetch(client, &asked, None).await.unwrap();
            assert_eq!((response.status, response.content.len()), (status, length));
        }
    });
}

#[test]
fn real_bodies_are_decoded_empty_and_whole() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let mut instance = Instance::pooled().await;
        let client = instance.client().await;
        for (method, path, status, length) in [
            ("GET", "/gzip/1000000", 200, 1_000_000),
            ("GET", "/bytes/3000000", 200, 3_000_000),
            ("GET", "/bytes/0", 200, 0),
            ("HEAD", "/bytes/1024", 200, 0),
            ("GET", "/status/204", 204, 0),
            ("GET", "/status/304", 304, 0),
            ("GET", "/redirect/3", 200, 8),
        ] {
            let response = instance
                .fetch(client, &request(method, &origin.url(path)), Some(30.0))
                .await
                .unwrap();
            assert_eq!(
                (response.status, response.content.len()),
                (status, length),
                "{method} {path}"
            );
        }
    });
}

#[test]
fn a_real_body_that_breaks_off_is_no_success() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let mut instance = Instance::pooled().await;
        let client = instance.client().await;
        let error = instance
            .fetch(
                client,
                &request("GET", &origin.url("/cut/1000")),
                Some(30.0),
            )
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.phase),
            (ErrorKind::ConnectionClosed, Phase::Body)
        );
    });
}
