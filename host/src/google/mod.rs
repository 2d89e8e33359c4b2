//! Cloud Tasks itself: what an application asks of it goes out with a token of the host's, so that the application holds no secret.
//!
//! `credentials` is where the host's right comes from, `token` what it gets for it. Own code and not Google's client: that brings 239
//! crates, and a task of its types forgets its `retryConfig`; what goes out here is the application's JSON as it is.

mod credentials;
mod token;

pub use credentials::{Credentials, CredentialsError};

use crate::fetching::Fetch;
use crate::tasks::Status;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use token::Tokens;

/// Cloud Tasks, and by what right the host calls it.
#[derive(Clone, Debug)]
pub struct GoogleTasks {
    /// By what the host gets its tokens.
    pub credentials: Credentials,
    /// Where the service is: a scheme and an authority.
    pub endpoint: Uri,
}

impl GoogleTasks {
    /// The service itself.
    pub fn new(credentials: Credentials) -> Self {
        GoogleTasks {
            credentials,
            endpoint: Uri::from_static("https://cloudtasks.googleapis.com"),
        }
    }
}

/// The way to Cloud Tasks. Cheap to clone; clones share their token.
#[derive(Clone)]
pub(crate) struct CloudTasks(Arc<Kept>);

struct Kept {
    endpoint: Uri,
    tokens: Tokens,
}

impl CloudTasks {
    pub(crate) fn new(google: GoogleTasks, fetch: Fetch) -> Self {
        CloudTasks(Arc::new(Kept {
            endpoint: google.endpoint,
            tokens: Tokens::new(google.credentials, fetch),
        }))
    }

    /// Has a call sent with the host's token, whatever token it came with: by `send`, which may be asked twice. A 401 is answered by a
    /// new token, once. Without a token the answer is a 503 of ours, as the service would write it, and a line in the log.
    pub(crate) async fn call<B, E, F>(
        &self,
        request: Request<Bytes>,
        send: impl Fn(Request<Bytes>) -> F,
    ) -> Result<Result<Response<B>, Response<Bytes>>, E>
    where
        F: Future<Output = Result<Response<B>, E>>,
    {
        let Some(request) = self.addressed(request) else {
            let status = Status::malformed("The URL is none of this service.");
            return Ok(Err(status.response()));
        };
        let mut refused = None;
        loop {
            let token = match self.0.tokens.token(refused.as_ref()).await {
                Ok(token) => token,
                Err(reason) => {
                    tracing::error!(target: "tasks", reason, "there is no token for Cloud Tasks");
                    let text = "This server has no token for Cloud Tasks: its log says why.";
                    return Ok(Err(Status::unavailable(text).response()));
                }
            };
            let mut request = request.clone();
            request.headers_mut().insert(AUTHORIZATION, token.clone());
            let response = send(request).await?;
            if response.status() != StatusCode::UNAUTHORIZED || refused.is_some() {
                return Ok(Ok(response));
            }
            refused = Some(token);
        }
    }

    /// The call as it goes out: to the endpoint, and without what was to authorize it.
    fn addressed(&self, request: Request<Bytes>) -> Option<Request<Bytes>> {
        let (mut head, body) = request.into_parts();
        let mut to = self.0.endpoint.clone().into_parts();
        let path = head.uri.path_and_query().cloned();
        to.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        head.uri = Uri::from_parts(to).ok()?;
        forget(&mut head.headers);
        Some(Request::from_parts(head, body))
    }
}

/// What an application says about who it is or what it is charged to: here it is the host.
fn forget(headers: &mut HeaderMap<HeaderValue>) {
    for name in [
        AUTHORIZATION.as_str(),
        HOST.as_str(),
        "x-goog-api-key",
        "x-goog-user-project",
    ] {
        headers.remove(name);
    }
}

impl fmt::Debug for CloudTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CloudTasks").field(&self.0.endpoint).finish()
    }
}

#[cfg(test)]
mod tests;
