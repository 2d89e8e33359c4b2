//! The life of an rpc: idle, running, finishing; started once, never backwards.
mod story;
use story::{client, url};
use urlfetch::{Client, ErrorKind, Request, Rpc, State};

fn misused(verb: Result<(), urlfetch::Error>) -> bool {
    verb.unwrap_err().kind() == Some(ErrorKind::Misuse)
}

#[test]
fn it_goes_from_idle_over_running_to_finishing() {
    let rpc = client().create_rpc();
    assert_eq!((rpc.state(), rpc.deadline()), (State::Idle, None));
    rpc.make_fetch_call(url("10")).unwrap();
    assert_eq!(rpc.state(), State::Running);
    rpc.wait().unwrap();
    assert_eq!(rpc.state(), State::Finishing);
}

#[test]
fn every_verb_on_an_idle_rpc_is_misuse_and_changes_nothing() {
    let client = client();
    let mut rpc = client.create_rpc();
    assert!(misused(rpc.wait()));
    assert!(misused(rpc.check_success()));
    assert!(misused(rpc.get_result().map(drop)));
    assert!(misused(client.block_on(&mut rpc).unwrap().map(drop)));
    assert!(misused(client.create_rpc().into_result().map(drop)));
    assert!(!rpc.cancel(), "there is nothing to cancel");
    assert_eq!(rpc.hops(|hops, _| hops.len()), None);
    assert_eq!((rpc.received(), rpc.rejected_headers().len()), (0, 0));
    rpc.make_fetch_call(url("10")).unwrap();
    rpc.check_success().unwrap();
}

#[test]
fn one_rpc_is_one_fetch() {
    let rpc = client().rpc().fetch(url("10")).unwrap();
    assert!(misused(rpc.make_fetch_call(url("20"))), "while running");
    rpc.wait().unwrap();
    assert!(misused(rpc.make_fetch_call(url("20"))), "when finished");
    assert_eq!(rpc.get_result().unwrap().content, b"/10");
}

#[test]
fn it_finishes_without_any_wait() {
    let client = client();
    let (rpc, other) = (
        client.rpc().fetch(url("10")).unwrap(),
        client.rpc().fetch(url("20")).unwrap(),
    );
    other.wait().unwrap();
    assert_eq!(rpc.state(), State::Finishing);
}

#[test]
fn what_fails_at_once_leaves_it_idle_and_usable() {
    let client = client();
    let rpc = client.create_rpc();
    let refused = [
        (
            Request::get(url("1")).with_header("x-bad", "a\r\nb"),
            ErrorKind::InvalidArgument,
        ),
        (
            Request::get(url("1")).with_header("not a token", ""),
            ErrorKind::InvalidArgument,
        ),
        (
            Request::get(url("1")).with_validate_certificate(false),
            ErrorKind::Unsupported,
        ),
    ];
    for (request, kind) in refused {
        let error = rpc.make_fetch_call(request).unwrap_err();
        assert_eq!(error.kind(), Some(kind), "{error}");
        assert_eq!(rpc.state(), State::Idle);
    }
    rpc.make_fetch_call(url("10")).unwrap();
    rpc.check_success().unwrap();
}

#[test]
fn what_is_wrong_with_the_url_or_the_size_is_told_by_the_result() {
    let too_large = Request::post(url("1"), vec![0; 10 << 20]);
    let long_header = Request::get(url("1")).with_header("x-long", vec![b'a'; 16 << 10]);
    let wrong = [
        (Request::get(""), ErrorKind::InvalidUrl),
        (Request::get("ftp://example.com/"), ErrorKind::InvalidUrl),
        (Request::get("/path/only"), ErrorKind::InvalidUrl),
        (Request::get("http://10.0.0.1/"), ErrorKind::Refused),
        (too_large, ErrorKind::PayloadTooLarge),
        (long_header, ErrorKind::PayloadTooLarge),
    ];
    for (request, kind) in wrong {
        let rpc = client().rpc().fetch(request).unwrap();
        rpc.wait().expect("wait says nothing about the fetch");
        assert_eq!(rpc.check_success().unwrap_err().kind(), Some(kind));
    }
}

#[test]
fn ids_are_never_used_again() {
    let client = client();
    let first = client.create_rpc().id();
    let second = client.create_rpc().id();
    assert_ne!(first, second);
}

#[test]
fn a_dropped_rpc_gives_its_place_to_the_next() {
    let script = story::origins();
    let (clock, log) = (script.clock(), script.log());
    let client = Client::with_transport(script);
    client.set_max_in_flight(1, 1).unwrap();
    let silent = client.rpc().fetch(url("silent")).unwrap();
    let next = client.rpc().fetch(url("10")).unwrap();
    assert_eq!(log.borrow().len(), 1);
    drop(silent);
    assert_eq!(log.borrow().len(), 2, "dropping lets the next out");
    next.check_success().unwrap();
    assert_eq!(clock.elapsed().as_millis(), 10);
}

#[test]
fn an_rpc_outlives_its_client_handle() {
    let rpc: Rpc = {
        let client = client();
        client.rpc().fetch(url("10")).unwrap()
    };
    assert_eq!(rpc.client().default_deadline(), None);
    rpc.check_success().unwrap();
}
