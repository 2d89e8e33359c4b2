//! An HTTP handler by which conformance vectors are played on any host.
//!
//! - `GET /` answers [`GREETING`], so that a judge knows whom it talks to.
//! - `POST /calls` is a dialogue: the body of the request is a sequence of [`call::Call`]s and that of the response a sequence of their
//!   answers, each behind its length in four bytes, little end first. A call is done, by the component this one is composed with, as
//!   soon as it was read; nothing runs in between. The instance ends with the body of the request.
//! - `POST /vector` plays a vector of the surface `rust`, given as JSON, by the Rust library inside this component. The answer is
//!   empty when nothing surprised it, and says in one line what did.

mod call;
mod perform;
mod wire;

use bindings::urlfetch::rpc::types;
use perform::Performer;
use wasi::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wire::{Incoming, Outgoing};

mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "urlfetch:rpc/imports",
        with: { "wasi:io/poll@0.2.0": wasi::io::poll },
        additional_derives: [serde::Serialize, serde::Deserialize],
    });
}

/// Names the dialogue and its version; it changes with [`call::Call`].
const GREETING: &str = "urlfetch conformance app 1\n";

struct App;

impl wasi::exports::http::incoming_handler::Guest for App {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        // Below any prefix: routes are the host's.
        let place = path.rsplit('/').next().unwrap_or_default();
        match (request.method(), place) {
            (Method::Post, "calls") => converse(&request, outparam),
            (Method::Post, "vector") => {
                let surprise = play(&request).err().unwrap_or_default();
                answer(outparam, 200, &surprise);
            }
            (Method::Get, _) => answer(outparam, 200, GREETING),
            _ => answer(outparam, 404, "GET /, POST /calls or POST /vector\n"),
        }
    }
}

wasi::http::proxy::export!(App);

/// Answers call after call, until there are no more or nobody listens.
fn converse(request: &IncomingRequest, outparam: ResponseOutparam) {
    let mut calls = Incoming::of(request);
    let mut answers = begin(outparam, 200);
    let mut performer = Performer::default();
    while let Some(call) = calls.message() {
        let Ok(call) = postcard::from_bytes(&call) else {
            // The judge sees the end of the answers.
            break;
        };
        if !answers.message(&performer.perform(call)) {
            break;
        }
    }
    answers.finish();
}

fn play(request: &IncomingRequest) -> Result<(), String> {
    let vector = String::from_utf8(Incoming::of(request).rest());
    vector_player::play(&vector.map_err(|error| error.to_string())?)
}

fn answer(outparam: ResponseOutparam, status: u16, text: &str) {
    let mut body = begin(outparam, status);
    body.write(text.as_bytes());
    body.finish();
}

/// Sends the head.
fn begin(outparam: ResponseOutparam, status: u16) -> Outgoing {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).expect("it is a status");
    let body: OutgoingBody = response.body().expect("its body is taken once");
    ResponseOutparam::set(outparam, Ok(response));
    Outgoing::of(body)
}
