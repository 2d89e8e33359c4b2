//! The records of the WIT from and to those of the crate `urlfetch`, field by field.
use urlfetch::Method;

use crate::bindings::exports::urlfetch::rpc::{
    fetch::State,
    types::{ErrorKind, FetchError, Hop, Phase, Request, Response},
};

pub(crate) fn from_request(request: Request) -> Result<urlfetch::Request, urlfetch::FetchError> {
    Ok(urlfetch::Request {
        method: Method::parse(&request.method)?,
        url: request.url,
        headers: request.headers,
        payload: request.payload.unwrap_or_default(),
        follow_redirects: request.follow_redirects,
        allow_truncated: request.allow_truncated,
        validate_certificate: request.validate_certificate,
    })
}

pub(crate) fn to_response(response: urlfetch::Response) -> Response {
    Response {
        status: response.status,
        headers: response.headers,
        content: response.content,
        was_truncated: response.was_truncated,
        final_url: response.final_url,
    }
}

pub(crate) fn to_error(error: urlfetch::FetchError) -> FetchError {
    FetchError {
        kind: to_kind(error.kind),
        code: error.code,
        phase: to_phase(error.phase),
        retryable: error.retryable,
        url: error.url,
        detail: error.detail,
        response: error.response.map(|response| to_response(*response)),
    }
}

/// Seconds since the call was started.
pub(crate) fn to_hop(hop: &urlfetch::Hop, start: urlfetch::Instant) -> Hop {
    let seconds = |at: urlfetch::Instant| at.since(start).as_secs_f64();
    Hop {
        url: hop.url.clone(),
        status: hop.status,
        started_at: seconds(hop.started_at),
        head_at: hop.head_at.map(seconds),
        ended_at: hop.ended_at.map(seconds),
    }
}

pub(crate) fn to_state(state: urlfetch::State) -> State {
    match state {
        urlfetch::State::Idle => State::Idle,
        urlfetch::State::Running => State::Running,
        urlfetch::State::Finishing => State::Finishing,
    }
}

pub(crate) fn to_kind(kind: urlfetch::ErrorKind) -> ErrorKind {
    match kind {
        urlfetch::ErrorKind::Download => ErrorKind::Download,
        urlfetch::ErrorKind::DeadlineExceeded => ErrorKind::DeadlineExceeded,
        urlfetch::ErrorKind::DnsLookupFailed => ErrorKind::DnsLookupFailed,
        urlfetch::ErrorKind::ConnectionClosed => ErrorKind::ConnectionClosed,
        urlfetch::ErrorKind::TooManyRedirects => ErrorKind::TooManyRedirects,
        urlfetch::ErrorKind::MalformedReply => ErrorKind::MalformedReply,
        urlfetch::ErrorKind::InvalidUrl => ErrorKind::InvalidUrl,
        urlfetch::ErrorKind::PayloadTooLarge => ErrorKind::PayloadTooLarge,
        urlfetch::ErrorKind::InternalTransient => ErrorKind::InternalTransient,
        urlfetch::ErrorKind::SslCertificate => ErrorKind::SslCertificate,
        urlfetch::ErrorKind::ResponseTooLarge => ErrorKind::ResponseTooLarge,
        urlfetch::ErrorKind::InvalidMethod => ErrorKind::InvalidMethod,
        urlfetch::ErrorKind::Cancelled => ErrorKind::Cancelled,
        urlfetch::ErrorKind::Refused => ErrorKind::Refused,
        urlfetch::ErrorKind::Unsupported => ErrorKind::Unsupported,
        urlfetch::ErrorKind::InvalidArgument => ErrorKind::InvalidArgument,
        urlfetch::ErrorKind::Misuse => ErrorKind::Misuse,
        urlfetch::ErrorKind::Deadlock => ErrorKind::Deadlock,
    }
}

fn to_phase(phase: urlfetch::Phase) -> Phase {
    match phase {
        urlfetch::Phase::Local => Phase::Local,
        urlfetch::Phase::Queued => Phase::Queued,
        urlfetch::Phase::Resolve => Phase::Resolve,
        urlfetch::Phase::Connect => Phase::Connect,
        urlfetch::Phase::Tls => Phase::Tls,
        urlfetch::Phase::Request => Phase::Request,
        urlfetch::Phase::Body => Phase::Body,
        urlfetch::Phase::Redirect => Phase::Redirect,
        urlfetch::Phase::Decode => Phase::Decode,
    }
}
