//! A transport that answers from a script, under a clock of its own: for a program's own tests, which need neither network nor time.
use alloc::{
    boxed::Box,
    collections::{BTreeSet, VecDeque},
    rc::Rc,
    string::String,
    vec::Vec,
};
use core::{
    cell::{Cell, RefCell},
    time::Duration,
};

pub use urlfetch_core::FailureCode;
use urlfetch_core::{Event, Failure, Headers, Instant, Outgoing, url::Url};

use crate::transport::{Pollable, Transport, Until, Woken};

/// What the script gets to see of a request: its method, URL, headers and payload, as they would go out.
pub type Seen<'a> = Outgoing<'a>;

/// What an origin answers, and when: a head, pieces of a body, an end, each some time after the one before.
///
/// [`new`](Self::new) and [`redirect`](Self::redirect) are complete; an answer that comes in pieces begins with its
/// [`head`](Self::head):
///
/// ```
/// use std::time::Duration;
/// use urlfetch::{Answer, Client, ErrorKind, Scripted, scripted::FailureCode};
///
/// const TICK: Duration = Duration::from_millis(100);
/// let script = Scripted::new()
///     .get("https://example.com/slow", |_| Answer::new(200, "late").after(TICK))
///     .get("https://example.com/drip", |_| {
///         Answer::head(200, vec![]).piece(TICK, "drip ").piece(TICK, "drop").end(TICK)
///     })
///     .get("https://example.com/torn", |_| {
///         Answer::head(200, vec![]).piece(TICK, "half of ").fail(TICK, FailureCode::ConnectionTerminated)
///     })
///     .get("https://example.com/mute", |_| Answer::silence());
/// let clock = script.clock();
/// let client = Client::with_transport(script);
///
/// assert_eq!(client.fetch("https://example.com/slow")?.content, b"late");
/// assert_eq!(clock.elapsed(), TICK);
/// assert_eq!(client.fetch("https://example.com/drip")?.content, b"drip drop");
/// let torn = client.fetch("https://example.com/torn").unwrap_err();
/// assert_eq!(torn.kind(), Some(ErrorKind::ConnectionClosed));
/// let mute = client.fetch("https://example.com/mute").unwrap_err();
/// assert_eq!(mute.kind(), Some(ErrorKind::DeadlineExceeded));
/// # Ok::<_, urlfetch::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Answer {
    events: VecDeque<(Duration, Event)>,
    service_code: Option<u32>,
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
            service_code: None,
        }
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::head(status, [(String::from("location"), location.into())].into()).end(Duration::ZERO)
    }

    /// A failure of the transport, at once.
    pub fn failure(failure: impl Into<Failure>) -> Self {
        Self::default().fail(Duration::ZERO, failure)
    }

    /// A failure of the service, at once, by App Engine's code 1 to 13 or by one that nobody knows: the error then has that code and
    /// this detail (semantics.md 9.2).
    pub fn service_error(code: u32, detail: &str) -> Self {
        Self {
            service_code: Some(code),
            ..Self::failure(Failure {
                code: FailureCode::InternalError,
                detail: detail.into(),
            })
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

    /// A failure, `delay` after what came before: a [`FailureCode`], or one with a detail.
    #[must_use]
    pub fn fail(mut self, delay: Duration, failure: impl Into<Failure>) -> Self {
        self.events
            .push_back((delay, Event::Failed(failure.into())));
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
/// fits fails with `DestinationNotFound`, and the error says so.
///
/// Its [clock](Self::clock) moves only when something blocks, and then at once to the next thing that happens: a minute costs
/// nothing and every run is the same. A program that asks again and again without ever blocking therefore sees nothing happen.
/// Rules may not use the client they answer.
///
/// ```
/// use std::time::Duration;
/// use urlfetch::{Answer, Client, Method, Request, Scripted};
///
/// let script = Scripted::new()
///     .get("https://example.com/", |_| Answer::new(200, "hello").header("content-type", "text/plain"))
///     .on("https://example.com/old", |_| Answer::redirect(301, "/"))
///     .rule(|seen| seen.method == Method::Post, |seen| Answer::new(201, seen.payload.as_slice()));
/// let log = script.log();
/// let client = Client::with_transport(script);
///
/// assert_eq!(client.fetch("https://example.com/old")?.text(), "hello");
/// assert_eq!(client.fetch(Request::post("https://example.com/echo", "again"))?.status, 201);
/// assert_eq!(
///     *log.borrow(),
///     ["GET https://example.com/old", "GET https://example.com/", "POST https://example.com/echo"]
/// );
/// # Ok::<_, urlfetch::Error>(())
/// ```
#[derive(Default)]
pub struct Scripted {
    rules: Vec<Rule>,
    clock: Clock,
    exchanges: Vec<Option<Exchange>>,
    /// When each exchange that has something to say says it.
    agenda: BTreeSet<(Instant, usize)>,
    log: Rc<RefCell<Vec<String>>>,
}

struct Exchange {
    answer: Answer,
    /// When the next event happens, if there is one.
    next_at: Instant,
}

/// The clock of a [`Scripted`] transport: it goes on telling the time after that was handed over.
#[derive(Clone, Debug, Default)]
pub struct Clock(Rc<Cell<Instant>>);

impl Clock {
    /// How far it has gone.
    pub fn elapsed(&self) -> Duration {
        self.0.get().since(Instant::default())
    }

    /// Lets time pass while nobody looks, as when a program computes for long: what happens meanwhile is seen by the next call that
    /// moves rpcs. To wait for it instead, [sleep](crate::Client::sleep).
    pub fn advance(&self, length: Duration) {
        self.0.set(self.0.get().after(length));
    }
}

impl Scripted {
    /// Without rules, at the start of time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers every GET of this URL.
    #[must_use]
    pub fn get(self, url: &str, answer: impl Fn(&Seen) -> Answer + 'static) -> Self {
        let fits = same_url(url);
        let get = urlfetch_core::Method::Get;
        self.rule(move |seen| seen.method == get && fits(seen), answer)
    }

    /// Answers the requests for this URL, whatever their method.
    #[must_use]
    pub fn on(self, url: &str, answer: impl Fn(&Seen) -> Answer + 'static) -> Self {
        self.rule(same_url(url), answer)
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

    /// Its clock, to be read, and to be moved on, after the transport was handed over.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// One that fails every request by saying that there is no network here and how to get one.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn without_network() -> Self {
        let detail = "there is no wasi:http outside WebAssembly: give Client::with_transport or install a Scripted transport";
        Self::new().rule(
            |_| true,
            |_| {
                Answer::failure(Failure {
                    code: FailureCode::ConfigurationError,
                    detail: detail.into(),
                })
            },
        )
    }

    fn answer(&self, request: &Seen) -> Answer {
        if let Some((_, answer)) = self.rules.iter().find(|(fits, _)| fits(request)) {
            return answer(request);
        }
        let asked = [request.method.name(), " ", request.url.as_str()].concat();
        Answer::failure(Failure {
            code: FailureCode::DestinationNotFound,
            detail: ["no rule of the script fits ", &asked].concat(),
        })
    }
}

/// Fits the requests for this URL, however it is spelled.
fn same_url(url: &str) -> impl Fn(&Seen) -> bool + 'static {
    let url = Url::parse(url).map_or_else(|_| url.into(), |url| String::from(url.as_str()));
    move |seen| seen.url.as_str() == url
}

impl Transport for Scripted {
    fn now(&self) -> Instant {
        self.clock.0.get()
    }

    fn send(&mut self, exchange: usize, request: Outgoing, now: Instant) -> Option<Event> {
        self.log
            .borrow_mut()
            .push([request.method.name(), " ", request.url.as_str()].concat());
        let answer = self.answer(&request);
        if self.exchanges.len() <= exchange {
            self.exchanges.resize_with(exchange + 1, || None);
        }
        let mut next_at = now;
        if let Some((delay, _)) = answer.events.front() {
            next_at = now.after(*delay);
            self.agenda.insert((next_at, exchange));
        }
        self.exchanges[exchange] = Some(Exchange { answer, next_at });
        None
    }

    fn next_event(&mut self, exchange: usize, at_most: usize) -> Option<Event> {
        let place = self.exchanges.get_mut(exchange)?.as_mut()?;
        if place.next_at > self.clock.0.get() {
            return None;
        }
        let events = &mut place.answer.events;
        let (_, mut event) = events.pop_front()?;
        if let Event::Piece(bytes) = &mut event
            && bytes.len() > at_most.max(1)
        {
            let rest = bytes.split_off(at_most.max(1));
            events.push_front((Duration::ZERO, Event::Piece(rest)));
        }
        self.agenda.remove(&(place.next_at, exchange));
        if let Some((delay, _)) = events.front() {
            place.next_at = place.next_at.after(*delay);
            self.agenda.insert((place.next_at, exchange));
        }
        Some(event)
    }

    fn service_code(&self, exchange: usize) -> Option<u32> {
        self.exchanges.get(exchange)?.as_ref()?.answer.service_code
    }

    fn end(&mut self, exchange: usize) {
        if let Some(place) = self.exchanges.get_mut(exchange).and_then(Option::take) {
            self.agenda.remove(&(place.next_at, exchange));
        }
    }

    /// Nothing blocks: the clock goes to the next thing that happens.
    fn wait(&mut self, until: Until, _others: &[&Pollable], woken: &mut Woken) {
        let next = self.agenda.first().map(|(at, _)| *at);
        let wanted = match until {
            Until::Now => None,
            Until::Forever => next,
            Until::At(until) => Some(next.map_or(until, |next| next.min(until))),
        };
        let now = self.now().max(wanted.unwrap_or_default());
        self.clock.0.set(now);
        let happened = self.agenda.range(..=(now, usize::MAX));
        woken
            .exchanges
            .extend(happened.map(|(_, exchange)| *exchange));
    }
}
