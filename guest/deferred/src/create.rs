//! Asking the service for a task, and asking again where that does no harm, by whatever carries the requests.
use std::time::Duration;

use serde_json::Value;

use crate::{
    Error, Settings,
    answers::{self, Created},
    task::Ready,
};

/// How often the service is asked, and how long after the first time it is asked again; twice as long before the third.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);

/// What takes requests to the task service: a client of the crate `urlfetch`, or one that is another component's.
pub trait Carrier {
    /// Why there is no answer.
    type Error;

    /// Asks, and waits for the answer, whatever its status. Follows no redirect: the token is for the service.
    ///
    /// # Errors
    /// When there is no answer.
    fn ask(&self, question: &Question) -> Result<Answered, Self::Error>;

    /// Whether asking again after this may help.
    fn is_passing(&self, error: &Self::Error) -> bool;

    /// Lets so much time pass.
    ///
    /// # Errors
    /// When it cannot; then nothing is asked again.
    fn pause(&self, length: Duration) -> Result<(), Self::Error>;
}

/// A request to the task service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Question {
    /// The whole URL.
    pub url: String,
    /// Names in lower case. A token may be among them.
    pub headers: Vec<(&'static str, String)>,
    /// What is posted; a question without it is a GET.
    pub body: Option<String>,
}

/// What the service answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The content.
    pub content: Vec<u8>,
}

/// Why a task was not made by a [`Carrier`].
#[derive(Debug)]
pub enum Failed<E> {
    /// The task, or the service.
    Task(Error),
    /// The service could not be asked. The task may have been made all the same.
    Carrier(E),
}

impl<E> From<Error> for Failed<E> {
    fn from(error: Error) -> Self {
        Self::Task(error)
    }
}

impl Question {
    fn new(settings: &Settings, path: &str, body: Option<&Value>) -> Self {
        let mut headers = Vec::new();
        if body.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        if let Some(token) = &settings.token {
            headers.push(("authorization", format!("Bearer {}", token.0)));
        }
        Self {
            url: format!("{}/v2/{path}", settings.api),
            headers,
            body: body.map(Value::to_string),
        }
    }
}

/// Makes a task; with a name that is nobody else's it is asked for more than once.
pub(crate) fn create<C: Carrier>(
    carrier: &C,
    settings: &Settings,
    task: &Ready,
    is_ours: bool,
) -> Result<(), Failed<C::Error>> {
    let attempts = if is_ours { ATTEMPTS } else { 1 };
    let question = Question::new(settings, &format!("{}/tasks", task.queue), Some(&task.json));
    let mut pause = PAUSE;
    for attempt in 1.. {
        let failed = match carrier.ask(&question) {
            Ok(answered) => match answers::of_create(&answered) {
                Created::Yes => return Ok(()),
                // An attempt before this one was heard: nobody else knows the name.
                Created::NameTaken if attempt > 1 => return Ok(()),
                Created::NameTaken => return Err(taken(carrier, settings, task).into()),
                Created::No(error) => return Err(error.into()),
                Created::Later(error) => error.into(),
            },
            Err(error) if carrier.is_passing(&error) => Failed::Carrier(error),
            Err(error) => return Err(Failed::Carrier(error)),
        };
        if attempt >= attempts {
            return Err(failed);
        }
        carrier.pause(pause).map_err(Failed::Carrier)?;
        pause *= 2;
    }
    unreachable!("the loop ends by itself");
}

/// Whether the task that has the name is there, or was.
fn taken(carrier: &impl Carrier, settings: &Settings, task: &Ready) -> Error {
    let path = format!("{}/tasks/{}", task.queue, task.id);
    match carrier.ask(&Question::new(settings, &path, None)) {
        Ok(answered) if answered.status == 404 => Error::TombstonedTask,
        _ => Error::TaskAlreadyExists,
    }
}
