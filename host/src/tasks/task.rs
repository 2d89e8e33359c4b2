//! Tasks: what they are, and how the API reads and writes them.

use super::fields::Fields;
use super::moment::{Moment, duration_text};
use super::policy::{DEADLINES, DEFAULT_DEADLINE, MAX_AHEAD, RetryConfig};
use super::queue::RetryWish;
use super::status::Status;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The methods of a delivery, at their numbers.
const METHODS: &[&str] = &[
    "HTTP_METHOD_UNSPECIFIED",
    "POST",
    "GET",
    "HEAD",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
];
/// What is shown of a task, at its number.
pub(crate) const VIEWS: &[&str] = &["VIEW_UNSPECIFIED", "BASIC", "FULL"];
/// What a delivery calls itself.
pub(crate) const USER_AGENT: &str = "Google-Cloud-Tasks";
/// The longest URL, and the most that the header lines may have, names and values added up.
const MAX_URL: usize = 2_083;
const MAX_HEADERS: usize = 80 * 1024;

/// What is sent when a task is due.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HttpRequest {
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// The token that it goes with.
    pub(crate) oidc: Option<OidcWish>,
}

/// A token that a delivery shows, as it is wished for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OidcWish {
    /// Whose it is to be.
    pub(crate) email: String,
    /// Whom it is for; none for the task's URL.
    pub(crate) audience: Option<String>,
}

/// A task as somebody wants it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewTask {
    /// Its id; none when it is to be given one.
    pub(crate) id: Option<String>,
    pub(crate) request: HttpRequest,
    pub(crate) due: Moment,
    /// Microseconds that a delivery may take.
    pub(crate) deadline: i64,
    pub(crate) retry: Option<RetryWish>,
}

/// A task on file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Task {
    /// `projects/P/locations/L/queues/Q`.
    pub(crate) queue: String,
    pub(crate) id: String,
    pub(crate) request: HttpRequest,
    pub(crate) created: Moment,
    pub(crate) due: Moment,
    pub(crate) deadline: i64,
    pub(crate) retry: Option<RetryWish>,
    pub(crate) dispatches: i64,
    pub(crate) responses: i64,
    pub(crate) first: Option<Moment>,
    pub(crate) last: Option<Attempt>,
}

/// The last attempt at a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) due: Moment,
    pub(crate) dispatched: Moment,
    pub(crate) answered: Option<Moment>,
    pub(crate) status: Option<u16>,
}

