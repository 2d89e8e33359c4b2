//! What the verbs of this crate fail with: the call's own error, or what a callback or a hook of the program raised.
use alloc::boxed::Box;
use core::fmt;

use urlfetch_core::{ErrorKind, FetchError};

/// An error of the program's own, from a callback or a hook. It can be sent, so that [`Error`] fits into the error types that ask
/// for it.
pub type Raised = Box<dyn core::error::Error + Send + Sync + 'static>;

/// Why a verb failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The fetch failed, or the verb was out of order.
    Fetch(FetchError),
    /// A callback returned an error. It leaves the wait that ran it; the rpc's own outcome is unchanged and the callback is not
    /// repeated (semantics.md 5.7).
    Callback(Raised),
    /// A hook returned an error: a pre-call hook leaves the rpc idle, a post-call hook replaces the outcome of one check-success
    /// (semantics.md 7.6).
    Hook(Raised),
}

impl Error {
    /// The kind, when the fetch failed or the verb was out of order.
    pub fn kind(&self) -> Option<ErrorKind> {
        self.fetch().map(|error| error.kind)
    }

    /// All that is known of the fetch's failure.
    pub fn fetch(&self) -> Option<&FetchError> {
        match self {
            Self::Fetch(error) => Some(error),
            Self::Callback(_) | Self::Hook(_) => None,
        }
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::Fetch(FetchError::local(kind, ""))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Callback(error) => write!(f, "callback: {error}"),
            Self::Hook(error) => write!(f, "hook: {error}"),
        }
    }
}

impl core::error::Error for Error {
    /// What lies behind the error that is shown, which for all three is the inner one.
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Fetch(error) => error.source(),
            Self::Callback(error) | Self::Hook(error) => error.source(),
        }
    }
}
