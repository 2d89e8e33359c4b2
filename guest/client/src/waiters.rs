//! Who is to be woken: those who await an rpc, and those who sleep.
use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::{future::Future, mem, pin::Pin, task::Waker};

use urlfetch_core::Instant;

/// What another reactor waits for on behalf of one rpc. Dropping it drops the pollables.
pub(crate) type Watch = Pin<Box<dyn Future<Output = ()>>>;

/// Who awaits each rpc, by its number.
#[derive(Default)]
pub(crate) struct Waiters {
    places: Vec<Waiter>,
    pub(crate) woken: Wakers,
}

/// Those who are woken when this is dropped: after the driver was let go, since a waker may run what comes back to it.
#[derive(Default)]
pub(crate) struct Wakers(Vec<Waker>);

impl Drop for Wakers {
    fn drop(&mut self) {
        // Not `drain`, which costs more to begin and end: mostly there is nobody.
        for waker in mem::take(&mut self.0) {
            waker.wake();
        }
    }
}

#[derive(Default)]
pub(crate) struct Waiter {
    pub(crate) waker: Option<Waker>,
    pub(crate) watches: Vec<Watch>,
}

impl Waiters {
    /// The place of one rpc.
    pub(crate) fn place(&mut self, rpc: usize) -> &mut Waiter {
        if self.places.len() <= rpc {
            self.places.resize_with(rpc + 1, Waiter::default);
        }
        &mut self.places[rpc]
    }

    /// Wakes whoever awaits the rpc. It is told once, and comes again when it wants to know more.
    pub(crate) fn wake(&mut self, rpc: usize) {
        let waiter = self.places.get_mut(rpc);
        let waker = waiter.and_then(|waiter| waiter.waker.take());
        self.woken.0.extend(waker);
    }

    /// Drops what another reactor watches for the rpc. True when there was anything.
    pub(crate) fn drop_watches(&mut self, rpc: usize) -> bool {
        let Some(waiter) = self.places.get_mut(rpc) else {
            return false;
        };
        let had_any = !waiter.watches.is_empty();
        waiter.watches.clear();
        had_any
    }

    /// Forgets the rpc. What it returns is to be dropped after the driver was let go: it may own what comes back to it.
    pub(crate) fn forget(&mut self, rpc: usize) -> Option<Waiter> {
        self.places.get_mut(rpc).map(mem::take)
    }
}

/// Names a timer: when it is due, and a number of its own.
pub(crate) type Timer = (Instant, u64);

/// Those who sleep, the first to wake first.
#[derive(Default)]
pub(crate) struct Timers {
    line: VecDeque<(Timer, Waker)>,
    last: u64,
}

impl Timers {
    pub(crate) fn add(&mut self, at: Instant, waker: Waker) -> Timer {
        self.last += 1;
        let timer = (at, self.last);
        let place = self.line.partition_point(|(other, _)| *other < timer);
        self.line.insert(place, (timer, waker));
        timer
    }

    /// What it returns is to be dropped after the driver was let go.
    pub(crate) fn remove(&mut self, timer: Timer) -> Option<(Timer, Waker)> {
        let place = self.line.binary_search_by_key(&timer, |(other, _)| *other);
        self.line.remove(place.ok()?)
    }

    /// When the first of them is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.line.front().map(|((at, _), _)| *at)
    }

    pub(crate) fn wake(&mut self, now: Instant, woken: &mut Wakers) {
        while self.next().is_some_and(|at| at <= now) {
            woken
                .0
                .extend(self.line.pop_front().map(|(_, waker)| waker));
        }
    }
}
