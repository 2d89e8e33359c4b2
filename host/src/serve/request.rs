//! One request: judged, let in, answered by an instance of its own, or refused with a word.

use super::app::Handler;
use super::body::{AnswerBody, Guarded};
use super::call_guest;
use super::ending::Ending;
use super::guest::Guest;
use super::judgement::judge;
use super::record::RequestOutcome;
use super::server::Shared;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode, Version};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::{Error, WasiBody};

/// What a guest answered: a head and its body, or in words why not.
pub(super) type Answered = Result<Response<WasiBody>, String>;

/// How long a client that found no place is asked to wait, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Answers. Whatever happens, there is an answer; dropping the future, or the body of the answer before its end, ends the guest.
pub(super) async fn answer(
    shared: Arc<Shared>,
    peer: SocketAddr,
    request: http::Request<Incoming>,
) -> Response<AnswerBody> {
    let is_http1 = request.version() < Version::HTTP_2;
    let record = shared.journal.open(peer, &request);
    let ending = Ending::of(record, &shared.journal, &shared.metrics);
    let mut response = admit(&shared, &ending, request).await;
    // Who says what cannot be served does not go on with it.
    let is_last = response.status().is_client_error() && ending.record.has_failed();
    if is_http1 && (is_last || shared.admission.is_stopping()) {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn admit(
    shared: &Arc<Shared>,
    ending: &Arc<Ending>,
    request: http::Request<Incoming>,
) -> Response<AnswerBody> {
    if let Err(refusal) = judge(&request, shared.options.max_body) {
        return refuse(ending, refusal.status, &refusal.reason);
    }
    let Some(place) = shared.admission.enter() else {
        let reason = format!("{} requests are in flight", shared.app.instances());
        let mut response = refuse(ending, StatusCode::SERVICE_UNAVAILABLE, &reason);
        response
            .headers_mut()
            .insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        return response;
    };
    let is_head = request.method() == Method::HEAD;
    let request = within(request, shared.options.max_body);
    let (tell, told) = oneshot::channel();
    let guest = {
        let (shared, ending) = (shared.clone(), ending.clone());
        tokio::spawn(async move {
            run(&shared, &ending, request, tell).await;
            // Its instance has gone back to the pool: now somebody else may have the place.
            drop(place);
        })
    };
    let mut guarded = Guarded::new(guest.abort_handle(), ending.clone());
    match told.await {
        Ok(Ok(response)) => {
            ending.record.answered(response.status());
            let expected = expected(&response, is_head);
            response.map(|body| AnswerBody::of_guest(body, guarded, expected))
        }
        Ok(Err(reason)) => {
            guarded.release();
            ending.record.ended_by(RequestOutcome::Failed, reason);
            failed(ending)
        }
        Err(_) => {
            // It will not answer any more; why not is known when it has ended.
            let _ = guest.await;
            guarded.release();
            ending.record.ended_by(
                RequestOutcome::Failed,
                "the application ended without an answer",
            );
            failed(ending)
        }
    }
}

/// Runs an instance to its end, within the time a request has, and writes down what went wrong.
async fn run(
    shared: &Shared,
    ending: &Ending,
    request: http::Request<WasiBody>,
    tell: oneshot::Sender<Answered>,
) {
    let record = &ending.record;
    let guest = Guest::for_request(&shared.sender, &shared.options.env, record);
    let mut store = Store::new(&shared.app.engine, guest);
    // A guest that computes lets others have the thread at every tick, and can be ended there.
    store.epoch_deadline_async_yield_and_update(1);
    store.set_epoch_deadline(1);
    let call = async {
        match &shared.app.handler {
            Handler::P2(pre) => call_guest::p2(pre, &mut store, request, tell).await,
            Handler::P3(pre) => call_guest::p3(pre, &mut store, request, tell).await,
        }
    };
    // Written down before the store goes: with it goes the other end of the answer's body.
    tokio::select! {
        biased;
        ended = call => if let Err(error) = ended {
            record.ended_by(RequestOutcome::Trapped, call_guest::describe(&error));
        },
        () = tokio::time::sleep(shared.options.timeout) => {
            let reason = format!("not done within {} s", shared.options.timeout.as_secs_f64());
            record.ended_by(RequestOutcome::TimedOut, reason);
        }
        () = shared.admission.is_cut() => record.ended_by(RequestOutcome::CutOff, "the server stopped"),
    }
}

/// The request as a guest reads it: not more than `most` bytes of body.
fn within(request: http::Request<Incoming>, most: u64) -> http::Request<WasiBody> {
    let limit = usize::try_from(most).unwrap_or(usize::MAX);
    request.map(|body| {
        Limited::new(body, limit)
            .map_err(move |error| match error.downcast::<hyper::Error>() {
                Ok(error) => Error::from(*error),
                Err(error) if error.is::<LengthLimitError>() => {
                    Error::HttpRequestBodySize(Some(most))
                }
                Err(error) => Error::InternalError(Some(error.to_string())),
            })
            .boxed_unsync()
    })
}

/// How many bytes of the body the connection will take, when that is certain.
fn expected(response: &Response<WasiBody>, is_head: bool) -> Option<u64> {
    let status = response.status();
    if is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Some(0);
    }
    let length = response.headers().get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

fn refuse(ending: &Ending, status: StatusCode, reason: &str) -> Response<AnswerBody> {
    ending.record.ended_by(RequestOutcome::Refused, reason);
    ending.record.answered(status);
    say(status, format!("{reason}\n"))
}

/// The answer to a request whose guest gave none. What went wrong is for the log: strangers may read the answer.
fn failed(ending: &Ending) -> Response<AnswerBody> {
    let record = &ending.record;
    let (status, word) = match record.answer().outcome {
        Some(RequestOutcome::TimedOut) => (StatusCode::GATEWAY_TIMEOUT, "took too long"),
        Some(RequestOutcome::CutOff) => (StatusCode::SERVICE_UNAVAILABLE, "was stopped"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    };
    record.answered(status);
    say(
        status,
        format!("the application {word} (request {})\n", record.id),
    )
}

fn say(status: StatusCode, text: String) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::text(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
