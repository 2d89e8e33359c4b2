//! What a redirect may not do: take credentials along, or lead where a caller could not have gone. Semantics.md 10.5 to 10.9.
use super::{redirects::moved, scenario::*};
use crate::{ErrorKind, FetchError, Method, Phase, Request};

const A: &str = "http://a.example/";
const NEXT: &str = "http://a.example/next";

/// What a redirect to `location` fails with.
fn refused(program: Program, location: &str) -> FetchError {
    let mut program = program.origin(A, redirect(302, location));
    let error = program.failed(get(A));
    assert_eq!(program.sent.len(), 1, "it was not followed");
    assert_eq!(
        (error.phase, error.retryable),
        (Phase::Redirect, false),
        "{error}"
    );
    error
}

fn with_credentials() -> Request {
    with_headers(
        A,
        &[
            ("Authorization", "secret"),
            ("COOKIE", "secret"),
            ("x-mine", "kept"),
        ],
    )
}

#[test]
fn credentials_stay_behind_when_scheme_host_or_port_change() {
    for target in [
        "http://b.example/",
        "https://a.example/",
        "http://a.example:8080/",
        "http://sub.a.example/",
    ] {
        let back = redirect(302, "http://a.example/again");
        let mut program = Program::new()
            .origin(A, redirect(307, target))
            .origin(target, back)
            .origin("http://a.example/again", answer(200));
        program.fetched(with_credentials());
        assert_eq!(program.sent[0].header("cookie").as_deref(), Some("secret"));
        for sent in &program.sent[1..] {
            assert_eq!(
                (sent.header("authorization"), sent.header("cookie")),
                (None, None),
                "nor do they come back: {}",
                sent.url
            );
            assert_eq!(sent.header("x-mine").as_deref(), Some("kept"));
        }
    }
}

#[test]
fn credentials_go_along_to_another_origin_when_that_is_asked_for() {
    let target = "http://b.example/";
    let mut program = Program::new()
        .origin(A, redirect(302, target))
        .origin(target, answer(200))
        .policy(|policy| {
            policy.keep_credentials = true;
            Ok(())
        });
    program.fetched(with_credentials());
    let sent = program.last_sent();
    assert_eq!(sent.url.as_str(), target);
    assert_eq!(sent.header("authorization").as_deref(), Some("secret"));
    assert_eq!(sent.header("cookie").as_deref(), Some("secret"));
}

#[test]
fn credentials_are_kept_within_the_origin() {
    let mut program = Program::new()
        .origin(A, redirect(302, "http://A.example:80/next"))
        .origin(NEXT, answer(200));
    program.fetched(with_credentials());
    assert_eq!(
        program.last_sent().header("authorization").as_deref(),
        Some("secret")
    );
    assert_eq!(
        program.last_sent().header("cookie").as_deref(),
        Some("secret")
    );
}

#[test]
fn cookies_of_a_redirect_are_never_sent() {
    let mut program = Program::new()
        .origin(A, redirect(302, "/next").header("set-cookie", "a=b"))
        .origin(NEXT, answer(200));
    program.fetched(get(A));
    assert_eq!(program.last_sent().header("cookie"), None);
}

#[test]
fn an_explicit_content_type_survives_the_rewrite_to_get() {
    let mut program = moved(302);
    program.fetched(Request {
        headers: lines_of(&[("Content-Type", "text/plain")]),
        ..request(Method::Post, A, "x")
    });
    assert_eq!(
        program.last_sent().header("content-type").as_deref(),
        Some("text/plain")
    );
}

#[test]
fn header_rules_hold_on_every_hop() {
    let mut program = moved(302);
    let rpc = program.start(with_headers(
        A,
        &[("User-Agent", "mine"), ("Host", "x"), ("Via", "y")],
    ));
    program.wait(rpc);
    for sent in &program.sent {
        assert_eq!(
            sent.header("user-agent").as_deref(),
            Some("mine urlfetch/0.2.0")
        );
        assert_eq!(sent.header("accept-encoding").as_deref(), Some("gzip"));
        assert_eq!((sent.header("host"), sent.header("via")), (None, None));
    }
    assert_eq!(
        program.service.call(rpc).unwrap().rejected_headers(),
        ["Host", "Via"],
        "reported once"
    );
}

#[test]
fn a_location_that_is_no_url_to_fetch_is_invalid_and_told() {
    for location in [
        "ftp://b.example/",
        "mailto:x",
        "http://",
        "http:///x",
        "http://b.example:22/",
        "http://u:p@b.example/",
        "http://b.example:x/",
        "\u{1}",
        "http://b\u{e9}.example/",
    ] {
        let error = refused(Program::new(), location);
        assert_eq!(
            (error.kind, error.code, error.url.as_str()),
            (ErrorKind::InvalidUrl, 1, A),
            "{location}"
        );
        let shown = location
            .replace('\u{1}', "\\x01")
            .replace('\u{e9}', "\\xC3\\xA9");
        assert!(error.detail.contains(&shown), "{}", error.detail);
    }
}

#[test]
fn a_refused_destination_is_named_with_the_switch_that_permits_it() {
    for target in [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://2130706433/",
    ] {
        let error = refused(Program::new(), target);
        assert_eq!(
            (error.kind, error.code, error.url.as_str()),
            (ErrorKind::Refused, 0, target)
        );
        assert!(error.detail.contains("allow-private"), "{}", error.detail);
    }
    let only_a =
        Program::new().policy(|policy| policy.set_allowed_origins(&["http://a.example".into()]));
    let error = refused(only_a, "http://b.example/x");
    assert_eq!(
        (error.kind, error.url.as_str()),
        (ErrorKind::Refused, "http://b.example/x")
    );
    assert!(error.detail.contains("set-allowed-origins"));
}

#[test]
fn a_private_destination_is_followed_when_permitted() {
    let mut program = Program::new()
        .origin(A, redirect(302, "http://127.0.0.1:8080/"))
        .origin("http://127.0.0.1:8080/", answer(200))
        .policy(|policy| {
            policy.allow_private = true;
            Ok(())
        });
    assert_eq!(program.fetched(get(A)).status, 200);
}

#[test]
fn a_redirect_to_https_without_validation_is_unsupported() {
    let mut program = Program::new()
        .origin(A, redirect(302, "https://b.example/"))
        .origin("https://b.example/", answer(200));
    let unvalidated = Request {
        validate_certificate: Some(false),
        ..get(A)
    };
    let error = program.failed(unvalidated.clone());
    assert_eq!(
        (error.kind, error.phase, error.url.as_str()),
        (
            ErrorKind::Unsupported,
            Phase::Redirect,
            "https://b.example/"
        )
    );
    program.set_policy(|policy| {
        policy.validate_anyway = true;
        Ok(())
    });
    assert_eq!(program.fetched(unvalidated).status, 200);
}
