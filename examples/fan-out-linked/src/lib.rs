//! An HTTP handler that fetches every `url=` of its query at once, by the crate `urlfetch`, and answers JSON.

use std::{cell::RefCell, rc::Rc, time::Instant};

use serde_json::{Value, json};
use urlfetch::{Client, Error, FetchError, Hop, Rpc, wait_all};
use wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

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

/// Starts them all, each with a callback, and waits for all. While one is waited for, all of them move.
fn fetch_all(urls: &[String]) -> Result<Value, Error> {
    // A handler makes a client of its own. What it may reach is policy, here the operator's.
    let client = Client::new();
    client.set_allow_private(
        std::env::var("URLFETCH_ALLOW_PRIVATE").is_ok_and(|value| value == "1"),
    )?;

    let began = Instant::now();
    let finished = Rc::new(RefCell::new(Vec::new()));
    let mut rpcs = Vec::new();
    for url in urls {
        let finished = Rc::clone(&finished);
        let rpc = client
            .rpc()
            .deadline(DEADLINE)
            .callback(move |rpc| finished.borrow_mut().push(rpc.id()))
            .fetch(url)?;
        rpcs.push(rpc);
    }
    wait_all(&rpcs)?;
    let took = began.elapsed().as_secs_f64();

    let finished = finished.borrow();
    let answers = urls.iter().zip(rpcs).map(|(url, rpc)| {
        let callback = finished.iter().position(|id| *id == rpc.id());
        outcome(url, callback.map(|place| place + 1), rpc)
    });
    let answers: Vec<Value> = answers.collect();
    Ok(json!({ "took_ms": millis(took), "answers": answers }))
}

/// What became of one fetch, and when.
fn outcome(url: &str, callback: Option<usize>, rpc: Rpc) -> Value {
    let hops = rpc.hops(|hops, began| {
        let hop = |hop: &Hop| {
            let at = |instant: urlfetch::Instant| millis(instant.seconds_since(began));
            json!({
                "url": hop.url,
                "status": hop.status,
                "started_ms": at(hop.started_at),
                "head_ms": hop.head_at.map(at),
                "ended_ms": hop.ended_at.map(at),
            })
        };
        hops.iter().map(hop).collect::<Vec<_>>()
    });
    let mut told = match rpc.into_result() {
        Ok(response) => json!({ "status": response.status, "bytes": response.content.len() }),
        Err(error) => failure(&error),
    };
    told["url"] = url.into();
    told["callback"] = callback.into();
    told["hops"] = hops.into();
    told
}

fn failure(error: &Error) -> Value {
    match error.fetch() {
        Some(FetchError {
            kind,
            retryable,
            detail,
            ..
        }) => json!({
            "error": kind.name(),
            "retryable": retryable,
            "detail": detail,
        }),
        // What a callback or a hook raised; these do not.
        None => json!({ "error": error.to_string() }),
    }
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
