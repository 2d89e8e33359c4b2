//! What is too much: requests at once, and bodies.

use super::client::ask;
use super::{RequestOutcome, Served, Serving, on_sockets};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[test]
fn who_finds_no_place_is_asked_to_come_again() {
    on_sockets(|| async {
        let mut serving = Serving::ordinary();
        serving.instances = 1;
        let served = serving.start().await;
        let mut first = TcpStream::connect(served.address).await.unwrap();
        first
            .write_all(b"GET /stall HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        while served.journal.live().is_empty() {
            tokio::task::yield_now().await;
        }
        let answer = served.get("/hello").await;
        assert_eq!(answer.status, 503);
        assert!(
            answer.head.contains("retry-after: 1\r\n"),
            "{}",
            answer.head
        );
        assert_eq!(served.outcome(1).await.0, RequestOutcome::Refused);
        drop(first);
        served.ended(2).await;
        assert_eq!(served.get("/hello").await.status, 200);
    });
}

#[test]
fn as_many_instances_live_at_once_as_were_asked_for() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        let mut waiting = Vec::new();
        for count in 1..=16 {
            let mut stream = TcpStream::connect(served.address).await.unwrap();
            stream
                .write_all(b"GET /stall HTTP/1.1\r\nHost: a\r\n\r\n")
                .await
                .unwrap();
            waiting.push(stream);
            while served.journal.live().len() < count {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(served.get("/hello").await.status, 503);
        assert_eq!(served.journal.ended().len(), 1, "none of them failed");
    });
}

fn upload(length: usize) -> Vec<u8> {
    let mut said = format!(
        "POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    said.resize(said.len() + length, b'x');
    said
}

#[test]
fn a_body_arrives_whole() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        for length in [0, 1, 3_000_000] {
            let answer = ask(served.address, upload(length)).await;
            assert_eq!(
                (answer.status, answer.text()),
                (200, &*format!("{length}\n"))
            );
        }
    });
}

#[test]
fn a_body_that_is_too_large_is_refused_or_fails_for_the_application() {
    on_sockets(|| async {
        let mut serving = Serving::ordinary();
        serving.options.max_body = 1_000;
        let served = serving.start().await;
        assert_eq!(ask(served.address, upload(1_000)).await.text(), "1000\n");
        assert_eq!(ask(served.address, upload(1_001)).await.status, 413);
        assert_eq!(served.outcome(2).await.0, RequestOutcome::Refused);
        // Nobody says how large it will be.
        let chunked = format!(
            "POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
            "x".repeat(1_001)
        );
        let answer = ask(served.address, chunked).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains("body size"), "{}", answer.text());
    });
}
