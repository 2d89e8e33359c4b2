//! The scenario builder: a program's view of a `Service`, over a world of scripted answers and a clock that only the test moves.
//!
//! The driver is the smallest that keeps the contract: it sends what `poll_send` gives, feeds what is due in the order in which it
//! arrives, lets a transport speak before a deadline counts, and ends an exchange when it is told to.
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::{
    ClientKey, ErrorKind, Event, Failure, FailureCode, FetchError, Headers, Hop, Instant, Judged,
    Method, Outgoing, Payload, Policy, Request, Response, RpcKey, Service, State, url::Url,
};

/// A GET of `url`.
pub(super) fn get(url: &str) -> Request {
    Request::new(url)
}

/// A request by `method`, with a payload whether the method has one or not.
pub(super) fn request(method: Method, url: &str, payload: &str) -> Request {
    Request {
        method,
        payload: payload.into(),
        ..Request::new(url)
    }
}

/// A GET of `url` with these header lines.
pub(super) fn with_headers(url: &str, lines: &[(&str, &str)]) -> Request {
    Request {
        headers: lines_of(lines),
        ..Request::new(url)
    }
}

/// Header lines from text.
pub(super) fn lines_of(lines: &[(&str, &str)]) -> Headers {
    let line = |&(name, value): &(&str, &str)| (name.into(), value.into());
    lines.iter().map(line).collect()
}

/// What an origin does with a request, step by step.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    steps: Vec<Step>,
    /// The head, until it is a step.
    head: Option<(u16, Headers)>,
    /// Whether the last word was said.
    over: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Pause(Duration),
    Head(u16, Headers),
    Piece(Vec<u8>),
    End,
    Fail(Failure),
}

/// An answer with this status and no content; the methods add to it.
pub(super) fn answer(status: u16) -> Answer {
    Answer {
        head: Some((status, Headers::new())),
        ..Answer::default()
    }
}

/// A redirect to `location`.
pub(super) fn redirect(status: u16, location: &str) -> Answer {
    answer(status).header("location", location)
}

/// No answer, ever.
pub(super) fn silence() -> Answer {
    Answer::default().hangs()
}

/// No answer, but this failure.
pub(super) fn failure(code: FailureCode) -> Answer {
    Answer::default().fails(code)
}

impl Answer {
    /// One more header line. Lines come before every step but a first pause.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        let (_, headers) = self.head.as_mut().expect("the head is not out yet");
        headers.push((name.into(), value.into()));
        self
    }

    /// The next step comes so much later.
    pub(super) fn pause(self, millis: u64) -> Self {
        self.step(Step::Pause(Duration::from_millis(millis)))
    }

    /// The head and all after it come so much later.
    pub(super) fn late(mut self, millis: u64) -> Self {
        let pause = Step::Pause(Duration::from_millis(millis));
        self.steps.insert(0, pause);
        self
    }

    /// A piece of the body.
    pub(super) fn piece(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Piece(bytes.into()))
    }

    /// After what there is, nothing.
    pub(super) fn hangs(mut self) -> Self {
        self.say_head();
        self.over = true;
        self
    }

    /// After what there is, a failure.
    pub(super) fn fails(self, failure: impl Into<Failure>) -> Self {
        let mut failed = self.step(Step::Fail(failure.into()));
        failed.over = true;
        failed
    }

    fn say_head(&mut self) {
        if let Some((status, headers)) = self.head.take() {
            self.steps.push(Step::Head(status, headers));
        }
    }

    fn step(mut self, step: Step) -> Self {
        self.say_head();
        self.steps.push(step);
        self
    }

    /// What happens, and when, for a request that is sent now.
    fn play(mut self, now: Instant) -> VecDeque<(Instant, Event)> {
        self.say_head();
        if !self.over {
            self.steps.push(Step::End);
        }
        let (mut at, mut events) = (now, VecDeque::new());
        for step in self.steps {
            let event = match step {
                Step::Pause(length) => {
                    at = at.after(length);
                    continue;
                }
                Step::Head(status, headers) => Event::Head { status, headers },
                Step::Piece(bytes) => Event::Piece(bytes),
                Step::End => Event::End,
                Step::Fail(failure) => Event::Failed(failure),
            };
            events.push_back((at, event));
        }
        events
    }
}

/// A program with one client, and the world it talks to.
pub(super) struct Program {
    pub(super) service: Service,
    pub(super) client: ClientKey,
    pub(super) now: Instant,
    /// What was handed to the transport, in order.
    pub(super) sent: Vec<Sent>,
    script: BTreeMap<String, VecDeque<Answer>>,
    exchanges: BTreeMap<RpcKey, VecDeque<(Instant, Event)>>,
}

