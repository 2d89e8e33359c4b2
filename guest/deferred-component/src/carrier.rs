//! The task service, asked through the imported `urlfetch:rpc`.
use std::time::Duration;

use urlfetch_deferred::{Answered, Carrier, Question};
use wasi::clocks::monotonic_clock::subscribe_duration;

use crate::rpc::urlfetch::rpc::{
    fetch::Client,
    types::{ErrorKind, FetchError, Request},
};

/// Seconds that the task service may take to answer.
const DEADLINE: f64 = 10.0;

/// A client that reaches the task service and nothing else.
pub(crate) struct Through(Client);

impl Through {
    pub(crate) fn new(api: &str) -> Result<Self, ErrorKind> {
        let client = Client::new();
        client.set_allowed_origins(&[api.to_owned()])?;
        // Who set the variable may have meant the machine itself.
        client.set_allow_private(true)?;
        Ok(Self(client))
    }
}

impl Carrier for Through {
    type Error = FetchError;

    fn ask(&self, question: &Question) -> Result<Answered, FetchError> {
        let headers = question.headers.iter();
        let request = Request {
            url: question.url.clone(),
            method: if question.body.is_some() {
                "POST"
            } else {
                "GET"
            }
            .to_owned(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()))
                .collect(),
            payload: question.body.clone().map(String::into_bytes),
            follow_redirects: false,
            allow_truncated: false,
            validate_certificate: None,
        };
        let response = self.0.fetch(&request, Some(DEADLINE))?;
        Ok(Answered {
            status: response.status,
            content: response.content,
        })
    }

    fn is_passing(&self, error: &FetchError) -> bool {
        matches!(
            error.kind,
            ErrorKind::Download
                | ErrorKind::DeadlineExceeded
                | ErrorKind::DnsLookupFailed
                | ErrorKind::ConnectionClosed
                | ErrorKind::MalformedReply
                | ErrorKind::InternalTransient
        )
    }

    fn pause(&self, length: Duration) -> Result<(), FetchError> {
        let nanoseconds = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        let timer = subscribe_duration(nanoseconds);
        // Nothing of this client is out, so that only the timer ends a turn.
        while self.0.turn(&[&timer]).ready.is_empty() {}
        Ok(())
    }
}