/// Whether a header belongs to whoever delivers, in any spelling: what a gateway interface reads as the same name is the same.
pub(crate) fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    ["host", "content-length", "user-agent"].contains(&name.as_str())
        || ["x-google-", "x-appengine-", "x-cloudtasks-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

impl NewTask {
    /// Reads a task that is to be made in `queue`, in the order in which the service finds fault.
    pub(crate) fn read(mut fields: Fields, queue: &str, now: Moment) -> Result<Self, Status> {
        let name = fields.text("name")?.filter(|name| !name.is_empty());
        let http = fields.object("http_request")?;
        let app_engine = fields.is_said("app_engine_http_request");
        let due = fields.moment("schedule_time")?;
        let deadline = fields.duration("dispatch_deadline")?;
        let retry = fields
            .object("retry_config")?
            .map(RetryWish::read)
            .transpose()?;
        for output in [
            "create_time",
            "dispatch_count",
            "response_count",
            "first_attempt",
            "last_attempt",
            "view",
        ] {
            fields.is_said(output);
        }
        fields.end()?;
        let request = http.map(HttpRequest::read).transpose()?;

        let id = name.map(|name| id_of(&name, queue)).transpose()?;
        if app_engine {
            return Err(Status::invalid(
                "Task.appEngineHttpRequest is not served here: use Task.httpRequest.",
            ));
        }
        let request = request.ok_or_else(|| Status::invalid("Task.httpRequest is required."))?;
        request.judge()?;
        let deadline = deadline.unwrap_or(DEFAULT_DEADLINE);
        if !DEADLINES.contains(&deadline) {
            return Err(Status::invalid(
                "Task.dispatchDeadline must be between [15s, 30m].",
            ));
        }
        if let Some(due) = due.filter(|due| *due > now.plus(MAX_AHEAD)) {
            return Err(Status::invalid(format!(
                "The Task.scheduleTime, {}, is too far in the future. Schedule time must be no more than 720h in the future.",
                due.text()
            )));
        }
        if let Some(wish) = &retry {
            wish.over(RetryConfig::default()).judge()?;
        }
        Ok(NewTask {
            id,
            request,
            due: due.unwrap_or(now).max(now),
            deadline,
            retry,
        })
    }
}

/// The id in a task's full name, which has to be one of this queue.
fn id_of(name: &str, queue: &str) -> Result<String, Status> {
    let (of, id) = name
        .rsplit_once("/tasks/")
        .ok_or_else(|| Status::invalid("Task.name must be of the form projects/PROJECT/locations/LOCATION/queues/QUEUE/tasks/TASK."))?;
    if of != queue {
        return Err(Status::invalid(format!(
            "The queue name from request ('{queue}') must be the same as the queue name in the named task ('{of}')."
        )));
    }
    judge_task_id(id)?;
    Ok(id.to_owned())
}

/// Whether this may be a task's id.
pub(crate) fn judge_task_id(id: &str) -> Result<(), Status> {
    if super::policy::is_task_id(id) {
        return Ok(());
    }
    let message = format!(
        "Task ID \"{id}\" can contain only letters ([A-Za-z]), numbers ([0-9]), hyphens (-), or underscores (_). Task ID must between 1 and 500 characters."
    );
    Err(Status::invalid(message).with_help(
        "The grammar of a task's name",
        "https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#Task.FIELDS.name",
    ))
}

impl HttpRequest {
    fn read(mut fields: Fields) -> Result<Self, Status> {
        let url = fields.text("url")?.unwrap_or_default();
        let method = fields.name_of("http_method", METHODS)?;
        let caller = fields.texts("headers")?;
        let body = fields.bytes("body")?.unwrap_or_default();
        let oidc = fields
            .object("oidc_token")?
            .map(OidcWish::read)
            .transpose()?;
        let oauth = fields.is_said("oauth_token");
        fields.end()?;
        if oauth {
            return Err(Status::invalid(
                "HttpRequest.oauthToken is not served here: only Google makes such tokens. Use HttpRequest.oidcToken.",
            ));
        }
        let mut headers = vec![("User-Agent".to_owned(), USER_AGENT.to_owned())];
        headers.extend(caller.into_iter().filter(|(name, _)| !is_reserved(name)));
        Ok(HttpRequest {
            url,
            method: method
                .filter(|name| *name != METHODS[0])
                .unwrap_or("POST")
                .to_owned(),
            headers,
            body: body.into(),
            oidc,
        })
    }

    fn judge(&self) -> Result<(), Status> {
        if self.url.is_empty() {
            return Err(Status::invalid("HttpRequest.url is required."));
        }
        let scheme = self
            .url
            .split_once("://")
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("http" | "https")) {
            return Err(Status::invalid(
                "HttpTarget.url must start with 'http://' or 'https://'.",
            ));
        }
        // A database's text has none, and no URL has either.
        if self.url.contains('\0') {
            return Err(Status::invalid("HttpRequest.url has a zero byte."));
        }
        if self.url.len() > MAX_URL {
            return Err(Status::invalid(format!(
                "HttpRequest.url must have at most {MAX_URL} characters."
            )));
        }
        if !self.body.is_empty() && !matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            return Err(Status::invalid(
                "HttpRequest.body is allowed only with POST, PUT and PATCH.",
            ));
        }
        if self.oidc.as_ref().is_some_and(|wish| wish.email.is_empty()) {
            return Err(Status::invalid(
                "HttpRequest.oidcToken.serviceAccountEmail is required.",
            ));
        }
        let mut size = 0;
        for (name, value) in &self.headers {
            size += name.len() + value.len();
            if http::HeaderName::from_bytes(name.as_bytes()).is_err()
                || http::HeaderValue::from_str(value).is_err()
            {
                return Err(Status::invalid(format!(
                    "HttpRequest.headers: '{}' cannot be sent.",
                    name.escape_debug()
                )));
            }
        }
        if size > MAX_HEADERS {
            return Err(Status::invalid(
                "HttpRequest.headers must be smaller than 80 KB.",
            ));
        }
        Ok(())
    }

    /// What it weighs in protobuf, with the task's full name: the service's own limit counts so.
    pub(crate) fn weight(&self, name_length: usize) -> usize {
        let field = |length: usize| 1 + varint(length) + length;
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| field(field(name.len()) + field(value.len())))
            .sum();
        let token = self.oidc.as_ref().map_or(0, |wish| {
            let audience = wish.audience.as_ref().map_or(0, |it| field(it.len()));
            field(field(wish.email.len()) + audience)
        });
        // The method is a tag and a byte.
        let request = field(self.url.len()) + 2 + headers + field(self.body.len()) + token;
        field(name_length) + field(request)
    }

    fn json(&self, with_body: bool) -> Value {
        let headers: serde_json::Map<_, _> = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let mut json = json!({"url": self.url, "httpMethod": self.method, "headers": headers});
        if with_body && !self.body.is_empty() {
            json["body"] = STANDARD.encode(&self.body).into();
        }
        if let Some(wish) = &self.oidc {
            json["oidcToken"] = wish.json();
        }
        json
    }
}

