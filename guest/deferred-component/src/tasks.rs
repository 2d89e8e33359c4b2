//! `urlfetch:deferred/tasks`: a draft that setters fill, and `enqueue`.
use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use urlfetch_deferred::{Call, Defer, Enqueued, Error, Failed, Retry, Settings, defer};

use crate::{
    Component,
    bindings::exports::urlfetch::deferred::{
        tasks::{Guest, GuestTask, Task as Handle},
        types::{self, DeferError, ErrorKind, Instant},
    },
    carrier::Through,
    rpc::urlfetch::rpc::types::FetchError,
};

impl Guest for Component {
    type Task = Task;
}

/// What was said of a task so far.
pub(crate) struct Task(RefCell<Draft>);

struct Draft {
    task: Defer,
    retry: Retry,
    /// The first option that has no meaning.
    wrong: Option<&'static str>,
}

impl Task {
    fn say(&self, change: impl FnOnce(Defer) -> Defer) {
        self.0.borrow_mut().say(change);
    }

    /// Takes an option that is a length of time.
    fn length(
        &self,
        option: &'static str,
        seconds: f64,
        change: impl FnOnce(&mut Draft, Duration),
    ) {
        let mut draft = self.0.borrow_mut();
        match Duration::try_from_secs_f64(seconds) {
            Ok(length) => change(&mut draft, length),
            // What is too long for a duration is too long for the option as well, which is judged with the others.
            Err(_) if seconds.is_finite() && seconds > 0.0 => change(&mut draft, Duration::MAX),
            Err(_) => {
                draft.wrong.get_or_insert(option);
            }
        }
    }
}

impl Draft {
    /// Takes the next thing that is said. A builder is consumed and given back.
    fn say(&mut self, change: impl FnOnce(Defer) -> Defer) {
        let task = std::mem::replace(&mut self.task, defer(Call::encoded(Vec::new())));
        self.task = change(task);
    }
}

impl GuestTask for Task {
    fn new(body: Vec<u8>) -> Self {
        Self(RefCell::new(Draft {
            task: defer(Call::encoded(body)),
            retry: Retry::default(),
            wrong: None,
        }))
    }

    fn set_countdown(&self, countdown: f64) {
        self.length("countdown", countdown, |draft, countdown| {
            draft.say(|task| task.countdown(countdown));
        });
    }

    fn set_eta(&self, eta: Instant) {
        let since = Duration::from_secs(eta.seconds)
            .checked_add(Duration::from_nanos(eta.nanoseconds.into()));
        let eta = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
        match eta {
            Some(eta) => self.say(|task| task.eta(eta)),
            None => {
                self.0.borrow_mut().wrong.get_or_insert("eta");
            }
        }
    }

    fn set_name(&self, name: String) {
        self.say(|task| task.name(name));
    }

    fn set_queue(&self, queue: String) {
        self.say(|task| task.queue(queue));
    }

    fn set_url(&self, path: String) {
        self.say(|task| task.url(path));
    }

    fn set_header(&self, name: String, value: String) {
        self.say(|task| task.header(name, value));
    }

    fn set_retry_limit(&self, times: u32) {
        self.0.borrow_mut().retry.limit = Some(times);
    }

    fn set_age_limit(&self, age: f64) {
        self.length("age-limit", age, |draft, age| {
            draft.retry.age_limit = Some(age);
        });
    }

    fn set_min_backoff(&self, backoff: f64) {
        self.length("min-backoff", backoff, |draft, backoff| {
            draft.retry.min_backoff = Some(backoff);
        });
    }

    fn set_max_backoff(&self, backoff: f64) {
        self.length("max-backoff", backoff, |draft, backoff| {
            draft.retry.max_backoff = Some(backoff);
        });
    }

    fn set_max_doublings(&self, doublings: u32) {
        self.0.borrow_mut().retry.max_doublings = Some(doublings);
    }

    fn set_dispatch_deadline(&self, deadline: f64) {
        self.length("dispatch-deadline", deadline, |draft, deadline| {
            draft.say(|task| task.dispatch_deadline(deadline));
        });
    }

    fn enqueue(task: Handle) -> Result<types::Enqueued, DeferError> {
        let Draft { task, retry, wrong } = task.into_inner::<Task>().0.into_inner();
        if let Some(option) = wrong {
            let why = format!("{option}: must be finite and not negative");
            return Err(Error::InvalidTask(why).into());
        }
        let task = match retry == Retry::default() {
            true => task,
            false => task.retry(retry),
        };
        let settings = Settings::from_env()?;
        let carrier = Through::new(settings.api()).map_err(|kind| DeferError {
            kind: ErrorKind::Fetch,
            status: 0,
            detail: kind.name().to_owned(),
        })?;
        let enqueued = task.enqueue_through(&carrier, &settings);
        Ok(enqueued?.into())
    }
}

impl From<Enqueued> for types::Enqueued {
    fn from(Enqueued { queue, name, eta }: Enqueued) -> Self {
        Self {
            queue,
            name,
            eta: instant(eta),
        }
    }
}

/// Before 1970 there was nothing to defer.
pub(crate) fn instant(at: SystemTime) -> Instant {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Instant {
        seconds: since.as_secs(),
        nanoseconds: since.subsec_nanos(),
    }
}

impl From<Failed<FetchError>> for DeferError {
    fn from(failed: Failed<FetchError>) -> Self {
        match failed {
            Failed::Task(error) => error.into(),
            Failed::Carrier(error) => Self {
                kind: ErrorKind::Fetch,
                status: 0,
                detail: format!("{}: {}", error.kind.name(), error.detail),
            },
        }
    }
}

impl From<Error> for DeferError {
    fn from(error: Error) -> Self {
        let (kind, status) = match &error {
            Error::Settings(_) => (ErrorKind::Settings, 0),
            Error::InvalidTaskName => (ErrorKind::InvalidTaskName, 0),
            Error::InvalidQueueName => (ErrorKind::InvalidQueueName, 0),
            Error::InvalidUrl => (ErrorKind::InvalidUrl, 0),
            Error::InvalidEta => (ErrorKind::InvalidEta, 0),
            Error::TaskAlreadyExists => (ErrorKind::TaskAlreadyExists, 0),
            Error::TombstonedTask => (ErrorKind::TombstonedTask, 0),
            Error::UnknownQueue => (ErrorKind::UnknownQueue, 0),
            Error::TaskTooLarge => (ErrorKind::TaskTooLarge, 0),
            Error::Service { status, .. } => (ErrorKind::Service, *status),
            Error::Fetch(_) => (ErrorKind::Fetch, 0),
            // Arguments are encoded already.
            _ => (ErrorKind::InvalidTask, 0),
        };
        Self {
            kind,
            status,
            detail: error.to_string(),
        }
    }
}
