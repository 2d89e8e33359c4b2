//! The component as embedded, driven by the host in each world.

use crate::bindings::types::{ErrorKind, Request};
use crate::{
    Fault, Harness, HarnessOptions, HostError, Loopback, Outcome, Reply, Scripted, Sender,
    SenderOptions, Session, Step, World, run_in_virtual_time,
};
use std::time::Duration;
use wasmtime::component::ResourceAny;

/// More than any test here spends; a guest that spins meets it within seconds.
const FUEL: u64 = 10_000_000_000;

fn metered() -> Harness {
    Harness::new(HarnessOptions { fuel: Some(FUEL) }).unwrap()
}

fn request(url: &str) -> Request {
    Request {
        url: url.to_owned(),
        method: "GET".to_owned(),
        headers: Vec::new(),
        payload: None,
        follow_redirects: true,
        allow_truncated: false,
        validate_certificate: None,
    }
}

/// A client of the session's own that may fetch from loopback.
async fn client(session: &mut Session) -> ResourceAny {
    let clients = session.urlfetch.urlfetch_rpc_fetch().client();
    let client = clients.call_constructor(&mut session.store).await.unwrap();
    clients
        .call_set_allow_private(&mut session.store, client, true)
        .await
        .unwrap()
        .unwrap();
    client
}

/// Fetches with a deadline in seconds: the status and the length, or the kind of the error.
async fn fetch(session: &mut Session, url: &str, deadline: f64) -> Result<(u16, usize), ErrorKind> {
    let client = client(session).await;
    let clients = session.urlfetch.urlfetch_rpc_fetch().client();
    let fetched = clients
        .call_fetch(&mut session.store, client, &request(url), Some(deadline))
        .await
        .unwrap();
    client
        .resource_drop_async(&mut session.store)
        .await
        .unwrap();
    fetched
        .map(|response| (response.status, response.content.len()))
        .map_err(|error| error.kind)
}

#[test]
fn a_session_fetches_from_the_scripted_world_and_each_fetch_leaves_nothing_behind() {
    run_in_virtual_time(async {
        let origin = Scripted::new().on("http://a.test/", Reply::ok("hello"));
        let mut session = metered()
            .session(World::Scripted(origin.clone()))
            .await
            .unwrap();
        assert_eq!(
            fetch(&mut session, "http://a.test/", 5.0).await,
            Ok((200, 5))
        );
        assert_eq!(origin.requests()[0].outcome, Outcome::Answered);
        let kept = session.resources();
        for _ in 0..10 {
            fetch(&mut session, "http://a.test/", 5.0).await.unwrap();
        }
        assert_eq!(session.resources(), kept);
    });
}

#[test]
fn a_deadline_of_sixty_seconds_costs_no_real_time_and_drops_the_exchange() {
    let real = std::time::Instant::now();
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("/silent", Reply::silence())
            .on("/drip", Reply::default().then(Step::Drip(1_000)));
        let mut session = metered()
            .session(World::Scripted(origin.clone()))
            .await
            .unwrap();
        let start = tokio::time::Instant::now();
        for path in ["silent", "drip"] {
            let url = format!("http://a.test/{path}");
            assert_eq!(
                fetch(&mut session, &url, 60.0).await,
                Err(ErrorKind::DeadlineExceeded)
            );
        }
        assert_eq!(start.elapsed().as_secs(), 120);
        let dropped: Vec<_> = origin
            .requests()
            .into_iter()
            .map(|request| request.outcome)
            .collect();
        assert_eq!(
            dropped[0],
            Outcome::Dropped {
                head: false,
                bytes: 0
            }
        );
        assert!(
            matches!(
                dropped[1],
                Outcome::Dropped {
                    head: true,
                    bytes: 59 | 60
                }
            ),
            "{dropped:?}"
        );
    });
    // Compiling the component is the most of it.
    assert!(
        real.elapsed() < Duration::from_secs(60),
        "{:?}",
        real.elapsed()
    );
}

#[test]
fn fuel_repeats_to_the_unit_in_the_scripted_world() {
    let spent = || {
        run_in_virtual_time(async {
            let origin = Scripted::new().on(
                "*",
                Reply::ok("x".repeat(1024)).after(Duration::from_millis(7)),
            );
            let mut session = metered().session(World::Scripted(origin)).await.unwrap();
            fetch(&mut session, "http://a.test/", 5.0).await.unwrap();
            session.fuel_used().unwrap()
        })
    };
    assert_eq!(spent(), spent());
}

