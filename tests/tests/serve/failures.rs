//! What goes wrong in an application is its request's matter, and nobody else's.

use super::client::{ask, hear};
use super::{RequestOutcome, Served, Serving, on_sockets};
use crate::programs::SERVED_P3;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Short enough to wait for, and long enough for a small answer on any machine.
const SOON: Duration = Duration::from_secs(2);

/// Begins a request, and hears its first byte when it is to have one.
async fn begin(served: &Served, path: &str, hear_first: bool) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    if hear_first {
        stream.read_u8().await.unwrap();
    }
    stream
}

#[test]
fn a_trap_is_the_500_of_its_request_and_touches_no_other() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        let dripping = begin(&served, "/drip", true).await;
        let answer = served.get("/trap").await;
        assert_eq!(
            (answer.status, answer.text()),
            (500, "the application failed (request 2)\n")
        );
        let (outcome, reason) = served.outcome(1).await;
        assert_eq!(outcome, RequestOutcome::Trapped);
        assert!(
            reason.contains("unreachable") && !reason.contains('\n'),
            "{reason}"
        );
        assert_eq!(served.get("/hello").await.status, 200);
        assert_eq!(served.journal.live()[0].path, "/drip");
        drop(dripping);
    });
}

#[test]
fn an_application_that_ends_without_an_answer_is_a_500_that_says_why_in_the_log() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        for (count, (path, outcome, wanted)) in [
            ("/silent", RequestOutcome::Failed, "without an answer"),
            ("/error", RequestOutcome::Failed, "LoopDetected"),
            ("/exit", RequestOutcome::Trapped, "status 1"),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(served.get(path).await.status, 500, "{path}");
            let (seen, reason) = served.outcome(count + 1).await;
            assert_eq!(seen, outcome, "{path}: {reason}");
            assert!(reason.contains(wanted), "{path}: {reason}");
        }
    });
}

#[test]
fn an_answer_that_breaks_off_does_not_look_whole() {
    on_sockets(|| async {
        let (p2, p3) = (Serving::ordinary(), Serving::of(SERVED_P3));
        for (serving, wanted) in [(p2, "begun"), (p3, "B\r\nhello from \r\n")] {
            let served = serving.start().await;
            let answer = served.get("/broken").await;
            assert_eq!((answer.status, answer.text()), (200, wanted));
            assert_eq!(served.outcome(1).await.0, RequestOutcome::Trapped);
        }
    });
}

#[test]
fn a_guest_that_loops_holds_no_thread_and_ends_when_its_time_is_over() {
    on_sockets(|| async {
        let served = Serving::within(3 * SOON).start().await;
        // This runtime has one thread: whoever keeps it keeps everybody waiting.
        let looping = begin(&served, "/loop", false).await;
        assert_eq!(served.get("/hello").await.status, 200);
        assert_eq!(hear(looping).await.status, 504);
        assert_eq!(served.outcome(2).await.0, RequestOutcome::TimedOut);
    });
}

#[test]
fn a_guest_that_waits_too_long_is_a_504() {
    on_sockets(|| async {
        let served = Serving::within(Duration::from_millis(100)).start().await;
        assert_eq!(served.get("/stall").await.status, 504);
        assert_eq!(served.outcome(1).await.0, RequestOutcome::TimedOut);
    });
}

#[test]
fn an_answer_that_takes_too_long_is_broken_off() {
    on_sockets(|| async {
        let served = Serving::within(SOON).start().await;
        let answer = served.get("/drip").await;
        assert_eq!(answer.status, 200);
        assert!(!answer.text().ends_with("0\r\n\r\n"), "it looks whole");
        assert_eq!(served.outcome(1).await.0, RequestOutcome::TimedOut);
    });
}

#[test]
fn a_client_that_leaves_takes_its_guest_with_it() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        // Before the answer, and in the middle of it.
        for (count, (path, begun)) in [("/stall", false), ("/loop", false), ("/drip", true)]
            .into_iter()
            .enumerate()
        {
            let stream = begin(&served, path, begun).await;
            while served.journal.live().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            drop(stream);
            assert_eq!(
                served.outcome(count + 1).await.0,
                RequestOutcome::ClientGone,
                "{path}"
            );
        }
    });
}

#[test]
fn malformed_requests_are_answered_and_not_dropped() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        let long = "x".repeat(1 << 20);
        let cases = [
            (400, "hello?\r\n\r\n".to_owned()),
            (400, "GET / HTTP/1.1\r\n\r\n".to_owned()),
            (
                400,
                "GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n".to_owned(),
            ),
            (
                400,
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n".to_owned(),
            ),
            (
                405,
                "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned(),
            ),
            (
                431,
                format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"),
            ),
            (
                431,
                format!(
                    "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
                    "x: y\r\n".repeat(1_000)
                ),
            ),
        ];
        for (status, said) in cases {
            let answer = ask(served.address, &said).await;
            assert_eq!(
                answer.status,
                status,
                "{}: {answer:?}",
                &said[..said.len().min(60)]
            );
        }
        assert_eq!(served.get("/hello").await.status, 200);
    });
}

/// Says something without letting the server, which is on this thread, begin to wait before it is said.
fn said(served: &Served, bytes: &str) -> TcpStream {
    let mut stream = std::net::TcpStream::connect(served.address).unwrap();
    std::io::Write::write_all(&mut stream, bytes.as_bytes()).unwrap();
    stream.set_nonblocking(true).unwrap();
    TcpStream::from_std(stream).unwrap()
}

#[test]
fn a_head_that_never_ends_is_a_408_and_a_client_that_says_nothing_is_no_error() {
    on_sockets(|| async {
        let mut serving = Serving::ordinary();
        serving.options.head = Duration::from_millis(100);
        let served = serving.start().await;
        let unfinished = [
            "GET / HTTP/1.1\r\nHost: a\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: ",
            // A client of h2 begins like this as well.
            "P",
            "PRI * HTTP/2.0\r\n",
        ];
        for bytes in unfinished {
            let answer = hear(said(&served, bytes)).await;
            assert_eq!(
                (answer.status, answer.text()),
                (408, "no whole head within 0.1 s\n"),
                "{bytes:?}"
            );
        }
        assert_eq!(hear(said(&served, "")).await.head, "");
        let answer = hear(said(&served, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!((answer.status, answer.text()), (200, "hello\n"));
        let counted = ask(
            served.admin,
            "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        );
        let counted = counted.await;
        let wanted = "urlfetch_malformed_requests_total 4\n";
        assert!(counted.text().contains(wanted), "{}", counted.text());
    });
}