impl Program {
    /// One client with the documented defaults, at an instant that is not zero.
    pub(super) fn new() -> Self {
        let mut service = Service::new();
        let client = service.open_client();
        Self {
            service,
            client,
            now: Instant::from_nanos(1_000_000_000),
            sent: Vec::new(),
            script: BTreeMap::new(),
            exchanges: BTreeMap::new(),
        }
    }

    /// The origin gives this answer to the next request for `url`; the last answer is given for ever.
    pub(super) fn origin(mut self, url: &str, answer: Answer) -> Self {
        self.script.entry(url.into()).or_default().push_back(answer);
        self
    }

    /// The client's policy is changed so.
    pub(super) fn policy(
        mut self,
        change: impl FnMut(&mut Policy) -> Result<(), ErrorKind>,
    ) -> Self {
        self.set_policy(change);
        self
    }

    /// Changes the client's policy.
    pub(super) fn set_policy(
        &mut self,
        mut change: impl FnMut(&mut Policy) -> Result<(), ErrorKind>,
    ) {
        let changed = self.service.set_policy(self.client, &mut change);
        assert_eq!(changed, Ok(()));
    }

    /// create-rpc.
    pub(super) fn create(&mut self) -> RpcKey {
        self.create_with(None)
    }

    /// create-rpc with a deadline.
    pub(super) fn create_with(&mut self, deadline: Option<f64>) -> RpcKey {
        let created = self.service.create_rpc(self.client, deadline);
        created.expect("the deadline has a meaning")
    }

    /// make-fetch-call, and what a driver does at once: handing over what may go out.
    pub(super) fn call(&mut self, rpc: RpcKey, request: Request) -> Result<(), FetchError> {
        self.service.check(rpc, &request)?;
        self.service.start(rpc, request, self.now);
        self.hand_over();
        Ok(())
    }

    /// create-rpc and make-fetch-call.
    pub(super) fn start(&mut self, request: Request) -> RpcKey {
        self.start_with(None, request)
    }

    /// create-rpc with a deadline, and make-fetch-call.
    pub(super) fn start_with(
        &mut self,
        deadline: impl Into<Option<f64>>,
        request: Request,
    ) -> RpcKey {
        let rpc = self.create_with(deadline.into());
        self.call(rpc, request).expect("nothing is wrong at once");
        rpc
    }

    /// A GET of each of these.
    pub(super) fn start_all(&mut self, urls: &[&str]) -> Vec<RpcKey> {
        urls.iter().map(|url| self.start(get(url))).collect()
    }

    /// get-result of a fetch that nothing is wrong with at once.
    pub(super) fn fetch(&mut self, request: Request) -> Result<Response, FetchError> {
        let rpc = self.start(request);
        self.result(rpc)
    }

    /// `fetch` of what succeeds.
    pub(super) fn fetched(&mut self, request: Request) -> Response {
        self.fetch(request).expect("the fetch succeeds")
    }

    /// `fetch` of what fails.
    pub(super) fn failed(&mut self, request: Request) -> FetchError {
        self.fetch(request).expect_err("the fetch fails")
    }

    /// wait: true when the callback is to run now.
    pub(super) fn wait(&mut self, rpc: RpcKey) -> bool {
        self.service.check_started(rpc).expect("it was started");
        self.service.execute(rpc);
        self.run_until(|program| program.state(rpc) == State::Finishing);
        self.service.take_callback_due(rpc)
    }

    /// get-result, which leaves the callback due.
    pub(super) fn result(&mut self, rpc: RpcKey) -> Result<Response, FetchError> {
        self.service.check_started(rpc)?;
        self.service.execute(rpc);
        self.run_until(|program| program.state(rpc) == State::Finishing);
        self.service.outcome(rpc).expect("it is finished").clone()
    }

    /// wait-any: the place of the chosen rpc, and whether its callback is to run now.
    pub(super) fn wait_any(&mut self, rpcs: &[RpcKey]) -> Option<(usize, bool)> {
        let mut judged = self.service.judge(rpcs, true).expect("none is idle");
        self.run_until(|program| {
            judged = program.service.judge(rpcs, true).expect("none is idle");
            judged != Judged::Wait
        });
        match judged {
            Judged::Finished(index) => Some((index, self.service.take_callback_due(rpcs[index]))),
            _ => None,
        }
    }