#[test]
fn a_guest_that_runs_out_of_fuel_says_so() {
    run_in_virtual_time(async {
        // Enough to begin, far too little for a fetch.
        let harness = Harness::new(HarnessOptions { fuel: Some(20_000) }).unwrap();
        let mut session = harness
            .session(World::Scripted(Scripted::new()))
            .await
            .unwrap();
        let clients = session.urlfetch.urlfetch_rpc_fetch().client();
        let error = loop {
            if let Err(error) = clients.call_constructor(&mut session.store).await {
                break session.explain(error);
            }
        };
        assert!(
            matches!(error, HostError::OutOfFuel { limit: 20_000 }),
            "{error}"
        );
    });
}

#[test]
fn turn_takes_a_timer_of_the_host_and_gives_it_back() {
    run_in_virtual_time(async {
        let origin = Scripted::new().on("*", Reply::ok("late").after(Duration::from_millis(25)));
        let mut session = metered().session(World::Scripted(origin)).await.unwrap();
        let client = client(&mut session).await;
        let rpc = session
            .urlfetch
            .urlfetch_rpc_fetch()
            .client()
            .call_create_rpc(&mut session.store, client, None)
            .await
            .unwrap()
            .unwrap();
        let rpcs = session.urlfetch.urlfetch_rpc_fetch().rpc();
        let id = rpcs.call_id(&mut session.store, rpc).await.unwrap();
        rpcs.call_make_fetch_call(&mut session.store, rpc, &request("http://a.test/"))
            .await
            .unwrap()
            .unwrap();
        let mut ticks = 0;
        let finished = loop {
            let tick = session.timer(Duration::from_millis(10)).unwrap();
            let lent = wasmtime::component::Resource::new_borrow(tick.rep());
            let turned = session
                .urlfetch
                .urlfetch_rpc_fetch()
                .client()
                .call_turn(&mut session.store, client, &[lent])
                .await
                .unwrap();
            session.drop_pollable(tick).unwrap();
            ticks += turned.ready.len();
            if !turned.finished.is_empty() {
                break turned.finished;
            }
        };
        assert_eq!((finished, ticks), (vec![id], 2));
        rpc.resource_drop_async(&mut session.store).await.unwrap();
    });
}

#[tokio::test]
async fn a_session_fetches_over_real_sockets_by_either_sender() {
    let origin = Loopback::start().await.unwrap();
    let sender = Sender::new(SenderOptions::default()).unwrap();
    let harness = Harness::new(HarnessOptions::default()).unwrap();
    for world in [World::Pooled(sender), World::Stock] {
        let mut session = harness.session(world).await.unwrap();
        assert_eq!(
            fetch(&mut session, &origin.url("/redirect/3"), 5.0).await,
            Ok((200, 8))
        );
        assert_eq!(
            fetch(&mut session, &origin.url("/gzip/100000"), 5.0).await,
            Ok((200, 100_000))
        );
        assert_eq!(
            fetch(&mut session, &origin.url("/status/404"), 5.0).await,
            Ok((404, 0))
        );
        assert_eq!(session.fuel_used(), None);
    }
}

#[test]
fn every_fault_of_a_script_reaches_the_guest_as_its_own_kind() {
    run_in_virtual_time(async {
        for (fault, kind) in [
            (Fault::DnsTimeout, ErrorKind::DnsLookupFailed),
            (Fault::ConnectionTerminated, ErrorKind::ConnectionClosed),
            (Fault::TlsCertificateError, ErrorKind::SslCertificate),
            (Fault::HttpProtocolError, ErrorKind::MalformedReply),
            (Fault::ConnectionLimitReached, ErrorKind::InternalTransient),
            (Fault::ConnectionRefused, ErrorKind::Download),
        ] {
            let origin = Scripted::new().on("*", Reply::error(fault.clone()));
            let mut session = metered().session(World::Scripted(origin)).await.unwrap();
            assert_eq!(
                fetch(&mut session, "http://a.test/", 5.0).await,
                Err(kind),
                "{fault}"
            );
        }
    });
}
