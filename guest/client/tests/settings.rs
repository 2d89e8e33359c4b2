//! What a client can be told, what it refuses, and that refusing changes nothing.
mod story;
use std::time::Duration;

use story::{client, url};
use urlfetch::{Client, CurrentRequest, ErrorKind, Request, State};

const INVALID: Result<(), ErrorKind> = Err(ErrorKind::InvalidArgument);

/// How long a fetch of a silent origin lasts, in milliseconds.
fn patience(deadline: Option<f64>, set: impl FnOnce(&Client)) -> u128 {
    let script = story::origins();
    let clock = script.clock();
    let client = Client::with_transport(script);
    set(&client);
    let mut rpc = client.rpc();
    if let Some(seconds) = deadline {
        rpc = rpc.deadline(seconds);
    }
    rpc.fetch(url("silent")).unwrap().wait().unwrap();
    clock.elapsed().as_millis()
}

#[test]
fn a_deadline_is_five_seconds_unless_told_otherwise_and_sixty_at_most() {
    assert_eq!(patience(None, |_| ()), 5_000);
    assert_eq!(patience(Some(0.25), |_| ()), 250);
    assert_eq!(patience(Some(1e300), |_| ()), 60_000);
    let by_default = |client: &Client| client.set_default_deadline(Some(2.0)).unwrap();
    assert_eq!(patience(None, by_default), 2_000);
    assert_eq!(patience(Some(3.0), by_default), 3_000);
    let at_most = |client: &Client| client.set_maximum_deadline(1.0).unwrap();
    assert_eq!(patience(None, at_most), 1_000);
    assert_eq!(patience(Some(9.0), at_most), 1_000);
}

#[test]
fn a_deadline_without_meaning_is_refused_when_the_rpc_is_created() {
    for seconds in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = client().rpc().deadline(seconds).create().unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{seconds}");
        let error = client()
            .rpc()
            .deadline(seconds)
            .fetch(url("1"))
            .unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::InvalidArgument), "{seconds}");
    }
}

#[test]
fn the_default_deadline_is_copied_when_the_rpc_is_created() {
    let client = client();
    client.set_default_deadline(Some(4.0)).unwrap();
    let (plain, given) = (client.create_rpc(), client.rpc().deadline(9.0).create());
    client.set_default_deadline(None).unwrap();
    assert_eq!(plain.deadline(), Some(4.0));
    assert_eq!(given.unwrap().deadline(), Some(9.0));
    assert_eq!(client.create_rpc().deadline(), None);
}

#[test]
fn the_deadline_counts_from_the_call_and_not_from_creation_or_wait() {
    let script = story::origins();
    let clock = script.clock();
    let client = Client::with_transport(script);
    let rpc = client.rpc().deadline(1.0).create().unwrap();
    clock.advance(Duration::from_secs(10));
    rpc.make_fetch_call(url("silent")).unwrap();
    clock.advance(Duration::from_millis(400));
    rpc.wait().unwrap();
    assert_eq!(clock.elapsed(), Duration::from_secs(11));
}

#[test]
fn a_value_without_meaning_is_refused_and_the_old_one_stays() {
    let client = client();
    client.set_default_deadline(Some(2.0)).unwrap();
    for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(client.set_default_deadline(Some(seconds)), INVALID);
        assert_eq!(client.set_maximum_deadline(seconds), INVALID);
    }
    assert_eq!(client.default_deadline(), Some(2.0));
    for (total, per_origin) in [(0, 1), (1, 0), (10_001, 1), (1, 10_001)] {
        assert_eq!(client.set_max_in_flight(total, per_origin), INVALID);
    }
    assert_eq!(client.set_max_redirects(101), INVALID);
    assert_eq!(client.set_max_response(0), INVALID);
    assert_eq!(client.set_max_response((1 << 30) + 1), INVALID);
    assert_eq!(client.set_user_agent(Some("a\r\nb".into())), INVALID);
    client
        .set_allowed_origins(&["https://example.com".into()])
        .unwrap();
    for origin in ["example.com", "https://example.com/path", "ftp://x.com", ""] {
        assert_eq!(client.set_allowed_origins(&[origin.into()]), INVALID);
    }
    client.fetch(url("1")).unwrap();
    let refused = client.fetch("https://other.example/").unwrap_err();
    assert_eq!(refused.kind(), Some(ErrorKind::Refused));
}

