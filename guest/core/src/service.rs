//! The service of one instance, long because every rule of an rpc's life is here: clients, rpcs, starting, finishing and waiting.
//! Semantics.md sections 1 to 6.
//!
//! It drives nothing. A driver sends what [`Service::poll_send`] gives, feeds what its transport sees to [`Service::handle`], tells
//! the time, and learns from [`Service::completions`] whether anything finished. Whether it does so in one loop or by a task for
//! each call makes no difference here.
use alloc::{collections::VecDeque, rc::Rc, vec::Vec};

use slab::Slab;

use crate::{
    Call, CurrentRequest, ErrorKind, Event, FetchError, Instant, Outgoing, Policy, Request,
    Response, Want, line::Line, queue::LaneKey, queue::Queue, time,
};

/// Names a client of a [`Service`] until it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientKey(usize);

/// Names an rpc of a [`Service`] until it is dropped; then the value may name another. What is unique for ever is [`Service::id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RpcKey(usize);

impl RpcKey {
    /// A small number, unique among the rpcs that exist: a place in a table.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// The life of an rpc: it never goes backwards, and `Finishing` is final (semantics.md 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Created.
    Idle,
    /// Started.
    Running,
    /// Over, well or not.
    Finishing,
}

/// What a wait for any of several rpcs is to do (semantics.md 6.1 to 6.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// There is no rpc.
    Nothing,
    /// The first finished one, by its place.
    Finished(usize),
    /// None has finished yet.
    Wait,
}

#[derive(Debug)]
struct Client {
    policy: Rc<Policy>,
    sealed: bool,
    serving: Option<CurrentRequest>,
    /// Whether somebody still holds it; it stays for its rpcs in any case.
    open: bool,
    rpcs: usize,
    running: usize,
    queue: Queue,
    /// Calls that development mode holds back, by age.
    held_back: Line,
    /// What finished since it was last reported, by order of completion; some of it has left since.
    unreported: Line,
}

#[derive(Debug)]
struct Rpc {
    id: u32,
    client: usize,
    deadline: Option<f64>,
    life: Life,
    /// None while it is idle. Not a part of `life`, so that it stays where it is when that goes on.
    call: Option<Call>,
}

#[derive(Clone, Copy, Debug)]
enum Life {
    Idle,
    Running {
        ticket: u64,
        place: Place,
    },
    Finishing {
        completion: u64,
        callback_due: bool,
        hooks_due: bool,
    },
}

impl Rpc {
    /// Its call, as long as it runs.
    fn running(&mut self) -> Option<&mut Call> {
        match self.life {
            Life::Running { .. } => self.call.as_mut(),
            _ => None,
        }
    }
}

/// Where a running call stands with its client's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    HeldBack,
    Waiting(LaneKey),
    Out(LaneKey),
}

/// In place of the completion of an rpc whose outcome was taken: the first is 1.
const TAKEN: u64 = 0;

/// See the module.
#[derive(Debug, Default)]
pub struct Service {
    clients: Slab<Client>,
    rpcs: Slab<Rpc>,
    last_id: u32,
    tickets: u64,
    completions: u64,
    admitted: VecDeque<(RpcKey, u32)>,
    finished: VecDeque<(RpcKey, u32)>,
    /// By instant: most calls have the same time, so that they stand in line as they come.
    deadlines: Line,
}

impl Service {
    /// Without clients.
    pub const fn new() -> Self {
        Self {
            clients: Slab::new(),
            rpcs: Slab::new(),
            last_id: 0,
            tickets: 0,
            completions: 0,
            admitted: VecDeque::new(),
            finished: VecDeque::new(),
            deadlines: Line::new(),
        }
    }

    /// A client with the documented defaults.
    pub fn open_client(&mut self) -> ClientKey {
        let policy = Rc::new(Policy::default());
        let queue = Queue::new(policy.max_in_flight());
        ClientKey(self.clients.insert(Client {
            policy,
            sealed: false,
            serving: None,
            open: true,
            rpcs: 0,
            running: 0,
            queue,
            held_back: Line::default(),
            unreported: Line::default(),
        }))
    }

