//! The one place that waits: it moves what a transport sees into core, and core's decisions to the transport. No policy lives here.
use alloc::vec::Vec;
use core::mem;

use urlfetch_core::{
    ClientKey, ErrorKind, Event, FetchError, Instant, Judged, Policy, Request, Response, RpcKey,
    Service, State,
};

use crate::transport::{Pollable, Transport, Until, Woken};

/// A service over its transport, and who is told of it. Rpcs and clients go by their keys.
pub struct Driver<T, A = Nobody> {
    /// The rules. What starts, ends or sends calls is done by the methods of the driver, or by [`act`](Self::act).
    pub service: Service,
    pub(crate) transport: T,
    pub(crate) audience: A,
    shared_client: Option<ClientKey>,
    pub(crate) woken: Woken,
}

/// Who is told what happens, besides those who ask.
pub(crate) trait Audience {
    /// An rpc moves, or has something new to wait for: pollables of its exchange are to be let go.
    fn moves(&mut self, rpc: RpcKey);
    /// The exchange of an rpc is about to end: pollables of it are to be let go.
    fn ends(&mut self, rpc: RpcKey);
    /// An rpc has finished.
    fn has_finished(&mut self, rpc: RpcKey);
    /// When it wants to hear the time next.
    fn next_timer(&self) -> Option<Instant>;
    /// The time.
    fn time_is(&mut self, now: Instant);
}

/// No audience: a binding only asks.
pub struct Nobody;

impl Audience for Nobody {
    fn moves(&mut self, _: RpcKey) {}
    fn ends(&mut self, _: RpcKey) {}
    fn has_finished(&mut self, _: RpcKey) {}
    fn next_timer(&self) -> Option<Instant> {
        None
    }
    fn time_is(&mut self, _: Instant) {}
}

/// What a [turn](Driver::turn) has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// Ids of the client's rpcs that finished and that no turn has named before, in order of completion.
    pub finished: Vec<u32>,
    /// Places of the pollables that are ready.
    pub ready: Vec<u32>,
}

/// How a [wait for any](Driver::wait_any) ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The first finished rpc, by its place.
    Finished(usize),
    /// None has finished, and the pollable is ready.
    Interrupted,
    /// There was nothing to wait for.
    Nothing,
}

