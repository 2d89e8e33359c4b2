//! A delivery as the application's HTTP server got it, and the task that it is once it has been checked.
use std::time::{Duration, SystemTime};

use urlfetch::Headers;

use crate::{
    Forgery, Keys,
    envelope::{HEADER, Sealed, canonical},
    task::unix_seconds,
};

const QUEUE: &str = "X-CloudTasks-QueueName";
const TASK: &str = "X-CloudTasks-TaskName";

/// A request as the application got it. Nothing in it is to be believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Such as `POST`.
    pub method: String,
    /// The path with its query, as it came.
    pub path_and_query: String,
    /// Names in any case, values as bytes.
    pub headers: Headers,
    /// The whole body.
    pub body: Vec<u8>,
}

/// A task of this application, which was checked to be that. There is no other way to make one than [`Keys::check_delivery`].
#[derive(Clone, Debug)]
pub struct Task {
    queue: String,
    name: String,
    headers: Headers,
    body: Vec<u8>,
}

impl Delivery {
    /// A request as the application got it.
    pub fn new(
        method: impl Into<String>,
        path_and_query: impl Into<String>,
        headers: Headers,
        body: Vec<u8>,
    ) -> Self {
        Self {
            method: method.into(),
            path_and_query: path_and_query.into(),
            headers,
            body,
        }
    }

    /// The value of a header that is there once, as text.
    fn the_only(&self, wanted: &'static str) -> Result<&str, Forgery> {
        let mut values = values(&self.headers, wanted);
        match (values.next(), values.next()) {
            (Some(value), None) => std::str::from_utf8(value).map_err(|_| Forgery::Header(wanted)),
            _ => Err(Forgery::Header(wanted)),
        }
    }
}

fn values<'a>(headers: &'a Headers, wanted: &str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.as_slice())
}

impl Keys {
    /// The task that a delivery is, if its [envelope](crate#the-envelope) is one of ours and holds at `now`. Of the body only the
    /// checksum is looked at.
    ///
    /// # Errors
    /// Why it is none.
    pub fn check_delivery(&self, delivery: &Delivery, now: SystemTime) -> Result<Task, Forgery> {
        let queue = delivery.the_only(QUEUE)?;
        let name = delivery.the_only(TASK)?;
        let envelope = delivery.the_only(HEADER)?;
        let mut content_types = values(&delivery.headers, "content-type");
        let content_type = content_types.next().unwrap_or_default();
        if content_types.next().is_some() {
            return Err(Forgery::Header("Content-Type"));
        }
        let sealed = Sealed {
            queue,
            task: name,
            method: &delivery.method,
            path: &canonical(&delivery.path_and_query),
            content_type,
            body: &delivery.body,
        };
        self.check(envelope, &sealed, unix_seconds(now))?;
        Ok(Task {
            queue: queue.to_owned(),
            name: name.to_owned(),
            headers: delivery.headers.clone(),
            body: delivery.body.clone(),
        })
    }
}

impl Task {
    /// The id of its queue.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Its id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The encoded call: for [`Functions::run`](crate::Functions::run).
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The same, for who needs nothing else of the task.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The value of a header; the first when there are more. The envelope is not over it, `content-type` excepted: where the host lets
    /// strangers in, a delivery that somebody has seen can come again with other headers.
    pub fn header(&self, name: &str) -> Option<&str> {
        values(&self.headers, name)
            .next()
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// How often it was tried before: 0 the first time. None when the queue does not say. The envelope is not over it.
    pub fn retry_count(&self) -> Option<u32> {
        self.header("X-CloudTasks-TaskRetryCount")?.parse().ok()
    }

    /// When it was due. None when the queue does not say. The envelope is not over it.
    pub fn eta(&self) -> Option<SystemTime> {
        let seconds: f64 = self.header("X-CloudTasks-TaskETA")?.parse().ok()?;
        let since = Duration::try_from_secs_f64(seconds).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}
