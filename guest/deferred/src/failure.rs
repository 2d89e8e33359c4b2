//! Why a deferred function failed, and with that whether it is tried again.
use std::fmt;

/// Why a deferred function failed (semantics.md 16.15). `?` makes [`Failure::Error`] of any error.
///
/// ```
/// use urlfetch_deferred::{Failure, deferred};
///
/// #[deferred]
/// fn send(address: String) -> Result<(), Failure> {
///     if address.is_empty() {
///         // It will never succeed.
///         return Err(Failure::Permanent("there is no address".into()));
///     }
///     std::str::from_utf8(address.as_bytes())?;
///     Ok(())
/// }
/// # fn main() { assert!(matches!(send(String::new()), Err(Failure::Permanent(_)))) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// It will never succeed: the task is done, with 200, and what is said here is logged.
    Permanent(String),
    /// It is to be tried again, and that is nothing unusual: 408, and no line in the log.
    Singular(String),
    /// Anything else: it is tried again, after 500 and a line in the log.
    Error(Box<dyn std::error::Error + Send + Sync>),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(Box::new(error))
    }
}

// No `std::error::Error`: then it could not be made of each of them.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permanent(what) | Self::Singular(what) => f.write_str(what),
            Self::Error(error) => error.fmt(f),
        }
    }
}
