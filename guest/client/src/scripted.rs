//! A transport that answers from a script, under a clock of its own: for a program's own tests, which need neither network nor time.
use alloc::{boxed::Box, collections::VecDeque, rc::Rc, string::String, vec::Vec};
use core::{cell::RefCell, time::Duration};

use urlfetch_core::{Event, Failure, FailureCode, Headers, Instant, Outgoing};

use crate::transport::{Pollable, Transport, Until, Woken};

/// What the script gets to see of a request.
pub type Seen = Outgoing;

/// What an origin answers, and when: a head, pieces of a body, an end, each some time after the one before.
#[derive(Debug, Default)]
pub struct Answer {
    events: VecDeque<(Duration, Event)>,
}

impl Answer {
    /// An answer with this status and content, at once.
    pub fn new(status: u16, content: impl Into<Vec<u8>>) -> Self {
        Self::head(status, Headers::new())
            .piece(Duration::ZERO, content)
            .end(Duration::ZERO)
    }

    /// A head, at once; pieces and an end may follow. Without an end the origin falls silent.
    pub fn head(status: u16, headers: Headers) -> Self {
        Self {
            events: [(Duration::ZERO, Event::Head { status, headers })].into(),
        }
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::head(status, [(String::from("location"), location.into())].into()).end(Duration::ZERO)
    }

    /// A failure of the transport, at once.
    pub fn failure(code: FailureCode) -> Self {
        Self {
            events: [(Duration::ZERO, Event::Failed(Failure::from(code)))].into(),
        }
    }

    /// No answer at all: the deadline ends it.
    pub fn silence() -> Self {
        Self::default()
    }

    /// One header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some((_, Event::Head { headers, .. })) = self.events.front_mut() {
            headers.push((name.into(), value.into()));
        }
        self
    }

    /// A piece of the body, `delay` after what came before.
    #[must_use]
    pub fn piece(mut self, delay: Duration, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.events.push_back((delay, Event::Piece(bytes)));
        }
        self
    }

    /// The end of the body, `delay` after what came before.
    #[must_use]
    pub fn end(mut self, delay: Duration) -> Self {
        self.events.push_back((delay, Event::End));
        self
    }

    /// A failure, `delay` after what came before.
    #[must_use]
    pub fn fail(mut self, delay: Duration, code: FailureCode) -> Self {
        self.events
            .push_back((delay, Event::Failed(Failure::from(code))));
        self
    }

    /// The whole answer, `delay` later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        if let Some((first, _)) = self.events.front_mut() {
            *first += delay;
        }
        self
    }
}

type Rule = (Box<dyn Fn(&Seen) -> bool>, Box<dyn Fn(&Seen) -> Answer>);

/// A transport whose origins are functions. The first rule that fits a request answers it (semantics.md 8.7); a request that none
/// fits fails with `DestinationNotFound`.
///
/// ```
/// use urlfetch::{Client, scripted::{Answer, Scripted}};
///
/// let client = Client::with_transport(Scripted::new().get("https://example.com/", |_| Answer::new(200, "hello")));
/// assert_eq!(client.fetch("https://example.com/")?.content, b"hello");
/// # Ok::<_, urlfetch::Error>(())
/// ```
#[derive(Default)]
pub struct Scripted {
    rules: Vec<Rule>,
    now: Instant,
    exchanges: Vec<Option<Exchange>>,
    log: Rc<RefCell<Vec<String>>>,
    has_no_network: bool,
}

struct Exchange {
    answer: Answer,
    /// When the next event happens.
    next_at: Instant,
}

impl Scripted {
    /// Without rules, at the start of time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the requests for exactly this URL.
    #[must_use]
    pub fn get(self, url: &str, answer: impl Fn(&Seen) -> Answer + 'static) -> Self {
        let url = String::from(url);
        self.rule(move |seen| seen.url.as_str() == url, answer)
    }

    /// Answers the requests that `fits`.
    #[must_use]
    pub fn rule(
        mut self,
        fits: impl Fn(&Seen) -> bool + 'static,
        answer: impl Fn(&Seen) -> Answer + 'static,
    ) -> Self {
        self.rules.push((Box::new(fits), Box::new(answer)));
        self
    }

    /// What was asked for so far, each as `METHOD URL`, in order. It goes on filling after the transport was handed over.
    pub fn log(&self) -> Rc<RefCell<Vec<String>>> {
        Rc::clone(&self.log)
    }

    /// One that fails every request by saying that there is no network here and how to get one.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn without_network(mut self) -> Self {
        self.has_no_network = true;
        self
    }

    fn answer(&self, request: &Seen) -> Answer {
        if self.has_no_network {
            let detail = "there is no wasi:http outside WebAssembly: give Client::with_transport or install a Scripted transport";
            let failure = Failure {
                code: FailureCode::ConfigurationError,
                detail: detail.into(),
            };
            return Answer {
                events: [(Duration::ZERO, Event::Failed(failure))].into(),
            };
        }
        let rule = self.rules.iter().find(|(fits, _)| fits(request));
        rule.map_or_else(
            || Answer::failure(FailureCode::DestinationNotFound),
            |(_, answer)| answer(request),
        )
    }
}

impl Transport for Scripted {
    fn now(&self) -> Instant {
        self.now
    }

    fn send(&mut self, exchange: usize, request: Outgoing, now: Instant) -> Option<Event> {
        self.log
            .borrow_mut()
            .push([request.method.name(), " ", request.url.as_str()].concat());
        let answer = self.answer(&request);
        let next_at = answer
            .events
            .front()
            .map_or(now, |(delay, _)| now.after(*delay));
        if self.exchanges.len() <= exchange {
            self.exchanges.resize_with(exchange + 1, || None);
        }
        self.exchanges[exchange] = Some(Exchange { answer, next_at });
        None
    }

    fn next_event(&mut self, exchange: usize, at_most: usize) -> Option<Event> {
        let exchange = self.exchanges.get_mut(exchange)?.as_mut()?;
        if exchange.next_at > self.now {
            return None;
        }
        let (_, event) = exchange.answer.events.pop_front()?;
        match event {
            Event::Piece(mut bytes) if bytes.len() > at_most.max(1) => {
                let rest = bytes.split_off(at_most.max(1));
                exchange
                    .answer
                    .events
                    .push_front((Duration::ZERO, Event::Piece(rest)));
                Some(Event::Piece(bytes))
            }
            event => {
                if let Some((delay, _)) = exchange.answer.events.front() {
                    exchange.next_at = exchange.next_at.after(*delay);
                }
                Some(event)
            }
        }
    }

    fn end(&mut self, exchange: usize) {
        if let Some(place) = self.exchanges.get_mut(exchange) {
            *place = None;
        }
    }

    /// Nothing blocks: the clock goes to the next thing that happens.
    fn wait(&mut self, until: Until, _others: &[&Pollable], woken: &mut Woken) {
        let pending = |exchange: &Option<Exchange>| {
            exchange
                .as_ref()
                .filter(|exchange| !exchange.answer.events.is_empty())
                .map(|exchange| exchange.next_at)
        };
        let next = self.exchanges.iter().filter_map(pending).min();
        self.now = match (until, next) {
            (Until::Now, _) | (Until::Forever, None) => self.now,
            (Until::Forever, Some(next)) => self.now.max(next),
            (Until::At(until), next) => self.now.max(next.map_or(until, |next| next.min(until))),
        };
        let now = self.now;
        let ready = self
            .exchanges
            .iter()
            .enumerate()
            .filter(|(_, exchange)| pending(exchange).is_some_and(|at| at <= now));
        woken.exchanges.extend(ready.map(|(number, _)| number));
    }
}
