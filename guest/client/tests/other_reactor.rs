//! Rpcs on a reactor that is not ours: they move by what it watches, with no turn of our own in between.
mod story;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::future::{join_all, select};
use story::url;
use urlfetch::{
    Client, ErrorKind, Instant, Pollable, Reactor, Scripted, Transport,
    scripted::Clock,
    transport::{Event, Outgoing, Until, Woken},
};

/// What a pollable is about: an exchange that may have news, or an instant.
#[derive(Clone, Copy)]
enum Subject {
    Exchange(usize),
    Instant(Instant),
}

/// A host: a script, and pollables by their handles.
#[derive(Clone)]
struct Host {
    script: Rc<RefCell<Scripted>>,
    clock: Clock,
    pollables: Rc<RefCell<BTreeMap<u32, Subject>>>,
}

impl Host {
    fn new(script: Scripted) -> Self {
        Self {
            clock: script.clock(),
            script: Rc::new(RefCell::new(script)),
            pollables: Rc::default(),
        }
    }

    fn pollable(&self, subject: Subject) -> Pollable {
        let mut pollables = self.pollables.borrow_mut();
        let handle = pollables.last_key_value().map_or(0, |(last, _)| last + 1);
        pollables.insert(handle, subject);
        // SAFETY: outside WebAssembly a pollable is its number, and `Watch` never lets it be dropped.
        unsafe { Pollable::from_handle(handle) }
    }

    fn is_ready(&self, subject: Subject) -> bool {
        let mut woken = Woken::default();
        let mut script = self.script.borrow_mut();
        script.wait(Until::Now, &[], &mut woken);
        match subject {
            Subject::Exchange(exchange) => woken.exchanges.contains(&exchange),
            Subject::Instant(at) => script.now() >= at,
        }
    }

    /// A host traps when an exchange moves on or goes while somebody holds a pollable of it.
    fn assert_unwatched(&self, exchange: usize) {
        let pollables = self.pollables.borrow();
        let is_watched =
            |subject: &Subject| matches!(subject, Subject::Exchange(other) if *other == exchange);
        assert!(!pollables.values().any(is_watched), "{exchange} is watched");
    }

    /// Blocks until something watched may be ready.
    fn poll(&self) {
        let subjects: Vec<Subject> = self.pollables.borrow().values().copied().collect();
        assert!(!subjects.is_empty(), "wasi:io/poll traps on an empty list");
        if subjects.iter().any(|subject| self.is_ready(*subject)) {
            return;
        }
        let first = subjects.iter().filter_map(|subject| match subject {
            Subject::Instant(at) => Some(*at),
            Subject::Exchange(_) => None,
        });
        let until = first.min().map_or(Until::Forever, Until::At);
        let mut woken = Woken::default();
        self.script.borrow_mut().wait(until, &[], &mut woken);
    }
}

impl Transport for Host {
    fn now(&self) -> Instant {
        self.script.borrow().now()
    }
    fn send(&mut self, exchange: usize, request: Outgoing, now: Instant) -> Option<Event> {
        self.script.borrow_mut().send(exchange, request, now)
    }
    fn next_event(&mut self, exchange: usize, at_most: usize) -> Option<Event> {
        self.assert_unwatched(exchange);
        self.script.borrow_mut().next_event(exchange, at_most)
    }
    fn end(&mut self, exchange: usize) {
        self.assert_unwatched(exchange);
        self.script.borrow_mut().end(exchange);
    }
    fn wait(&mut self, until: Until, _others: &[&Pollable], woken: &mut Woken) {
        assert_eq!(until, Until::Now, "only the reactor blocks");
        self.script.borrow_mut().wait(until, &[], woken);
    }
    fn subscribe(&mut self, exchange: Option<usize>, deadline: Instant) -> Vec<Pollable> {
        let exchange = exchange.map(Subject::Exchange);
        let subjects = exchange.into_iter().chain([Subject::Instant(deadline)]);
        subjects.map(|subject| self.pollable(subject)).collect()
    }
}

/// Ready when the host says so; as any future, it says so only when it is polled.
struct Watch {
    host: Host,
    handle: u32,
}

