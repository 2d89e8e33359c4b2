//! Header lines of a caller, on the wire: which ones are refused, which go out, and whether anything can be smuggled by them.

use arbitrary::Arbitrary;
use urlfetch_core::{
    ErrorKind, Event, Instant, Method, Outgoing, Request, Service, State, headers,
};

/// Names that have a meaning, in the spellings of the wild.
const NAMES: [&str; 16] = [
    "Host",
    "content-length",
    "Transfer-Encoding",
    "Connection",
    "Proxy-Authorization",
    "Authorization",
    "Cookie",
    "cOOkie",
    "User-Agent",
    "Accept-Encoding",
    "Range",
    "Content-Type",
    "Expect",
    "X-ProxyUser-IP",
    "TE",
    "Trailer",
];

/// A request, and where it is redirected to.
#[derive(Arbitrary, Debug)]
pub struct Input {
    method: u8,
    lines: Vec<(Name, Vec<u8>)>,
    payload: u16,
    product: Option<String>,
    status: u8,
    leaves: bool,
}

#[derive(Arbitrary, Debug)]
enum Name {
    Known(u8),
    Free(String),
}

impl Name {
    fn text(&self) -> String {
        match self {
            Self::Known(place) => NAMES[usize::from(*place) % NAMES.len()].into(),
            Self::Free(text) => text.clone(),
        }
    }
}

/// Sends the request and follows its redirect; panics when something goes out that may not.
pub fn check(input: Input) {
    let mut service = Service::new();
    let client = service.open_client();
    let product = service.set_policy(client, &mut |policy| {
        policy.set_user_agent(input.product.clone())
    });
    let is_printable = |text: &String| {
        text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.len() <= 1_024
    };
    assert_eq!(
        product.is_ok(),
        input.product.as_ref().is_none_or(is_printable)
    );

    let lines = input
        .lines
        .iter()
        .map(|(name, value)| (name.text(), value.clone()));
    let request = Request {
        headers: lines.collect(),
        payload: vec![b'p'; input.payload.into()],
        ..Request::new("http://a.example/x")
            .with_method(Method::ALL[usize::from(input.method) % Method::ALL.len()])
    };
    let rpc = service
        .create_rpc(client, None)
        .expect("no deadline is a deadline");
    let now = Instant::from_nanos(1);
    // The crate `http` is the judge of what a line may be.
    let is_line = |(name, value): &(String, Vec<u8>)| {
        http::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && http::HeaderValue::from_bytes(value).is_ok()
    };
    let checked = service.check(rpc, &request);
    assert_eq!(
        checked.is_ok(),
        request.headers.iter().all(is_line),
        "{checked:?}"
    );
    if let Err(error) = checked {
        assert_eq!(
            (error.kind, service.state(rpc)),
            (ErrorKind::InvalidArgument, State::Idle)
        );
        return;
    }
    service.start(rpc, request.clone(), now);
    let kept: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| !headers::is_protected(name))
        .cloned()
        .collect();
    let is_small = kept.len() <= headers::MAX_HEADER_LINES
        && headers::section_size(&kept) <= headers::MAX_HEADER_SECTION;
    let product = service.policy(client).user_agent().to_owned();
    let sent = service.poll_send(now);
    assert_eq!(sent.is_some(), is_small);
    let Some((_, first)) = sent else {
        let outcome = service.outcome(rpc).expect("it is over");
        assert!(
            outcome
                .as_ref()
                .is_err_and(|error| error.kind == ErrorKind::PayloadTooLarge)
        );
        return;
    };
    check_lines(&request, &kept, &first, &product);

    let location = if input.leaves {
        "https://a.example/y"
    } else {
        "/y"
    };
    let status = [301, 302, 303, 307][usize::from(input.status) % 4];
    let head = Event::Head {
        status,
        headers: vec![("Location".into(), location.into())],
    };
    assert!(
        !service.handle(rpc, head, now),
        "a redirect ends the exchange"
    );
    let (_, second) = service.poll_send(now).expect("it is followed");
    let still: Vec<_> = kept
        .iter()
        .filter(|(name, _)| !(input.leaves && headers::is_credential(name)))
        .cloned()
        .collect();
    check_lines(&request, &still, &second, &product);
}

/// Compares what goes out with the caller's lines, and reads it back from the wire.
fn check_lines(request: &Request, kept: &[(String, Vec<u8>)], outgoing: &Outgoing, product: &str) {
    let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
    let (own, added) = outgoing.headers.split_at(kept.len());
    let mut is_first_agent = !product.is_empty();
    for ((name, value), (sent_name, sent)) in kept.iter().zip(own) {
        assert_eq!(name, sent_name, "in the caller's order and spelling");
        if is(name, "user-agent") && std::mem::take(&mut is_first_agent) {
            let joined = if value.is_empty() {
                product.into()
            } else {
                [value, product.as_bytes()].join(&b' ')
            };
            assert_eq!(*sent, joined);
        } else {
            assert_eq!(sent, value);
        }
    }
    let given = |name: &str| kept.iter().any(|(other, _)| is(other, name));
    let mut expected = Vec::new();
    if is_first_agent {
        expected.push(("user-agent", product.to_owned()));
    }
    if !given("accept-encoding") && !given("range") {
        expected.push(("accept-encoding", "gzip".into()));
    }
    let has_payload = matches!(outgoing.method, Method::Post | Method::Put | Method::Patch);
    if outgoing.method == Method::Post && !request.payload.is_empty() && !given("content-type") {
        expected.push(("content-type", "application/x-www-form-urlencoded".into()));
    }
    if has_payload {
        expected.push(("content-length", request.payload.len().to_string()));
    }
    let added: Vec<_> = added
        .iter()
        .map(|(name, value)| (*name, String::from_utf8_lossy(value).into_owned()))
        .collect();
    assert_eq!(added, expected);

    // As HTTP/1.1 has it: another reader sees the same lines and no more.
    let mut wire = b"GET / HTTP/1.1\r\n".to_vec();
    for (name, value) in &outgoing.headers {
        wire.extend_from_slice(name.as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"\r\n");
    let mut lines = vec![httparse::EMPTY_HEADER; outgoing.headers.len() + 1];
    let mut parsed = httparse::Request::new(&mut lines);
    let status = parsed.parse(&wire).expect("it is HTTP");
    assert_eq!(
        status,
        httparse::Status::Complete(wire.len()),
        "nothing follows the head"
    );
    assert_eq!(parsed.headers.len(), outgoing.headers.len());
    for (read, (name, value)) in parsed.headers.iter().zip(&outgoing.headers) {
        assert_eq!(read.name, *name);
        assert_eq!(read.value.trim_ascii(), value.trim_ascii());
    }
}
