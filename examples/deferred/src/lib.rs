//! An HTTP handler with a counter that is incremented later: now, after a countdown, and by a path of its own.

use std::{
    env, fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use urlfetch_deferred::{
    Answer, DEFAULT_PATH, Delivery, Error, Failure, Functions, Handler, defer, deferred, functions,
    post,
};
use wasi::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasi::io::streams::StreamError;

/// The folder that the host lends.
const FOLDER: &str = "/data";

/// Adds to the counter. A task may run twice, and two at the same time: what each adds is a file of its own, so that it counts once.
#[deferred]
fn add(addend: String, amount: i64) -> Result<(), Failure> {
    fs::write(Path::new(FOLDER).join(addend), amount.to_string())?;
    Ok(())
}

const FUNCTIONS: Functions = functions![add];

/// The handler of the custom path: it does something more.
struct Custom;

impl Handler for Custom {
    fn functions(&self) -> &Functions {
        &FUNCTIONS
    }

    fn post(&self, delivery: &Delivery) -> Answer {
        println!("Executing deferred task.");
        post(self, delivery)
    }
}

struct Counting;

impl wasi::exports::http::incoming_handler::Guest for Counting {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let told = |told: Result<String, String>| match told {
            Ok(content) => (200, content),
            Err(error) => (500, error),
        };
        let (status, content) = match path.as_str() {
            "/counter/increment" => told(increment().map_err(|error| format!("{error}\n"))),
            "/counter/get" => told(
                count()
                    .map(|count| format!("{count}\n"))
                    .map_err(|error| format!("{FOLDER}: {error}\n")),
            ),
            DEFAULT_PATH => said(FUNCTIONS.handle(&delivery(request))),
            "/custom/path" => said(Custom.handle(&delivery(request))),
            _ => (404, "/counter/increment or /counter/get\n".into()),
        };
        answer(outparam, status, content.as_bytes());
    }
}

wasi::http::proxy::export!(Counting);

fn increment() -> Result<String, Error> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let visit = since.unwrap_or_default().as_nanos();
    // As soon as possible.
    defer(add::later(format!("{visit}-now"), 10)).enqueue()?;
    // After a countdown.
    let countdown = env::var("COUNTDOWN")
        .ok()
        .and_then(|text| Duration::try_from_secs_f64(text.parse().ok()?).ok())
        .unwrap_or(Duration::from_secs(60));
    defer(add::later(format!("{visit}-later"), 10))
        .countdown(countdown)
        .enqueue()?;
    // By a path of its own, later still.
    let task = defer(add::later(format!("{visit}-custom"), 10))
        .url("/custom/path")
        .countdown(countdown * 2)
        .enqueue()?;
    Ok(format!(
        "Deferred counter increment. The last task is {}.\n",
        task.name
    ))
}

/// The sum of what was added.
fn count() -> io::Result<i64> {
    let mut sum = 0;
    for file in fs::read_dir(FOLDER)? {
        let text = fs::read_to_string(file?.path())?;
        // One that is just being written is empty.
        if !text.is_empty() {
            sum += text.parse::<i64>().map_err(io::Error::other)?;
        }
    }
    Ok(sum)
}

fn said(answer: Answer) -> (u16, String) {
    (answer.status, answer.content.to_owned())
}

/// The request as the handler wants it.
fn delivery(request: IncomingRequest) -> Delivery {
    let method = match request.method() {
        Method::Post => "POST",
        // None of them is one of a task.
        _ => "",
    };
    let path = request.path_with_query().unwrap_or_default();
    let headers = request.headers().entries();
    Delivery::new(method, path, headers, read(request))
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

fn answer(outparam: ResponseOutparam, status: u16, content: &[u8]) {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).expect("it is a status");
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
