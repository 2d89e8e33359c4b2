//! The machine of one call, long because it is one machine: from the request to its outcome, over redirects and body, under one
//! deadline. It knows neither queue nor waiting, and does nothing by itself: a driver feeds it what a transport saw, and asks what it
//! wants next.
//!
//! ```text
//!            send              head                  end, failure, cap
//! Waiting ---------> Asked ------------> Receiving -------------------> Done
//!    ^                 | redirect                                        ^
//!    +-----------------+          failure, deadline, cancel from anywhere
//! ```
use alloc::{boxed::Box, rc::Rc, string::String, vec::Vec};
use core::mem;

use crate::{
    ErrorKind, Failure, FetchError, Headers, Hop, Instant, Method, Payload, Phase, Policy, Request,
    Response, Retry,
    content::{Content, Progress},
    gunzip::Decoder,
    headers::{self, Additions, Lines},
    redirect::{Attempt, Judgement},
    text::{decimal, number},
    url::{Url, UrlError},
};

/// A request to hand to a transport, with everything decided.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: &'a Url,
    /// What to send, complete except for `host`.
    pub headers: Lines<'a>,
    /// The body; empty for none.
    pub payload: Payload,
    /// When the call ends: the transport's own timeouts should not outlast it.
    pub deadline: Instant,
}

/// What a transport saw of an exchange.
#[derive(Debug)]
pub enum Event {
    /// The head of the answer.
    Head {
        /// As received.
        status: u16,
        /// As received.
        headers: Headers,
    },
    /// A piece of the body, never empty.
    Piece(Vec<u8>),
    /// The body is complete.
    End,
    /// The exchange failed, before or after its head.
    Failed(Failure),
}

/// What a call wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// To be sent: [`Call::send`].
    Send,
    /// What the transport sees: [`Call::handle`]; at most so many bytes in one piece.
    Event {
        /// Bytes.
        at_most: usize,
    },
    /// Nothing: it is done.
    Nothing,
}

#[derive(Debug)]
enum Stage {
    Waiting,
    Asked,
    Receiving(Response, Content),
    Done(Result<Response, FetchError>),
    /// Done, and the outcome moved out.
    Taken,
}

/// One call. Once done it stays so, whatever is fed.
#[derive(Debug)]
pub struct Call {
    policy: Rc<Policy>,
    started_at: Instant,
    deadline: Instant,
    /// As asked for, with `headers` reduced to what may be sent, and `payload` moved out.
    request: Request,
    rejected: Vec<String>,
    payload: Payload,
    /// The method and URL of this hop; none when there was no valid URL.
    method: Method,
    url: Option<Url>,
    hops: Vec<Hop>,
    received: u64,
    stage: Stage,
}

impl Call {
    /// Starts the clock. A request that breaks a rule makes a call that is done at once.
    pub fn new(
        mut request: Request,
        policy: Rc<Policy>,
        deadline: Option<f64>,
        now: Instant,
    ) -> Self {
        let rejected = headers::take_protected(&mut request.headers);
        let checked = Self::check(&request, &policy);
        let mut payload = mem::take(&mut request.payload);
        if !request.method.has_payload() {
            payload = Vec::new();
        }
        let (url, stage) = match checked {
            Ok(url) => (Some(url), Stage::Waiting),
            Err(error) => (None, Stage::Done(Err(error))),
        };
        Self {
            started_at: now,
            deadline: now.after(policy.allowance(deadline)),
            policy,
            method: request.method,
            request,
            rejected,
            payload: payload.into(),
            url,
            hops: Vec::new(),
            received: 0,
            stage,
        }
    }

    /// The checks that `get-result` reports, in the order of semantics.md 13.6.
    fn check(request: &Request, policy: &Policy) -> Result<Url, FetchError> {
        let fail = |kind, detail| FetchError {
            url: request.url.clone(),
            ..FetchError::local(kind, detail)
        };
        let invalid = |error: UrlError| fail(ErrorKind::InvalidUrl, error.text());
        let parsed = Url::parse_within(policy.url_limits(), &request.url);
        if let Err(error @ UrlError::TooLong(_)) = parsed {
            return Err(invalid(error));
        }
        request.check_size()?;
        let url = parsed.map_err(invalid)?;
        policy
            .permits(&url)
            .map_err(|detail| fail(ErrorKind::Refused, detail))?;
        Ok(url)
    }

