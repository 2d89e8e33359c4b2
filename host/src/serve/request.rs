//! One request: judged, let in, answered by an instance of its own, or refused with a word.

use super::admission::Place;
use super::app::Handler;
use super::body::{AnswerBody, Guarded};
use super::call_guest;
use super::delivery;
use super::door;
use super::ending::Ending;
use super::guest::Guest;
use super::judgement::judge;
use super::record::RequestOutcome;
use super::server::Shared;
use crate::tasks::{Delivered, retry_after};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::{Error, WasiBody};

/// What a guest answered: a head and its body, or in words why not.
pub(super) type Answered = Result<Response<WasiBody>, String>;

/// How long a client that found no place is asked to wait, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
/// Who delivers tasks, as far as the log goes: the address that App Engine delivered them from.
const QUEUE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(0, 1, 0, 2)), 0);

/// Answers. Whatever happens, there is an answer; dropping the future, or the body of the answer before its end, ends the guest.
pub(super) async fn answer(
    shared: Arc<Shared>,
    peer: SocketAddr,
    request: Request<Incoming>,
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
    mut request: Request<Incoming>,
) -> Response<AnswerBody> {
    if let Err(refusal) = judge(&request, shared.options.max_body) {
        return refuse(ending, refusal.status, &refusal.reason);
    }
    if let Err((status, reason)) = door::admit(shared, &mut request).await {
        return refuse(ending, status, reason);
    }
    let Some(place) = shared.admission.enter() else {
        let reason = format!("{} requests are in flight", shared.app.instances());
        let mut response = refuse(ending, StatusCode::SERVICE_UNAVAILABLE, &reason);
        response
            .headers_mut()
            .insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        return response;
    };
    let request = within(request, shared.options.max_body);
    respond(shared, ending, request, shared.options.timeout, place).await
}

/// Delivers a task into the application, and says what it came to: a request of ours, which waits for its place.
pub(super) async fn deliver(
    shared: &Arc<Shared>,
    request: Request<Bytes>,
    deadline: Duration,
) -> Delivered {
    let request = inbound(request);
    let record = shared.journal.open(QUEUE, &request);
    let ending = Ending::of(record, &shared.journal, &shared.metrics);
    let Some(place) = shared.admission.enter_in_turn().await else {
        return Delivered::CutOff;
    };
    let response = respond(shared, &ending, request, deadline, place).await;
    let (head, body) = response.into_parts();
    let whole = delivery::read_out(body).await;
    match ending.record.answer().outcome {
        Some(RequestOutcome::CutOff) => Delivered::CutOff,
        Some(RequestOutcome::TimedOut) => Delivered::TimedOut,
        _ if whole => {
            let wait = retry_after(&head.headers, SystemTime::now());
            Delivered::Answered(head.status.as_u16(), wait)
        }
        _ => Delivered::Unanswered,
    }
}

/// A delivery as a connection would have brought it.
fn inbound(request: Request<Bytes>) -> Request<WasiBody> {
    let (mut head, body) = request.into_parts();
    let uri = std::mem::take(&mut head.uri);
    let host = uri.authority().map(delivery::host).unwrap_or_default();
    if let Ok(host) = HeaderValue::from_str(host) {
        head.headers.insert(HOST, host);
    }
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    let root = || PathAndQuery::from_static("/");
    head.uri = Uri::from(uri.path_and_query().cloned().unwrap_or_else(root));
    Request::from_parts(head, delivery::whole(body))
}

/// Has a request answered by an instance of its own, within a time.
async fn respond(
    shared: &Arc<Shared>,
    ending: &Arc<Ending>,
    request: Request<WasiBody>,
    timeout: Duration,
    place: Place,
) -> Response<AnswerBody> {
    let is_head = request.method() == Method::HEAD;
    let (tell, told) = oneshot::channel();
    let guest = {
        let (shared, ending) = (shared.clone(), ending.clone());
        tokio::spawn(async move {
            run(&shared, &ending, request, timeout, tell).await;
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
    request: Request<WasiBody>,
    timeout: Duration,
    tell: oneshot::Sender<Answered>,
) {
    let record = &ending.record;
    let guest = match Guest::for_request(shared, record) {
        Ok(guest) => guest,
        Err(reason) => return record.ended_by(RequestOutcome::Failed, reason),
    };
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
        () = tokio::time::sleep(timeout) => {
            let reason = format!("not done within {} s", timeout.as_secs_f64());
            record.ended_by(RequestOutcome::TimedOut, reason);
        }
        () = shared.admission.is_cut() => record.ended_by(RequestOutcome::CutOff, "the server stopped"),
    }
}

/// The request as a guest reads it: not more than `most` bytes of body.
fn within(request: Request<Incoming>, most: u64) -> Request<WasiBody> {
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