    /// Polls for so long.
    pub(super) fn poll_for(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        self.run_until(|program| program.next_instant().is_none_or(|next| next > end));
        self.now = end;
        self.poll();
    }

    /// The program computes for so long, and calls nothing of ours.
    pub(super) fn sleep(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
    }

    /// Lets time pass, from one thing that happens to the next, until `done`.
    pub(super) fn run_until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        self.poll();
        while !done(self) {
            let next = self.next_instant().expect("something can still happen");
            self.now = next.max(self.now);
            self.poll();
        }
    }

    /// Everything that needs no time: first what the transports have, then the deadlines.
    pub(super) fn poll(&mut self) {
        loop {
            self.hand_over();
            if let Some((rpc, event)) = self.take_arrived() {
                if !self.service.handle(rpc, event, self.now) {
                    self.exchanges.remove(&rpc);
                }
            } else if let Some(rpc) = self.service.poll_expired(self.now) {
                if self.service.handle_timeout(rpc, self.now) {
                    self.exchanges.remove(&rpc);
                }
            } else {
                return;
            }
        }
    }

    fn hand_over(&mut self) {
        while let Some((rpc, outgoing)) = self.service.poll_send(self.now) {
            let url = outgoing.url.as_str();
            let answers = self.script.get_mut(url);
            let answers = answers.unwrap_or_else(|| panic!("no answer is scripted for {url}"));
            let answer = if answers.len() > 1 {
                answers.pop_front()
            } else {
                answers.front().cloned()
            };
            let events = answer.expect("there is one").play(self.now);
            let before = self.exchanges.insert(rpc, events);
            assert!(before.is_none(), "one exchange at a time");
            self.sent.push(Sent::of(outgoing));
        }
    }

    /// The first thing that has arrived; of several at once, that of the rpc with the smallest place.
    fn take_arrived(&mut self) -> Option<(RpcKey, Event)> {
        let arrivals = self.exchanges.iter_mut();
        let waiting = arrivals.filter(|(_, events)| !events.is_empty());
        let (&rpc, events) = waiting.min_by_key(|(rpc, events)| (events[0].0, **rpc))?;
        let (_, event) = events.pop_front_if(|(at, _)| *at <= self.now)?;
        Some((rpc, event))
    }

    fn next_instant(&mut self) -> Option<Instant> {
        let arrival = self.exchanges.values().filter_map(|events| events.front());
        let arrival = arrival.map(|(at, _)| *at).min();
        let deadline = self.service.next_deadline();
        arrival.into_iter().chain(deadline).min()
    }

    pub(super) fn cancel(&mut self, rpc: RpcKey) -> bool {
        let (was_running, was_out) = self.service.cancel(rpc, self.now);
        self.end_exchange(rpc, was_out);
        was_running
    }

    pub(super) fn drop_rpc(&mut self, rpc: RpcKey) {
        let was_out = self.service.drop_rpc(rpc);
        self.end_exchange(rpc, was_out);
    }

    fn end_exchange(&mut self, rpc: RpcKey, was_out: bool) {
        let ended = self.exchanges.remove(&rpc).is_some();
        assert_eq!(ended, was_out, "the driver is told of an exchange to end");
        self.hand_over();
    }

    pub(super) fn state(&self, rpc: RpcKey) -> State {
        self.service.state(rpc)
    }

    pub(super) fn hops(&self, rpc: RpcKey) -> &[Hop] {
        self.service.call(rpc).map_or(&[], |call| call.hops())
    }

    pub(super) fn received(&self, rpc: RpcKey) -> u64 {
        self.service.call(rpc).map_or(0, |call| call.received())
    }

    /// The URLs that were sent, in order.
    pub(super) fn sent_urls(&self) -> Vec<&str> {
        self.sent.iter().map(|sent| sent.url.as_str()).collect()
    }

    /// What was sent last.
    pub(super) fn last_sent(&self) -> &Sent {
        self.sent.last().expect("something was sent")
    }

    /// Seconds since `start`.
    pub(super) fn seconds_since(&self, start: Instant) -> f64 {
        self.now.since(start).as_secs_f64()
    }
}

/// An [`Outgoing`] that stays.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Headers,
    pub(super) payload: Payload,
    pub(super) deadline: Instant,
}

impl Sent {
    fn of(outgoing: Outgoing<'_>) -> Self {
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

    /// The values of one header, joined as a reader would join them; none when it is not sent.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let lines = self.headers.iter();
        let values: Vec<_> = lines
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}
