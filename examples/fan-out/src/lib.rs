//! An HTTP handler that fetches every `url=` of its query at once, through the imported component, and answers JSON.

use std::time::Instant;

use bindings::urlfetch::rpc::{
    fetch::{Client, Rpc, Waited, wait_any},
    types::{FetchError, Hop, Request},
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

/// Seconds that each fetch may take, redirects and body included.
const DEADLINE: f64 = 5.0;

struct FanOut;

impl wasi::exports::http::incoming_handler::Guest for FanOut {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let urls = urls(&request.path_with_query().unwrap_or_default());
        if urls.is_empty() {
            let usage =
                json!({ "error": "name what to fetch: /?url=https://example.com/&url=..." });
            return answer(outparam, 400, &usage);
        }
        match fetch_all(&urls) {
            Ok(answers) => answer(outparam, 200, &answers),
            Err(error) => answer(outparam, 500, &failure(&error)),
        }
    }
}

wasi::http::proxy::export!(FanOut);

/// Starts them all, then calls back for each as it finishes. While one is waited for, all of them move.
fn fetch_all(urls: &[String]) -> Result<Value, FetchError> {
    // A handler makes a client of its own. What it may reach is policy, here the operator's.
    let client = Client::new();
    let allow_private = std::env::var("URLFETCH_ALLOW_PRIVATE").is_ok_and(|value| value == "1");
    client
        .set_allow_private(allow_private)
        .expect("a new client is not sealed");

    let began = Instant::now();
    let mut answers = vec![Value::Null; urls.len()];
    let mut left = Vec::new();
    for (place, url) in urls.iter().enumerate() {
        left.push((place, start(&client, url)?));
    }
    let mut callbacks = 0;
    while !left.is_empty() {
        let rpcs: Vec<&Rpc> = left.iter().map(|(_, rpc)| rpc).collect();
        let Waited::Finished(finished) = wait_any(&rpcs, None)? else {
            break;
        };
        let (place, rpc) = left.remove(finished.index as usize);
        // Across components a callback is a fact: who owns the code runs it, when it is told that it is due.
        if finished.callback_due {
            callbacks += 1;
            answers[place] = on_finished(&urls[place], callbacks, rpc);
        }
    }
    Ok(json!({ "took_ms": millis(began.elapsed().as_secs_f64()), "answers": answers }))
}

fn start(client: &Client, url: &str) -> Result<Rpc, FetchError> {
    let rpc = client.create_rpc(Some(DEADLINE))?;
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

/// The callback: what became of one fetch, and when.
fn on_finished(url: &str, callback: usize, rpc: Rpc) -> Value {
    let hops: Vec<Value> = rpc.hops().iter().map(hop).collect();
    let mut told = match Rpc::into_result(rpc) {
        Ok(response) => json!({ "status": response.status, "bytes": response.content.len() }),
        Err(error) => failure(&error),
    };
    told["url"] = url.into();
    told["callback"] = callback.into();
    told["hops"] = hops.into();
    told
}

/// One exchange. A redirect makes two of them.
fn hop(hop: &Hop) -> Value {
    json!({
        "url": hop.url,
        "status": hop.status,
        "started_ms": millis(hop.started_at),
        "head_ms": hop.head_at.map(millis),
        "ended_ms": hop.ended_at.map(millis),
    })
}

fn failure(error: &FetchError) -> Value {
    json!({
        "error": error.kind.name(),
        "retryable": error.retryable,
        "detail": error.detail,
    })
}

/// Seconds in milliseconds, to the microsecond.
fn millis(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e3
}

/// The values of `url` in a query.
fn urls(path: &str) -> Vec<String> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "url")
        .map(|(_, url)| url.into_owned())
        .collect()
}

fn answer(outparam: ResponseOutparam, status: u16, value: &Value) {
    let content = format!("{value:#}\n");
    let headers = Fields::new();
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-length", &content.len().to_string()),
    ] {
        let set = headers.set(&name.to_owned(), &[value.as_bytes().to_vec()]);
        set.expect("a handler may set it");
    }
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("it is a status");
    let body = response.body().expect("its body is taken once");
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().expect("its stream is taken once");
    for chunk in content.as_bytes().chunks(4096) {
        // The other end may have gone; then there is nobody to tell.
        if stream.blocking_write_and_flush(chunk).is_err() {
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}
