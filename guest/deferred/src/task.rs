//! A task as Cloud Tasks wants it: what may be said of one, and its JSON. Nothing here touches a clock or a network.
use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    DEFAULT_PATH, Error, Settings,
    envelope::{HEADER, Sealed, canonical},
};

/// The furthest that a task may be ahead.
const MAX_AHEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const METHOD: &str = "POST";
const CONTENT_TYPE: &str = "Content-Type";

/// When and how often a task is tried again; what is not said is as its queue says (semantics.md 17.5 to 17.7).
///
/// It is given up when `limit` and `age_limit` are both exceeded; when only one is given, when that one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// How often it is tried again, after the first time.
    pub limit: Option<u32>,
    /// How long after the first attempt it is tried again, in whole seconds, rounded up.
    pub age_limit: Option<Duration>,
    /// How long after the first attempt the second comes.
    pub min_backoff: Option<Duration>,
    /// The longest time between two attempts; not less than `min_backoff`.
    pub max_backoff: Option<Duration>,
    /// How often that time is doubled, before it grows by the same amount each time.
    pub max_doublings: Option<u32>,
}

impl Retry {
    fn json(&self) -> Result<Value, Error> {
        if let (Some(min), Some(max)) = (self.min_backoff, self.max_backoff)
            && min > max
        {
            return Err(Error::InvalidTask(
                "retry: min_backoff must be no more than max_backoff".into(),
            ));
        }
        let mut json = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                json.insert(name.to_owned(), value);
            }
        };
        // The first attempt is one of them.
        let attempts = self
            .limit
            .map(|limit| i32::try_from(limit).map_or(i32::MAX, |limit| limit.saturating_add(1)));
        put("maxAttempts", attempts.map(Value::from));
        // Too long an age stays too long, and is the service's to refuse: 0 would be no limit.
        let whole = |age: Duration| {
            let part = u64::from(age.subsec_nanos() > 0);
            Duration::from_secs(age.as_secs().saturating_add(part))
        };
        put(
            "maxRetryDuration",
            self.age_limit.map(|age| seconds(whole(age))),
        );
        put("minBackoff", self.min_backoff.map(seconds));
        put("maxBackoff", self.max_backoff.map(seconds));
        let doublings = self
            .max_doublings
            .map(|most| i32::try_from(most).unwrap_or(i32::MAX));
        put("maxDoublings", doublings.map(Value::from));
        Ok(Value::Object(json))
    }
}

/// A duration as Protocol Buffers writes it in JSON.
fn seconds(length: Duration) -> Value {
    match length.subsec_nanos() {
        0 => format!("{}s", length.as_secs()).into(),
        nanos => format!("{}.{nanos:09}s", length.as_secs()).into(),
    }
}

/// A task to be.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) countdown: Option<Duration>,
    pub(crate) eta: Option<SystemTime>,
    pub(crate) name: Option<String>,
    pub(crate) queue: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) retry: Option<Retry>,
    pub(crate) dispatch_deadline: Option<Duration>,
}

/// A task that can be sent.
#[derive(Debug)]
pub(crate) struct Ready {
    /// `projects/P/locations/L/queues/Q`.
    pub(crate) queue: String,
    /// The id of the task.
    pub(crate) id: String,
    pub(crate) eta: SystemTime,
    /// What is posted.
    pub(crate) json: Value,
}

