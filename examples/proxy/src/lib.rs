//! An HTTP handler that passes a request on to the `url=` of its query, tries again where that is safe, and passes the answer back.

use std::time::Duration;

use urlfetch::{Client, Error, ErrorKind, Method, Request, Response, Rpc};
use wasi::http::types::{
    Fields, IncomingRequest, Method as Incoming, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasi::io::streams::StreamError;

/// Seconds that each attempt may take, body included.
const DEADLINE: f64 = 5.0;
/// How often a URL is tried, the first time included.
const ATTEMPTS: u32 = 3;
/// How long it waits before the second attempt; twice as long before the third.
const PAUSE: Duration = Duration::from_millis(50);

struct Proxy;

impl wasi::exports::http::incoming_handler::Guest for Proxy {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let mut attempts = 0;
        let answered = match url(&request.path_with_query().unwrap_or_default()) {
            Some(url) => {
                pass_on(url, request, &mut attempts).unwrap_or_else(|error| explain(&error))
            }
            None => say(400, "name what to fetch: /?url=https://example.com/"),
        };
        answer(outparam, attempts, answered);
    }
}

wasi::http::proxy::export!(Proxy);

/// Fetches what the request asks for, in its words. A redirect is an answer: to follow it is for who asked.
fn pass_on(url: String, incoming: IncomingRequest, attempts: &mut u32) -> Result<Response, Error> {
    let client = Client::new();
    client.set_allow_private(
        std::env::var("URLFETCH_ALLOW_PRIVATE").is_ok_and(|value| value == "1"),
    )?;
    let mut request = Request::new(url)
        .with_method(method(&incoming.method())?)
        .with_follow_redirects(false);
    // Headers that are the connection's or the host's are left out by the client.
    request.headers = incoming.headers().entries();
    request.payload = read(incoming);
    fetch(&client, &request, attempts)
}

/// One attempt after the other, while the failure says that another does no harm.
fn fetch(client: &Client, request: &Request, attempts: &mut u32) -> Result<Response, Error> {
    let mut pause = PAUSE;
    loop {
        *attempts += 1;
        let rpc = client.rpc().deadline(DEADLINE).fetch(request);
        match rpc.and_then(Rpc::into_result) {
            Err(Error::Fetch(error)) if error.retryable && *attempts < ATTEMPTS => {}
            ended => return ended,
        }
        client.block_on(client.sleep(pause))?;
        pause *= 2;
    }
}

/// An answer of our own: which status stands for which failure is the proxy's choice.
fn explain(error: &Error) -> Response {
    let status = match error.kind() {
        Some(ErrorKind::InvalidUrl | ErrorKind::InvalidArgument) => 400,
        Some(ErrorKind::Refused) => 403,
        Some(ErrorKind::InvalidMethod) => 405,
        Some(ErrorKind::PayloadTooLarge) => 413,
        Some(ErrorKind::DeadlineExceeded) => 504,
        _ => 502,
    };
    say(status, &error.to_string())
}

fn say(status: u16, line: &str) -> Response {
    let content = format!("{line}\n").into_bytes();
    let length = content.len().to_string().into_bytes();
    Response {
        status,
        headers: vec![
            ("content-type".into(), b"text/plain; charset=utf-8".to_vec()),
            ("content-length".into(), length),
        ],
        content,
        ..Response::default()
    }
}

/// The value of `url` in a query.
fn url(path: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(name, _)| name == "url")
        .map(|(_, url)| url.into_owned())
}

fn method(method: &Incoming) -> Result<Method, Error> {
    let name = match method {
        Incoming::Get => "GET",
        Incoming::Head => "HEAD",
        Incoming::Post => "POST",
        Incoming::Put => "PUT",
        Incoming::Delete => "DELETE",
        Incoming::Patch => "PATCH",
        Incoming::Connect => "CONNECT",
        Incoming::Options => "OPTIONS",
        Incoming::Trace => "TRACE",
        Incoming::Other(name) => name,
    };
    Ok(Method::parse(name)?)
}

/// The whole body of a request; what came of it, when the other end has gone.
fn read(request: IncomingRequest) -> Vec<u8> {
    let body = request.consume().expect("its body is taken once");
    let stream = body.stream().expect("its stream is taken once");
    let mut content = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(chunk) => content.extend(chunk),
            Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => return content,
        }
    }
}

fn answer(outparam: ResponseOutparam, attempts: u32, answered: Response) {
    let headers = Fields::new();
    let attempts = ("x-attempts".to_owned(), attempts.to_string().into_bytes());
    for (name, value) in answered.headers.iter().chain([&attempts]) {
        // A host refuses what belongs to the connection; that is not ours to pass on.
        let _ = headers.append(name, value);
    }
    let response = OutgoingResponse::new(headers);
    // It is a status, since the host has told it.
    let _ = response.set_status_code(answered.status);
    let body = response.body().expect("its body is taken once");
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().expect("its stream is taken once");
    for chunk in answered.content.chunks(4096) {
        // The other end may have gone; then there is nobody to tell.
        if stream.blocking_write_and_flush(chunk).is_err() {
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}
