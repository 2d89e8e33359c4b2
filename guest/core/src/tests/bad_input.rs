//! Bad input gets its typed error, at the moment its section says, and loses nothing: the rpc stays usable, the old value stays.
use super::scenario::*;
use crate::{ErrorKind, MAX_REQUEST, Method, Phase, Request, State, headers, policy};

const A: &str = "http://a.example/";

/// That make-fetch-call refuses this at once, names it, and leaves the rpc usable.
fn refused_at_once(request: Request, kind: ErrorKind, named: &str) {
    let mut program = Program::new().origin(A, answer(200));
    let rpc = program.create();
    let error = program.call(rpc, request).unwrap_err();
    assert_eq!(
        (error.kind, error.code, error.phase, error.retryable),
        (kind, 0, Phase::Local, false)
    );
    assert!(error.detail.contains(named), "{named}: {}", error.detail);
    assert_eq!(program.state(rpc), State::Idle);
    program.call(rpc, get(A)).unwrap();
    assert_eq!(program.result(rpc).unwrap().status, 200);
}

/// That get-result, and not make-fetch-call, reports this.
fn reported_by_get_result(request: Request, kind: ErrorKind) -> String {
    let mut program = Program::new().origin(A, answer(200));
    let rpc = program.create();
    program.call(rpc, request).unwrap();
    let error = program.result(rpc).unwrap_err();
    assert_eq!(
        (error.kind, error.code, error.phase, error.retryable),
        (kind, kind.code(), Phase::Local, false)
    );
    assert!(program.sent.is_empty());
    error.detail
}

#[test]
fn a_bad_url_is_invalid_and_told_why() {
    for (url, why) in [
        ("", "scheme"),
        ("a.example", "scheme"),
        ("gopher://a.example/", "gopher"),
        ("http://", "host"),
        ("http://a.example:22/", "22"),
        ("http://a.example:65536/", "port"),
        ("http://u:p@a.example/", "password"),
        ("http://a.example/\r\nx: y", "control"),
        ("http://a.example/\0", "control"),
        ("http://b\u{fc}cher.example/", "host"),
    ] {
        let detail = reported_by_get_result(get(url), ErrorKind::InvalidUrl);
        assert!(detail.contains(why), "{url:?}: {detail}");
    }
}

#[test]
fn a_url_too_long_is_invalid_before_anything_else_about_it() {
    let long = format!("http://a.example/{}", "x".repeat(10_240));
    let too_much = Request {
        payload: vec![0; MAX_REQUEST + 1],
        method: Method::Post,
        ..get(&long)
    };
    let detail = reported_by_get_result(too_much, ErrorKind::InvalidUrl);
    assert!(detail.contains("10240"), "{detail}");
}

#[test]
fn a_private_address_is_refused_with_the_name_of_the_switch() {
    for url in [
        "http://127.0.0.1:8080/",
        "http://localhost:8080/",
        "http://10.1.2.3/",
        "http://[fe80::1]/",
        "http://0x7f.1/",
    ] {
        let detail = reported_by_get_result(get(url), ErrorKind::Refused);
        assert!(detail.contains("allow-private"), "{detail}");
    }
}

#[test]
fn a_header_value_with_a_control_byte_is_an_invalid_argument() {
    for byte in (0..0x20).chain([0x7f]).filter(|byte| *byte != b'\t') {
        let headers = vec![
            ("x-good".into(), b"\t ok \xff".to_vec()),
            ("x-bad".into(), vec![b'a', byte, b'b']),
        ];
        refused_at_once(
            Request { headers, ..get(A) },
            ErrorKind::InvalidArgument,
            "x-bad",
        );
    }
}

#[test]
fn a_header_name_that_is_no_token_is_an_invalid_argument() {
    for name in [
        "",
        " ",
        "a b",
        "a:",
        "a\r\nb",
        "a\0",
        "caf\u{e9}",
        "(x)",
        "a,b",
        "a/b",
        "\u{1f980}",
    ] {
        refused_at_once(
            with_headers(A, &[("x-good", "1"), (name, "1")]),
            ErrorKind::InvalidArgument,
            "not a token",
        );
    }
    let long = "\u{1f980}".repeat(10_000);
    refused_at_once(
        with_headers(A, &[(&long, "")]),
        ErrorKind::InvalidArgument,
        "\\xF0\\x9F\\xA6\\x80",
    );
}

#[test]
fn a_protected_header_is_judged_before_it_is_dropped() {
    refused_at_once(
        with_headers(A, &[("Host", "a\r\nb")]),
        ErrorKind::InvalidArgument,
        "Host",
    );
}

#[test]
fn header_lines_over_16_kib_are_too_large_and_exactly_so_many_are_not() {
    let filling = |more: usize| {
        with_headers(
            A,
            &[("x", &"v".repeat(headers::MAX_HEADER_SECTION - 5 + more))],
        )
    };
    assert_eq!(
        headers::section_size(&filling(0).headers),
        headers::MAX_HEADER_SECTION
    );
    assert_eq!(
        Program::new()
            .origin(A, answer(200))
            .fetched(filling(0))
            .status,
        200
    );
    let detail = reported_by_get_result(filling(1), ErrorKind::PayloadTooLarge);
    assert!(detail.contains("16 KiB"), "{detail}");
    let mut with_protected = filling(0);
    with_protected
        .headers
        .push(("via".into(), vec![b'v'; 1_000]));
    assert_eq!(
        Program::new()
            .origin(A, answer(200))
            .fetched(with_protected)
            .status,
        200,
        "what is not sent does not count"
    );
}

