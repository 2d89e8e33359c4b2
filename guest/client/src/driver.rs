//! The one place that waits: it moves what a transport sees into core, and core's decisions to the transport. No policy lives here.
use alloc::{boxed::Box, vec::Vec};
use core::{
    cell::{Ref, RefCell, RefMut},
    mem,
    ops::{Deref, DerefMut},
    task::{Context, Waker},
};

use urlfetch_core::{Event, Instant, RpcKey, Service};

use crate::{
    reactor::Reactor,
    transport::{Pollable, Transport, Until, Woken},
    waiters::{Timers, Waiter, Waiters, Wakers},
};

/// A service over its transport, with those who wait for it.
pub(crate) struct Driver {
    pub(crate) service: Service,
    transport: Box<dyn Transport>,
    pub(crate) reactor: Option<Box<dyn Reactor>>,
    waiters: Waiters,
    pub(crate) timers: Timers,
    woken: Woken,
    pub(crate) log: FinishLog,
}

/// A driver, as those who share it hold it.
pub(crate) struct DriverCell(RefCell<Driver>);

impl DriverCell {
    pub(crate) fn new(transport: Box<dyn Transport>) -> Self {
        Self(RefCell::new(Driver::new(transport)))
    }

    pub(crate) fn borrow(&self) -> Ref<'_, Driver> {
        self.0.borrow()
    }

    pub(crate) fn borrow_mut(&self) -> Driving<'_> {
        Driving {
            driver: self.0.borrow_mut(),
            woken: Wakers::default(),
        }
    }
}

/// A driver in use. When it is let go, those are woken who are to be: in this order, because a waker may come back to it.
pub(crate) struct Driving<'a> {
    driver: RefMut<'a, Driver>,
    woken: Wakers,
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        self.woken = mem::take(&mut self.driver.waiters.woken);
    }
}

impl Deref for Driving<'_> {
    type Target = Driver;

    fn deref(&self) -> &Driver {
        &self.driver
    }
}

impl DerefMut for Driving<'_> {
    fn deref_mut(&mut self) -> &mut Driver {
        &mut self.driver
    }
}

/// Which rpcs have finished, in order, kept while somebody reads it.
#[derive(Default)]
pub(crate) struct FinishLog {
    readers: usize,
    finished: Vec<RpcKey>,
}

impl FinishLog {
    /// One reader more; where it begins.
    pub(crate) fn open(&mut self) -> usize {
        self.readers += 1;
        self.finished.len()
    }

    /// What was written since a reader's place.
    pub(crate) fn since(&self, place: usize) -> &[RpcKey] {
        self.finished.get(place..).unwrap_or_default()
    }

    /// One reader less.
    pub(crate) fn close(&mut self) {
        self.readers -= 1;
        if self.readers == 0 {
            self.finished.clear();
        }
    }

    fn write(&mut self, rpc: RpcKey) {
        if self.readers > 0 {
            self.finished.push(rpc);
        }
    }
}

