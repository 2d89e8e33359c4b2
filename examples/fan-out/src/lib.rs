//! An HTTP handler that fetches every `url=` of its query at once, through the imported component, and answers JSON.

use bindings::urlfetch::rpc::{
    fetch::{Client, Rpc},
    types::{FetchError, Request},
};
use serde_json::{Value, json};
use wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "urlfetch:rpc/imports",
        with: { "wasi:io/poll@0.2.0": wasi::io::poll },
    });
}

struct FanOut;

impl wasi::exports::http::incoming_handler::Guest for FanOut {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let urls = urls(&request.path_with_query().unwrap_or_default());
        let body = format!("{:#}\n", fetch_all(&urls));
        answer(outparam, body.as_bytes());
    }
}

wasi::http::proxy::export!(FanOut);

/// Starts them all, then collects them in order: while one is waited for, all of them move.
fn fetch_all(urls: &[String]) -> Value {
    // A handler makes a client of its own; what it may reach is policy.
    let client = Client::new();
    client
        .set_allow_private(true)
        .expect("a new client is not sealed");
    let rpcs: Vec<_> = urls.iter().map(|url| start(&client, url)).collect();
    let answers = urls
        .iter()
        .zip(rpcs)
        .map(|(url, rpc)| match rpc.and_then(Rpc::into_result) {
            Ok(response) => {
                json!({ "url": url, "status": response.status, "bytes": response.content.len() })
            }
            Err(error) => {
                json!({ "url": url, "error": error.kind.name(), "detail": error.detail })
            }
        });
    answers.collect()
}

fn start(client: &Client, url: &str) -> Result<Rpc, FetchError> {
    let rpc = client.create_rpc(Some(5.0))?;
    rpc.make_fetch_call(&Request {
        url: url.into(),
        method: "GET".into(),
        headers: Vec::new(),
        payload: None,
        follow_redirects: true,
        allow_truncated: false,
        validate_certificate: None,
    })?;
    Ok(rpc)
}

/// The values of `url` in a query, percent-decoded.
fn urls(path: &str) -> Vec<String> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("url="))
        .map(decode)
        .collect()
}

fn decode(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| digit.try_into().ok())
}

fn answer(outparam: ResponseOutparam, content: &[u8]) {
    let headers = Fields::new();
    let is_json = headers.set(&"content-type".to_owned(), &[b"application/json".to_vec()]);
    is_json.expect("content-type may be set");
    let response = OutgoingResponse::new(headers);
    let body = response.body().expect("its body is taken once");
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().expect("its stream is taken once");
    for chunk in content.chunks(4096) {
        // The other end may have gone; then there is nobody to tell.
        if stream.blocking_write_and_flush(chunk).is_err() {
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}
