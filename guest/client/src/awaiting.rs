//! What programs have besides rpcs by their keys: they await them, sleep, use another reactor, and wait for all.
use alloc::{boxed::Box, vec::Vec};
use core::{
    cell::{Ref, RefCell, RefMut},
    mem,
    ops::{Deref, DerefMut},
    task::{Context, Waker},
};

use urlfetch_core::{Instant, RpcKey};

use crate::{
    driver::{self, Audience},
    reactor::Reactor,
    transport::Transport,
    waiters::{Timers, Waiters, Wakers},
};

/// The driver under the API for programs.
pub(crate) type Driver = driver::Driver<Box<dyn Transport>, Awaiting>;

/// Those who are told what happens.
#[derive(Default)]
pub(crate) struct Awaiting {
    pub(crate) reactor: Option<Box<dyn Reactor>>,
    pub(crate) waiters: Waiters,
    pub(crate) timers: Timers,
    pub(crate) log: FinishLog,
}

impl Audience for Awaiting {
    fn moves(&mut self, rpc: RpcKey) {
        // Whoever awaits it under another reactor comes again for what there is to watch for now.
        if self.waiters.drop_watches(rpc.index()) {
            self.waiters.wake(rpc.index());
        }
    }

    fn ends(&mut self, rpc: RpcKey) {
        self.waiters.drop_watches(rpc.index());
    }

    fn has_finished(&mut self, rpc: RpcKey) {
        self.log.write(rpc);
        self.waiters.wake(rpc.index());
    }

    fn next_timer(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn time_is(&mut self, now: Instant) {
        self.timers.wake(now, &mut self.waiters.woken);
    }
}

/// A driver, as those who share it hold it.
pub(crate) struct DriverCell(RefCell<Driver>);

impl DriverCell {
    pub(crate) fn new(transport: Box<dyn Transport>) -> Self {
        Self(RefCell::new(Driver::new(transport, Awaiting::default())))
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
        self.woken = mem::take(&mut self.driver.audience.waiters.woken);
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
    /// Has `cx` woken when the rpc finishes. Under another reactor, has it watch for what the rpc waits for; true when that is there
    /// already and was taken in. Whoever was to be woken `before` is to be dropped after the driver was let go.
    pub(crate) fn register(
        &mut self,
        rpc: RpcKey,
        cx: &mut Context<'_>,
        before: &mut Option<Waker>,
    ) -> bool {
        let waiter = self.audience.waiters.place(rpc.index());
        *before = waiter.waker.replace(cx.waker().clone());
        let Some(reactor) = &self.audience.reactor else {
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
