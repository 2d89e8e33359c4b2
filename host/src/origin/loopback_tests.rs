//! The loopback origin, through the pooled sender.

use crate::{Fault, Loopback, Sender, SenderOptions};
use http_body_util::{BodyExt, Empty};
use std::future::Future;
use wasmtime_wasi_http::WasiBody;

fn get(url: &str) -> http::Request<WasiBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    http::Request::get(url).body(body).unwrap()
}

/// Runs on real sockets.
fn on_loopback<F: Future>(test: impl FnOnce(Loopback, Sender) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let sender = Sender::new(SenderOptions::default()).unwrap();
        test(Loopback::start().await.unwrap(), sender).await
    })
}

#[test]
fn every_path_of_a_loopback_origin_answers_as_its_table_says() {
    on_loopback(|origin, sender| async move {
        let answer = async |path: &str| {
            let response = sender.send(get(&origin.url(path)), None).await.unwrap();
            let (head, body) = response.into_parts();
            (head, body.collect().await.unwrap().to_bytes())
        };
        let (head, body) = answer("/bytes/70000").await;
        assert_eq!(
            (body.len(), head.headers["content-length"].to_str().unwrap()),
            (70_000, "70000")
        );
        let (head, body) = answer("/chunked/70000").await;
        assert_eq!(body.len(), 70_000);
        assert!(!head.headers.contains_key("content-length"));
        assert_eq!(answer("/count/0").await.0.status, 200);
        assert_eq!(answer("/count/1").await.0.status, 400);
        assert_eq!(answer("/delay/1/5").await.1.len(), 5);
        let (head, _) = answer("/redirect/2").await;
        assert_eq!(
            (head.status.as_u16(), &head.headers["location"]),
            (302, &"/redirect/1".parse().unwrap())
        );
        let (head, _) = answer("/redirect/1/307").await;
        assert_eq!(
            (head.status.as_u16(), &head.headers["location"]),
            (307, &"/redirect/0/307".parse().unwrap())
        );
        assert_eq!(answer("/redirect/0/307").await.1, "arrived\n");
        assert_eq!(answer("/status/404").await.0.status, 404);
        assert_eq!(answer("/status/nonsense").await.0.status, 400);
        assert_eq!(answer("/nowhere").await.0.status, 404);

        let (head, packed) = answer("/gzip/100000").await;
        assert_eq!(head.headers["content-encoding"], "gzip");
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(
            &mut flate2::read::GzDecoder::new(&packed[..]),
            &mut unpacked,
        )
        .unwrap();
        assert_eq!(unpacked, vec![0; 100_000]);
    });
}

#[test]
fn a_loopback_origin_that_was_dropped_is_gone() {
    on_loopback(|origin, sender| async move {
        let (url, stalled) = (origin.url("/bytes/1"), origin.url("/stall"));
        let open = tokio::spawn({
            let sender = sender.clone();
            async move { sender.send(get(&stalled), None).await.map(|_| ()) }
        });
        while origin.requests() == 0 {
            tokio::task::yield_now().await;
        }
        drop(origin);
        assert_eq!(open.await.unwrap(), Err(Fault::ConnectionTerminated));
        assert_eq!(
            sender.send(get(&url), None).await.map(|_| ()),
            Err(Fault::ConnectionRefused)
        );
    });
}
