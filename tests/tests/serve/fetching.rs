//! What an application fetches: through the component, composed as it is served; under a policy; each call on record.

use super::{RequestOutcome, Served, Serving, on_sockets};
use crate::programs::FAN_OUT;
use crate::run::ALLOW_PRIVATE;
use serde_json::Value;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::sync::Barrier;
use urlfetch_host::{CallOutcome, EgressPolicy, Fault, Loopback, Moments};
use urlfetch_tests::RawOrigin;

/// What is known of the calls of the last of so many requests.
async fn calls(served: &Served, count: usize) -> Vec<Moments> {
    let calls = served.ended(count).await.calls().0;
    calls.iter().map(|call| call.moments()).collect()
}

fn without_scheme(url: String) -> String {
    url.strip_prefix("http://").expect("it is http").to_owned()
}

#[test]
fn an_application_that_imports_the_component_gets_it_and_fetches_all_at_once() {
    on_sockets(|| async {
        // Nobody is answered before all ten have asked.
        let barrier = Arc::new(Barrier::new(10));
        let origin = RawOrigin::start(move |mut stream| {
            let barrier = barrier.clone();
            async move {
                barrier.wait().await;
                stream
                    .write_all(
                        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
                    )
                    .await
            }
        });
        let origin = origin.await.unwrap();
        let mut serving = Serving::of(FAN_OUT);
        let (name, value) = ALLOW_PRIVATE;
        serving.options.env = vec![(name.into(), value.into())];
        let served = serving.start().await;
        let query: Vec<_> = (0..10)
            .map(|n| format!("url={}", origin.url(&format!("/{n}"))))
            .collect();
        let answer = served.get(&format!("/?{}", query.join("&"))).await;
        let answers: Value = serde_json::from_slice(&answer.body()).unwrap();
        for answer in answers["answers"].as_array().unwrap() {
            assert_eq!(
                (&answer["status"], &answer["bytes"]),
                (&200.into(), &2.into()),
                "{answer}"
            );
        }
        let calls = calls(&served, 1).await;
        assert_eq!(calls.len(), 10);
        assert!(
            calls
                .iter()
                .all(|call| call.outcome == Some(CallOutcome::Complete)),
            "{calls:?}"
        );
    });
}

#[test]
fn connections_outlive_requests_and_the_record_says_so() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let served = Served::ordinary().await;
        let path = format!("/fetch?{}", without_scheme(origin.url("/bytes/10")));
        for (count, reused) in [(1, false), (2, true)] {
            assert_eq!(served.get(&path).await.text(), "Ok((200, 10))\n");
            let [call] = &calls(&served, count).await[..] else {
                panic!("one call");
            };
            assert_eq!(call.reused, Some(reused));
            assert_eq!(call.connected.is_some(), !reused);
            assert_eq!(
                (call.status, call.received),
                (Some(http::StatusCode::OK), 10)
            );
            let times = [call.placed, call.ready, call.head, call.ended];
            assert!(
                times.iter().all(Option::is_some) && times.is_sorted(),
                "{call:?}"
            );
        }
        assert_eq!(origin.connections(), 1);
    });
}

#[test]
fn a_call_that_fails_says_how() {
    on_sockets(|| async {
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let served = Served::ordinary().await;
        let answer = served.get(&format!("/fetch?{closed}/")).await;
        assert!(
            answer.text().contains("ConnectionRefused"),
            "{}",
            answer.text()
        );
        let calls = calls(&served, 1).await;
        assert_eq!(
            calls[0].outcome,
            Some(CallOutcome::Failed(Fault::ConnectionRefused))
        );
    });
}

#[test]
fn a_guest_may_work_on_behind_its_answer() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let served = Served::ordinary().await;
        let path = format!("/later?{}", without_scheme(origin.url("/delay/200/10")));
        assert_eq!(served.get(&path).await.text(), "soon\n");
        let calls = calls(&served, 1).await;
        assert_eq!(calls[0].outcome, Some(CallOutcome::Complete));
        assert_eq!(served.outcome(1).await.0, RequestOutcome::Answered);
    });
}

#[test]
fn a_policy_is_judged_before_the_lookup_and_after_it() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let port = origin.address().port();
        let mut serving = Serving::ordinary();
        serving.egress = EgressPolicy {
            allowed_hosts: vec!["localhost:*".parse().unwrap()],
            blocked_networks: vec!["private".parse().unwrap()],
        };
        let served = serving.start().await;
        let named = served
            .get(&format!("/fetch?127.0.0.1:{port}/bytes/1"))
            .await;
        assert!(
            named.text().contains("HttpRequestDenied"),
            "{}",
            named.text()
        );
        let looked_up = served
            .get(&format!("/fetch?localhost:{port}/bytes/1"))
            .await;
        assert!(
            looked_up.text().contains("DestinationIpProhibited"),
            "{}",
            looked_up.text()
        );
        assert_eq!(origin.connections(), 0);
    });
}