    /// What it wants next.
    pub fn want(&self) -> Want {
        match &self.stage {
            Stage::Waiting => Want::Send,
            Stage::Asked => Want::Event { at_most: 0 },
            Stage::Receiving(_, content) => Want::Event {
                at_most: content.appetite(),
            },
            Stage::Done(_) | Stage::Taken => Want::Nothing,
        }
    }

    /// When it ends at the latest.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// When it was started.
    pub fn started_at(&self) -> Instant {
        self.started_at
    }

    /// The origin it wants to ask, or has asked.
    pub fn origin(&self) -> &str {
        self.url.as_ref().map_or("", Url::origin)
    }

    /// Every exchange so far.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// Decoded bytes of content so far.
    pub fn received(&self) -> u64 {
        match &self.stage {
            Stage::Receiving(_, content) => content.len() as u64,
            _ => self.received,
        }
    }

    /// The caller's headers that were not sent, as spelled.
    pub fn rejected_headers(&self) -> &[String] {
        &self.rejected
    }

    /// How it ended; none while it runs, and none after it was taken.
    pub fn outcome(&self) -> Option<&Result<Response, FetchError>> {
        match &self.stage {
            Stage::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// How it ended as check-success tells it: like the [outcome](Self::outcome), unless only get-result is to fail for a content
    /// that was cut (semantics.md 20.5).
    pub fn success(&self) -> Option<Result<&Response, &FetchError>> {
        match self.outcome()? {
            Err(FetchError {
                response: Some(cut),
                ..
            }) if self.policy.truncation_passes_check => Some(Ok(cut)),
            outcome => Some(outcome.as_ref()),
        }
    }

    /// How it ended, moved out; none as [`outcome`](Self::outcome).
    pub fn take_outcome(&mut self) -> Option<Result<Response, FetchError>> {
        let Stage::Done(_) = &self.stage else {
            return None;
        };
        match mem::replace(&mut self.stage, Stage::Taken) {
            Stage::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The next exchange, when it [wants](Self::want) to be sent.
    pub fn send(&mut self, now: Instant) -> Option<Outgoing<'_>> {
        let (Stage::Waiting, Some(url)) = (&self.stage, &self.url) else {
            return None;
        };
        self.hops.reserve_exact(1);
        self.hops.push(Hop {
            url: url.as_str().into(),
            status: 0,
            started_at: now,
            head_at: None,
            ended_at: None,
        });
        self.stage = Stage::Asked;
        let given = |name| headers::get(&self.request.headers, name).is_some();
        let form =
            self.method == Method::Post && !self.payload.is_empty() && !given("content-type");
        let additions = Additions {
            user_agent: self.policy.user_agent(),
            gzip: self.decodes(),
            form,
            content_length: self.method.has_payload().then_some(self.payload.len()),
        };
        Some(Outgoing {
            method: self.method,
            headers: headers::assemble(&self.request.headers, &additions),
            url,
            payload: self.payload.clone(),
            deadline: self.deadline,
        })
    }

    /// Takes what the transport saw. What does not fit the stage is ignored.
    pub fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Head { status, headers } => self.handle_head(status, headers, now),
            Event::Piece(piece) => self.handle_piece(piece, now),
            Event::End => self.handle_end(now),
            Event::Failed(failure) => self.handle_failure(failure, now),
        }
    }

    /// Whether gzip is asked for and undone. Not when the caller has a say in it, and not for a range: what a piece is a piece of would
    /// depend on the coding, and no piece can be decoded.
    fn decodes(&self) -> bool {
        let given = |name| headers::get(&self.request.headers, name).is_some();
        !given("accept-encoding") && !given("range")
    }

    fn handle_head(&mut self, status: u16, mut headers: Headers, now: Instant) {
        let (Stage::Asked, Some(url)) = (&self.stage, &self.url) else {
            return;
        };
        if let Some(hop) = self.hops.last_mut() {
            hop.status = status;
            hop.head_at = Some(now);
        }
        if !(100..600).contains(&status) {
            let detail = &["HTTP has no status ", &decimal(status.into())];
            return self.fail(ErrorKind::Download, Phase::Request, detail, now);
        }
        for (name, _) in &mut headers {
            name.make_ascii_lowercase();
        }
        let response = Response {
            status,
            headers,
            ..Response::default()
        };
        if self.request.follow_redirects {
            let attempt = Attempt {
                status,
                location: response.first("location"),
                url,
                method: self.method,
                followed: self.hops.len() - 1,
                unvalidated: self.request.validate_certificate == Some(false),
            };
            match attempt.judge(&self.policy) {
                Judgement::Deliver => {}
                Judgement::Follow {
                    url,
                    method,
                    leaves_origin,
                } => {
                    if leaves_origin && !self.policy.keep_credentials {
                        self.request
                            .headers
                            .retain(|(name, _)| !headers::is_credential(name));
                    }
                    if !method.has_payload() {
                        // It is a GET from now on.
                        self.payload = Payload::default();
                    }
                    self.method = method;
                    self.url = Some(url);
                    self.end_hop(now);
                    self.stage = Stage::Waiting;
                    return;
                }
                Judgement::Fail { kind, detail, url } => {
                    self.fail(kind, Phase::Redirect, &[&detail], now);
                    if let (Stage::Done(Err(error)), Some(url)) = (&mut self.stage, url) {
                        error.url = url.as_str().into();
                    }
                    return;
                }
            }
        }
        self.receive(response, now);
    }

    /// The head is the answer's: collect its body.
    fn receive(&mut self, mut response: Response, now: Instant) {
        if self.hops.len() > 1 {
            response.final_url = self.url.as_ref().map(|url| url.as_str().into());
        }
        let bodiless =
            self.method == Method::Head || matches!(response.status, 100..=199 | 204 | 304);
        let declared = match declared_length(&response.headers) {
            Ok(declared) => declared,
            Err(detail) if !bodiless => {
                return self.fail(ErrorKind::MalformedReply, Phase::Request, &[detail], now);
            }
            Err(_) => None,
        };
        let mut decoder = None;
        if !bodiless && self.decodes() {
            let layers = gzip_layers(&response);
            if layers > 0 {
                response
                    .headers
                    .retain(|(name, _)| name != "content-encoding");
                decoder = Decoder::new(layers);
                if decoder.is_none() {
                    let detail = "more layers of gzip than are undone";
                    return self.fail(ErrorKind::MalformedReply, Phase::Decode, &[detail], now);
                }
            }
        }
        let content = Content::new(self.policy.max_response(), declared, decoder);
        self.stage = Stage::Receiving(response, content);
        if bodiless {
            self.deliver(now);
        }
    }

    fn handle_piece(&mut self, piece: Vec<u8>, now: Instant) {
        let Stage::Receiving(_, content) = &mut self.stage else {
            return;
        };
        match content.push(piece) {
            Ok(Progress::More) => {}
            Ok(Progress::Full) => self.deliver(now),
            Err((kind, phase, detail)) => self.fail(kind, phase, &[detail], now),
        }
    }

    fn handle_end(&mut self, now: Instant) {
        let Stage::Receiving(_, content) = &self.stage else {
            return;
        };
        match content.end() {
            Ok(()) => self.deliver(now),
            Err((kind, phase, detail)) => {
                self.fail(kind, phase, &[detail], now);
                // The transport broke off: as when it had said so itself.
                if let (ErrorKind::ConnectionClosed, Stage::Done(Err(error))) =
                    (kind, &mut self.stage)
                {
                    error.retryable = self.request.method.is_idempotent();
                }
            }
        }
    }

    /// The answer is as complete as it will be.
    fn deliver(&mut self, now: Instant) {
        let Stage::Receiving(response, content) = &mut self.stage else {
            return;
        };
        let mut response = mem::take(response);
        (response.content, response.was_truncated) = content.take();
        if self.method != Method::Head {
            let length = response.content.len();
            for (name, value) in &mut response.headers {
                let says_so =
                    || number(value, 10) == Some(length as u64) && !value.starts_with(b"0");
                if name == "content-length" && !says_so() {
                    *value = decimal(length).into_bytes();
                }
            }
        }
        let kept = response.content.len() as u64;
        if response.was_truncated && !self.request.allow_truncated {
            let detail = "the content exceeds the client's limit (set-max-response)";
            self.fail(ErrorKind::ResponseTooLarge, Phase::Body, &[detail], now);
            if let Stage::Done(Err(error)) = &mut self.stage {
                error.response = Some(Box::new(response));
            }
        } else {
            self.finish(Ok(response), now);
        }
        self.received = kept;
    }

    fn handle_failure(&mut self, failure: Failure, now: Instant) {
        if !matches!(self.stage, Stage::Asked | Stage::Receiving(..)) {
            return;
        }
        let verdict = failure.code.verdict();
        if verdict.kind == ErrorKind::DeadlineExceeded && now >= self.deadline {
            // The transport was given the same deadline, and it is chance who sees it first.
            return self.handle_timeout(now);
        }
        let phase = verdict.phase.unwrap_or(self.phase());
        // A failure after the head is no failure to connect: the request was acted on.
        let unsent = verdict.retry == Retry::Always
            && self.hops.len() == 1
            && matches!(self.stage, Stage::Asked);
        let retryable = match verdict.retry {
            Retry::Never => false,
            Retry::Idempotent => self.request.method.is_idempotent(),
            Retry::Always => unsent || self.request.method.is_idempotent(),
        };
        let more = if failure.detail.is_empty() { "" } else { ": " };
        let detail = &[failure.code.name(), more, &failure.detail];
        self.fail(verdict.kind, phase, detail, now);
        if let Stage::Done(Err(error)) = &mut self.stage {
            error.code = verdict.code;
            error.retryable = retryable;
        }
    }

    /// Ends the call as the service says: by a code of App Engine's, 1 to 13, or by one that nobody knows, which is passed on with its
    /// detail (semantics.md 9.2). Harmless when it is done.
    pub fn handle_raised(&mut self, code: u32, detail: &str, now: Instant) {
        if self.want() == Want::Nothing {
            return;
        }
        let kind = ErrorKind::of_code(code);
        self.fail(kind, self.phase(), &[detail], now);
        if let Stage::Done(Err(error)) = &mut self.stage {
            error.code = code;
            // Those of transport and deadline.
            let may_pass = matches!(code, 2 | 3 | 5 | 7..=9 | 11 | 12);
            error.retryable = may_pass && self.request.method.is_idempotent();
        }
    }

    /// Ends the call when its deadline has passed. Harmless at any other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.deadline || self.want() == Want::Nothing {
            return;
        }
        let phase = self.phase();
        let detail = &["the deadline passed"];
        self.fail(ErrorKind::DeadlineExceeded, phase, detail, now);
        if let Stage::Done(Err(error)) = &mut self.stage {
            error.retryable = phase == Phase::Queued || self.request.method.is_idempotent();
        }
    }

    /// Ends the call. True when it was still running.
    pub fn cancel(&mut self, now: Instant) -> bool {
        if self.want() == Want::Nothing {
            return false;
        }
        let phase = self.phase();
        let detail = &["the call was cancelled"];
        self.fail(ErrorKind::Cancelled, phase, detail, now);
        true
    }

    fn phase(&self) -> Phase {
        match &self.stage {
            Stage::Waiting if self.hops.is_empty() => Phase::Queued,
            Stage::Waiting => Phase::Redirect,
            Stage::Asked => Phase::Request,
            Stage::Receiving(..) => Phase::Body,
            Stage::Done(_) | Stage::Taken => Phase::Local,
        }
    }

    fn fail(&mut self, kind: ErrorKind, phase: Phase, detail: &[&str], now: Instant) {
        self.received = self.received();
        let url = self
            .url
            .as_ref()
            .map_or(self.request.url.as_str(), Url::as_str)
            .into();
        let error = FetchError {
            phase,
            url,
            ..FetchError::local(kind, detail.concat())
        };
        self.finish(Err(error), now);
    }

    fn finish(&mut self, outcome: Result<Response, FetchError>, now: Instant) {
        self.end_hop(now);
        self.stage = Stage::Done(outcome);
        // What only a further hop would need.
        self.payload = Payload::default();
        self.request.headers = Vec::new();
    }

    fn end_hop(&mut self, now: Instant) {
        if let Some(hop) = self.hops.last_mut() {
            hop.ended_at.get_or_insert(now);
        }
    }
}

/// The content-length of an answer, by RFC 9110, 8.6: repeats must agree.
fn declared_length(headers: &[(String, Vec<u8>)]) -> Result<Option<u64>, &'static str> {
    let mut declared = None;
    let lines = headers.iter().filter(|(name, _)| name == "content-length");
    for value in lines.flat_map(|(_, value)| value.split(|&byte| byte == b',')) {
        let length = number(value.trim_ascii(), 10).filter(|length| *length < u64::MAX);
        let length = length.ok_or("content-length is no number")?;
        if declared.is_some_and(|other| other != length) {
            return Err("content-length says two different numbers");
        }
        declared = Some(length);
    }
    Ok(declared)
}

/// How many layers of gzip the content has; 0 when it has none, or any other coding besides: then it is delivered as it came.
fn gzip_layers(response: &Response) -> usize {
    let mut layers = 0;
    for value in response.header_values("content-encoding") {
        for coding in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") {
                layers += 1;
            } else if !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity") {
                return 0;
            }
        }
    }
    layers
}
