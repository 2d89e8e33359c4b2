//! The scripted transport keeps to its script, and says so when there is none for a request.
mod story;
use std::time::Duration;

use story::url;
use urlfetch::{Answer, Client, ErrorKind, Request, Scripted, State, scripted::FailureCode};

#[test]
fn the_first_rule_that_fits_answers() {
    let script = Scripted::new()
        .get(&url("a"), |_| Answer::new(200, "get a"))
        .on(&url("a"), |_| Answer::new(200, "any a"))
        .rule(|_| true, |_| Answer::new(200, "any"));
    let client = Client::with_transport(script);
    let text = |request| client.fetch(request).unwrap().text().into_owned();
    assert_eq!(text(Request::get(url("a"))), "get a");
    assert_eq!(text(Request::delete(url("a"))), "any a");
    assert_eq!(text(Request::get(url("b"))), "any");
}

#[test]
fn urls_are_compared_as_they_are_sent() {
    let script = Scripted::new().get("HTTPS://Example.com:443", |_| Answer::new(200, ""));
    let client = Client::with_transport(script);
    client.fetch("https://example.com/#fragment").unwrap();
}

#[test]
fn what_no_rule_fits_fails_and_names_the_request() {
    let error = Client::with_transport(Scripted::new())
        .fetch(Request::head(url("nowhere")))
        .unwrap_err();
    let error = error.fetch().unwrap();
    assert_eq!(error.kind, ErrorKind::DnsLookupFailed);
    let asked = format!("no rule of the script fits HEAD {}", url("nowhere"));
    assert!(error.detail.contains(&asked), "{error}");
}

#[test]
fn a_rule_sees_the_request_as_it_goes_out() {
    let script = Scripted::new().rule(
        |_| true,
        |seen| {
            let mut lines: Vec<String> = seen
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
                .collect();
            lines.push(String::from_utf8_lossy(&seen.payload).into_owned());
            Answer::new(200, lines.join("\n"))
        },
    );
    let client = Client::with_transport(script);
    client.set_user_agent(Some("me/1".into())).unwrap();
    let request = Request::post(url(""), "a=b").with_header("Host", "evil");
    assert_eq!(
        client.fetch(request).unwrap().text(),
        "user-agent: me/1\naccept-encoding: gzip\n\
         content-type: application/x-www-form-urlencoded\ncontent-length: 3\na=b"
    );
}

#[test]
fn time_passes_only_by_waiting_or_by_hand() {
    let script = story::origins();
    let clock = script.clock();
    let client = Client::with_transport(script);
    let rpc = client.rpc().fetch(url("10")).unwrap();
    for _ in 0..3 {
        assert_eq!(rpc.state(), State::Running);
    }
    assert_eq!(clock.elapsed(), Duration::ZERO);
    rpc.wait().unwrap();
    assert_eq!(clock.elapsed(), Duration::from_millis(10));
    clock.advance(Duration::from_secs(1));
    assert_eq!(clock.elapsed(), Duration::from_millis(1_010));
}

#[test]
fn an_answer_can_be_slow_cut_and_torn_at_any_place() {
    const TICK: Duration = Duration::from_millis(10);
    let declared = [("content-length".into(), b"10".to_vec())];
    let cases = [
        (
            Answer::failure(FailureCode::DnsTimeout),
            ErrorKind::DnsLookupFailed,
            0,
        ),
        (Answer::silence(), ErrorKind::DeadlineExceeded, 5_000),
        (
            Answer::head(200, vec![]),
            ErrorKind::DeadlineExceeded,
            5_000,
        ),
        (
            Answer::head(200, declared.into())
                .piece(TICK, "short")
                .end(TICK),
            ErrorKind::ConnectionClosed,
            20,
        ),
        (
            Answer::head(200, vec![])
                .piece(TICK, "torn")
                .fail(TICK, FailureCode::ConnectionTerminated)
                .after(TICK),
            ErrorKind::ConnectionClosed,
            30,
        ),
    ];
    for (answer, kind, millis) in cases {
        let answer = std::cell::Cell::new(Some(answer));
        let script = Scripted::new().rule(|_| true, move |_| answer.take().unwrap());
        let clock = script.clock();
        let error = Client::with_transport(script).fetch(url("")).unwrap_err();
        assert_eq!(error.kind(), Some(kind), "{error}");
        assert_eq!(clock.elapsed().as_millis(), millis, "{kind}");
    }
}