impl Draft {
    /// Judges what was said, and signs it. `own_name` is the task's id, unless it was given one.
    pub(crate) fn ready(
        &self,
        body: &[u8],
        settings: &Settings,
        own_name: String,
        now: SystemTime,
    ) -> Result<Ready, Error> {
        let queue = self.queue.as_deref().unwrap_or("default");
        if !is_name(queue, 100, |byte| byte == b'-') {
            return Err(Error::InvalidQueueName);
        }
        let id = self.name.clone().unwrap_or(own_name);
        if !is_name(&id, 500, |byte| matches!(byte, b'-' | b'_')) {
            return Err(Error::InvalidTaskName);
        }
        let eta = self.eta_at(now)?;
        let path = self.path(queue)?;
        let mut headers = self.headers()?;
        let content_type = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE))
            .map_or("", |(_, value)| value.as_str());
        let sealed = Sealed {
            queue,
            task: &id,
            method: METHOD,
            path: &canonical(&path),
            content_type: content_type.as_bytes(),
            body,
        };
        let envelope = settings.keys.seal(&sealed, unix_seconds(eta));
        headers.push((HEADER.to_owned(), envelope));

        let queue = format!("{}/queues/{queue}", settings.location);
        let mut task = json!({
            "name": format!("{queue}/tasks/{id}"),
            "httpRequest": {
                "url": format!("{}{path}", settings.target),
                "httpMethod": METHOD,
                "headers": headers.into_iter().map(|(name, value)| (name, value.into())).collect::<Map<_, _>>(),
                "body": STANDARD.encode(body),
            },
        });
        // Now is what a task without an instant means, to a clock that is not ours.
        if eta > now {
            task["scheduleTime"] = humantime::format_rfc3339_nanos(eta).to_string().into();
        }
        if let Some(retry) = self.retry {
            task["retryConfig"] = retry.json()?;
        }
        if let Some(deadline) = self.dispatch_deadline {
            task["dispatchDeadline"] = seconds(deadline);
        }
        Ok(Ready {
            queue,
            id,
            eta,
            json: json!({ "task": task }),
        })
    }

    fn eta_at(&self, now: SystemTime) -> Result<SystemTime, Error> {
        let eta = match (self.countdown, self.eta) {
            (Some(_), Some(_)) => {
                return Err(Error::InvalidTask(
                    "countdown and eta exclude each other".into(),
                ));
            }
            (Some(countdown), None) => now.checked_add(countdown).ok_or(Error::InvalidEta)?,
            (None, eta) => eta.unwrap_or(now),
        };
        match eta.duration_since(now) {
            Ok(ahead) if ahead > MAX_AHEAD => Err(Error::InvalidEta),
            // What is past is due now.
            Err(_) => Ok(now),
            Ok(_) => Ok(eta),
        }
    }

    fn path(&self, queue: &str) -> Result<String, Error> {
        let path = match self.url.as_deref() {
            None => return Ok(DEFAULT_PATH.to_owned()),
            Some("") => return Ok(format!("/_ah/queue/{queue}")),
            Some(path) => path,
        };
        // A second slash would begin an authority, a backslash is one to some.
        let begins = path.starts_with('/') && !path[1..].starts_with('/');
        let fits = |byte: u8| byte.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&byte);
        // A segment of dots is resolved by whoever delivers, and the path would not be the one that was signed.
        let dots = |segment: &str| matches!(dotted(segment).as_str(), "." | "..");
        if begins && path.bytes().all(fits) && !path.split('/').any(dots) {
            Ok(path.to_owned())
        } else {
            Err(Error::InvalidUrl)
        }
    }

    fn headers(&self) -> Result<Vec<(String, String)>, Error> {
        let mut headers = vec![(
            CONTENT_TYPE.to_owned(),
            "application/octet-stream".to_owned(),
        )];
        for (name, value) in &self.headers {
            let refused = |why: &str| Err(Error::InvalidTask(format!("header {name:?}: {why}")));
            if name.is_empty() || !name.bytes().all(is_token) {
                return refused("is no name of a header");
            }
            if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) || value.trim() != value {
                return refused("must be printable ASCII, without spaces around it");
            }
            let reserved = name.to_ascii_lowercase().replace('_', "-");
            if reserved == "host" || reserved.starts_with("x-urlfetch-") {
                return refused("is set by others");
            }
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.clone()));
        }
        Ok(headers)
    }
}

/// A character of a header's name (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn dotted(segment: &str) -> String {
    segment.replace("%2e", ".").replace("%2E", ".")
}

fn is_name(name: &str, most: usize, also: impl Fn(u8) -> bool) -> bool {
    (1..=most).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || also(byte))
}

/// Whole seconds since 1970; 0 before.
pub(crate) fn unix_seconds(instant: SystemTime) -> u64 {
    instant
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