    /// The client is held no more. Its rpcs keep it until the last of them is dropped; nothing is cancelled.
    pub fn close_client(&mut self, client: ClientKey) {
        self.clients[client.0].open = false;
        self.forget_client(client.0);
    }

    fn forget_client(&mut self, client: usize) {
        let unused = self
            .clients
            .get(client)
            .is_some_and(|client| !client.open && client.rpcs == 0);
        if unused {
            self.clients.remove(client);
        }
    }

    /// The client's settings.
    pub fn policy(&self, client: ClientKey) -> &Policy {
        &self.clients[client.0].policy
    }

    /// Changes the client's settings for the calls started from now on; limits of calls in flight hold for all. Fails with `Misuse`
    /// on a sealed client, and as `change` does: what that changed before it failed is changed.
    pub fn set_policy(
        &mut self,
        client: ClientKey,
        change: &mut dyn FnMut(&mut Policy) -> Result<(), ErrorKind>,
    ) -> Result<(), ErrorKind> {
        let entry = &mut self.clients[client.0];
        if entry.sealed {
            return Err(ErrorKind::Misuse);
        }
        let before = entry.policy.max_in_flight();
        let changed = change(Rc::make_mut(&mut entry.policy));
        let after = entry.policy.max_in_flight();
        if before != after {
            entry.queue.set_limits(after);
            self.admit(client.0);
        }
        changed
    }

    /// Refuses every further change of the client's settings. There is no way back.
    pub fn seal(&mut self, client: ClientKey) {
        self.clients[client.0].sealed = true;
    }

    /// The request being served, for the self-fetch rule (semantics.md 2.3); none skips it. Allowed on a sealed client.
    pub fn set_current_request(&mut self, client: ClientKey, serving: Option<CurrentRequest>) {
        self.clients[client.0].serving = serving;
    }

    /// An idle rpc. Takes the client's default when no deadline, in seconds, is given; one without meaning is `InvalidArgument`.
    pub fn create_rpc(
        &mut self,
        client: ClientKey,
        deadline: Option<f64>,
    ) -> Result<RpcKey, FetchError> {
        if deadline.is_some_and(|seconds| time::from_seconds(seconds).is_none()) {
            let detail = "deadline must be a finite number of seconds above zero";
            return Err(FetchError::local(ErrorKind::InvalidArgument, detail));
        }
        let deadline = deadline.or(self.policy(client).default_deadline());
        Ok(self.insert_rpc(client.0, deadline))
    }

    /// Another idle rpc of the same client with the same deadline. Fails with `Misuse` once the rpc was started (semantics.md 8.6).
    pub fn clone_rpc(&mut self, rpc: RpcKey) -> Result<RpcKey, FetchError> {
        let entry = &self.rpcs[rpc.0];
        match entry.life {
            Life::Idle => Ok(self.insert_rpc(entry.client, entry.deadline)),
            _ => Err(misuse("an rpc may be cloned before its make-fetch-call")),
        }
    }

    fn insert_rpc(&mut self, client: usize, deadline: Option<f64>) -> RpcKey {
        self.clients[client].rpcs += 1;
        self.last_id = self.last_id.wrapping_add(1);
        RpcKey(self.rpcs.insert(Rpc {
            id: self.last_id,
            client,
            deadline,
            life: Life::Idle,
            call: None,
        }))
    }

    /// Drops an rpc, ending its call silently. True when an exchange of it was out: the driver ends that.
    pub fn drop_rpc(&mut self, rpc: RpcKey) -> bool {
        let was_out = self.leave_queue(rpc);
        let entry = self.rpcs.remove(rpc.0);
        let client = &mut self.clients[entry.client];
        client.rpcs -= 1;
        if let Life::Running { .. } = entry.life {
            client.running -= 1;
        }
        // Else a program that never asks what has finished would keep all of it.
        let rpcs = &self.rpcs;
        client.unreported.forget(client.rpcs, |completion, rpc| {
            completed(rpcs, rpc, completion)
        });
        self.admit(entry.client);
        self.forget_client(entry.client);
        was_out
    }

