//! wasi:http 0.2 by hand, with one poll loop and nothing else: no deadline, no policy, no order. The floor.

use ask::{Ask, REDIRECTS, Tally, What};
use flate2::read::GzDecoder;
use std::io::Read;
use wasi::http::outgoing_handler::handle;
use wasi::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, Scheme,
};
use wasi::io::poll::{Pollable, poll};
use wasi::io::streams::{InputStream, StreamError};

/// One fetch. The fields are dropped in the order in which hosts want it.
struct Exchange {
    pollable: Pollable,
    stage: Stage,
    hops: usize,
    status: u16,
    /// How much was read, and it itself when it is wanted.
    read: usize,
    content: Vec<u8>,
}

enum Stage {
    Head(FutureIncomingResponse),
    Body(
        InputStream,
        #[allow(dead_code, reason = "kept for its stream")] IncomingBody,
    ),
}

/// What became of an exchange that was ready.
enum Step {
    Waits,
    Goes(Exchange),
    Over(Result<(), String>),
}

/// As much as is read at once.
const PIECE: u64 = 256 * 1024;

fn main() {
    let ask = Ask::from_args().without(&[What::Callbacks, What::KeepInTurn]);
    let mut tally = Tally::start();
    let mut left = Vec::with_capacity(ask.count);
    for _ in 0..ask.count {
        match start(&ask, ask.parts().1, 0) {
            Ok(exchange) => left.push(exchange),
            Err(why) => tally.lost(&why),
        }
    }
    let mut kept = Vec::new();
    while !left.is_empty() {
        let pollables: Vec<&Pollable> = left.iter().map(|exchange| &exchange.pollable).collect();
        let mut ready = poll(&pollables);
        // From the last place to the first, so that what is removed moves nothing that is still to come.
        ready.sort_unstable();
        for place in ready.into_iter().rev() {
            let place = place as usize;
            match advance(&mut left[place], &ask) {
                Step::Waits => {}
                Step::Goes(next) => left[place] = next,
                Step::Over(Err(why)) => {
                    tally.lost(&why);
                    left.swap_remove(place);
                }
                Step::Over(Ok(())) => {
                    let done = left.swap_remove(place);
                    tally.answer(done.status, size(&ask, &done));
                    if ask.what == What::Keep {
                        kept.push(done.content);
                    }
                }
            }
        }
    }
    tally.print();
}

fn start(ask: &Ask, path: &str, hops: usize) -> Result<Exchange, String> {
    let fields = Fields::new();
    let append = |name: &str, value: String| {
        let appended = fields.append(&name.to_owned(), &value.into_bytes());
        appended.expect("a header that is allowed");
    };
    if ask.what == What::Inflate {
        append("accept-encoding", "gzip".into());
    }
    if ask.what == What::Upload {
        append("content-length", ask.upload.to_string());
    }
    let request = OutgoingRequest::new(fields);
    let method = match ask.what {
        What::Upload => Method::Post,
        _ => Method::Get,
    };
    let set = request
        .set_method(&method)
        .and_then(|()| request.set_scheme(Some(&Scheme::Http)))
        .and_then(|()| request.set_authority(Some(ask.parts().0)))
        .and_then(|()| request.set_path_with_query(Some(path)));
    set.expect("the URL is a good one");
    let body = (ask.what == What::Upload).then(|| request.body().expect("taken once"));
    let future = handle(request, None).map_err(|code| code.to_string())?;
    if let Some(body) = body {
        send(body, &vec![0; ask.upload]);
    }
    Ok(Exchange {
        pollable: future.subscribe(),
        stage: Stage::Head(future),
        hops,
        status: 0,
        read: 0,
        content: Vec::new(),
    })
}

/// Sends a body, waiting for nothing else meanwhile.
fn send(body: OutgoingBody, payload: &[u8]) {
    let stream = body.write().expect("taken once");
    let pollable = stream.subscribe();
    let mut rest = payload;
    while !rest.is_empty() {
        pollable.block();
        // When nobody takes it any more, the answer says why.
        let Ok(room) = stream.check_write() else {
            break;
        };
        let (piece, after) = rest.split_at(rest.len().min(room as usize));
        if stream.write(piece).is_err() {
            break;
        }
        rest = after;
    }
    let _ = stream.flush();
    pollable.block();
    drop((pollable, stream));
    let _ = OutgoingBody::finish(body, None);
}

fn advance(exchange: &mut Exchange, ask: &Ask) -> Step {
    let Stage::Head(future) = &exchange.stage else {
        return read(exchange, ask);
    };
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Step::Over(Err(code.to_string())),
        Some(Err(())) => return Step::Over(Err("taken before".into())),
        None => return Step::Waits,
    };
    if ask.what == What::Follow
        && let Some(location) = header(&response, "location")
        && exchange.hops < REDIRECTS
    {
        return match start(ask, &location, exchange.hops + 1) {
            Ok(next) => Step::Goes(next),
            Err(why) => Step::Over(Err(why)),
        };
    }
    let length = header(&response, "content-length").and_then(|length| length.parse().ok());
    let body = response.consume().expect("consumed once");
    let stream = body.stream().expect("taken once");
    let keeps = matches!(ask.what, What::Keep | What::Inflate);
    let mut next = Exchange {
        pollable: stream.subscribe(),
        stage: Stage::Body(stream, body),
        hops: exchange.hops,
        status: response.status(),
        read: 0,
        content: Vec::with_capacity(length.filter(|_| keeps).unwrap_or(0)),
    };
    // Small bodies have come with the head.
    match read(&mut next, ask) {
        Step::Over(Ok(())) => {
            *exchange = next;
            Step::Over(Ok(()))
        }
        Step::Waits => Step::Goes(next),
        other => other,
    }
}

/// Reads all that is there.
fn read(exchange: &mut Exchange, ask: &Ask) -> Step {
    let Stage::Body(stream, _) = &exchange.stage else {
        return Step::Waits;
    };
    loop {
        match stream.read(PIECE) {
            Ok(piece) if piece.is_empty() => return Step::Waits,
            Ok(piece) => {
                exchange.read += piece.len();
                if matches!(ask.what, What::Keep | What::Inflate) {
                    exchange.content.extend_from_slice(&piece);
                }
            }
            Err(StreamError::Closed) => return Step::Over(Ok(())),
            Err(StreamError::LastOperationFailed(error)) => {
                return Step::Over(Err(error.to_debug_string()));
            }
        }
    }
}

fn header(response: &IncomingResponse, name: &str) -> Option<String> {
    let value = response.headers().get(&name.to_owned()).pop()?;
    String::from_utf8(value).ok()
}

fn size(ask: &Ask, done: &Exchange) -> usize {
    if ask.what != What::Inflate {
        return done.read;
    }
    let mut inflated = Vec::new();
    let read = GzDecoder::new(&*done.content).read_to_end(&mut inflated);
    read.unwrap_or_default()
}
