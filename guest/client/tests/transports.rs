//! What the client asks of a transport: every exchange is ended once, its number is free again, and late news is heard to the end.
mod story;
use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use story::url;
use urlfetch::{
    Client, ErrorKind, Instant, Pollable, Scripted, Transport,
    scripted::Clock,
    transport::{Event, Failure, FailureCode, Outgoing, Until, Woken},
};

/// Records which exchanges are open, and tells one event of each after every wait, as a host does whose streams fill up by turns.
struct Strict {
    script: Scripted,
    open: Rc<RefCell<BTreeSet<usize>>>,
    told: BTreeSet<usize>,
    refuses: bool,
}

impl Strict {
    fn client(refuses: bool) -> (Client, Clock, Rc<RefCell<BTreeSet<usize>>>) {
        let strict = Self {
            script: story::origins(),
            open: Rc::default(),
            told: BTreeSet::new(),
            refuses,
        };
        let (clock, open) = (strict.script.clock(), Rc::clone(&strict.open));
        (Client::with_transport(strict), clock, open)
    }
}

impl Transport for Strict {
    fn now(&self) -> Instant {
        self.script.now()
    }
    fn send(&mut self, exchange: usize, request: Outgoing, now: Instant) -> Option<Event> {
        assert!(self.open.borrow_mut().insert(exchange), "{exchange} is out");
        if self.refuses {
            return Some(Event::Failed(Failure::from(FailureCode::HttpRequestDenied)));
        }
        self.script.send(exchange, request, now)
    }
    fn next_event(&mut self, exchange: usize, at_most: usize) -> Option<Event> {
        assert!(self.open.borrow().contains(&exchange), "{exchange} is over");
        if self.told.insert(exchange) {
            return self.script.next_event(exchange, at_most);
        }
        None
    }
    fn end(&mut self, exchange: usize) {
        assert!(self.open.borrow_mut().remove(&exchange), "ended before");
        self.script.end(exchange);
    }
    fn wait(&mut self, until: Until, others: &[&Pollable], woken: &mut Woken) {
        self.told.clear();
        self.script.wait(until, others, woken);
    }
}

#[test]
fn an_exchange_is_ended_however_its_call_ends() {
    let (client, _, open) = Strict::client(false);
    let start = |path: &str| client.rpc().deadline(1.0).fetch(url(path)).unwrap();
    for path in ["10", "fail", "silent", "to/to/10", "to/silent"] {
        start(path).wait().unwrap();
        assert!(open.borrow().is_empty(), "{path}");
    }
    let (cancelled, dropped) = (start("10"), start("10"));
    assert_eq!(open.borrow().len(), 2);
    cancelled.cancel();
    assert_eq!(open.borrow().len(), 1);
    drop(dropped);
    assert!(open.borrow().is_empty());
    drop(cancelled);
}

#[test]
fn an_oversized_answer_is_ended_where_it_is_cut() {
    let (client, _, open) = Strict::client(false);
    client.set_max_response(1).unwrap();
    let error = client.fetch(url("10")).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::ResponseTooLarge));
    assert!(open.borrow().is_empty());
}

#[test]
fn numbers_are_used_again_and_never_by_two_at_once() {
    let (client, _, open) = Strict::client(false);
    client.set_max_in_flight(3, 3).unwrap();
    for _ in 0..10 {
        let rpcs: Vec<_> = (0..20)
            .map(|index| {
                let path = ["10", "to/20", "fail", "silent"][index % 4];
                client.rpc().deadline(0.5).fetch(url(path)).unwrap()
            })
            .collect();
        urlfetch::wait_all(&rpcs[..10]).unwrap();
        assert!(open.borrow().iter().all(|number| *number < 20));
    }
    assert!(open.borrow().is_empty(), "the others were dropped");
}

#[test]
fn a_refusal_is_reported_by_the_result_and_not_at_once() {
    let (client, _, open) = Strict::client(true);
    let notes = story::Notes::new();
    let rpc = story::noting(&client, "10", &notes);
    assert!(open.borrow().is_empty());
    assert_eq!(notes.take(), [""; 0], "it looks asynchronous still");
    let error = rpc.get_result().unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Download));
    assert_eq!(error.fetch().unwrap().code, 12);
    assert_eq!(notes.take(), ["10"]);
}

#[test]
fn what_came_in_pieces_before_the_deadline_is_heard_to_the_end() {
    let (client, clock, _) = Strict::client(false);
    let rpc = client.rpc().deadline(1.0).fetch(url("900")).unwrap();
    let silent = client.rpc().deadline(1.0).fetch(url("silent")).unwrap();
    clock.advance(Duration::from_secs(30));
    assert_eq!(rpc.get_result().unwrap().content, b"/900");
    let error = silent.get_result().unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::DeadlineExceeded));
}
