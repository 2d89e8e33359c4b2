//! An HTTP handler that does on each path what a server has to cope with: see `Handler::handle`.

use wasi::clocks::monotonic_clock;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingRequest,
    OutgoingResponse, ResponseOutparam, Scheme,
};
use wasi::io::streams::{OutputStream, StreamError};

struct Handler;

impl wasi::exports::http::incoming_handler::Guest for Handler {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/hello" => answer(outparam, b"hello\n"),
            // Two lines on stdout, one without an end on stderr.
            "/print" => {
                println!("one\ntwo");
                eprint!("three");
                answer(outparam, b"printed\n");
            }
            "/env" => answer(
                outparam,
                format!("{:?}\n", std::env::vars().collect::<Vec<_>>()).as_bytes(),
            ),
            // How often it was asked, by a file at the path that the query says.
            "/count" => answer(outparam, format!("{:?}\n", count_in(query)).as_bytes()),
            "/trap" => panic!("asked to"),
            "/exit" => std::process::exit(3),
            // Neither an answer nor an end that helps.
            "/silent" => {}
            "/error" => ResponseOutparam::set(outparam, Err(ErrorCode::LoopDetected)),
            "/loop" => spin(),
            "/stall" => sleep(u64::MAX / 2),
            // So many bytes.
            "/large" => large(outparam, query.parse().unwrap_or(0)),
            // A head that promises, then a trap.
            "/broken" => {
                let (body, stream) = begin(outparam, Some(1_000));
                let _ = stream.blocking_write_and_flush(b"begun");
                drop((stream, body));
                panic!("asked to, after the head");
            }
            // One byte now and then, for ever: until writing fails.
            "/drip" => {
                let (_body, stream) = begin(outparam, None);
                while stream.blocking_write_and_flush(b".").is_ok() {
                    sleep(1);
                }
            }
            // How many bytes came.
            "/upload" => match count(&request) {
                Ok(bytes) => answer(outparam, format!("{bytes}\n").as_bytes()),
                Err(error) => answer(outparam, format!("{error}\n").as_bytes()),
            },
            // Answers, then fetches the URL and says so: work behind the answer.
            "/later" => {
                answer(outparam, b"soon\n");
                println!("then {:?}", fetch(query));
            }
            "/fetch" => answer(outparam, format!("{:?}\n", fetch(query)).as_bytes()),
            _ => answer(outparam, b"nothing there\n"),
        }
    }
}

wasi::http::proxy::export!(Handler);

/// A byte more in a file: how many there are then.
fn count_in(path: &str) -> Result<usize, std::io::ErrorKind> {
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|error| error.kind())?;
    std::io::Write::write_all(&mut file, b".").map_err(|error| error.kind())?;
    let counted = std::fs::read(path).map_err(|error| error.kind())?;
    Ok(counted.len())
}

fn spin() {
    let mut count = 0_u64;
    loop {
        count = std::hint::black_box(count + 1);
    }
}

fn sleep(milliseconds: u64) {
    monotonic_clock::subscribe_duration(milliseconds.saturating_mul(1_000_000)).block();
}

/// Sends the head.
fn begin(outparam: ResponseOutparam, length: Option<u64>) -> (OutgoingBody, OutputStream) {
    let headers = Fields::new();
    if let Some(length) = length {
        let set = headers.set(
            &"content-length".to_owned(),
            &[length.to_string().into_bytes()],
        );
        set.expect("content-length may be set");
    }
    let response = OutgoingResponse::new(headers);
    let body = response.body().expect("its body is taken once");
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().expect("its stream is taken once");
    (body, stream)
}

fn answer(outparam: ResponseOutparam, content: &[u8]) {
    let (body, stream) = begin(outparam, Some(content.len() as u64));
    // The other end may have gone; then there is nobody to tell.
    let written = stream.blocking_write_and_flush(content);
    drop(stream);
    if written.is_ok() {
        let _ = OutgoingBody::finish(body, None);
    }
}

fn large(outparam: ResponseOutparam, mut left: usize) {
    let (body, stream) = begin(outparam, None);
    let chunk = [b'x'; 4096];
    while left > 0 {
        let length = left.min(chunk.len());
        if stream.blocking_write_and_flush(&chunk[..length]).is_err() {
            return;
        }
        left -= length;
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

fn count(request: &IncomingRequest) -> Result<usize, String> {
    let body = request.consume().expect("its body is taken once");
    read(&body)
}

fn read(body: &IncomingBody) -> Result<usize, String> {
    let stream = body.stream().expect("its stream is taken once");
    let mut bytes = 0;
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(chunk) => bytes += chunk.len(),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
}

/// GETs `AUTHORITY/PATH` over http, without the component: status and length, or the error's code.
fn fetch(url: &str) -> Result<(u16, usize), String> {
    let (authority, path) = url.split_once('/').unwrap_or((url, ""));
    let request = OutgoingRequest::new(Fields::new());
    let set = request
        .set_method(&Method::Get)
        .and_then(|()| request.set_scheme(Some(&Scheme::Http)))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(&format!("/{path}"))));
    set.map_err(|()| "no URL".to_owned())?;
    let response = outgoing_handler::handle(request, None).map_err(|code| format!("{code:?}"))?;
    response.subscribe().block();
    let response = response
        .get()
        .expect("it is ready")
        .expect("it is taken once");
    let response = response.map_err(|code| format!("{code:?}"))?;
    let body = response.consume().expect("its body is taken once");
    Ok((response.status(), read(&body)?))
}