    /// Unique in the instance and never used again.
    pub fn id(&self, rpc: RpcKey) -> u32 {
        self.rpcs[rpc.0].id
    }

    /// Seconds: what was given, or the client's default at creation.
    pub fn deadline(&self, rpc: RpcKey) -> Option<f64> {
        self.rpcs[rpc.0].deadline
    }

    /// Where the rpc is in its life.
    pub fn state(&self, rpc: RpcKey) -> State {
        match self.rpcs[rpc.0].life {
            Life::Idle => State::Idle,
            Life::Running { .. } => State::Running,
            Life::Finishing { .. } => State::Finishing,
        }
    }

    /// The call, once it was started.
    pub fn call(&self, rpc: RpcKey) -> Option<&Call> {
        self.rpcs[rpc.0].call.as_ref()
    }

    /// The checks of make-fetch-call that fail at once, in the order of semantics.md section 2; hooks run after them, then
    /// [`start`](Self::start).
    pub fn check(&self, rpc: RpcKey, request: &Request) -> Result<(), FetchError> {
        let entry = &self.rpcs[rpc.0];
        let client = &self.clients[entry.client];
        request.check(&client.policy, client.serving.as_ref())?;
        match entry.life {
            Life::Idle => Ok(()),
            _ => Err(misuse(
                "make-fetch-call was called before on this rpc: one rpc is one fetch",
            )),
        }
    }

    /// Starts the call and its deadline. The request was [checked](Self::check), with nothing in between: an rpc that is not idle
    /// stays as it is. A call that cannot be sent is finished at once.
    pub fn start(&mut self, rpc: RpcKey, request: Request, now: Instant) {
        let entry = &mut self.rpcs[rpc.0];
        if !matches!(entry.life, Life::Idle) {
            return;
        }
        let client = &mut self.clients[entry.client];
        let call = Call::new(request, Rc::clone(&client.policy), entry.deadline, now);
        self.tickets += 1;
        client.running += 1;
        self.deadlines.insert(call.deadline().as_nanos(), rpc.0);
        entry.life = Life::Running {
            ticket: self.tickets,
            place: Place::HeldBack,
        };
        let is_sendable = call.want() == Want::Send;
        entry.call = Some(call);
        if client.policy.development && is_sendable {
            client.held_back.insert(self.tickets, rpc.0);
        } else {
            self.settle(rpc);
        }
        // Else a long maximum would keep the deadlines of finished calls for as long.
        let rpcs = &self.rpcs;
        self.deadlines
            .forget(rpcs.len(), |at, rpc| ends_at(rpcs, rpc, at));
    }

    /// Whether [`poll_send`](Self::poll_send) may have anything: else nobody need ask for the time.
    pub fn has_to_send(&self) -> bool {
        !self.admitted.is_empty()
    }

    /// The next exchange to hand to the transport.
    pub fn poll_send(&mut self, now: Instant) -> Option<(RpcKey, Outgoing<'_>)> {
        let rpc = self.next_admitted(now)?;
        let call = self.rpcs[rpc.0].call.as_mut()?;
        Some((rpc, call.send(now)?))
    }

    fn next_admitted(&mut self, now: Instant) -> Option<RpcKey> {
        loop {
            let (rpc, id) = self.admitted.pop_front()?;
            // What was admitted may have been dropped, cancelled or timed out since.
            let Some(entry) = self.rpcs.get(rpc.0).filter(|entry| entry.id == id) else {
                continue;
            };
            let (
                Life::Running {
                    place: Place::Out(_),
                    ..
                },
                Some(call),
            ) = (entry.life, &entry.call)
            else {
                continue;
            };
            if call.want() != Want::Send {
                continue;
            }
            if call.deadline() > now {
                return Some(rpc);
            }
            self.handle_timeout(rpc, now);
        }
    }

    /// How many bytes the exchange of this rpc may deliver at once; none when it has none out.
    pub fn appetite(&self, rpc: RpcKey) -> Option<usize> {
        match self.rpcs.get(rpc.0)?.call.as_ref()?.want() {
            Want::Event { at_most } => Some(at_most),
            _ => None,
        }
    }

