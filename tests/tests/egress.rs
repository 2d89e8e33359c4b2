//! Who judges a destination: the component what is written, the host what a name leads to, and both of them every hop.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;
use urlfetch_host::bindings::types::{ErrorKind, FetchError, Phase};
use urlfetch_host::{EgressPolicy, Fault, Resolver, SenderOptions};
use urlfetch_tests::{Instance, RawOrigin, on_sockets, request};

/// The host's network: origins listen at the first address, and the second one is inside.
const OUTSIDE: &str = "127.0.0.1";
const INSIDE: &str = "127.0.0.2";

/// A host that does not connect to the inside. `outside.example` is outside, `inside.example` inside, `rebinding.example` outside at
/// first and inside from then on; other names do not exist.
async fn guarded() -> Instance {
    let rebound = Arc::new(AtomicUsize::new(0));
    let resolver = Resolver::new(move |name| {
        let address = match name.as_str() {
            "outside.example" => Some(OUTSIDE),
            "inside.example" => Some(INSIDE),
            "rebinding.example" if rebound.fetch_add(1, Ordering::Relaxed) == 0 => Some(OUTSIDE),
            "rebinding.example" => Some(INSIDE),
            _ => None,
        };
        let found = address.map(|text| vec![text.parse::<IpAddr>().unwrap()]);
        async move {
            found.ok_or(Fault::DnsError {
                rcode: Some("NXDOMAIN".to_owned()),
            })
        }
    });
    Instance::pooled_with(SenderOptions {
        egress: EgressPolicy {
            blocked_networks: vec![INSIDE.parse().unwrap()],
            ..EgressPolicy::default()
        },
        resolver,
        ..SenderOptions::default()
    })
    .await
}

/// An origin that answers each request on a connection of its own: with redirects to these places (`PORT` being its own port), one
/// after the other, then with a 200. Counts the requests.
async fn redirecting(locations: &[&str]) -> (RawOrigin, Arc<AtomicUsize>) {
    let locations: Vec<_> = locations.iter().rev().map(|&to| to.to_owned()).collect();
    let left = Arc::new(Mutex::new(locations));
    let seen = Arc::<AtomicUsize>::default();
    let count = seen.clone();
    let origin = RawOrigin::start(move |mut stream| {
        count.fetch_add(1, Ordering::Relaxed);
        let next = left.lock().unwrap().pop();
        async move {
            let port = stream.get_ref().local_addr()?.port().to_string();
            let head = match next {
                Some(to) => format!("302 Found\r\nlocation: {}", to.replace("PORT", &port)),
                None => "200 OK".to_owned(),
            };
            let answer =
                format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await
        }
    })
    .await
    .unwrap();
    (origin, seen)
}

/// Fetches by a client as the component makes it, which refuses what is private.
async fn fetch(instance: &mut Instance, url: &str) -> Result<u16, FetchError> {
    let client = instance.bare_client().await;
    let fetched = instance.fetch(client, &request("GET", url), None).await;
    instance.drop_client(client).await;
    fetched.map(|response| response.status)
}

fn is_prohibited(error: &FetchError, url: &str) {
    assert_eq!(
        (error.kind, error.code, error.phase, error.retryable),
        (ErrorKind::Download, 12, Phase::Connect, false),
        "{error:?}"
    );
    assert!(
        error.detail.contains("destination-IP-prohibited"),
        "{error:?}"
    );
    assert_eq!(error.url, url);
}

#[test]
fn a_name_that_leads_inside_passes_the_component_and_is_refused_by_the_host() {
    on_sockets(|| async {
        let (origin, seen) = redirecting(&[]).await;
        let mut instance = guarded().await;
        let at = |host: &str| format!("http://{host}:{}/", origin.port());
        assert_eq!(
            fetch(&mut instance, &at("outside.example")).await.unwrap(),
            200
        );
        let url = at("inside.example");
        is_prohibited(&fetch(&mut instance, &url).await.unwrap_err(), &url);
        assert_eq!(seen.load(Ordering::Relaxed), 1);
        assert_eq!(instance.resources(), 0);
    });
}

#[test]
fn a_name_that_is_outside_first_and_inside_later_is_refused_later() {
    on_sockets(|| async {
        let (origin, seen) = redirecting(&[]).await;
        let mut instance = guarded().await;
        let url = format!("http://rebinding.example:{}/", origin.port());
        assert_eq!(fetch(&mut instance, &url).await.unwrap(), 200);
        for _ in 0..2 {
            is_prohibited(&fetch(&mut instance, &url).await.unwrap_err(), &url);
        }
        assert_eq!(seen.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn every_hop_is_judged_by_where_its_name_leads_then() {
    on_sockets(|| async {
        for to in ["inside.example", "rebinding.example"] {
            // The second hop asks for the rebinding name once more.
            let location = format!("http://{to}:PORT/next");
            let (origin, seen) = redirecting(&[&location, &location]).await;
            let mut instance = guarded().await;
            let first = format!("http://outside.example:{}/", origin.port());
            let error = fetch(&mut instance, &first).await.unwrap_err();
            is_prohibited(
                &error,
                &location.replace("PORT", &origin.port().to_string()),
            );
            let expected = if to == "inside.example" { 1 } else { 2 };
            assert_eq!(seen.load(Ordering::Relaxed), expected, "{to}");
            assert_eq!(instance.resources(), 0);
        }
    });
}

#[test]
fn a_hop_to_a_written_private_address_is_refused_by_the_component_over_sockets_too() {
    on_sockets(|| async {
        for to in [
            "http://127.0.0.1:PORT/",
            "//127.1:PORT/",
            "http://2130706433:PORT/",
            "http://0x7f.0.0.1:PORT/",
            "http://[::ffff:127.0.0.1]:PORT/",
            "http://localhost.:PORT/",
        ] {
            let (origin, seen) = redirecting(&[to]).await;
            let mut instance = guarded().await;
            let first = format!("http://outside.example:{}/", origin.port());
            let error = fetch(&mut instance, &first).await.unwrap_err();
            assert_eq!(
                (error.kind, error.phase, error.retryable),
                (ErrorKind::Refused, Phase::Redirect, false),
                "{to}: {error:?}"
            );
            assert_eq!(seen.load(Ordering::Relaxed), 1, "{to}");
            assert_eq!(instance.resources(), 0);
        }
    });
}

#[test]
fn a_name_that_does_not_exist_is_told_with_the_resolvers_word_on_the_first_hop_and_on_the_next() {
    on_sockets(|| async {
        let (origin, _) = redirecting(&["http://nowhere.example:PORT/"]).await;
        let mut instance = guarded().await;
        let port = origin.port();
        let nowhere = format!("http://nowhere.example:{port}/");
        for first in [nowhere.clone(), format!("http://outside.example:{port}/")] {
            let error = fetch(&mut instance, &first).await.unwrap_err();
            assert_eq!(
                (error.kind, error.code, error.phase, error.retryable),
                (ErrorKind::DnsLookupFailed, 7, Phase::Resolve, true),
                "{error:?}"
            );
            assert!(error.detail.contains("NXDOMAIN"), "{error:?}");
            assert_eq!(error.url, nowhere);
            assert_eq!(instance.resources(), 0);
        }
    });
}
