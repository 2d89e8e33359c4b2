//! A name leads where its resolver says at the moment of each connection, and that is what is judged.

use super::*;
use crate::{BlockedNetwork, Resolver};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// An address that is permitted here and one that is not; origins listen at the first of them or at neither.
const HERE: &str = "127.0.0.1";
const ELSEWHERE: &str = "127.0.0.2";

/// Answers for every name with one list after the other, and counts.
fn one_after_the_other(answers: &[&[&str]]) -> (Resolver, Arc<AtomicUsize>) {
    let parsed = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
    let mut answers: Vec<Vec<IpAddr>> = answers.iter().map(parsed).collect();
    answers.reverse();
    let (answers, asked) = (Mutex::new(answers), Arc::<AtomicUsize>::default());
    let counted = asked.clone();
    let resolver = Resolver::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        let next = answers.lock().unwrap().pop();
        async move { next.ok_or(Fault::DnsTimeout) }
    });
    (resolver, asked)
}

fn sender_without(blocked: &str, resolver: Resolver) -> Sender {
    Sender::new(SenderOptions {
        egress: EgressPolicy {
            blocked_networks: vec![blocked.parse().unwrap()],
            ..EgressPolicy::default()
        },
        resolver,
        ..SenderOptions::default()
    })
    .unwrap()
}

/// One answer for each connection, which then ends.
async fn answers_once() -> SocketAddr {
    raw_origin(|mut stream, _| async move {
        if read_head(&mut stream).await {
            let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\n.";
            let _ = stream.write_all(head).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_name_that_is_public_first_and_private_later_is_refused_later() {
    let address = answers_once().await;
    let (resolver, asked) = one_after_the_other(&[&[HERE], &[HERE], &[ELSEWHERE], &[HERE]]);
    let sender = sender_without(ELSEWHERE, resolver);
    let url = format!("http://rebinding.example:{}/", address.port());
    let none = RequestOptions::default();
    for _ in 0..2 {
        assert_eq!(fetch(&sender, get(&url)).await.unwrap(), ".");
    }
    assert_eq!(
        failure(&sender, &url, none).await,
        Fault::DestinationIpProhibited
    );
    assert_eq!(fetch(&sender, get(&url)).await.unwrap(), ".");
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    // Nobody answers any more, in the resolver's own words.
    assert_eq!(failure(&sender, &url, none).await, Fault::DnsTimeout);
}

#[tokio::test]
async fn of_a_name_with_both_only_the_public_address_is_connected_to() {
    let origin = Loopback::start().await.unwrap();
    let url = format!("http://both.example:{}/bytes/1", origin.address().port());
    // The private one is where somebody listens.
    let (resolver, _) = one_after_the_other(&[&[HERE, ELSEWHERE], &[ELSEWHERE, HERE]]);
    let sender = sender_without(HERE, resolver);
    for _ in 0..2 {
        assert!(fetch(&sender, get(&url)).await.is_err());
    }
    assert_eq!(origin.connections(), 0);
    // And the other way round.
    let (resolver, _) = one_after_the_other(&[&[ELSEWHERE, HERE]]);
    let sender = sender_without(ELSEWHERE, resolver);
    assert_eq!(fetch(&sender, get(&url)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_connection_that_is_used_again_is_the_one_that_was_judged() {
    let origin = Loopback::start().await.unwrap();
    let url = format!(
        "http://rebinding.example:{}/bytes/1",
        origin.address().port()
    );
    let (resolver, asked) = one_after_the_other(&[&[HERE], &[ELSEWHERE]]);
    let sender = sender_without(ELSEWHERE, resolver);
    for _ in 0..3 {
        assert_eq!(fetch(&sender, get(&url)).await.unwrap().len(), 1);
    }
    assert_eq!(
        (origin.connections(), asked.load(Ordering::Relaxed)),
        (1, 1)
    );
}

#[tokio::test]
async fn an_ipv4_address_inside_an_ipv6_one_is_judged_as_what_it_is() {
    let private = BlockedNetwork::Private;
    for answer in ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"] {
        let (resolver, _) = one_after_the_other(&[&[answer]]);
        let sender = Sender::new(SenderOptions {
            egress: EgressPolicy {
                blocked_networks: vec![private],
                ..EgressPolicy::default()
            },
            resolver,
            ..SenderOptions::default()
        })
        .unwrap();
        assert_eq!(
            failure(
                &sender,
                "http://mapped.example:8080/",
                RequestOptions::default()
            )
            .await,
            Fault::DestinationIpProhibited,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_lookup_that_fails_or_stalls_is_told_by_its_code() {
    let fails = |fault: Fault| {
        let resolver = Resolver::new(move |_| std::future::ready(Err(fault.clone())));
        sender_without(ELSEWHERE, resolver)
    };
    let url = "http://nowhere.example:8080/";
    let nxdomain = Fault::DnsError {
        rcode: Some("NXDOMAIN".to_owned()),
    };
    for fault in [nxdomain, Fault::DnsTimeout] {
        assert_eq!(
            failure(&fails(fault.clone()), url, RequestOptions::default()).await,
            fault
        );
    }
    let (empty, _) = one_after_the_other(&[&[]]);
    assert!(matches!(
        failure(
            &sender_without(ELSEWHERE, empty),
            url,
            RequestOptions::default()
        )
        .await,
        Fault::DnsError { .. }
    ));
    let stalls = sender_without(ELSEWHERE, Resolver::new(|_| std::future::pending()));
    assert_eq!(
        failure(&stalls, url, connect(SHORT)).await,
        Fault::ConnectionTimeout
    );
}