impl Driver {
    fn new(transport: Box<dyn Transport>) -> Self {
        Self {
            service: Service::new(),
            transport,
            reactor: None,
            waiters: Waiters::default(),
            timers: Timers::default(),
            woken: Woken::default(),
            log: FinishLog::default(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.transport.now()
    }

    /// Does something to the service, then lets out what may go out by it.
    pub(crate) fn act<T>(&mut self, action: impl FnOnce(&mut Service, Instant) -> T) -> T {
        let now = self.transport.now();
        let result = action(&mut self.service, now);
        self.send(now);
        result
    }

    /// Drops an rpc and with it what it has out. What it returns is to be dropped after the driver was let go.
    pub(crate) fn drop_rpc(&mut self, rpc: RpcKey) -> Option<Waiter> {
        // Watches hold children of what the transport is about to drop.
        self.waiters.drop_watches(rpc.index());
        let waiter = self.waiters.forget(rpc.index());
        self.act(|service, _| service.drop_rpc(rpc))
            .then(|| self.transport.end(rpc.index()));
        waiter
    }

    /// Cancels an rpc. True when it was running.
    pub(crate) fn cancel(&mut self, rpc: RpcKey) -> bool {
        let now = self.transport.now();
        let (was_running, was_out) = self.service.cancel(rpc, now);
        if was_out {
            self.end(rpc);
        }
        self.send(now);
        was_running
    }

    /// One turn: blocks until something happens or `until` comes, and does all that follows from it. Returns the places of the
    /// `others` that are ready.
    pub(crate) fn turn(&mut self, until: Until, others: &[&Pollable]) -> Vec<u32> {
        let until = self.earliest(until);
        let mut woken = mem::take(&mut self.woken);
        self.transport.wait(until, others, &mut woken);
        let now = self.transport.now();
        self.take_in(&mut woken, now);
        self.expire(&mut woken, now);
        self.send(now);
        self.timers.wake(now, &mut self.waiters.woken);
        let ready = mem::take(&mut woken.others);
        self.woken = woken;
        ready
    }

    /// The first of `until`, the next deadline and the next timer.
    fn earliest(&mut self, until: Until) -> Until {
        let Until::Forever = until else { return until };
        let timer = self.timers.next();
        let first = [self.service.next_deadline(), timer]
            .into_iter()
            .flatten()
            .min();
        first.map_or(Until::Forever, Until::At)
    }

    /// Whether a turn could ever make a difference.
    pub(crate) fn has_prospects(&mut self) -> bool {
        self.service.next_deadline().is_some() || self.timers.next().is_some()
    }

    /// Feeds what has happened to the exchanges that woke us.
    fn take_in(&mut self, woken: &mut Woken, now: Instant) {
        for exchange in woken.exchanges.drain(..) {
            if let Some(rpc) = self.service.key(exchange) {
                self.advance(rpc, now);
            }
        }
    }

    /// Feeds what has happened to one exchange. True when anything had.
    fn advance(&mut self, rpc: RpcKey, now: Instant) -> bool {
        if self.waiters.drop_watches(rpc.index()) {
            self.waiters.wake(rpc.index());
        }
        let mut any = false;
        while let Some(at_most) = self.service.appetite(rpc) {
            let Some(event) = self.transport.next_event(rpc.index(), at_most) else {
                break;
            };
            any = true;
            self.feed(rpc, event, now);
        }
        any
    }

    fn feed(&mut self, rpc: RpcKey, event: Event, now: Instant) {
        if !self.service.handle(rpc, event, now) {
            self.end(rpc);
        }
    }

    /// Ends the calls whose deadline has passed, after hearing what the transport still has for them: nobody may have asked since
    /// it came (semantics.md 21.6).
    fn expire(&mut self, woken: &mut Woken, now: Instant) {
        let mut expired = Vec::new();
        while let Some(rpc) = self.service.poll_expired(now) {
            expired.push(rpc);
        }
        if expired.is_empty() {
            return;
        }
        let mut any = true;
        while mem::take(&mut any) {
            // A host may need to be asked before it goes on. Whoever else has news is named again by the next wait.
            self.transport.wait(Until::Now, &[], woken);
            woken.exchanges.clear();
            for &rpc in &expired {
                any |= self.advance(rpc, now);
            }
        }
        for rpc in expired {
            if self.service.handle_timeout(rpc, now) {
                self.end(rpc);
            }
        }
    }

    /// Hands over what may go out, which is the last of every action, and tells those who wait for what has finished by it.
    fn send(&mut self, now: Instant) {
        while let Some((rpc, request)) = self.service.poll_send(now) {
            if let Some(event) = self.transport.send(rpc.index(), request, now) {
                self.feed(rpc, event, now);
            }
            // Whoever awaits it under another reactor watches for its deadline only, and now there is more to watch for.
            if self.waiters.drop_watches(rpc.index()) {
                self.waiters.wake(rpc.index());
            }
        }
        while let Some(rpc) = self.service.poll_finished() {
            self.log.write(rpc);
            self.waiters.wake(rpc.index());
        }
    }

    fn end(&mut self, rpc: RpcKey) {
        self.waiters.drop_watches(rpc.index());
        self.transport.end(rpc.index());
    }

    /// Has `cx` woken when the rpc finishes. Under another reactor, has it watch for what the rpc waits for; true when that is there
    /// already and was taken in. Whoever was to be woken `before` is to be dropped after the driver was let go.
    pub(crate) fn register(
        &mut self,
        rpc: RpcKey,
        cx: &mut Context<'_>,
        before: &mut Option<Waker>,
    ) -> bool {
        let waiter = self.waiters.place(rpc.index());
        *before = waiter.waker.replace(cx.waker().clone());
        let Some(reactor) = &self.reactor else {
            return false;
        };
        if let (true, Some(call)) = (waiter.watches.is_empty(), self.service.call(rpc)) {
            let exchange = self.service.appetite(rpc).map(|_| rpc.index());
            let pollables = self.transport.subscribe(exchange, call.deadline());
            let watch = |pollable| reactor.ready(pollable);
            waiter.watches.extend(pollables.into_iter().map(watch));
        }
        let mut watches = waiter.watches.iter_mut();
        if watches.all(|watch| watch.as_mut().poll(cx).is_pending()) {
            return false;
        }
        let now = self.transport.now();
        self.advance(rpc, now);
        let mut woken = mem::take(&mut self.woken);
        self.expire(&mut woken, now);
        self.woken = woken;
        self.send(now);
        true
    }
}
