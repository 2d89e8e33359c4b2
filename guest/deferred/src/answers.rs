//! What the task service's answers mean.
use serde_json::Value;
use urlfetch::ErrorKind;

use crate::{Answered, Error};

/// What an answer to create means.
#[derive(Debug)]
pub(crate) enum Created {
    /// The task is in the queue.
    Yes,
    /// There is one of this name, or was.
    NameTaken,
    /// It may be tried again.
    Later(Error),
    No(Error),
}

/// What an answer to create means.
pub(crate) fn of_create(response: &Answered) -> Created {
    let error = || of_status(response);
    match response.status {
        200..=299 => Created::Yes,
        409 => Created::NameTaken,
        429 | 500..=599 => Created::Later(error()),
        _ => Created::No(error()),
    }
}

/// Whether asking again may help; whoever asks again has given the task a name.
pub(crate) fn is_passing(error: &urlfetch::Error) -> bool {
    matches!(
        error.kind(),
        Some(
            ErrorKind::Download
                | ErrorKind::DeadlineExceeded
                | ErrorKind::DnsLookupFailed
                | ErrorKind::ConnectionClosed
                | ErrorKind::MalformedReply
                | ErrorKind::InternalTransient
        )
    )
}

fn of_status(response: &Answered) -> Error {
    let said: Option<Value> = serde_json::from_slice(&response.content).ok();
    let error = said.as_ref().map(|said| &said["error"]);
    let text = |name: &str| error.and_then(|error| error[name].as_str()).unwrap_or("");
    match (response.status, text("status"), text("message")) {
        (404, "NOT_FOUND", _) => Error::UnknownQueue,
        (400, "INVALID_ARGUMENT", "Task size too large") => Error::TaskTooLarge,
        (status, _, message) => Error::Service {
            status,
            message: message.to_owned(),
        },
    }
}