impl OidcWish {
    fn read(mut fields: Fields) -> Result<Self, Status> {
        let email = fields.text("service_account_email")?;
        let audience = fields.text("audience")?;
        fields.end()?;
        Ok(OidcWish {
            email: email.unwrap_or_default(),
            audience: audience.filter(|audience| !audience.is_empty()),
        })
    }

    fn json(&self) -> Value {
        let mut json = json!({"serviceAccountEmail": self.email});
        if let Some(audience) = &self.audience {
            json["audience"] = audience.as_str().into();
        }
        json
    }
}

/// How many bytes a length takes in protobuf.
fn varint(value: usize) -> usize {
    let bits = usize::BITS - value.leading_zeros();
    bits.div_ceil(7).max(1) as usize
}

impl Task {
    /// Its full name.
    pub(crate) fn name(&self) -> String {
        format!("{}/tasks/{}", self.queue, self.id)
    }

    /// As the API shows it: the whole of it, or all but the body.
    pub(crate) fn json(&self, full: bool) -> Value {
        let mut json = json!({
            "name": self.name(),
            "httpRequest": self.request.json(full),
            "scheduleTime": self.due.text(),
            "createTime": self.created.whole_second().text(),
            "dispatchDeadline": duration_text(self.deadline),
            "view": if full { "FULL" } else { "BASIC" },
        });
        if let Some(wish) = &self.retry {
            json["retryConfig"] = wish.json();
        }
        if self.dispatches > 0 {
            json["dispatchCount"] = self.dispatches.into();
        }
        if self.responses > 0 {
            json["responseCount"] = self.responses.into();
        }
        if let Some(first) = self.first {
            json["firstAttempt"] = json!({"dispatchTime": first.text()});
        }
        if let Some(last) = self.last {
            json["lastAttempt"] = last.json();
        }
        json
    }
}

impl Attempt {
    fn json(self) -> Value {
        let mut json = json!({
            "scheduleTime": self.due.text(),
            "dispatchTime": self.dispatched.text(),
        });
        if let Some(answered) = self.answered {
            json["responseTime"] = answered.text().into();
        }
        if let Some(status) = self.status {
            let (code, name) = rpc_code(status);
            json["responseStatus"] = json!({"code": code, "message": format!("{name}({code}): HTTP status code {status}")});
        }
        json
    }
}

/// What an HTTP status is among the codes of google.rpc.
fn rpc_code(status: u16) -> (u8, &'static str) {
    match status {
        200..300 => (0, "OK"),
        400 => (3, "INVALID_ARGUMENT"),
        401 => (16, "UNAUTHENTICATED"),
        403 => (7, "PERMISSION_DENIED"),
        404 => (5, "NOT_FOUND"),
        409 => (10, "ABORTED"),
        416 => (11, "OUT_OF_RANGE"),
        429 => (8, "RESOURCE_EXHAUSTED"),
        499 => (1, "CANCELLED"),
        501 => (12, "UNIMPLEMENTED"),
        503 => (14, "UNAVAILABLE"),
        504 => (4, "DEADLINE_EXCEEDED"),
        500..600 => (13, "INTERNAL"),
        _ => (2, "UNKNOWN"),
    }
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
