//! wasi:http 0.3 by the crate wasip3, without a client in between, all fetches joined.

use ask::{Ask, REDIRECTS, Tally, What};
use flate2::read::GzDecoder;
use futures_util::future::join_all;
use std::io::Read;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Direct;

wasip3::cli::command::export!(Direct);

impl wasip3::exports::cli::run::Guest for Direct {
    async fn run() -> Result<(), ()> {
        let ask = Ask::from_args().without(&[What::Callbacks, What::KeepInTurn]);
        let mut tally = Tally::start();
        let fetches = (0..ask.count).map(|_| fetch(&ask));
        let mut kept = Vec::new();
        for outcome in join_all(fetches).await {
            tally.count(outcome.as_ref().map(|(status, body)| (*status, body.len())));
            if ask.what == What::Keep {
                kept.extend(outcome);
            }
        }
        tally.print();
        Ok(())
    }
}

/// As much as is read at once.
const PIECE: usize = 64 * 1024;

async fn fetch(ask: &Ask) -> Result<(u16, Vec<u8>), ErrorCode> {
    let mut path = ask.parts().1.to_owned();
    for _ in 0..=REDIRECTS {
        let response = wasip3::http::client::send(request(ask, &path)).await?;
        let headers = response.get_headers();
        let location = headers.get("location").pop();
        if ask.what == What::Follow
            && let Some(location) = location
        {
            path = String::from_utf8_lossy(&location).into_owned();
            continue;
        }
        let status = response.get_status_code();
        let length = headers.get("content-length").pop().unwrap_or_default();
        let length = String::from_utf8_lossy(&length).parse().unwrap_or(0);
        let mut content = read(response, length).await;
        if ask.what == What::Inflate {
            let mut inflated = Vec::new();
            let read = GzDecoder::new(&*content).read_to_end(&mut inflated);
            read.map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
            content = inflated;
        }
        return Ok((status, content));
    }
    Err(ErrorCode::LoopDetected)
}

fn request(ask: &Ask, path: &str) -> Request {
    let fields = Fields::new();
    let append = |name: &str, value: String| {
        let appended = fields.append(name, value.as_bytes());
        appended.expect("a header that is allowed");
    };
    let mut contents = None;
    if ask.what == What::Inflate {
        append("accept-encoding", "gzip".into());
    }
    if ask.what == What::Upload {
        append("content-length", ask.upload.to_string());
        let (mut sender, receiver) = wit_stream::new();
        let payload = vec![0; ask.upload];
        wit_bindgen::spawn_local(async move {
            sender.write_all(payload).await;
        });
        contents = Some(receiver);
    }
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(fields, contents, trailers, None);
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
    request
}

/// Into one vector, which is as large as it will be when the length is known.
async fn read(response: Response, length: usize) -> Vec<u8> {
    let (_, processed) = wit_future::new(|| Ok(()));
    let (mut stream, _) = Response::consume_body(response, processed);
    let mut content = Vec::with_capacity(length.max(1));
    loop {
        // It is read into what the vector has left.
        if content.capacity() == content.len() {
            content.reserve(PIECE);
        }
        let (result, read) = stream.read(content).await;
        content = read;
        if let wit_bindgen::StreamResult::Dropped = result {
            return content;
        }
    }
}
