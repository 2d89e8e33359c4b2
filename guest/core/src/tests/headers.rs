//! Header lines both ways: what a caller may send, what is added, and what a response says afterwards. Semantics.md section 11.
use super::scenario::*;
use crate::{Method, Request, Response, headers};

const A: &str = "http://a.example/";

/// What goes out for these lines, and what is reported as rejected.
fn sent_for(request: Request) -> (Sent, Vec<String>) {
    let mut program = Program::new().origin(A, answer(200));
    let rpc = program.start(request);
    program.wait(rpc);
    let rejected = program
        .service
        .call(rpc)
        .unwrap()
        .rejected_headers()
        .to_vec();
    (program.sent.remove(0), rejected)
}

fn post(payload: &str, lines: &[(&str, &str)]) -> Request {
    Request {
        headers: lines_of(lines),
        ..request(Method::Post, A, payload)
    }
}

#[test]
fn protected_names_are_dropped_in_any_case_and_reported_as_spelled() {
    let names = [
        "Content-Length",
        "HOST",
        "vary",
        "Via",
        "X-Forwarded-For",
        "X-ProxyUser-IP",
        "X-Appengine-Inbound-Appid",
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "proxy-authenticate",
        "Proxy-Authorization",
        "Transfer-Encoding",
        "Upgrade",
        "HTTP2-Settings",
        "Expect",
    ];
    let mut lines: Vec<_> = names.iter().map(|name| (*name, "x")).collect();
    lines.insert(3, ("X-Mine", "kept"));
    lines.push(("via", "again"));
    let (sent, rejected) = sent_for(post("abc", &lines));
    assert_eq!(
        rejected,
        [names.as_slice(), &["via"]].concat(),
        "in their order, repeats too"
    );
    for name in names {
        let expected = (name == "Content-Length").then(|| "3".to_owned());
        assert_eq!(sent.header(name), expected, "{name}");
        assert!(headers::is_protected(name));
    }
    assert_eq!(sent.header("x-mine").as_deref(), Some("kept"));
}

#[test]
fn nothing_is_reported_when_nothing_was_dropped() {
    let (sent, rejected) = sent_for(with_headers(
        A,
        &[("B", "2"), ("a", "1"), ("b", "3"), ("TE", "trailers")],
    ));
    assert_eq!(rejected, [""; 0]);
    let own: Vec<_> = sent
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .take(4)
        .collect();
    assert_eq!(
        own,
        ["B", "a", "b", "TE"],
        "order, spelling and repeats are the caller's"
    );
}

#[test]
fn without_headers_of_the_caller_agent_and_encoding_are_added() {
    let (sent, _) = sent_for(get(A));
    assert_eq!(
        sent.headers,
        lines_of(&[
            ("user-agent", "urlfetch/0.2.0"),
            ("accept-encoding", "gzip")
        ])
    );
}

#[test]
fn the_product_is_put_behind_the_callers_user_agent() {
    let (sent, _) = sent_for(with_headers(A, &[("USER-agent", "mine")]));
    assert_eq!(
        sent.header("user-agent").as_deref(),
        Some("mine urlfetch/0.2.0")
    );
    let (sent, _) = sent_for(with_headers(A, &[("user-agent", "")]));
    assert_eq!(
        sent.header("user-agent").as_deref(),
        Some("urlfetch/0.2.0"),
        "behind nothing, without a space"
    );
}

#[test]
fn the_product_is_configurable_and_empty_text_adds_nothing() {
    for (product, own, expected) in [
        (Some("App/1 (x)"), None, Some("App/1 (x)")),
        (Some("App/1"), Some("mine"), Some("mine App/1")),
        (Some(""), Some("mine"), Some("mine")),
        (Some(""), None, None),
        (None, None, Some("urlfetch/0.2.0")),
    ] {
        let mut program = Program::new()
            .origin(A, answer(200))
            .policy(|policy| policy.set_user_agent(product.map(Into::into)));
        let lines: Vec<_> = own.map(|own| ("user-agent", own)).into_iter().collect();
        program.fetched(with_headers(A, &lines));
        assert_eq!(
            program.last_sent().header("user-agent").as_deref(),
            expected
        );
    }
}

#[test]
fn an_accept_encoding_of_the_caller_goes_out_alone_and_leaves_the_answer_raw() {
    let mut program = Program::new().origin(
        A,
        answer(200)
            .header("Content-Encoding", "gzip")
            .header("content-length", "3")
            .piece("raw"),
    );
    let response = program.fetched(with_headers(A, &[("Accept-Encoding", "identity")]));
    assert_eq!(
        program.last_sent().header("accept-encoding").as_deref(),
        Some("identity")
    );
    assert_eq!(
        (
            response.content.as_slice(),
            response.header("content-encoding").as_deref(),
            response.header("content-length").as_deref()
        ),
        (b"raw".as_slice(), Some("gzip"), Some("3"))
    );
}

