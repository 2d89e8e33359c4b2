//! The examples as `urlfetch serve` runs them, those for Spin under the rules of their manifests.

use super::client::get;
use super::{Served, Serving, on_sockets};
use crate::programs::{FAN_OUT, FAN_OUT_LINKED, PROXY, SPIN_SERVICE};
use crate::run::ALLOW_PRIVATE;
use crate::spin::Manifest;
use serde_json::Value;
use std::net::SocketAddr;
use urlfetch_host::{EgressPolicy, Loopback};

/// An example that may fetch from this machine, where the rules of its host let it.
async fn serve(program: &'static str, egress: EgressPolicy) -> Served {
    let mut serving = Serving::of(program);
    let (name, value) = ALLOW_PRIVATE;
    serving.options.env.push((name.into(), value.into()));
    serving.egress = egress;
    serving.start().await
}

/// What the example served at an address answers for these URLs, each of which it must tell of.
pub(super) async fn told(address: SocketAddr, urls: &[String]) -> Vec<Value> {
    let query: Vec<String> = urls.iter().map(|url| format!("url={url}")).collect();
    let path = format!("/?{}", query.join("&"));
    let answer = get(address, &path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut told: Value = serde_json::from_slice(&answer.body()).unwrap();
    let Value::Array(told) = told["answers"].take() else {
        panic!("{}", answer.text());
    };
    assert_eq!(told.len(), urls.len());
    told
}

#[test]
fn every_fan_out_fetches_over_sockets() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let urls = vec![origin.url("/bytes/100000"); 10];
        for program in [FAN_OUT, FAN_OUT_LINKED, SPIN_SERVICE] {
            let served = serve(program, EgressPolicy::default()).await;
            for told in told(served.address, &urls).await {
                let seen = (&told["status"], &told["bytes"]);
                assert_eq!(seen, (&200.into(), &100_000.into()), "{program}: {told}");
            }
        }
        assert_eq!(origin.requests(), 30);
    });
}

#[test]
fn the_proxy_passes_an_answer_on() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let served = serve(PROXY, EgressPolicy::default()).await;
        let path = format!("/?url={}", origin.url("/gzip/5000"));
        let answer = served.get(&path).await;
        assert_eq!((answer.status, answer.body()), (200, vec![0; 5_000]));
        assert!(answer.head.contains("x-attempts: 1\r\n"), "{}", answer.head);
    });
}

/// `allowed_outbound_hosts` becomes the policy of the sender.
#[test]
fn an_application_for_spin_reaches_what_its_manifest_allows() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        for (example, program) in [("spin", FAN_OUT), ("spin-service", SPIN_SERVICE)] {
            let egress = EgressPolicy {
                allowed_hosts: Manifest::read(example).allowed_outbound_hosts(),
                ..EgressPolicy::default()
            };
            let served = serve(program, egress).await;
            let port = origin.address().port();
            let denied = format!("http://localhost:{port}/bytes/1");
            let told = told(served.address, &[origin.url("/redirect/1"), denied.clone()]).await;
            let of = |url: &str| told.iter().find(|told| told["url"] == url).unwrap();
            assert_eq!(of(&origin.url("/redirect/1"))["status"], 200, "{told:?}");
            assert_eq!(of(&denied)["detail"], "HTTP-request-denied", "{told:?}");
        }
    });
}
