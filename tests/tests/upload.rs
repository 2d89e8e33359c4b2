//! Uploads: what arrives is what was sent, and an origin need not wait for the end of it.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use urlfetch_host::bindings::types::Request;
use urlfetch_host::{Loopback, Reply, Scripted, Upload, World, run_in_virtual_time};
use urlfetch_tests::{Instance, RawOrigin, on_sockets, request};

/// The most that a request may have, its URL and headers included (semantics.md 12.2); they have far less than a kilobyte here.
const LARGEST: usize = (10 << 20) - 1_024;

/// Text in which every position shows.
fn text(length: usize) -> Vec<u8> {
    let mut text: Vec<u8> = (0..length / 8 + 1)
        .flat_map(|n| format!("{n:07} ").into_bytes())
        .collect();
    text.truncate(length);
    text
}

fn post(url: &str, length: usize) -> Request {
    let mut request = request("POST", url);
    request.payload = Some(text(length));
    request
}

async fn every_length_is_echoed(mut instance: Instance) {
    let origin = Loopback::start().await.unwrap();
    let client = instance.client().await;
    for length in [1, 4_097, (2 << 20) + 1, LARGEST] {
        let sent = post(&origin.url("/echo"), length);
        let response = instance.fetch(client, &sent, Some(30.0)).await.unwrap();
        let echo: Value = serde_json::from_slice(&response.content).unwrap();
        assert_eq!(echo["method"], "POST");
        let headers = echo["headers"].as_array().unwrap();
        let lengths: Vec<_> = headers
            .iter()
            .filter(|header| header[0] == "content-length")
            .map(|header| &header[1])
            .collect();
        assert_eq!(lengths, [&Value::from(length.to_string())]);
        // Not by assert_eq: nobody reads ten megabytes.
        assert!(
            echo["body"].as_str().unwrap().as_bytes() == text(length),
            "{length} bytes came back as others"
        );
    }
}

#[test]
fn every_length_arrives_as_sent() {
    on_sockets(|| async { every_length_is_echoed(Instance::pooled().await).await });
}

#[test]
fn every_length_arrives_as_sent_by_the_stock_sender() {
    on_sockets(|| async { every_length_is_echoed(Instance::new(World::Stock).await).await });
}

#[test]
fn several_uploads_move_while_one_is_waited_for() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let mut instance = Instance::pooled().await;
        let client = instance.client().await;
        let mut rpcs = Vec::new();
        for _ in 0..5 {
            let rpc = instance.rpc(client, Some(30.0)).await;
            instance
                .start(rpc, &post(&origin.url("/echo"), 3 << 20))
                .await
                .unwrap();
            rpcs.push(rpc);
        }
        // The last first: the others must not need to be waited for.
        for rpc in rpcs.into_iter().rev() {
            let response = instance.into_result(rpc).await.unwrap();
            assert!(response.content.len() > 3 << 20);
        }
    });
}

async fn an_early_answer_is_taken(mut instance: Instance) {
    let origin = RawOrigin::start(|mut stream| async move {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly")
            .await?;
        let mut rest = vec![0; 65_536];
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    })
    .await
    .unwrap();
    let client = instance.client().await;
    let response = instance
        .fetch(client, &post(&origin.url("/"), LARGEST), Some(30.0))
        .await
        .unwrap();
    assert_eq!(
        (response.status, response.content.as_slice()),
        (200, b"early".as_slice())
    );
}

#[test]
fn an_origin_that_answers_early_and_reads_on_is_heard() {
    on_sockets(|| async { an_early_answer_is_taken(Instance::pooled().await).await });
}

#[test]
fn an_origin_that_answers_early_and_reads_on_is_heard_by_the_stock_sender() {
    on_sockets(|| async { an_early_answer_is_taken(Instance::new(World::Stock).await).await });
}

#[test]
fn an_origin_that_answers_and_never_reads_is_heard_at_once() {
    run_in_virtual_time(async {
        let origin = Scripted::new().on("*", Reply::status(413).upload(Upload::Never));
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        let start = tokio::time::Instant::now();
        let response = instance
            .fetch(client, &post("http://a.test/", LARGEST), Some(30.0))
            .await
            .unwrap();
        assert_eq!(response.status, 413);
        assert!(start.elapsed().as_secs() < 1, "{:?}", start.elapsed());
        assert!(!origin.requests()[0].body_complete);
    });
}

#[test]
fn a_payload_of_a_get_is_not_sent() {
    run_in_virtual_time(async {
        let origin = Scripted::new();
        let mut instance = Instance::scripted(&origin).await;
        let client = instance.client().await;
        for method in ["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"] {
            let mut sent = post("http://a.test/", 5);
            sent.method = method.to_owned();
            instance.fetch(client, &sent, None).await.unwrap();
        }
        let received: Vec<_> = origin
            .requests()
            .iter()
            .map(|request| request.body.len())
            .collect();
        assert_eq!(received, [0, 0, 0, 5, 5, 5]);
    });
}
