//! The scripted origin, under virtual time.

use super::*;
use crate::{Fault, run_in_virtual_time};
use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use std::time::Duration;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody};

fn request(method: &str, url: &str, chunks: Vec<Result<&'static str>>) -> http::Request<WasiBody> {
    let frames = chunks
        .into_iter()
        .map(|chunk| chunk.map(|text| http_body::Frame::data(Bytes::from(text))));
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
    http::Request::builder()
        .method(method)
        .uri(url)
        .body(body)
        .unwrap()
}

fn get(url: &str) -> http::Request<WasiBody> {
    request("GET", url, vec![])
}

/// Sends and reads to the end, driving the upload as a host does.
async fn fetch(origin: &Scripted, request: http::Request<WasiBody>) -> Result<(u16, Bytes)> {
    let (response, upload) = origin.answer(request, None).await?;
    let (body, _) = tokio::join!(response.into_parts().1.collect(), async {
        let _ = tokio::time::timeout(Duration::from_secs(1), upload).await;
    });
    Ok((200, body?.to_bytes()))
}

fn outcomes(origin: &Scripted) -> Vec<Outcome> {
    origin
        .requests()
        .into_iter()
        .map(|request| request.outcome)
        .collect()
}

#[test]
fn the_most_particular_target_answers_and_its_last_reply_stays() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("http://a.test/x", Reply::ok("first"))
            .on("http://a.test/x", Reply::ok("then"))
            .on("POST http://a.test/x", Reply::ok("posted"))
            .on("/x", Reply::ok("any host"))
            .on("DELETE *", Reply::ok("deleted"));
        let mut seen = Vec::new();
        for request in [
            get("http://a.test/x"),
            get("http://a.test/x"),
            get("http://a.test/x"),
            request("POST", "http://a.test/x", vec![]),
            get("http://b.test/x"),
            request("DELETE", "http://b.test/y", vec![]),
        ] {
            seen.push(fetch(&origin, request).await.unwrap().1);
        }
        assert_eq!(
            seen,
            ["first", "then", "then", "posted", "any host", "deleted"]
        );
        let (response, _) = origin.answer(get("http://b.test/y"), None).await.unwrap();
        assert_eq!(response.status(), 404);
    });
}

#[test]
fn a_request_is_recorded_with_its_upload_and_its_options() {
    run_in_virtual_time(async {
        let origin = Scripted::new().on("*", Reply::ok("ok"));
        let mut sent = request("POST", "http://a.test/p?q=1", vec![Ok("one "), Ok("two")]);
        sent.headers_mut().insert("x-a", "b".parse().unwrap());
        let options = RequestOptions {
            connect_timeout: Some(Duration::from_secs(3)),
            ..RequestOptions::default()
        };
        origin
            .answer(sent, Some(options))
            .await
            .unwrap()
            .0
            .into_body()
            .collect()
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(7)).await;
        fetch(&origin, get("http://a.test/")).await.unwrap();

        let requests = origin.requests();
        assert_eq!(requests[0].method, "POST");
        assert_eq!(requests[0].uri, "http://a.test/p?q=1");
        assert_eq!(requests[0].headers["x-a"], "b");
        assert_eq!(
            (&requests[0].body[..], requests[0].body_complete),
            (&b"one two"[..], true)
        );
        assert_eq!(requests[0].options, Some(options));
        assert_eq!(requests[0].outcome, Outcome::Answered);
        assert_eq!(
            (requests[0].at, requests[1].at),
            (Duration::ZERO, Duration::from_secs(7))
        );
    });
}

#[test]
fn an_exchange_tells_where_it_was_dropped() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/slow", Reply::ok("late").after(Duration::from_secs(60)))
            .on("/silent", Reply::silence())
            .on("/stall", Reply::ok("part").then(Step::Stall));
        for path in ["slow", "silent"] {
            let answer = origin.answer(get(&format!("http://a.test/{path}")), None);
            assert!(
                tokio::time::timeout(Duration::from_secs(5), answer)
                    .await
                    .is_err()
            );
        }
        let (mut response, _) = origin
            .answer(get("http://a.test/stall"), None)
            .await
            .unwrap();
        response.body_mut().frame().await.unwrap().unwrap();
        let open = origin.requests()[2].outcome.clone();
        drop(response);
        assert_eq!(open, Outcome::Open);
        let dropped = |head, bytes| Outcome::Dropped { head, bytes };
        assert_eq!(
            outcomes(&origin),
            [dropped(false, 0), dropped(false, 0), dropped(true, 4)]
        );
    });
}