impl Future for Watch {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let subject = self.host.pollables.borrow()[&self.handle];
        if self.host.is_ready(subject) {
            return Poll::Ready(());
        }
        WATCHING.with_borrow_mut(|watching| watching.push((self.handle, cx.waker().clone())));
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.host.pollables.borrow_mut().remove(&self.handle);
    }
}

std::thread_local! {
    static WATCHING: RefCell<Vec<(u32, Waker)>> = RefCell::default();
}

impl Reactor for Host {
    fn ready(&self, pollable: Pollable) -> Pin<Box<dyn Future<Output = ()>>> {
        let handle = pollable.handle();
        std::mem::forget(pollable);
        let host = self.clone();
        Box::pin(Watch { host, handle })
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An executor that knows nothing of rpcs: polls when woken, and blocks in the host's poll.
fn run<F: Future>(host: &Host, future: F) -> F::Output {
    let mut future = pin!(future);
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&flag));
    for _ in 0..100_000 {
        if flag.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            continue;
        }
        host.poll();
        for (handle, waker) in WATCHING.take() {
            let subject = host.pollables.borrow().get(&handle).copied();
            match subject {
                Some(subject) if host.is_ready(subject) => waker.wake(),
                Some(_) => WATCHING.with_borrow_mut(|watching| watching.push((handle, waker))),
                None => {}
            }
        }
    }
    panic!("it spins");
}

fn host() -> (Host, Client) {
    let host = Host::new(story::origins());
    let client = Client::with_transport(host.clone());
    client.use_reactor(host.clone());
    (host, client)
}

#[test]
fn one_rpc_is_awaited() {
    let (host, client) = host();
    let rpc = client.rpc().fetch(url("to/30")).unwrap();
    assert_eq!(run(&host, rpc).unwrap().content, b"/30");
    assert_eq!(host.clock.elapsed(), Duration::from_millis(30));
    assert!(host.pollables.borrow().is_empty(), "nothing is left behind");
}

#[test]
fn many_are_awaited_together() {
    let (host, client) = host();
    let rpcs = (0..200).map(|index| {
        let path = (index % 50).to_string();
        client.rpc().fetch(url(&path)).unwrap()
    });
    for result in run(&host, join_all(rpcs)) {
        result.unwrap();
    }
    assert!(host.pollables.borrow().is_empty());
}

#[test]
fn one_queued_behind_the_limit_moves_when_its_turn_has_come() {
    let (host, client) = host();
    client.set_max_in_flight(1, 1).unwrap();
    let rpcs = ["100", "100", "100"].map(|path| client.rpc().fetch(url(path)).unwrap());
    for result in run(&host, join_all(rpcs)) {
        result.unwrap();
    }
    let took = host.clock.elapsed();
    assert_eq!(took, Duration::from_millis(300), "and not at its deadline");
}

#[test]
fn one_whose_deadline_passes_fails_then() {
    let (host, client) = host();
    let rpc = client.rpc().deadline(0.25).fetch(url("silent")).unwrap();
    let error = run(&host, rpc).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::DeadlineExceeded));
    assert_eq!(host.clock.elapsed(), Duration::from_millis(250));
}

#[test]
fn dropping_one_drops_what_is_watched_for_it() {
    let (host, client) = host();
    let (slow, fast) = (
        client.rpc().fetch(url("4000")).unwrap(),
        client.rpc().fetch(url("10")).unwrap(),
    );
    run(&host, async {
        drop(select(slow, fast).await);
    });
    assert!(host.pollables.borrow().is_empty());
}

#[test]
fn a_synchronous_wait_in_between_does_no_harm() {
    let host = Host::new(story::origins());
    let client = Client::with_transport(host.clone());
    client.use_reactor(host.clone());
    let (awaited, cancelled) = (
        client.rpc().fetch(url("to/30")).unwrap(),
        client.rpc().fetch(url("4000")).unwrap(),
    );
    run(&host, async {
        let mut awaited = pin!(awaited);
        let mut cancelled = pin!(cancelled);
        let first = std::future::poll_fn(|cx| {
            assert!(awaited.as_mut().poll(cx).is_pending());
            assert!(cancelled.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        });
        first.await;
        client.progress();
        assert!(cancelled.cancel());
        assert_eq!(awaited.await.unwrap().content, b"/30");
    });
    assert!(host.pollables.borrow().is_empty());
}
