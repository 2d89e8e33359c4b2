//! make-fetch-call: what fails at once and in which order, what waits for get-result, and what is sent. Semantics.md section 2.
use super::scenario::*;
use crate::{CurrentRequest, ErrorKind, Method, Phase, Request, State};

const URL: &str = "http://a.example/";

/// What make-fetch-call reports at once when all of it is wrong, one fault less each time.
#[test]
fn immediate_checks_come_in_their_order_and_leave_the_rpc_idle() {
    assert_eq!(
        Method::parse("OPTIONS").unwrap_err().kind,
        ErrorKind::InvalidMethod
    );

    let mut program = Program::new().origin("http://app.example/", answer(200));
    let serving = CurrentRequest {
        authority: "app.example".into(),
        path: "/".into(),
    };
    program
        .service
        .set_current_request(program.client, Some(serving));
    let used = program.start(request(Method::Post, "http://app.example/", ""));
    let idle = program.create();

    let mut wrong = Request {
        validate_certificate: Some(false),
        ..with_headers("https://app.example/", &[("a b", "")])
    };
    for kind in [
        ErrorKind::InvalidUrl,
        ErrorKind::InvalidArgument,
        ErrorKind::Unsupported,
    ] {
        for rpc in [used, idle] {
            let error = program.call(rpc, wrong.clone()).unwrap_err();
            assert_eq!(
                (error.kind, error.phase, error.url.as_str()),
                (kind, Phase::Local, wrong.url.as_str())
            );
            assert_eq!(error.code, kind.code());
        }
        match kind {
            ErrorKind::InvalidUrl => program.service.set_current_request(program.client, None),
            ErrorKind::InvalidArgument => wrong.headers.clear(),
            _ => wrong.validate_certificate = None,
        }
    }
    wrong.url = "http://app.example/".into();
    assert_eq!(
        program.call(used, wrong.clone()).unwrap_err().kind,
        ErrorKind::Misuse,
        "the one-call rule comes last"
    );
    assert_eq!(program.state(idle), State::Idle);
    program.call(idle, wrong).unwrap();
    assert_eq!(program.result(idle).unwrap().status, 200);
}

#[test]
fn only_a_get_may_not_fetch_the_request_being_served() {
    let url = "http://app.example:8080/a%62?q=1";
    let mut program = Program::new()
        .origin(url, answer(200))
        .origin("http://app.example:8080/a", answer(201));
    let serving = CurrentRequest {
        authority: "app.example:8080".into(),
        path: "/ab".into(),
    };
    program.service.seal(program.client);
    program
        .service
        .set_current_request(program.client, Some(serving));
    let rpc = program.create();
    let error = program.call(rpc, get(url)).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::InvalidUrl, 1));
    assert_eq!(program.fetched(request(Method::Post, url, "")).status, 200);
    assert_eq!(
        program.fetched(get("http://app.example:8080/a")).status,
        201
    );
    program.service.set_current_request(program.client, None);
    program.call(rpc, get(url)).unwrap();
    assert_eq!(program.result(rpc).unwrap().status, 200);
}

#[test]
fn what_is_wrong_with_the_url_waits_for_get_result() {
    let mut program = Program::new();
    for url in [
        "",
        "a.example",
        "//a.example/",
        "ftp://a.example/",
        "mailto:x@a.example",
        "http://",
        "http:///x",
        "http://a.example:22/",
    ] {
        let rpc = program.create();
        program.call(rpc, get(url)).unwrap();
        assert_eq!(
            program.state(rpc),
            State::Finishing,
            "nothing is to be waited for"
        );
        let error = program.result(rpc).unwrap_err();
        assert_eq!(
            (error.kind, error.code, error.phase),
            (ErrorKind::InvalidUrl, 1, Phase::Local),
            "{url:?}"
        );
        assert_eq!((error.url.as_str(), error.retryable), (url, false));
        assert_eq!(program.hops(rpc), []);
    }
    assert!(program.sent.is_empty());
    assert_eq!(program.service.in_flight(program.client), 0);
}

#[test]
fn a_host_that_refuses_at_once_still_looks_asynchronous() {
    let mut program = Program::new().origin(URL, failure(crate::FailureCode::HttpRequestDenied));
    let rpc = program.create();
    program.call(rpc, get(URL)).unwrap();
    assert_eq!(program.result(rpc).unwrap_err().kind, ErrorKind::Download);
    assert_eq!(program.hops(rpc).len(), 1, "it was handed over");
}

#[test]
fn methods_are_the_six_in_any_case() {
    for (name, method) in [
        ("get", Method::Get),
        ("Post", Method::Post),
        ("HEAD", Method::Head),
        ("pUT", Method::Put),
        ("delete", Method::Delete),
        ("PATCH", Method::Patch),
    ] {
        assert_eq!(Method::parse(name).unwrap(), method);
        assert_eq!(Method::parse(method.name()).unwrap(), method);
    }
    assert_eq!(
        Method::ALL.map(Method::name),
        ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH"],
        "App Engine's constants 1 to 6"
    );
}

#[test]
fn a_payload_is_used_by_three_methods_and_ignored_by_the_others() {
    let mut program = Program::new().origin(URL, answer(200));
    for method in Method::ALL {
        program.fetched(request(method, URL, "body"));
        let sent = program.last_sent();
        let expected = if method.has_payload() { "body" } else { "" };
        assert_eq!(
            sent.payload.as_slice(),
            expected.as_bytes(),
            "{}",
            method.name()
        );
        assert_eq!(
            sent.header("content-length").is_some(),
            method.has_payload()
        );
        assert_eq!(
            sent.header("content-type").is_some(),
            method == Method::Post
        );
    }
}

#[test]
fn a_fetch_without_certificate_validation_is_refused_on_https_only() {
    let mut program = Program::new()
        .origin(URL, answer(200))
        .origin("https://a.example/", answer(200));
    let unvalidated = |url: &str| Request {
        validate_certificate: Some(false),
        ..get(url)
    };
    let rpc = program.create();
    for url in ["https://a.example/", "HTTPS://a.example/"] {
        let error = program.call(rpc, unvalidated(url)).unwrap_err();
        assert_eq!(
            (error.kind, error.code, error.url.as_str()),
            (ErrorKind::Unsupported, 0, url)
        );
        assert!(error.detail.contains("validate-certificate"));
    }
    assert_eq!(program.fetched(unvalidated(URL)).status, 200);
    program.set_policy(|policy| {
        policy.validate_anyway = true;
        Ok(())
    });
    assert_eq!(
        program.fetched(unvalidated("https://a.example/")).status,
        200
    );
    let validated = Request {
        validate_certificate: Some(true),
        ..get("https://a.example/")
    };
    assert_eq!(program.fetched(validated).status, 200);
}