#[test]
fn a_body_drips_pauses_and_fails_on_time() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/drip", Reply::default().then(Step::Drip(1_000)))
            .on(
                "/fail",
                Reply::ok("abc")
                    .then(Step::Pause(2_000))
                    .then(Step::Fail(Fault::ConnectionTerminated)),
            )
            .on("/zeros", Reply::default().then(Step::Zeros(200_000)))
            .on(
                "/error",
                Reply::error(Fault::DnsTimeout).after(Duration::from_secs(1)),
            );
        let start = Instant::now();
        let (mut response, _) = origin
            .answer(get("http://a.test/drip"), None)
            .await
            .unwrap();
        for _ in 0..59 {
            assert_eq!(
                response
                    .body_mut()
                    .frame()
                    .await
                    .unwrap()
                    .unwrap()
                    .into_data()
                    .unwrap()
                    .len(),
                1
            );
        }
        drop(response);
        assert_eq!(start.elapsed(), Duration::from_secs(59));

        assert!(matches!(
            fetch(&origin, get("http://a.test/fail")).await,
            Err(Error::ConnectionTerminated)
        ));
        assert_eq!(
            fetch(&origin, get("http://a.test/zeros"))
                .await
                .unwrap()
                .1
                .len(),
            200_000
        );
        assert!(matches!(
            fetch(&origin, get("http://a.test/error")).await,
            Err(Error::DnsTimeout)
        ));
        let failed = Outcome::Failed;
        assert_eq!(
            outcomes(&origin)[1..],
            [
                failed(Fault::ConnectionTerminated),
                Outcome::Answered,
                failed(Fault::DnsTimeout)
            ]
        );
    });
}

#[test]
fn an_upload_is_read_unless_the_script_says_otherwise() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/first", Reply::ok("ok"))
            .on("/meanwhile", Reply::ok("ok").upload(Upload::Meanwhile))
            .on("/never", Reply::ok("ok").upload(Upload::Never));
        for path in ["first", "meanwhile", "never"] {
            let sent = request(
                "PUT",
                &format!("http://a.test/{path}"),
                vec![Ok("x"), Ok("y")],
            );
            assert_eq!(fetch(&origin, sent).await.unwrap().1, "ok");
        }
        let read: Vec<_> = origin
            .requests()
            .iter()
            .map(|request| (request.body.len(), request.body_complete))
            .collect();
        assert_eq!(read, [(2, true), (2, true), (0, false)]);
    });
}

#[test]
fn an_upload_that_fails_fails_the_request() {
    run_in_virtual_time(async {
        let origin = Scripted::new();
        let sent = request(
            "PUT",
            "http://a.test/",
            vec![Ok("x"), Err(Error::HttpRequestBodySize(Some(1)))],
        );
        assert!(matches!(
            fetch(&origin, sent).await,
            Err(Error::HttpRequestBodySize(Some(1)))
        ));
        assert_eq!(
            outcomes(&origin),
            [Outcome::Failed(Fault::HttpRequestBodySize(Some(1)))]
        );
        assert!(!origin.requests()[0].body_complete);
    });
}

#[test]
fn a_script_with_a_status_or_a_header_that_cannot_be_sent_is_an_error_and_no_panic() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/status", Reply::status(7))
            .on("/name", Reply::default().header("a b", "c"))
            .on("/value", Reply::default().header("a", "☃"));
        for path in ["status", "name", "value"] {
            let answer = fetch(&origin, get(&format!("http://a.test/{path}"))).await;
            assert!(
                matches!(answer, Err(Error::InternalError(Some(_)))),
                "{path}"
            );
        }
    });
}

#[test]
fn a_script_reads_from_data() {
    let script: Script = serde_json::from_str(
        r#"{"POST http://a.test/": [{"status": 201, "body": [{"text": "made"}]}], "*": [{"error": "connection-refused"}]}"#,
    )
    .unwrap();
    run_in_virtual_time(async {
        let origin = Scripted::from(script);
        assert_eq!(
            fetch(&origin, request("POST", "http://a.test/", vec![]))
                .await
                .unwrap()
                .1,
            "made"
        );
        assert!(matches!(
            fetch(&origin, get("http://a.test/")).await,
            Err(Error::ConnectionRefused)
        ));
    });
}
