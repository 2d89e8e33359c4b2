//! Requests of the crate `http` are fetched as they are: method, URL, headers, body.
mod story;
use story::url;
use urlfetch::{Answer, Client, ErrorKind, IntoRequest, Method, Scripted, State};

fn convert<B>(request: http::Request<B>) -> urlfetch::Request
where
    http::Request<B>: IntoRequest,
{
    request.into_request().unwrap()
}

#[test]
fn all_parts_are_carried_over() {
    let request = http::Request::patch("https://example.com/path?query")
        .header("X-Twice", "1")
        .header("X-Twice", "2")
        .header("x-bytes", &b"caf\xe9"[..])
        .body("payload")
        .unwrap();
    let request = convert(request);
    assert_eq!(request.method, Method::Patch);
    assert_eq!(request.url, "https://example.com/path?query");
    assert_eq!(
        request.headers,
        [
            ("x-twice".into(), b"1".to_vec()),
            ("x-twice".into(), b"2".to_vec()),
            ("x-bytes".into(), b"caf\xe9".to_vec()),
        ]
    );
    assert_eq!(request.payload, b"payload");
    assert!(request.follow_redirects && !request.allow_truncated);
    assert_eq!(request.validate_certificate, None);
}

#[test]
fn a_body_is_bytes_text_or_nothing() {
    let request = || http::Request::post(url("1"));
    assert_eq!(convert(request().body(()).unwrap()).payload, b"");
    assert_eq!(convert(request().body("text").unwrap()).payload, b"text");
    assert_eq!(
        convert(request().body(String::from("text")).unwrap()).payload,
        b"text"
    );
    assert_eq!(convert(request().body(vec![1, 2]).unwrap()).payload, [1, 2]);
    assert_eq!(
        convert(request().body(&[1, 2][..]).unwrap()).payload,
        [1, 2]
    );
    assert_eq!(convert(request().body([1, 2]).unwrap()).payload, [1, 2]);
    assert_eq!(convert(request().body(b"12").unwrap()).payload, b"12");
    assert_eq!(convert(request().body(None::<&str>).unwrap()).payload, b"");
    let bytes = bytes::Bytes::from_static(b"bytes");
    assert_eq!(convert(request().body(bytes).unwrap()).payload, b"bytes");
}

#[test]
fn methods_outside_the_six_are_refused_at_once_and_the_rpc_stays_idle() {
    let client = Client::with_transport(Scripted::new().rule(|_| true, |_| Answer::new(200, "")));
    for method in ["OPTIONS", "TRACE", "CONNECT", "PROPFIND"] {
        let rpc = client.create_rpc();
        let request = http::Request::builder().method(method).uri(url("1"));
        let error = rpc.make_fetch_call(request.body(()).unwrap()).unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::InvalidMethod));
        assert!(error.to_string().contains(method), "{error}");
        assert_eq!(rpc.state(), State::Idle);
        rpc.make_fetch_call(url("1")).unwrap();
    }
    for method in Method::ALL {
        let request = http::Request::builder().method(method.name()).uri(url("1"));
        assert_eq!(convert(request.body(()).unwrap()).method, method);
    }
}

#[test]
fn a_relative_uri_is_an_invalid_url_by_the_result() {
    let client = Client::with_transport(Scripted::new());
    let request = http::Request::get("/path/only").body(()).unwrap();
    let rpc = client.rpc().fetch(request).unwrap();
    let error = rpc.get_result().unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::InvalidUrl));
    assert_eq!(error.fetch().unwrap().url, "/path/only");
}

#[test]
fn a_uri_and_all_kinds_of_text_are_a_get() {
    let script = Scripted::new().get(&url("1"), |_| Answer::new(200, ""));
    let client = Client::with_transport(script);
    let text = url("1");
    client.fetch(text.as_str()).unwrap();
    client.fetch(&text).unwrap();
    client.fetch(text.clone()).unwrap();
    client.fetch(text.parse::<http::Uri>().unwrap()).unwrap();
}