    /// Takes what the transport saw of the rpc's exchange. False when that exchange is over, or there is none: the driver ends it.
    pub fn handle(&mut self, rpc: RpcKey, event: Event, now: Instant) -> bool {
        let Some(call) = self.rpcs.get_mut(rpc.0).and_then(Rpc::running) else {
            return false;
        };
        if !matches!(call.want(), Want::Event { .. }) {
            return false;
        }
        call.handle(event, now);
        if matches!(call.want(), Want::Event { .. }) {
            return true;
        }
        self.settle(rpc);
        false
    }

    /// When the next deadline is.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        loop {
            let (at, rpc) = self.deadlines.first()?;
            if ends_at(&self.rpcs, rpc, at) {
                return Some(Instant::from_nanos(at));
            }
            self.deadlines.pop_first();
        }
    }

    /// An rpc whose deadline has passed: let the transport say what it has (semantics.md 21.6), then call
    /// [`handle_timeout`](Self::handle_timeout). Each is named once.
    pub fn poll_expired(&mut self, now: Instant) -> Option<RpcKey> {
        loop {
            let (at, rpc) = self.deadlines.first()?;
            if at > now.as_nanos() {
                return None;
            }
            self.deadlines.pop_first();
            if ends_at(&self.rpcs, rpc, at) {
                return Some(RpcKey(rpc));
            }
        }
    }

    /// Ends the call when its deadline has passed. True when an exchange of it was out: the driver ends that.
    pub fn handle_timeout(&mut self, rpc: RpcKey, now: Instant) -> bool {
        self.end(rpc, |call| call.handle_timeout(now))
    }

    /// Ends the call as its service says: see [`Call::handle_raised`]. True when an exchange of it was out: the driver ends that.
    pub fn handle_raised(&mut self, rpc: RpcKey, code: u32, detail: &str, now: Instant) -> bool {
        self.end(rpc, |call| call.handle_raised(code, detail, now))
    }

    /// Ends the call. The first is true when it was running, the second when an exchange of it was out: the driver ends that.
    pub fn cancel(&mut self, rpc: RpcKey, now: Instant) -> (bool, bool) {
        let mut was_running = false;
        let was_out = self.end(rpc, |call| was_running = call.cancel(now));
        (was_running, was_out)
    }

    fn end(&mut self, rpc: RpcKey, how: impl FnOnce(&mut Call)) -> bool {
        let was_out = self.appetite(rpc).is_some();
        let Some(call) = self.rpcs[rpc.0].running() else {
            return false;
        };
        how(call);
        if call.want() != Want::Nothing {
            return false;
        }
        self.settle(rpc);
        was_out
    }

    /// Sends a call that development mode holds back: something waits for it.
    pub fn execute(&mut self, rpc: RpcKey) {
        let entry = &self.rpcs[rpc.0];
        let (client, life) = (entry.client, entry.life);
        if let Life::Running {
            ticket,
            place: Place::HeldBack,
        } = life
        {
            self.clients[client].held_back.remove(ticket, rpc.0);
            self.settle(rpc);
        }
    }

    /// Sends the oldest call that the client's development mode holds back, unless another of them is out.
    pub fn execute_next(&mut self, client: ClientKey) {
        let entry = &self.clients[client.0];
        let nothing_is_out = entry.running == entry.held_back.len();
        if let (true, Some((_, rpc))) = (nothing_is_out, entry.held_back.first()) {
            self.execute(RpcKey(rpc));
        }
    }

    /// Whether nothing is left of a client's calls, so that what it holds cannot grow for ever.
    #[cfg(test)]
    pub(crate) fn is_at_rest(&self, client: ClientKey) -> bool {
        let entry = &self.clients[client.0];
        entry.queue.is_empty()
            && entry.queue.out() == 0
            && entry.held_back.is_empty()
            && entry.unreported.len() < crate::line::FORGETTING
            && (entry.running, entry.rpcs) == (0, 0)
    }

    /// Calls of this client that hold a place among those in flight.
    #[cfg(test)]
    pub(crate) fn in_flight(&self, client: ClientKey) -> u32 {
        self.clients[client.0].queue.out()
    }

    /// The same, to each origin.
    #[cfg(test)]
    pub(crate) fn in_flight_by_origin(&self, client: ClientKey) -> Vec<(&str, u32)> {
        self.clients[client.0].queue.out_by_origin()
    }

    /// How many finished rpcs of this client are remembered as not reported, those that have left included.
    #[cfg(test)]
    pub(crate) fn unreported(&self, client: ClientKey) -> usize {
        self.clients[client.0].unreported.len()
    }

    /// Clients and rpcs that exist, and deadlines that are remembered.
    #[cfg(test)]
    pub(crate) fn population(&self) -> (usize, usize, usize) {
        (self.clients.len(), self.rpcs.len(), self.deadlines.len())
    }

    /// Brings rpc and queue in line with what the call wants now, after its exchange, if there was one, is over.
    fn settle(&mut self, rpc: RpcKey) {
        self.leave_queue(rpc);
        let entry = &mut self.rpcs[rpc.0];
        let (client_key, id) = (entry.client, entry.id);
        let client = &mut self.clients[client_key];
        let (Life::Running { ticket, .. }, Some(call)) = (entry.life, &entry.call) else {
            return;
        };
        if call.want() == Want::Nothing {
            self.completions += 1;
            client.running -= 1;
            client.unreported.insert(self.completions, rpc.0);
            self.finished.push_back((rpc, id));
            entry.life = Life::Finishing {
                completion: self.completions,
                callback_due: true,
                hooks_due: true,
            };
        } else {
            let lane = client.queue.push(call.origin(), ticket, rpc.0);
            entry.life = Life::Running {
                ticket,
                place: Place::Waiting(lane),
            };
        }
        self.admit(client_key);
    }

    /// Gives up the rpc's place among its client's calls, whatever it is. True when it was out with an exchange.
    fn leave_queue(&mut self, rpc: RpcKey) -> bool {
        let Some(entry) = self.rpcs.get_mut(rpc.0) else {
            return false;
        };
        let client = &mut self.clients[entry.client];
        let Life::Running { ticket, place } = &mut entry.life else {
            return false;
        };
        match core::mem::replace(place, Place::HeldBack) {
            Place::HeldBack => {
                client.held_back.remove(*ticket, rpc.0);
                false
            }
            Place::Waiting(lane) => {
                client.queue.withdraw(lane, *ticket, rpc.0);
                false
            }
            Place::Out(lane) => {
                client.queue.release(lane);
                self.appetite(rpc).is_some()
            }
        }
    }

    /// Lets out what the client's queue has room for.
    fn admit(&mut self, client: usize) {
        let Some(client) = self.clients.get_mut(client) else {
            return;
        };
        while let Some(rpc) = client.queue.pop().map(RpcKey) {
            let entry = &mut self.rpcs[rpc.0];
            if let Life::Running { place, .. } = &mut entry.life
                && let Place::Waiting(lane) = *place
            {
                *place = Place::Out(lane);
                self.admitted.push_back((rpc, entry.id));
            }
        }
    }

    /// Counts what has finished, of all clients: unchanged means that no wait can have ended.
    pub fn completions(&self) -> u64 {
        self.completions
    }

    /// What has finished since it was last asked, of all clients, in order: for a driver, which asks after every action and tells
    /// those who wait.
    pub fn poll_finished(&mut self) -> Option<RpcKey> {
        loop {
            let (rpc, id) = self.finished.pop_front()?;
            // It may have been dropped since, and its key given to another.
            if self.rpcs.get(rpc.0).is_some_and(|entry| entry.id == id) {
                return Some(rpc);
            }
        }
    }

    /// The rpc at this place, if there is one.
    pub fn key(&self, index: usize) -> Option<RpcKey> {
        self.rpcs.contains(index).then_some(RpcKey(index))
    }

    /// Calls of this client that are running.
    pub fn running(&self, client: ClientKey) -> usize {
        self.clients[client.0].running
    }

    /// Ids of the client's rpcs that finished and were not named before, in order of completion.
    pub fn take_finished(&mut self, client: ClientKey) -> Vec<u32> {
        let mut ids = Vec::new();
        while let Some((completion, rpc)) = self.clients[client.0].unreported.pop_first() {
            if completed(&self.rpcs, rpc, completion) {
                ids.push(self.rpcs[rpc].id);
            }
        }
        ids
    }

    /// Whether [`take_finished`](Self::take_finished) has anything.
    pub fn has_finished(&mut self, client: ClientKey) -> bool {
        let unreported = &mut self.clients[client.0].unreported;
        while let Some((completion, rpc)) = unreported.first() {
            if completed(&self.rpcs, rpc, completion) {
                return true;
            }
            unreported.pop_first();
        }
        false
    }

    /// Fails with `Misuse` on an idle rpc, which no wait could end.
    pub fn check_started(&self, rpc: RpcKey) -> Result<(), FetchError> {
        match self.state(rpc) {
            State::Idle => Err(misuse("waiting for an rpc before its make-fetch-call")),
            _ => Ok(()),
        }
    }

    /// Whether the callback is to run now. True once in the life of a finished rpc: the mark is gone before the callback runs.
    pub fn take_callback_due(&mut self, rpc: RpcKey) -> bool {
        match &mut self.rpcs[rpc.0].life {
            Life::Finishing { callback_due, .. } => core::mem::take(callback_due),
            _ => false,
        }
    }

    /// Whether the post-call hooks are to run now. True once in the life of a finished rpc (semantics.md 7.1).
    pub fn take_hooks_due(&mut self, rpc: RpcKey) -> bool {
        match &mut self.rpcs[rpc.0].life {
            Life::Finishing { hooks_due, .. } => core::mem::take(hooks_due),
            _ => false,
        }
    }

    /// How the call ended; none before. The same every time.
    pub fn outcome(&self, rpc: RpcKey) -> Option<&Result<Response, FetchError>> {
        self.call(rpc)?.outcome()
    }

    /// How the call ended as check-success tells it: see [`Call::success`].
    pub fn success(&self, rpc: RpcKey) -> Option<Result<&Response, &FetchError>> {
        self.call(rpc)?.success()
    }

    /// How the call ended, moved out: the next to ask gets `Misuse`. No [`take_finished`](Self::take_finished) names the rpc any more.
    pub fn take_outcome(&mut self, rpc: RpcKey) -> Option<Result<Response, FetchError>> {
        let entry = &mut self.rpcs[rpc.0];
        let Life::Finishing { completion, .. } = &mut entry.life else {
            return None;
        };
        *completion = TAKEN;
        entry.call.as_mut()?.take_outcome()
    }

    /// Judges a wait for any of these, in the collection's order. Fails with `Misuse` when one is idle. In development mode the last
    /// running one is executed when none has finished and the wait `blocks` (semantics.md 6.9).
    pub fn judge(&mut self, rpcs: &[RpcKey], blocks: bool) -> Result<Judged, FetchError> {
        if rpcs.is_empty() {
            return Ok(Judged::Nothing);
        }
        for &rpc in rpcs {
            self.check_started(rpc)?;
        }
        let finished = rpcs
            .iter()
            .position(|&rpc| self.state(rpc) == State::Finishing);
        if let Some(first) = finished {
            return Ok(Judged::Finished(first));
        }
        if let (true, Some(&last)) = (blocks, rpcs.last()) {
            self.execute(last);
        }
        Ok(Judged::Wait)
    }
}

/// Whether this rpc is running, and this is its deadline.
fn ends_at(rpcs: &Slab<Rpc>, rpc: usize, at: u64) -> bool {
    rpcs.get(rpc).is_some_and(|entry| {
        let call = entry
            .call
            .as_ref()
            .filter(|call| call.want() != Want::Nothing);
        call.is_some_and(|call| call.deadline().as_nanos() == at)
    })
}

/// Whether this rpc finished as this completion, and its outcome is still there.
fn completed(rpcs: &Slab<Rpc>, rpc: usize, completion: u64) -> bool {
    rpcs.get(rpc).is_some_and(
        |entry| matches!(entry.life, Life::Finishing { completion: own, .. } if own == completion),
    )
}

fn misuse(detail: &str) -> FetchError {
    FetchError::local(ErrorKind::Misuse, detail)
}
