//! Deferred functions for WebAssembly components: call one now, and a task queue has it run later, in an instance of its own.
//!
//! A function is made deferrable where it stands, by [`deferred`](macro@deferred), and listed for the handler, by [`functions!`]:
//!
//! ```
//! use std::time::Duration;
//! use urlfetch_deferred::{Answer, Delivery, Error, Failure, Functions, Handler, defer, deferred, functions};
//!
//! /// Adds to a counter, later.
//! #[deferred]
//! fn add(counter: String, amount: i64) -> Result<(), Failure> {
//!     println!("{counter} += {amount}");
//!     Ok(())
//! }
//! const FUNCTIONS: Functions = functions![add];
//!
//! fn increment() -> Result<(), Error> {
//!     // As soon as possible, in a minute, and by a path of its own.
//!     defer(add::later("visits".into(), 10)).enqueue()?;
//!     defer(add::later("visits".into(), 10)).countdown(Duration::from_secs(60)).enqueue()?;
//!     defer(add::later("visits".into(), 10)).url("/custom/path").enqueue()?;
//!     Ok(())
//! }
//!
//! /// Where the application routes a POST of `/_ah/queue/deferred`, or of `/custom/path`.
//! fn deliver(delivery: &Delivery) -> Answer {
//!     FUNCTIONS.handle(delivery)
//! }
//! # fn main() {
//! #     assert!(matches!(increment(), Err(Error::Settings(_))));
//! #     assert_eq!(deliver(&Delivery::new("POST", "/_ah/queue/deferred", vec![], vec![])).status, 403);
//! # }
//! ```
//!
//! **A task is an HTTP request to the application itself**, made by `POST .../v2/{queue}/tasks` of the Cloud Tasks REST API, through
//! the crate `urlfetch`. [`Settings`] says where that is; unset, it is Google's own address, which `urlfetch serve` answers itself.
//!
//! **A task runs at least once.** A function may run again although it has run, so it should do no harm when it does.
//!
//! **What a function returns decides** whether it is tried again ([`Failure`], semantics.md 16.15). A function that traps is tried
//! again: the host answers 500 for it.
//!
//! # The envelope
//!
//! Whoever can have the handler run a function can do what the application can do. Therefore each task carries a header that only the
//! application can make, and nothing of a task's body is decoded before it was checked:
//!
//! ```text
//! X-Urlfetch-Deferred: v1;KID;EXP;SIGNATURE
//! ```
//!
//! - `KID` names the key: 1 to 32 of `A-Z a-z 0-9 _ -`.
//! - `EXP` is when the envelope ends, in seconds since 1970, in decimal: 31 days after the task is due. That is how long a task may live.
//! - `SIGNATURE` is HMAC-SHA256 under the key of 32 bytes, in 64 lower-case hexadecimal digits.
//!
//! What is signed is the concatenation of ten [netstrings](https://cr.yp.to/proto/netstrings.txt) (`LENGTH:BYTES,`), in this order:
//! `urlfetch-deferred`; `v1`; `KID`; `EXP`; the id of the queue; the id of the task; the method; the path of the URL, percent-decoded
//! and then percent-encoded except for `A-Z a-z 0-9 - . _ ~ /`, with `?` and the query as it is where that is not empty; the
//! `content-type`, empty where there is none; the SHA-256 of the body, 32 bytes.
//!
//! On delivery the queue and the task are what the headers `X-CloudTasks-QueueName` and `X-CloudTasks-TaskName` say, which the queue
//! sets. A header of these that is missing or there twice, an envelope of the past, or a signature that is not right to the last digit
//! is answered 403. The comparison takes the same time wherever the difference is. The queue and the host do not know the
//! envelope: they carry it as they carry any header of a task.
//!
//! `URLFETCH_DEFERRED_KEYS` holds `KID:KEY`, the key in 64 hexadecimal digits; more follow after a comma. The first signs, all check: to
//! change keys, put the new one first, and remove the old one 31 days later.
//!
//! The envelope does not tell a repeated delivery from a captured one that somebody sends again.
#![deny(unsafe_code)]

mod answers;
mod create;
mod defer;
mod delivery;
mod envelope;
mod error;
mod failure;
mod function;
mod handler;
mod settings;
mod task;

pub use create::{Answered, Carrier, Failed, Question};
pub use defer::{Defer, Enqueued, defer};
pub use delivery::{Delivery, Task};
pub use envelope::{Forgery, Keys};
pub use error::Error;
pub use failure::Failure;
pub use function::{Call, Function, Functions};
pub use handler::{Answer, Handler, post};
pub use settings::Settings;
pub use task::Retry;

/// Makes a function deferrable. It stays what it is, and gets a type of its name beside it: `NAME::later(ARGUMENTS)` is a call to
/// [`defer`](defer()), and `NAME::FUNCTION` what [`functions!`] lists.
///
/// Arguments are owned values that serde can encode and decode. The result is `Result<T, E>`; `E` is [`Failure`] or an error that
/// [`Failure`] can be made of. A task calls the function by its name, or by another that is given here: then the function can be renamed
/// while tasks are in a queue.
///
/// ```
/// use urlfetch_deferred::{Failure, Functions, deferred, functions};
///
/// /// Says it.
/// #[deferred]
/// pub fn say(words: Vec<String>) -> Result<(), Failure> {
///     println!("{words:?}");
///     Ok(())
/// }
///
/// #[deferred(name = "nil")]
/// fn nothing() -> Result<(), std::fmt::Error> {
///     Ok(())
/// }
///
/// const FUNCTIONS: Functions = functions![say, nothing];
///
/// assert!(FUNCTIONS.run(br#"{"function": "say", "arguments": [["hello"]]}"#).is_ok());
/// assert!(FUNCTIONS.run(br#"{"function": "nil", "arguments": []}"#).is_ok());
/// assert!(FUNCTIONS.run(br#"{"function": "nothing", "arguments": []}"#).is_err());
/// # nothing().unwrap();
/// ```
///
/// What cannot be called later is refused, in words that say why: an argument that is borrowed, say.
///
/// ```compile_fail
/// #[urlfetch_deferred::deferred]
/// fn say(words: &str) -> Result<(), urlfetch_deferred::Failure> { Ok(()) }
/// ```
pub use urlfetch_deferred_macros::deferred;

/// The path that tasks are delivered to, unless they name another.
pub const DEFAULT_PATH: &str = "/_ah/queue/deferred";

#[doc(hidden)]
pub use function::decode;