#[test]
fn a_range_of_the_caller_is_a_range_of_the_content_as_it_is() {
    let mut program = Program::new().origin(
        A,
        answer(206)
            .header("content-encoding", "gzip")
            .piece("piece"),
    );
    let response = program.fetched(with_headers(A, &[("Range", "bytes=0-4")]));
    assert_eq!(program.last_sent().header("accept-encoding"), None);
    assert_eq!(
        (
            response.content.as_slice(),
            response.header("content-encoding").as_deref()
        ),
        (b"piece".as_slice(), Some("gzip")),
        "a piece of gzip cannot be decoded"
    );
}

#[test]
fn a_form_is_the_default_type_of_a_post_with_a_payload_only() {
    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
    for (method, payload, expected) in [
        (Method::Post, "a=b", FORM),
        (Method::Post, "", None),
        (Method::Put, "a=b", None),
        (Method::Patch, "a=b", None),
        (Method::Get, "a=b", None),
    ] {
        let (sent, _) = sent_for(request(method, A, payload));
        assert_eq!(
            sent.header("content-type").as_deref(),
            expected,
            "{} {payload}",
            method.name()
        );
    }
    let (sent, _) = sent_for(post("{}", &[("CONTENT-type", "application/json")]));
    assert_eq!(
        sent.header("content-type").as_deref(),
        Some("application/json")
    );
}

#[test]
fn content_length_is_sent_with_the_three_methods_that_have_a_payload() {
    for method in Method::ALL {
        for (payload, length) in [("\u{e9}\u{20ac}", "5"), ("", "0")] {
            let (sent, _) = sent_for(request(method, A, payload));
            assert_eq!(
                sent.header("content-length").as_deref(),
                method.has_payload().then_some(length),
                "{}",
                method.name()
            );
        }
    }
}

#[test]
fn values_are_bytes_and_go_out_untouched() {
    let raw = Request {
        headers: vec![("x-raw".into(), b"\xff\t\xe9".to_vec())],
        ..get(A)
    };
    let (sent, _) = sent_for(raw);
    assert_eq!(
        headers::get(&sent.headers, "X-RAW"),
        Some(b"\xff\t\xe9".as_slice())
    );
}

#[test]
fn response_names_are_lower_case_and_repeats_keep_their_order() {
    let head = answer(200)
        .header("Set-Cookie", "a=1")
        .header("X-One", "1")
        .header("SET-COOKIE", "b=2");
    let response = Program::new().origin(A, head).fetched(get(A));
    let names: Vec<_> = response
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["set-cookie", "x-one", "set-cookie"]);
    assert_eq!(response.header("Set-cookie").as_deref(), Some("a=1, b=2"));
    let values: Vec<_> = response.header_values("set-cookie").collect();
    assert_eq!(values, [b"a=1", b"b=2"]);
    assert_eq!(response.header("absent"), None);
}

#[test]
fn response_values_that_are_not_text_are_read_as_latin_1() {
    let response = Response {
        headers: vec![("x".into(), b"caf\xe9".to_vec())],
        ..Response::default()
    };
    assert_eq!(response.header("x").as_deref(), Some("caf\u{e9}"));
}

#[test]
fn content_length_says_the_length_of_the_content_where_the_origin_sent_one() {
    let mut program = Program::new()
        .origin(
            A,
            answer(200)
                .header("Content-Length", "5, 5")
                .header("content-length", "5")
                .piece("hello"),
        )
        .origin("http://b.example/", answer(200).piece("hello"))
        .policy(|policy| policy.set_max_response(3));
    let cut = program.fetched(Request {
        allow_truncated: true,
        ..get(A)
    });
    assert_eq!(cut.header("content-length").as_deref(), Some("3, 3"));
    let cut = program.fetched(Request {
        allow_truncated: true,
        ..get("http://b.example/")
    });
    assert_eq!(cut.header("content-length"), None, "none is invented");
}

#[test]
fn an_answer_to_head_is_untouched() {
    let head = answer(200)
        .header("Content-Length", "1000")
        .header("content-encoding", "gzip");
    let response = Program::new()
        .origin(A, head)
        .fetched(request(Method::Head, A, ""));
    assert_eq!(response.header("content-length").as_deref(), Some("1000"));
    assert_eq!(response.header("content-encoding").as_deref(), Some("gzip"));
    assert!(response.content.is_empty() && !response.was_truncated);
}
