//! Requests as they are built, and answers as they are read.
use super::scenario::lines_of;
use crate::{Method, Request, Response};

#[test]
fn a_request_is_what_it_was_built_as() {
    let plain = Request::new("http://a/");
    assert_eq!(
        plain,
        Request {
            url: "http://a/".into(),
            method: Method::Get,
            headers: vec![],
            payload: vec![],
            follow_redirects: true,
            allow_truncated: false,
            validate_certificate: None,
        }
    );
    assert_eq!(Request::get("http://a/"), plain);
    let of = |method| Request {
        method,
        ..plain.clone()
    };
    assert_eq!(Request::head("http://a/"), of(Method::Head));
    assert_eq!(Request::delete("http://a/"), of(Method::Delete));
    let with = |method| Request {
        payload: b"x".into(),
        ..of(method)
    };
    assert_eq!(Request::post("http://a/", "x"), with(Method::Post));
    assert_eq!(Request::put("http://a/", "x"), with(Method::Put));
    assert_eq!(Request::patch("http://a/", "x"), with(Method::Patch));
    assert_eq!(
        plain
            .clone()
            .with_method(Method::Put)
            .with_payload("y")
            .with_header("a", "1")
            .with_header("a", "2")
            .with_follow_redirects(false)
            .with_allow_truncated(true)
            .with_validate_certificate(true),
        Request {
            payload: b"y".into(),
            headers: lines_of(&[("a", "1"), ("a", "2")]),
            follow_redirects: false,
            allow_truncated: true,
            validate_certificate: Some(true),
            ..of(Method::Put)
        }
    );
}

#[test]
fn success_is_200_to_299() {
    let is_success = |status| {
        let response = Response {
            status,
            ..Response::default()
        };
        response.is_success()
    };
    assert!(is_success(200) && is_success(204) && is_success(299));
    assert!(!is_success(199) && !is_success(300) && !is_success(404));
}

#[test]
fn content_is_read_as_utf_8_whatever_it_is() {
    let response = Response {
        content: b"caf\xc3\xa9 \xff".into(),
        ..Response::default()
    };
    assert_eq!(response.text(), "caf\u{e9} \u{fffd}");
}

#[test]
fn a_header_is_joined_in_its_order_and_read_as_latin_1() {
    let mut headers = lines_of(&[("a", "1"), ("b", "2"), ("A", "3")]);
    headers.push(("c".into(), b"\xe9".into()));
    let response = Response {
        headers,
        ..Response::default()
    };
    assert_eq!(response.header("A").as_deref(), Some("1, 3"));
    assert_eq!(response.header("c").as_deref(), Some("\u{e9}"));
    assert_eq!(response.header("d"), None);
    let values: Vec<_> = response.header_values("a").collect();
    assert_eq!(values, [b"1", b"3"]);
}
