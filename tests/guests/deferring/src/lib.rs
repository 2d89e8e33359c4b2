//! An HTTP handler that defers: `/api/...` is asked of Cloud Tasks through the crate `urlfetch`, `/issuer/...` of who signs the tokens of
//! deliveries, and every other path is a task's, which says how it ends: see `work`.

use handling::{answer, read};
use urlfetch::Client;
use wasi::http::types::{IncomingRequest, Method, ResponseOutparam};

#[path = "../../handling.rs"]
mod handling;

struct Deferring;

impl wasi::exports::http::incoming_handler::Guest for Deferring {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (status, content) = match path.strip_prefix("/api/") {
            Some(call) => ask(
                &request,
                &format!("https://cloudtasks.googleapis.com/{call}"),
            ),
            None if path.starts_with("/issuer/") => {
                let rest = path.trim_start_matches("/issuer");
                ask(&request, &format!("http://tasks.urlfetch.internal{rest}"))
            }
            None if path == "/env" => (200, environment()),
            None => work(&request, &path),
        };
        answer(outparam, status, &content);
    }
}

wasi::http::proxy::export!(Deferring);

fn environment() -> Vec<u8> {
    format!("{:?}\n", std::env::vars().collect::<Vec<_>>()).into_bytes()
}

/// The same method and body, asked of the service. What it answers is our answer.
fn ask(request: &IncomingRequest, url: &str) -> (u16, Vec<u8>) {
    let (method, body) = match request.method() {
        Method::Post => ("POST", read(request)),
        Method::Patch => ("PATCH", read(request)),
        Method::Delete => ("DELETE", Vec::new()),
        _ => ("GET", Vec::new()),
    };
    let call = http::Request::builder()
        .method(method)
        .uri(url)
        .body(body)
        .expect("it is a URL");
    let client = Client::shared();
    // The issuer's name is one that does not leave this machine.
    let allowed = client.set_allow_private(true);
    allowed.expect("nothing was asked yet");
    match client.fetch(call) {
        Ok(response) => (response.status, response.content),
        Err(error) => (599, error.to_string().into_bytes()),
    }
}

/// `/headers` answers what was said in headers that begin with `x`; `/trap` traps; `/STATUS-STATUS-...` has a status for each attempt, the
/// last one for all that follow. What runs says so on standard output, with the name of the task and the length of its body.
fn work(request: &IncomingRequest, path: &str) -> (u16, Vec<u8>) {
    let headers = request.headers();
    let said = |name: &str| {
        let values = headers.get(&name.to_owned());
        let value = values.first().map_or(&[][..], Vec::as_slice);
        String::from_utf8_lossy(value).into_owned()
    };
    let name = said("x-cloudtasks-taskname");
    println!("ran {name} {}", read(request).len());
    let path = path.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    match last {
        "headers" => {
            let mut told: Vec<_> = headers
                .entries()
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            told.retain(|name| name.starts_with('x'));
            told.sort();
            (200, told.join(" ").into_bytes())
        }
        "trap" => panic!("asked to"),
        _ => {
            let attempt: usize = said("x-cloudtasks-taskretrycount").parse().unwrap_or(0);
            let statuses: Vec<u16> = last
                .split('-')
                .filter_map(|part| part.parse().ok())
                .collect();
            let status = statuses.get(attempt).or(statuses.last());
            (status.copied().unwrap_or(404), Vec::new())
        }
    }
}
