//! Following redirects: which, how far, by which method, and what the result says. Semantics.md section 10.
use super::scenario::*;
use crate::{ErrorKind, Method, Phase, Request, Response};

const A: &str = "http://a.example/";
const NEXT: &str = "http://a.example/next";

/// A redirect from `A` to `NEXT`, which answers 200.
pub(super) fn moved(status: u16) -> Program {
    Program::new()
        .origin(A, redirect(status, "/next"))
        .origin(NEXT, answer(200))
}

/// Redirects 0 to `length - 1` lead to the next number, the last one to 200.
fn chain(length: usize) -> Program {
    let step = |program: Program, index| {
        program.origin(
            &format!("http://a.example/{index}"),
            redirect(302, &format!("/{}", index + 1)),
        )
    };
    (0..length)
        .fold(Program::new(), step)
        .origin(&format!("http://a.example/{length}"), answer(200))
}

#[test]
fn each_status_rewrites_each_method_as_the_table_says() {
    use Method::{Delete, Get, Head, Patch, Post, Put};
    for status in [301, 302, 303] {
        for (method, then) in [
            (Get, Get),
            (Head, Head),
            (Post, Get),
            (Put, Get),
            (Delete, Get),
            (Patch, Get),
        ] {
            let mut program = moved(status);
            program.fetched(request(method, A, "body"));
            let sent = program.last_sent();
            assert_eq!(
                (sent.method, sent.url.as_str()),
                (then, NEXT),
                "{status} {}",
                method.name()
            );
            assert!(sent.payload.is_empty());
            assert_eq!(
                (sent.header("content-length"), sent.header("content-type")),
                (None, None)
            );
        }
    }
    for method in Method::ALL {
        let mut program = moved(307);
        program.fetched(request(method, A, "body"));
        let [first, second] = program.sent.as_slice() else {
            panic!("two requests")
        };
        assert_eq!((second.method, &second.payload), (method, &first.payload));
        assert_eq!(
            second.headers, first.headers,
            "payload, length and type go along"
        );
    }
}

#[test]
fn only_four_statuses_are_followed_and_the_others_are_results() {
    for status in [300, 304, 305, 306, 308, 399, 200, 404] {
        let mut program = moved(status);
        let response = program.fetched(get(A));
        assert_eq!((response.status, response.final_url), (status, None));
        assert_eq!(program.sent.len(), 1);
    }
}

#[test]
fn a_308_is_followed_like_a_307_when_the_client_says_so() {
    let mut program = moved(308).policy(|policy| {
        policy.follow_308 = true;
        Ok(())
    });
    let response = program.fetched(request(Method::Put, A, "body"));
    assert_eq!(response.final_url.as_deref(), Some(NEXT));
    assert_eq!(
        (
            program.last_sent().method,
            program.last_sent().payload.as_slice()
        ),
        (Method::Put, b"body".as_slice())
    );
}

#[test]
fn five_redirects_succeed_and_a_sixth_is_too_many() {
    let mut program = chain(5);
    let response = program.fetched(get("http://a.example/0"));
    assert_eq!(
        (response.status, response.final_url.as_deref()),
        (200, Some("http://a.example/5"))
    );

    let mut program = chain(6);
    let rpc = program.start(get("http://a.example/0"));
    let error = program.result(rpc).unwrap_err();
    assert_eq!(
        (error.kind, error.code, error.phase, error.retryable),
        (ErrorKind::TooManyRedirects, 10, Phase::Redirect, false)
    );
    assert_eq!(error.url, "http://a.example/5", "the one that went too far");
    assert_eq!((program.sent.len(), program.hops(rpc).len()), (6, 6));
}

#[test]
fn a_loop_ends_after_six_requests() {
    let mut program = Program::new().origin(A, redirect(302, A));
    assert_eq!(program.failed(get(A)).kind, ErrorKind::TooManyRedirects);
    assert_eq!(program.sent.len(), 6);
}

#[test]
fn the_number_of_redirects_is_the_clients_also_none_at_all() {
    let mut program = chain(1).policy(|policy| policy.set_max_redirects(0));
    assert_eq!(
        program.failed(get("http://a.example/0")).kind,
        ErrorKind::TooManyRedirects
    );
    assert_eq!(program.sent.len(), 1);
    let mut program = chain(100).policy(|policy| policy.set_max_redirects(100));
    assert_eq!(program.fetched(get("http://a.example/0")).status, 200);
}

#[test]
fn a_call_keeps_the_policy_it_was_started_under() {
    let mut program = chain(1);
    let rpc = program.start(get("http://a.example/0"));
    program.set_policy(|policy| policy.set_max_redirects(0));
    assert_eq!(program.result(rpc).unwrap().status, 200);
}

#[test]
fn a_redirect_without_location_is_malformed() {
    let mut program = Program::new().origin(A, answer(302).piece("no location"));
    let error = program.failed(get(A));
    assert_eq!(
        (error.kind, error.code, error.phase),
        (ErrorKind::MalformedReply, 11, Phase::Redirect)
    );
    assert_eq!(error.url, A);
}

#[test]
fn not_following_makes_the_redirect_the_result() {
    for (answer, location) in [
        (redirect(302, "/next").piece("moved"), Some("/next")),
        (answer(302).piece("moved"), None),
    ] {
        let mut program = Program::new().origin(A, answer);
        let response = program.fetched(Request {
            follow_redirects: false,
            ..get(A)
        });
        assert_eq!(
            (response.status, response.header("location").as_deref()),
            (302, location)
        );
        assert_eq!(
            (response.content.as_slice(), response.final_url),
            (b"moved".as_slice(), None)
        );
    }
}

#[test]
fn a_relative_location_is_resolved_against_the_hop_that_gave_it() {
    for (location, target) in [
        ("plain", "http://a.example/to/plain"),
        ("/x?q=1", "http://a.example/x?q=1"),
        ("../x", "http://a.example/x"),
        ("?q", "http://a.example/to/x?q"),
        ("//b.example/y", "http://b.example/y"),
        ("https://b.example:8443/y#part", "https://b.example:8443/y"),
        (" /spaced\t", "http://a.example/spaced"),
    ] {
        let start = "http://a.example/to/x";
        let mut program = Program::new()
            .origin(start, redirect(302, location))
            .origin(target, answer(200));
        assert_eq!(
            program.fetched(get(start)).final_url.as_deref(),
            Some(target),
            "{location}"
        );
    }
}

#[test]
fn the_body_of_a_redirect_is_not_read() {
    let mut program = Program::new()
        .origin(A, redirect(302, "/next").piece("a very long story").hangs())
        .origin(NEXT, answer(200).piece("end"));
    let rpc = program.start(get(A));
    assert_eq!(program.result(rpc).unwrap().content, b"end");
    assert_eq!(program.received(rpc), 3);
}

#[test]
fn final_url_is_that_of_the_last_hop_whatever_its_status() {
    assert_eq!(moved(404).fetched(get(A)).final_url, None);
    let mut program = Program::new()
        .origin(A, redirect(301, "/next"))
        .origin(NEXT, answer(404));
    let Response {
        status, final_url, ..
    } = program.fetched(get(A));
    assert_eq!((status, final_url.as_deref()), (404, Some(NEXT)));
}
