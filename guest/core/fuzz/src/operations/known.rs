//! What the model knows of an rpc, and what must hold of it alone: what goes out for it, and how it ends.

use urlfetch_core::{
    ErrorKind, FetchError, Headers, Instant, Method, Outgoing, Payload, Policy, Request, Response,
    RpcKey, State, headers, url::Url,
};

/// What the model knows of a call from its start.
pub(super) struct Started {
    /// Its age among the calls of all clients.
    pub(super) age: u64,
    pub(super) policy: Policy,
    pub(super) request: Request,
    pub(super) deadline: Instant,
    /// Development mode holds it back until something waits for it.
    pub(super) held_back: bool,
    /// The origin it was first sent to, and whether a hop has left the one before.
    pub(super) origin: Option<String>,
    pub(super) has_left: bool,
    /// What was sent, one URL a hop.
    pub(super) sent: Vec<String>,
    /// The origin that it is out at.
    pub(super) out: Option<String>,
}

pub(super) struct Known {
    pub(super) key: RpcKey,
    pub(super) id: u32,
    pub(super) client: usize,
    pub(super) state: State,
    pub(super) started: Option<Started>,
    pub(super) callbacks: u32,
    pub(super) hooks: u32,
    /// How often `poll_finished` and `take_finished` named it.
    pub(super) named: u32,
    pub(super) reported: u32,
    pub(super) end: Option<Result<Response, FetchError>>,
    pub(super) taken: bool,
}

impl Known {
    pub(super) fn is_running(&self) -> bool {
        self.state == State::Running
    }

    pub(super) fn is_out(&self) -> bool {
        self.started.as_ref().is_some_and(|call| call.out.is_some())
    }

    /// Whether it stands in its client's queue.
    pub(super) fn is_waiting(&self) -> bool {
        self.is_running()
            && self
                .started
                .as_ref()
                .is_some_and(|call| call.out.is_none() && !call.held_back)
    }

    /// Its exchange, if there was one, is over.
    pub(super) fn come_back(&mut self) {
        if let Some(call) = &mut self.started {
            call.out = None;
        }
    }
}

/// An [`Outgoing`] that stays.
pub(super) struct Sent {
    method: Method,
    pub(super) url: Url,
    headers: Headers,
    payload: Payload,
    deadline: Instant,
}

impl Sent {
    pub(super) fn of(outgoing: Outgoing<'_>) -> Self {
        let lines = outgoing.headers.into_iter();
        Self {
            method: outgoing.method,
            url: outgoing.url.clone(),
            headers: lines
                .map(|(name, value)| (name.into(), value.into_owned()))
                .collect(),
            payload: outgoing.payload,
            deadline: outgoing.deadline,
        }
    }
}

/// What goes out is what was asked for, and nothing that may not go out.
pub(super) fn check_outgoing(call: &Started, outgoing: &Sent, now: Instant) {
    let Started {
        policy, request, ..
    } = call;
    assert!(outgoing.deadline == call.deadline && call.deadline > now);
    let host = outgoing.url.host();
    assert!(
        policy.allow_private || (host != "127.0.0.1" && !host.starts_with('[')),
        "{host}"
    );
    assert!(call.sent.is_empty() || request.follow_redirects);
    for (name, value) in &outgoing.headers {
        assert!(
            !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
            "{name}"
        );
        assert!(
            name == "content-length" || !headers::is_protected(name),
            "{name}"
        );
    }
    let count = |name: &str| {
        outgoing
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .count()
    };
    assert_eq!(count("x-own"), 1);
    assert_eq!(count("accept-encoding"), 1);
    assert_eq!(count("user-agent"), 1);
    let has_payload = matches!(outgoing.method, Method::Post | Method::Put | Method::Patch);
    assert_eq!(count("content-length"), usize::from(has_payload));
    let payload: &[u8] = if has_payload { &request.payload } else { b"" };
    assert_eq!(*outgoing.payload, payload);
    assert!(
        outgoing.method == request.method
            || (outgoing.method == Method::Get && !call.sent.is_empty())
    );
}

/// Credentials go as far as the origin they were given for, unless the client keeps them.
pub(super) fn check_credentials(call: &Started, outgoing: &Sent) {
    let given = call
        .request
        .headers
        .iter()
        .any(|(name, _)| name == "cookie");
    for name in ["authorization", "cookie"] {
        let sent = outgoing
            .headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name));
        assert_eq!(
            sent,
            given && (!call.has_left || call.policy.keep_credentials),
            "{name}"
        );
    }
}

/// An outcome contradicts neither itself nor the call.
pub(super) fn check_outcome(
    call: &Started,
    hops: usize,
    received: u64,
    outcome: &Result<Response, FetchError>,
) {
    let kept = call.policy.max_response();
    let response = match outcome {
        Ok(response) => {
            assert!(!response.was_truncated || call.request.allow_truncated);
            Some(response)
        }
        Err(error) => {
            let is_code = error.code == error.kind.code()
                || (error.kind == ErrorKind::Download && matches!(error.code, 3 | 12));
            assert!(is_code, "{error:?}");
            assert!(!error.url.is_empty() && !error.detail.is_empty());
            if hops == 0 {
                let early = [
                    ErrorKind::InvalidUrl,
                    ErrorKind::Refused,
                    ErrorKind::DeadlineExceeded,
                    ErrorKind::Cancelled,
                ];
                assert!(early.contains(&error.kind), "{error:?}");
            }
            error.response.as_deref().inspect(|response| {
                assert!(error.kind == ErrorKind::ResponseTooLarge && response.was_truncated);
            })
        }
    };
    let Some(response) = response else { return };
    assert!((100..600).contains(&response.status));
    assert_eq!(response.content.len() as u64, received);
    assert!(response.content.len() <= kept);
    assert!(!response.was_truncated || response.content.len() == kept);
    let last = call.sent.last().filter(|_| hops > 1);
    assert_eq!(response.final_url.as_ref(), last);
    assert!(
        response
            .headers
            .iter()
            .all(|(name, _)| !name.bytes().any(|byte| byte.is_ascii_uppercase()))
    );
    if call.request.method != Method::Head {
        for length in response.header_values("content-length") {
            assert_eq!(length, response.content.len().to_string().as_bytes());
        }
    }
}
