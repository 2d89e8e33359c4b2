//! Errors of the API, as Google's services write them.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// Why a call of the API did nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Status {
    pub(crate) http: StatusCode,
    pub(crate) name: &'static str,
    pub(crate) message: String,
    /// Whether what came could not even be read as a request: then nothing of a batch is done.
    pub(crate) is_malformed: bool,
    help: Option<Value>,
}

impl Status {
    fn new(http: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Status {
            http,
            name,
            message: message.into(),
            is_malformed: false,
            help: None,
        }
    }

    /// Of what is no request of this API.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Status {
            is_malformed: true,
            ..Status::invalid(message)
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Status::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message)
    }

    pub(crate) fn precondition(message: impl Into<String>) -> Self {
        Status::new(StatusCode::BAD_REQUEST, "FAILED_PRECONDITION", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Status::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Status::new(StatusCode::CONFLICT, "ALREADY_EXISTS", message)
    }

    pub(crate) fn unimplemented(message: impl Into<String>) -> Self {
        Status::new(StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED", message)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Status::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message)
    }

    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Status::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Status::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    pub(crate) fn aborted(message: impl Into<String>) -> Self {
        Status::new(StatusCode::CONFLICT, "ABORTED", message)
    }

    pub(crate) fn no_queue() -> Self {
        Status::not_found(
            "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize.",
        )
    }

    /// With a pointer to what the service's documentation says about it.
    pub(crate) fn with_help(mut self, description: &str, url: &str) -> Self {
        self.help = Some(json!({
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [{"description": description, "url": url}],
        }));
        self
    }

    /// As a `google.rpc.Status`, which has a number of its own for each name.
    pub(crate) fn rpc(&self) -> Value {
        let code = match self.name {
            "INVALID_ARGUMENT" => 3,
            "NOT_FOUND" => 5,
            "ALREADY_EXISTS" => 6,
            "PERMISSION_DENIED" => 7,
            "FAILED_PRECONDITION" => 9,
            "ABORTED" => 10,
            "UNIMPLEMENTED" => 12,
            "UNAVAILABLE" => 14,
            "UNAUTHENTICATED" => 16,
            _ => 2,
        };
        let mut status = json!({"code": code, "message": self.message});
        if let Some(help) = &self.help {
            status["details"] = json!([help]);
        }
        status
    }

    /// The answer.
    pub(crate) fn response(&self) -> Response<Bytes> {
        let mut error = json!({
            "code": self.http.as_u16(),
            "message": self.message,
            "status": self.name,
        });
        if let Some(help) = &self.help {
            error["details"] = json!([help]);
        }
        answer(self.http, &json!({ "error": error }))
    }
}

/// An answer in JSON.
pub(crate) fn answer(status: StatusCode, value: &Value) -> Response<Bytes> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    response
}