/// wasmtime counts a name with 32 bytes more and a value with 40, and traps when the sum exceeds 128 KiB: 16 KiB of the shortest
/// lines would be 200 KiB.
#[test]
fn header_lines_a_host_would_trap_on_are_too_large() {
    let lines = |count: usize| {
        let line = |index| {
            (
                format!(
                    "{}{}",
                    char::from(b'a' + (index / 26 % 26) as u8),
                    char::from(b'a' + (index % 26) as u8)
                ),
                Vec::new(),
            )
        };
        Request {
            headers: (0..count).map(line).collect(),
            ..get(A)
        }
    };
    assert!(headers::section_size(&lines(2_700).headers) < headers::MAX_HEADER_SECTION);
    let detail = reported_by_get_result(lines(2_700), ErrorKind::PayloadTooLarge);
    assert!(detail.contains("lines"), "{detail}");
    reported_by_get_result(
        lines(headers::MAX_HEADER_LINES + 1),
        ErrorKind::PayloadTooLarge,
    );

    let mut program = Program::new()
        .origin(A, answer(200))
        .policy(|policy| policy.set_user_agent(Some("a".repeat(policy::MAX_USER_AGENT))));
    program.fetched(lines(headers::MAX_HEADER_LINES));
    let sent = &program.last_sent().headers;
    let counted: usize = sent
        .iter()
        .map(|(name, value)| name.len() + 32 + value.len() + 40)
        .sum();
    let unused = headers::MAX_HEADER_SECTION
        - headers::section_size(&lines(headers::MAX_HEADER_LINES).headers);
    assert!(counted + unused < 128 * 1024, "{counted} + {unused}");
}

#[test]
fn a_request_over_10_mib_is_too_large_and_exactly_so_much_is_not() {
    let fitting = MAX_REQUEST - A.len() - "POST".len();
    let post = |length| Request {
        payload: vec![b'x'; length],
        ..request(Method::Post, A, "")
    };
    assert_eq!(
        Program::new()
            .origin(A, answer(200))
            .fetched(post(fitting))
            .status,
        200
    );
    let detail = reported_by_get_result(post(fitting + 1), ErrorKind::PayloadTooLarge);
    assert!(detail.contains("10 MiB"), "{detail}");
    assert!(
        ErrorKind::PayloadTooLarge.is_invalid_url(),
        "caught as App Engine's InvalidURLError too"
    );
    let ignored = Request {
        method: Method::Delete,
        ..post(MAX_REQUEST + 1)
    };
    assert_eq!(
        Program::new()
            .origin(A, answer(200))
            .fetched(ignored)
            .status,
        200,
        "what is not sent does not count"
    );
}

#[test]
fn a_method_outside_the_six_is_named_however_odd() {
    for (name, shown) in [
        ("OPTIONS", "OPTIONS"),
        ("TRACE", "TRACE"),
        ("CONNECT", "CONNECT"),
        ("", ""),
        (" GET", " GET"),
        ("GET ", "GET "),
        ("G\0T", "G\\x00T"),
        ("get\r\n", "get\\x0D\\x0A"),
        ("\"GET\\", "\\\"GET\\\\"),
        ("\u{1f980}", "\\xF0\\x9F\\xA6\\x80"),
    ] {
        let error = Method::parse(name).unwrap_err();
        assert_eq!(
            (error.kind, error.code, error.phase),
            (ErrorKind::InvalidMethod, 0, Phase::Local)
        );
        assert!(
            error.detail.contains(&format!("\"{shown}\"")),
            "{}",
            error.detail
        );
    }
    assert!(
        Method::parse(&"x".repeat(1_000_000))
            .unwrap_err()
            .detail
            .len()
            < 200
    );
}

#[test]
fn an_rpc_used_twice_or_not_at_all_is_misuse() {
    let mut program = Program::new().origin(A, answer(200));
    let rpc = program.create();
    assert_eq!(program.result(rpc).unwrap_err().kind, ErrorKind::Misuse);
    program.call(rpc, get(A)).unwrap();
    assert_eq!(
        program.call(rpc, get(A)).unwrap_err().kind,
        ErrorKind::Misuse
    );
    assert_eq!(program.result(rpc).unwrap().status, 200);
}

const MEANINGLESS: [f64; 6] = [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

#[test]
fn a_deadline_that_is_no_positive_number_is_refused_at_creation() {
    let mut program = Program::new();
    for seconds in MEANINGLESS {
        let error = program
            .service
            .create_rpc(program.client, Some(seconds))
            .unwrap_err();
        assert_eq!(
            (error.kind, error.phase),
            (ErrorKind::InvalidArgument, Phase::Local)
        );
        assert!(error.detail.contains("deadline"), "{}", error.detail);
    }
    assert!(
        program.service.is_at_rest(program.client),
        "no rpc came to be"
    );
}

#[test]
fn a_deadline_however_short_or_long_has_a_meaning() {
    let mut program = Program::new().origin(A, silence());
    for seconds in [f64::MIN_POSITIVE, 1e-12, 1e18, f64::MAX] {
        let rpc = program.start_with(seconds, get(A));
        assert_eq!(
            program.result(rpc).unwrap_err().kind,
            ErrorKind::DeadlineExceeded
        );
    }
    program.set_policy(|policy| policy.set_maximum_deadline(f64::MAX));
    let rpc = program.start_with(f64::MAX, get(A));
    program.poll_for(1_000_000);
    assert_eq!(program.state(rpc), State::Running);
}
