//! The handler: a delivery, checked, run, and what came of it as an answer for the queue.
use std::time::SystemTime;

use crate::{Delivery, Error, Failure, Functions, Keys, Task};

/// What the queue is answered, as text/plain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Those that it needs beside `content-type: text/plain`; names are in lower case.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub content: &'static str,
}

impl Answer {
    const fn new(status: u16, content: &'static str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content,
        }
    }
}

/// What answers deliveries, at [`DEFAULT_PATH`](crate::DEFAULT_PATH) or a path of its own. [`Functions`] is one; to do more, have one of
/// your own and override [`post`](Handler::post) or [`run`](Handler::run):
///
/// ```
/// use urlfetch_deferred::{Answer, Delivery, Failure, Functions, Handler, deferred, functions, post};
///
/// #[deferred]
/// fn greet(name: String) -> Result<(), Failure> { println!("hello, {name}"); Ok(()) }
/// const FUNCTIONS: Functions = functions![greet];
///
/// struct Custom;
///
/// impl Handler for Custom {
///     fn functions(&self) -> &Functions { &FUNCTIONS }
///
///     fn post(&self, delivery: &Delivery) -> Answer {
///         println!("Executing deferred task.");
///         post(self, delivery)
///     }
/// }
/// # fn main() { assert_eq!(Custom.handle(&Delivery::default()).status, 405) }
/// ```
pub trait Handler {
    /// What tasks may call.
    fn functions(&self) -> &Functions;

    /// The keys that deliveries are checked by: those of the environment.
    ///
    /// # Errors
    /// [`Error::Settings`] when there are none; then no delivery is believed.
    fn keys(&self) -> Result<Keys, Error> {
        Keys::from_env()
    }

    /// Makes the call of a task.
    ///
    /// # Errors
    /// As [`Functions::run`].
    fn run(&self, task: &Task) -> Result<(), Failure> {
        self.functions().run(task.body())
    }

    /// Answers a POST: [`post`], unless overridden.
    fn post(&self, delivery: &Delivery) -> Answer {
        post(self, delivery)
    }

    /// Answers a request of any method (semantics.md 16.17).
    fn handle(&self, delivery: &Delivery) -> Answer {
        if delivery.method == "POST" {
            return self.post(delivery);
        }
        Answer {
            headers: vec![("allow", "POST")],
            ..Answer::new(405, "deferred: only POST")
        }
    }
}

impl Handler for Functions {
    fn functions(&self) -> &Functions {
        self
    }
}

/// Checks a delivery, [runs](Handler::run) it, and answers (semantics.md 16.11 and 16.15):
///
/// | outcome | status | content |
/// |---|---|---|
/// | it returned | 200 | `Success` |
/// | [`Failure::Permanent`] | 200: it is not tried again | `PermanentTaskFailure` |
/// | [`Failure::Singular`] | 408 | `SingularTaskFailure` |
/// | [`Failure::Error`] | 500 | `Error` |
/// | it is no task of ours, or there are no keys | 403, and nothing is run | `Forbidden` |
///
/// What happened is a line on standard error, where it is worth one.
pub fn post(handler: &(impl Handler + ?Sized), delivery: &Delivery) -> Answer {
    let checked = handler
        .keys()
        .map_err(|error| error.to_string())
        .and_then(|keys| {
            keys.check_delivery(delivery, SystemTime::now())
                .map_err(|forgery| forgery.to_string())
        });
    match checked {
        Ok(task) => answer(&task, handler.run(&task)),
        Err(why) => {
            eprintln!("deferred: refused: {why}");
            // Who may be a stranger is not told why.
            Answer::new(403, "Forbidden")
        }
    }
}

fn answer(task: &Task, outcome: Result<(), Failure>) -> Answer {
    let say = |what: &str, failure: &dyn std::fmt::Display| {
        eprintln!("deferred: task {}: {what}: {failure}", task.name());
    };
    match outcome {
        Ok(()) => Answer::new(200, "Success"),
        Err(Failure::Singular(_)) => Answer::new(408, "SingularTaskFailure"),
        Err(Failure::Permanent(why)) => {
            say("permanent failure", &why);
            Answer::new(200, "PermanentTaskFailure")
        }
        Err(Failure::Error(error)) => {
            say("failed", &error);
            Answer::new(500, "Error")
        }
    }
}
