//! The enums of the WIT from those of the crate `urlfetch`, case by case.
use crate::bindings::exports::urlfetch::rpc::{
    fetch::State,
    types::{ErrorKind, Phase},
};

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

pub(crate) fn to_phase(phase: urlfetch::Phase) -> Phase {
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
