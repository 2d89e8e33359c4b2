//! `defer`: a call, and what is said of its task, into a task of the queue.
use std::time::{Duration, SystemTime};

use urlfetch::{Client, Request};

use crate::{
    Answered, Call, Carrier, Error, Failed, Question, Retry, Settings, answers, create::create,
    task::Draft,
};

/// Seconds that the task service may take to answer.
const DEADLINE: f64 = 10.0;

/// Has a call made later. Nothing happens before [`enqueue`](Defer::enqueue).
pub fn defer(call: Call) -> Defer {
    Defer {
        call,
        draft: Draft::default(),
    }
}

/// A call that is to be deferred, and what is said of its task (semantics.md 16.1 to 16.5).
#[derive(Debug)]
#[must_use = "nothing is deferred before `enqueue`"]
pub struct Defer {
    call: Call,
    draft: Draft,
}

/// A task that is in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// `projects/P/locations/L/queues/Q`.
    pub queue: String,
    /// The id of the task in its queue: the one it was given, or 32 hexadecimal digits.
    pub name: String,
    /// When it is due.
    pub eta: SystemTime,
}

impl Defer {
    /// Not before so long has passed, at most 30 days. Excludes an [`eta`](Self::eta).
    pub fn countdown(mut self, countdown: Duration) -> Self {
        self.draft.countdown = Some(countdown);
        self
    }

    /// Not before this instant, at most 30 days ahead; what is past is now. Excludes a [`countdown`](Self::countdown).
    pub fn eta(mut self, eta: SystemTime) -> Self {
        self.draft.eta = Some(eta);
        self
    }

    /// The task's name, so that there is only one of it: 1 to 500 of letters, digits, `_` and `-`. Without it the task is named by 128
    /// random bits.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.draft.name = Some(name.into());
        self
    }

    /// The queue, by its id; `default` at first.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.draft.queue = Some(queue.into());
        self
    }

    /// The path to deliver to, absolute and without a query; [`DEFAULT_PATH`](crate::DEFAULT_PATH) at first. Empty stands for
    /// `/_ah/queue/QUEUE`.
    pub fn url(mut self, path: impl Into<String>) -> Self {
        self.draft.url = Some(path.into());
        self
    }

    /// A header of the delivery, in place of one of this name. Printable ASCII. What the queue sets itself it sets all the same.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.draft.headers.push((name.into(), value.into()));
        self
    }

    /// When and how often it is tried again.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.draft.retry = Some(retry);
        self
    }

    /// How long an attempt may take: 15 seconds to 30 minutes. Ten minutes at first.
    pub fn dispatch_deadline(mut self, deadline: Duration) -> Self {
        self.draft.dispatch_deadline = Some(deadline);
        self
    }

    /// Puts the task into its queue, by the [settings](Settings) of the environment, and waits until it is there.
    ///
    /// A task that the library named is asked for up to three times when the service does not answer, or answers 429 or 5xx: a second
    /// answer that says that it exists means that the first attempt was heard. With a name of yours it is asked for once, since that
    /// answer would mean two things.
    ///
    /// # Errors
    /// Everything in [`Error`].
    pub fn enqueue(self) -> Result<Enqueued, Error> {
        let settings = Settings::from_env()?;
        let client = client(&settings).map_err(|error| Error::Fetch(error.into()))?;
        self.enqueue_by(&client, &settings)
    }

    /// As [`enqueue`](Self::enqueue), by a client and settings of the caller's. The client's policy holds.
    ///
    /// # Errors
    /// Everything in [`Error`].
    pub fn enqueue_by(self, client: &Client, settings: &Settings) -> Result<Enqueued, Error> {
        let enqueued = self.enqueue_through(client, settings);
        enqueued.map_err(|failed| match failed {
            Failed::Task(error) => error,
            Failed::Carrier(error) => Error::Fetch(error),
        })
    }

    /// As [`enqueue`](Self::enqueue), where something else than the crate `urlfetch` asks the service.
    ///
    /// # Errors
    /// Everything in [`Error`], but for [`Error::Fetch`], and what the carrier fails with.
    pub fn enqueue_through<C: Carrier>(
        self,
        carrier: &C,
        settings: &Settings,
    ) -> Result<Enqueued, Failed<C::Error>> {
        let body = self.call.body?;
        let is_ours = self.draft.name.is_none();
        let task = self
            .draft
            .ready(&body, settings, own_name()?, SystemTime::now())?;
        create(carrier, settings, &task, is_ours)?;
        Ok(Enqueued {
            queue: task.queue,
            name: task.id,
            eta: task.eta,
        })
    }
}

impl Carrier for Client {
    type Error = urlfetch::Error;

    fn ask(&self, question: &Question) -> Result<Answered, Self::Error> {
        let mut request = match &question.body {
            Some(body) => Request::post(&*question.url, body.clone()),
            None => Request::get(&*question.url),
        }
        .with_follow_redirects(false);
        for (name, value) in &question.headers {
            request = request.with_header(*name, value.clone());
        }
        let rpc = self.rpc().deadline(DEADLINE).fetch(&request)?;
        let response = rpc.into_result()?;
        Ok(Answered {
            status: response.status,
            content: response.content,
        })
    }

    fn is_passing(&self, error: &Self::Error) -> bool {
        answers::is_passing(error)
    }

    fn pause(&self, length: Duration) -> Result<(), Self::Error> {
        self.block_on(self.sleep(length))
    }
}

/// A client that reaches the task service and nothing else.
fn client(settings: &Settings) -> Result<Client, urlfetch::ErrorKind> {
    let client = Client::new();
    client.set_allowed_origins(std::slice::from_ref(&settings.api))?;
    // Who set the variable may have meant the machine itself.
    client.set_allow_private(true)?;
    Ok(client)
}

/// 128 random bits, from the host.
fn own_name() -> Result<String, Error> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)
        .map_err(|error| Error::InvalidTask(format!("no random bits for a name: {error}")))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}