#[test]
fn a_sealed_client_refuses_every_change_but_what_it_serves() {
    let client = client();
    client.set_default_deadline(Some(2.0)).unwrap();
    client.clone().seal();
    let misuse = Err(ErrorKind::Misuse);
    assert_eq!(client.set_default_deadline(None), misuse);
    assert_eq!(client.set_maximum_deadline(1.0), misuse);
    assert_eq!(client.set_max_in_flight(1, 1), misuse);
    assert_eq!(client.set_max_redirects(1), misuse);
    assert_eq!(client.set_follow_permanent_redirect(true), misuse);
    assert_eq!(client.set_max_response(1), misuse);
    assert_eq!(client.set_url_limits(1, true), misuse);
    assert_eq!(client.set_user_agent(None), misuse);
    assert_eq!(client.set_allowed_origins(&[]), misuse);
    assert_eq!(client.set_allow_private(true), misuse);
    assert_eq!(client.set_validate_anyway(true), misuse);
    assert_eq!(client.set_keep_credentials(true), misuse);
    assert_eq!(client.set_truncation_passes_check(true), misuse);
    assert_eq!(client.set_development_mode(true), misuse);
    assert_eq!(client.default_deadline(), Some(2.0));
    client.fetch(url("1")).unwrap();

    client.set_current_request(Some(CurrentRequest {
        authority: "example.com".into(),
        path: "/1".into(),
    }));
    let rpc = client.create_rpc();
    let error = rpc.make_fetch_call(url("1?again")).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::InvalidUrl));
    assert_eq!(rpc.state(), State::Idle);
    rpc.make_fetch_call(Request::post(url("1"), "")).unwrap();
    client.set_current_request(None);
    client.fetch(url("1")).unwrap();
}

#[test]
fn each_switch_does_what_it_says() {
    let client = client();
    let kind = |url: &str| client.fetch(url).unwrap_err().kind();
    assert_eq!(kind("http://127.0.0.1/1"), Some(ErrorKind::Refused));
    client.set_allow_private(true).unwrap();
    client.fetch("http://127.0.0.1/1").unwrap();

    client.set_max_redirects(0).unwrap();
    assert_eq!(kind(&url("to/1")), Some(ErrorKind::TooManyRedirects));

    let unvalidated = Request::get(url("1")).with_validate_certificate(false);
    let refused = client.fetch(&unvalidated).unwrap_err();
    assert_eq!(refused.kind(), Some(ErrorKind::Unsupported));
    client.set_validate_anyway(true).unwrap();
    client.fetch(&unvalidated).unwrap();
}

#[test]
fn calls_in_flight_keep_the_settings_they_were_started_with() {
    let client = client();
    let rpc = client.rpc().fetch(url("to/10")).unwrap();
    client.set_max_redirects(0).unwrap();
    rpc.check_success().unwrap();
}

#[test]
fn no_more_are_out_than_the_limit_and_the_rest_runs_inside_its_deadline() {
    let script = story::origins();
    let log = script.log();
    let client = Client::with_transport(script);
    let rpcs: Vec<_> = (0..101)
        .map(|_| client.rpc().deadline(1.0).fetch(url("900")).unwrap())
        .collect();
    assert_eq!(log.borrow().len(), 100);
    assert_eq!(rpcs[100].state(), State::Running);
    urlfetch::wait_all(&rpcs).unwrap();
    assert_eq!(log.borrow().len(), 101);
    let last = rpcs[100].check_success().unwrap_err();
    assert_eq!(last.kind(), Some(ErrorKind::DeadlineExceeded));
    assert!(rpcs[..100].iter().all(|rpc| rpc.check_success().is_ok()));
}

#[test]
fn clones_are_the_same_client_and_others_are_not() {
    urlfetch::install(story::origins());
    let (one, other) = (Client::new(), Client::default());
    one.clone().set_default_deadline(Some(2.0)).unwrap();
    assert_eq!(one.default_deadline(), Some(2.0));
    assert_eq!(other.default_deadline(), None);
    assert_eq!(Client::shared().default_deadline(), None);
}