#[allow(private_bounds, reason = "there are two audiences, both in this crate")]
impl<T: Transport, A: Audience> Driver<T, A> {
    pub(crate) const fn new(transport: T, audience: A) -> Self {
        Self {
            service: Service::new(),
            transport,
            audience,
            shared_client: None,
            woken: Woken::new(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.transport.now()
    }

    /// Does something to the service, then lets out what may go out by it.
    pub fn act<R>(&mut self, action: impl FnOnce(&mut Service, Instant) -> R) -> R {
        let now = self.transport.now();
        let result = action(&mut self.service, now);
        self.send(now);
        result
    }

    /// The client that everyone shares. It is never closed.
    pub fn shared_client(&mut self) -> ClientKey {
        *self
            .shared_client
            .get_or_insert_with(|| self.service.open_client())
    }

    /// Nobody holds the client any more. Its rpcs do what they did.
    pub fn close_client(&mut self, client: ClientKey) {
        if self.shared_client != Some(client) {
            self.service.close_client(client);
        }
    }

    /// Changes the client's settings.
    ///
    /// # Errors
    /// As [`Service::set_policy`].
    pub fn set_policy(
        &mut self,
        client: ClientKey,
        change: &mut dyn FnMut(&mut Policy) -> Result<(), ErrorKind>,
    ) -> Result<(), ErrorKind> {
        self.act(|service, _| service.set_policy(client, change))
    }

    /// Starts the call of an idle rpc.
    ///
    /// # Errors
    /// As [`Service::check`]; the rpc then stays as it is.
    pub fn make_fetch_call(&mut self, rpc: RpcKey, request: Request) -> Result<(), FetchError> {
        self.service.check(rpc, &request)?;
        self.act(|service, now| service.start(rpc, request, now));
        Ok(())
    }

    /// Moves what can move without blocking, and tells the state.
    pub fn state(&mut self, rpc: RpcKey) -> State {
        if self.service.state(rpc) == State::Running {
            self.step(Until::Now, &[]);
        }
        self.service.state(rpc)
    }

    /// Blocks until the rpc has finished, and leaves its callback due.
    ///
    /// # Errors
    /// `Misuse` on an idle rpc.
    pub fn wait(&mut self, rpc: RpcKey) -> Result<(), FetchError> {
        self.service.check_started(rpc)?;
        if self.service.state(rpc) == State::Running {
            self.act(|service, _| service.execute(rpc));
        }
        while self.service.state(rpc) == State::Running {
            self.step(Until::Forever, &[]);
        }
        Ok(())
    }

    /// Blocks until one of the rpcs has finished or `until` is ready, by core's judgement, and leaves the callback due. When it does
    /// not block, it looks once.
    ///
    /// # Errors
    /// `Misuse` when an rpc is idle.
    pub fn wait_any(
        &mut self,
        rpcs: &[RpcKey],
        until: Option<&Pollable>,
        blocks: bool,
    ) -> Result<Waited, FetchError> {
        let mut is_interrupted = false;
        if !blocks {
            self.step(Until::Now, &[]);
            is_interrupted = true;
        }
        let mut has_looked = !blocks;
        loop {
            let seen = self.service.completions();
            match self.act(|service, _| service.judge(rpcs, blocks))? {
                Judged::Finished(place) if place == 0 || has_looked => {
                    return Ok(Waited::Finished(place));
                }
                // One that stands before it may have finished since anybody looked: a loop of waits would never hear of that.
                Judged::Finished(_) => {
                    self.step(Until::Now, &[]);
                    has_looked = true;
                    continue;
                }
                Judged::Nothing if until.is_none() => return Ok(Waited::Nothing),
                Judged::Nothing | Judged::Wait if is_interrupted => return Ok(Waited::Interrupted),
                Judged::Nothing | Judged::Wait => {}
            }
            // Judging takes time with the number of rpcs: do it again only when something finished.
            while self.service.completions() == seen && !is_interrupted {
                is_interrupted = !self.step(Until::Forever, until.as_slice()).is_empty();
            }
            has_looked = true;
        }
    }

    /// How the call ended, after waiting like [`wait`](Self::wait). Also the same every time.
    ///
    /// # Errors
    /// `Misuse` on an idle rpc; else how the call failed.
    pub fn outcome(&mut self, rpc: RpcKey) -> Result<&Response, FetchError> {
        self.wait(rpc)?;
        match self.service.outcome(rpc) {
            Some(Ok(response)) => Ok(response),
            Some(Err(error)) => Err(error.clone()),
            None => Err(taken()),
        }
    }

    /// [`outcome`](Self::outcome) for the last time, moved out.
    ///
    /// # Errors
    /// As `outcome`.
    pub fn take_outcome(&mut self, rpc: RpcKey) -> Result<Response, FetchError> {
        self.wait(rpc)?;
        let outcome = self.service.take_outcome(rpc);
        outcome.unwrap_or_else(|| Err(taken()))
    }

    /// One turn of a caller's event loop: see [`Client::turn`](crate::Client::turn).
    pub fn turn(&mut self, client: ClientKey, others: &[&Pollable]) -> Turned {
        loop {
            self.act(|service, _| service.execute_next(client));
            let is_over = self.service.has_finished(client)
                || (others.is_empty() && self.service.running(client) == 0);
            let ready = self.step(if is_over { Until::Now } else { Until::Forever }, others);
            if is_over || !ready.is_empty() || self.service.has_finished(client) {
                return Turned {
                    finished: self.service.take_finished(client),
                    ready,
                };
            }
        }
    }

    /// Moves everything that can move, without blocking.
    pub fn progress(&mut self) {
        self.step(Until::Now, &[]);
    }

    /// Blocks until no rpc of the client is running.
    pub fn drain(&mut self, client: ClientKey) {
        while self.service.running(client) > 0 {
            self.act(|service, _| service.execute_next(client));
            self.step(Until::Forever, &[]);
        }
    }

    /// Drops an rpc and with it what it has out.
    pub fn drop_rpc(&mut self, rpc: RpcKey) {
        self.audience.ends(rpc);
        if self.service.drop_rpc(rpc) {
            self.transport.end(rpc.index());
        }
        if self.service.has_to_send() {
            self.send(self.transport.now());
        }
    }

    /// Cancels an rpc. True when it was running.
    pub fn cancel(&mut self, rpc: RpcKey) -> bool {
        let now = self.transport.now();
        let (was_running, was_out) = self.service.cancel(rpc, now);
        if was_out {
            self.end(rpc);
        }
        self.send(now);
        was_running
    }

    /// Blocks until something happens or `until` comes, and does all that follows from it. Returns the places of the
    /// `others` that are ready.
    pub(crate) fn step(&mut self, until: Until, others: &[&Pollable]) -> Vec<u32> {
        let until = self.earliest(until);
        let mut woken = mem::take(&mut self.woken);
        self.transport.wait(until, others, &mut woken);
        let now = self.transport.now();
        self.take_in(&mut woken, now);
        self.expire(&mut woken, now);
        self.send(now);
        self.audience.time_is(now);
        let ready = mem::take(&mut woken.others);
        self.woken = woken;
        ready
    }

    /// The first of `until`, the next deadline and the next timer.
    fn earliest(&mut self, until: Until) -> Until {
        let Until::Forever = until else { return until };
        let timer = self.audience.next_timer();
        let first = [self.service.next_deadline(), timer]
            .into_iter()
            .flatten()
            .min();
        first.map_or(Until::Forever, Until::At)
    }

    /// Whether a turn could ever make a difference.
    pub(crate) fn has_prospects(&mut self) -> bool {
        self.service.next_deadline().is_some() || self.audience.next_timer().is_some()
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
    pub(crate) fn advance(&mut self, rpc: RpcKey, now: Instant) -> bool {
        self.audience.moves(rpc);
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
        let goes_on = match &event {
            Event::Failed(failure) if let Some(code) = self.transport.service_code(rpc.index()) => {
                !self.service.handle_raised(rpc, code, &failure.detail, now)
            }
            _ => self.service.handle(rpc, event, now),
        };
        if !goes_on {
            self.end(rpc);
        }
    }

    /// Ends the calls whose deadline has passed, after hearing what the transport still has for them: nobody may have asked since
    /// it came (semantics.md 21.6).
    pub(crate) fn expire(&mut self, woken: &mut Woken, now: Instant) {
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
    pub(crate) fn send(&mut self, now: Instant) {
        while let Some((rpc, request)) = self.service.poll_send(now) {
            if let Some(event) = self.transport.send(rpc.index(), request, now) {
                self.feed(rpc, event, now);
            }
            // Whoever awaits it under another reactor watches for its deadline only, and now there is more to watch for.
            self.audience.moves(rpc);
        }
        while let Some(rpc) = self.service.poll_finished() {
            self.audience.has_finished(rpc);
        }
    }

    fn end(&mut self, rpc: RpcKey) {
        self.audience.ends(rpc);
        self.transport.end(rpc.index());
    }
}

/// Of a result that is there no more.
pub(crate) fn taken() -> FetchError {
    FetchError::local(ErrorKind::Misuse, "the result was taken before")
}
