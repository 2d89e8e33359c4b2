//! Why a call could not be deferred.
use std::fmt;

/// Why a call could not be deferred. The names are App Engine's where it has one (semantics.md sections 16 and 17).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A variable of the environment is missing or wrong; it is named.
    Settings(String),
    /// The call's arguments cannot be encoded.
    Arguments(String),
    /// Options that exclude each other, or have no meaning.
    InvalidTask(String),
    /// A name is 1 to 500 of letters, digits, `_` and `-`.
    InvalidTaskName,
    /// The id of a queue is 1 to 100 of letters, digits and `-`.
    InvalidQueueName,
    /// A URL is an absolute path, without a query.
    InvalidUrl,
    /// More than 30 days ahead.
    InvalidEta,
    /// A task of this name is in the queue.
    TaskAlreadyExists,
    /// A task of this name was in the queue, not long ago.
    TombstonedTask,
    /// The queue does not exist.
    UnknownQueue,
    /// The service takes no task of this size.
    TaskTooLarge,
    /// The service answered otherwise: its status, and what it said.
    Service {
        /// The HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// The service could not be asked. The task may have been made all the same.
    Fetch(urlfetch::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(what) | Self::InvalidTask(what) => f.write_str(what),
            Self::Arguments(what) => write!(f, "arguments: {what}"),
            Self::InvalidTaskName => {
                f.write_str("name: must be 1 to 500 of letters, digits, _ and -")
            }
            Self::InvalidQueueName => {
                f.write_str("queue: must be 1 to 100 of letters, digits and -")
            }
            Self::InvalidUrl => f.write_str("url: must be an absolute path without a query"),
            Self::InvalidEta => f.write_str("eta: must be no more than 30 days ahead"),
            Self::TaskAlreadyExists => f.write_str("a task of this name is in the queue"),
            Self::TombstonedTask => f.write_str("a task of this name was in the queue before"),
            Self::UnknownQueue => f.write_str("the queue does not exist"),
            Self::TaskTooLarge => f.write_str("the task is too large"),
            Self::Service { status, message } => {
                write!(f, "the task service answered {status}: {message}")
            }
            Self::Fetch(error) => write!(f, "the task service: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fetch(error) => Some(error),
            _ => None,
        }
    }
}
