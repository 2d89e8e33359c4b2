//! An HTTP handler that defers by the imported `urlfetch:deferred`: `/defer` enqueues three tasks, `/refused` what cannot be enqueued, and
//! every other path is a task's, which is checked before it is looked at.

use bindings::urlfetch::deferred::{
    deliveries::{Delivery, check},
    tasks::{Enqueued, Task},
    types::{DeferError, Instant},
};
use handling::{answer, read};
use wasi::http::types::{IncomingRequest, Method, ResponseOutparam};

#[path = "../../handling.rs"]
mod handling;

mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit/deferred",
        world: "urlfetch:deferred/imports",
    });
}

/// What is deferred: no text, so that nothing on the way may take it for one.
const BODY: &[u8] = b"\0\xffhello";

struct Deferring;

impl wasi::exports::http::incoming_handler::Guest for Deferring {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (status, content) = match path.as_str() {
            "/defer" => match enqueue() {
                Ok(names) => (200, names.join(" ")),
                Err(error) => (500, error.to_string()),
            },
            "/refused" => (200, refused()),
            _ => delivered(&request, path),
        };
        answer(outparam, status, content.as_bytes());
    }
}

wasi::http::proxy::export!(Deferring);

/// As soon as possible, after a countdown, and with all that can be said.
fn enqueue() -> Result<Vec<String>, DeferError> {
    let now = Task::enqueue(Task::new(BODY))?;
    let later = Task::new(BODY);
    later.set_countdown(0.05);
    let later = Task::enqueue(later)?;
    let custom = Task::new(BODY);
    custom.set_eta(Instant {
        nanoseconds: 0,
        ..now.eta
    });
    custom.set_name("mine");
    custom.set_url("/custom/path");
    custom.set_header("content-type", "application/x-mine");
    custom.set_retry_limit(3);
    custom.set_age_limit(60.0);
    custom.set_min_backoff(0.01);
    custom.set_max_backoff(0.02);
    custom.set_max_doublings(1);
    custom.set_dispatch_deadline(20.0);
    let custom = Task::enqueue(custom)?;
    let tell = |Enqueued { queue, name, .. }| format!("{queue}/tasks/{name}");
    Ok([now, later, custom].map(tell).to_vec())
}

/// The kinds of what is refused, one after the other.
fn refused() -> String {
    let wrong: [fn(&Task); 9] = [
        |task| task.set_countdown(f64::NAN),
        |task| task.set_min_backoff(-1.0),
        |task| task.set_countdown(1e300),
        |task| {
            task.set_eta(Instant {
                seconds: u64::MAX,
                nanoseconds: u32::MAX,
            })
        },
        |task| task.set_name("a b"),
        |task| task.set_queue("a_b"),
        |task| task.set_url("//host/"),
        |task| task.set_header("host", "a"),
        |task| task.set_queue("nobody"),
    ];
    let kinds = wrong.map(|say| {
        let task = Task::new(BODY);
        say(&task);
        match Task::enqueue(task) {
            Ok(_) => "enqueued".into(),
            Err(error) => format!("{:?}", error.kind).replace("ErrorKind::", ""),
        }
    });
    kinds.join(" ")
}

/// A delivery, checked before it is looked at.
fn delivered(request: &IncomingRequest, path: String) -> (u16, String) {
    let method = match request.method() {
        Method::Post => "POST",
        _ => "GET",
    };
    let headers = request.headers().entries();
    match check(method, &path, &headers, &read(request)) {
        Ok(delivery) => {
            let told = (
                delivery.queue(),
                delivery.retry_count(),
                delivery.eta().is_some(),
            );
            println!("{} {told:?}", delivery.name());
            // The first attempt of the custom path is a failure.
            let fails = path == "/custom/path" && delivery.retry_count() == Some(0);
            match delivery.body() == BODY && Delivery::into_body(delivery) == BODY {
                true if fails => (500, "Error".into()),
                true => (200, "Success".into()),
                false => (501, "it is another".into()),
            }
        }
        Err(refusal) => (403, format!("{:?}", refusal.kind)),
    }
}
