//! Sequences of operations on a `Service`, with a driver that keeps the contract; long because one model says all that must hold.
//!
//! After each step the driver hands over what may go out, ends what is over and asks what has finished; then the model is compared
//! with the service. At the end of the program the world ends: time passes every deadline, and everything that was started is over.
use std::{collections::BTreeSet, time::Duration};

mod known;
mod step;

use arbitrary::Arbitrary;
use known::{Known, Sent, Started, check_credentials, check_outcome, check_outgoing};
use step::{Line, Step};
use urlfetch_core::{
    ClientKey, ErrorKind, Event, Headers, Instant, Judged, Policy, Request, RpcKey, Service, State,
    headers,
};

/// A program.
#[derive(Arbitrary, Debug)]
pub struct Input {
    steps: Vec<Step>,
}

struct Model {
    service: Service,
    now: Instant,
    clients: [Option<ClientKey>; 2],
    /// What a client permitted when it was closed: its rpcs live on.
    last_policies: [Policy; 2],
    sealed: [bool; 2],
    rpcs: Vec<Known>,
    ids: BTreeSet<u32>,
    started: u64,
    /// What `take_finished` will say, for each client.
    unreported: [Vec<u32>; 2],
}

/// Runs a program and panics when something does not hold.
pub fn check(input: Input) {
    let mut model = Model::new();
    for step in input.steps {
        model.take(step);
        model.pump();
        model.check();
    }
    model.end();
}

impl Model {
    fn new() -> Self {
        let mut service = Service::new();
        let clients = [(); 2].map(|()| Some(service.open_client()));
        Self {
            service,
            now: Instant::from_nanos(1),
            clients,
            last_policies: Default::default(),
            sealed: [false; 2],
            rpcs: Vec::new(),
            ids: BTreeSet::new(),
            started: 0,
            unreported: [const { Vec::new() }; 2],
        }
    }

    fn pick(&self, rpc: u8) -> Option<usize> {
        (!self.rpcs.is_empty()).then(|| usize::from(rpc) % self.rpcs.len())
    }

    fn open(&self, second: bool) -> Option<(usize, ClientKey)> {
        let client = usize::from(second);
        Some((client, self.clients[client]?))
    }

    fn policy(&self, client: usize) -> Policy {
        match self.clients[client] {
            Some(key) => self.service.policy(key).clone(),
            None => self.last_policies[client].clone(),
        }
    }

    fn take(&mut self, step: Step) {
        // A step that names nothing does nothing.
        let _ = self.try_take(step);
    }

    fn try_take(&mut self, step: Step) -> Option<()> {
        match step {
            Step::Create {
                second_client,
                deadline,
            } => {
                let (client, key) = self.open(second_client)?;
                let seconds = deadline.map(|tenths| f64::from(tenths) / 10.0);
                let created = self.service.create_rpc(key, seconds);
                assert_eq!(created.is_ok(), deadline != Some(0));
                let key = created.ok()?;
                let id = self.service.id(key);
                assert!(self.ids.insert(id), "an id is never used again");
                self.rpcs.push(Known {
                    key,
                    id,
                    client,
                    state: State::Idle,
                    started: None,
                    callbacks: 0,
                    hooks: 0,
                    named: 0,
                    reported: 0,
                    end: None,
                    taken: false,
                });
            }
            Step::Start { rpc, asked } => self.start(rpc, asked.request())?,
            Step::Feed { rpc, seen } => {
                let index = self.pick(rpc)?;
                self.feed(index, seen.event());
            }
            Step::Redirect { rpc, status, place } => {
                let index = self.pick(rpc)?;
                let lines = vec![Line::Location(place).text()];
                let status = [301, 302, 303, 307, 308][usize::from(status) % 5];
                self.feed(
                    index,
                    Event::Head {
                        status,
                        headers: lines,
                    },
                );
            }
            Step::Answer { rpc, body } => {
                let index = self.pick(rpc)?;
                self.answer(index, body);
            }
            Step::Cancel { rpc } => {
                let index = self.pick(rpc)?;
                let known = &mut self.rpcs[index];
                let expected = (known.state == State::Running, known.is_out());
                assert_eq!(self.service.cancel(known.key, self.now), expected);
                known.come_back();
            }
            Step::Drop { rpc } => self.drop_rpc(self.pick(rpc)?),
            Step::Pass { millis } => {
                let length = Duration::from_millis(u64::from(millis) * 10);
                self.now = self.now.after(length);
                self.expire();
            }
            Step::Limits {
                second_client,
                total,
                per_origin,
            } => {
                let (total, per_origin) = (u32::from(total % 4), u32::from(per_origin % 4));
                let sensible = total > 0 && per_origin > 0;
                self.set(second_client, sensible, |policy| {
                    policy.set_max_in_flight(total, per_origin)
                })?;
            }
            Step::Policy {
                second_client,
                redirects,
                kept,
                switches,
            } => self.set(second_client, kept > 0, |policy| {
                policy.follow_308 = switches & 1 != 0;
                policy.allow_private = switches & 2 != 0;
                policy.validate_anyway = switches & 4 != 0;
                policy.development = switches & 8 != 0;
                policy.keep_credentials = switches & 16 != 0;
                policy.set_max_redirects(u32::from(redirects % 4))?;
                policy.set_max_response(kept.into())
            })?,
            Step::Seal { second_client } => {
                let (client, key) = self.open(second_client)?;
                self.service.seal(key);
                self.sealed[client] = true;
            }
            Step::Execute { rpc } => {
                let index = self.pick(rpc)?;
                self.execute(index);
            }
            Step::ExecuteNext { second_client } => {
                let (client, key) = self.open(second_client)?;
                self.service.execute_next(key);
                let own = |known: &&mut Known| known.client == client && known.is_running();
                let is_held =
                    |known: &Known| known.started.as_ref().is_some_and(|call| call.held_back);
                if self.rpcs.iter_mut().filter(own).all(|known| is_held(known)) {
                    let held = self.rpcs.iter_mut().filter(own);
                    let oldest = held
                        .filter_map(|known| known.started.as_mut())
                        .min_by_key(|call| call.age);
                    oldest?.held_back = false;
                }
            }
            Step::Judge { rpcs, blocks } => self.judge(rpcs, blocks),
            Step::TakeCallback { rpc } => {
                let index = self.pick(rpc)?;
                self.take_callback(index);
            }
            Step::TakeHooks { rpc } => {
                let index = self.pick(rpc)?;
                let known = &mut self.rpcs[index];
                let due = self.service.take_hooks_due(known.key);
                assert_eq!(due, known.state == State::Finishing && known.hooks == 0);
                known.hooks += u32::from(due);
            }
            Step::TakeFinished { second_client } => {
                let (client, key) = self.open(second_client)?;
                let expected = std::mem::take(&mut self.unreported[client]);
                assert_eq!(self.service.has_finished(key), !expected.is_empty());
                assert_eq!(
                    self.service.take_finished(key),
                    expected,
                    "in order of completion"
                );
                for known in &mut self.rpcs {
                    known.reported += u32::from(expected.contains(&known.id));
                    assert!(known.reported <= 1);
                }
            }
            Step::TakeOutcome { rpc } => {
                let index = self.pick(rpc)?;
                let known = &mut self.rpcs[index];
                let taken = self.service.take_outcome(known.key);
                assert_eq!(taken.is_some(), known.state == State::Finishing);
                if known.taken {
                    assert!(taken.is_some_and(|outcome| {
                        outcome.is_err_and(|error| error.kind == ErrorKind::Misuse)
                    }));
                } else {
                    assert_eq!(taken, known.end, "a result never changes");
                    known.taken = taken.is_some();
                }
                if known.taken {
                    self.unreported[known.client].retain(|id| *id != known.id);
                }
            }
            Step::CloseClient { second_client } => {
                let (client, key) = self.open(second_client)?;
                self.last_policies[client] = self.service.policy(key).clone();
                self.service.close_client(key);
                self.clients[client] = None;
            }
        }
        Some(())
    }

    fn start(&mut self, rpc: u8, request: Request) -> Option<()> {
        let index = self.pick(rpc)?;
        let known = &self.rpcs[index];
        let policy = self.policy(known.client);
        if let Err(error) = self.service.check(known.key, &request) {
            assert_eq!(error.phase.name(), "local");
            return None;
        }
        assert_eq!(known.state, State::Idle, "one rpc is one fetch");
        let deadline = self
            .now
            .after(policy.allowance(self.service.deadline(known.key)));
        self.service.start(known.key, request.clone(), self.now);
        self.started += 1;
        let call = self.service.call(known.key).expect("it was started");
        assert_eq!((call.deadline(), call.started_at()), (deadline, self.now));
        let rejected: Vec<_> = request
            .headers
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| headers::is_protected(name))
            .collect();
        assert_eq!(call.rejected_headers(), rejected);
        self.rpcs[index].started = Some(Started {
            age: self.started,
            held_back: policy.development,
            policy,
            request,
            deadline,
            origin: None,
            has_left: false,
            sent: Vec::new(),
            out: None,
        });
        Some(())
    }

    fn set(
        &mut self,
        second: bool,
        sensible: bool,
        mut change: impl FnMut(&mut Policy) -> Result<(), ErrorKind>,
    ) -> Option<()> {
        let (client, key) = self.open(second)?;
        let expected = match (self.sealed[client], sensible) {
            (true, _) => Err(ErrorKind::Misuse),
            (false, true) => Ok(()),
            (false, false) => Err(ErrorKind::InvalidArgument),
        };
        assert_eq!(self.service.set_policy(key, &mut change), expected);
        Some(())
    }

    fn feed(&mut self, index: usize, event: Event) {
        let known = &mut self.rpcs[index];
        let goes_on = self.service.handle(known.key, event, self.now);
        assert!(known.is_out() || !goes_on, "there is nothing to go on with");
        if !goes_on {
            known.come_back();
        }
    }

    fn answer(&mut self, index: usize, body: Vec<u8>) {
        let head = Event::Head {
            status: 200,
            headers: Headers::new(),
        };
        self.feed(index, head);
        if !body.is_empty() {
            self.feed(index, Event::Piece(body));
        }
        self.feed(index, Event::End);
        assert!(!self.rpcs[index].is_out(), "an answer ends the exchange");
    }

    fn execute(&mut self, index: usize) {
        let known = &mut self.rpcs[index];
        self.service.execute(known.key);
        if let Some(call) = &mut known.started {
            call.held_back = false;
        }
    }

    fn judge(&mut self, rpcs: [u8; 3], blocks: bool) {
        let members: Vec<_> = rpcs.into_iter().filter_map(|rpc| self.pick(rpc)).collect();
        let keys: Vec<_> = members.iter().map(|&index| self.rpcs[index].key).collect();
        let states: Vec<_> = members
            .iter()
            .map(|&index| self.rpcs[index].state)
            .collect();
        let first = states.iter().position(|state| *state == State::Finishing);
        match self.service.judge(&keys, blocks) {
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Misuse);
                assert!(states.contains(&State::Idle));
            }
            Ok(judged) => {
                assert!(!states.contains(&State::Idle));
                let expected = match (states.is_empty(), first) {
                    (true, _) => Judged::Nothing,
                    (false, Some(first)) => Judged::Finished(first),
                    (false, None) => Judged::Wait,
                };
                assert_eq!(judged, expected);
                if let (Judged::Wait, true, Some(&last)) = (judged, blocks, members.last())
                    && let Some(call) = &mut self.rpcs[last].started
                {
                    call.held_back = false;
                }
            }
        }
    }

    fn take_callback(&mut self, index: usize) {
        let known = &mut self.rpcs[index];
        let due = self.service.take_callback_due(known.key);
        assert_eq!(due, known.state == State::Finishing && known.callbacks == 0);
        known.callbacks += u32::from(due);
    }

    fn drop_rpc(&mut self, index: usize) {
        let known = self.rpcs.remove(index);
        assert_eq!(self.service.drop_rpc(known.key), known.is_out());
        self.unreported[known.client].retain(|id| *id != known.id);
    }

    /// What a driver does when time has passed.
    fn expire(&mut self) {
        let mut named = BTreeSet::new();
        while let Some(key) = self.service.poll_expired(self.now) {
            assert!(named.insert(key), "each is named once");
            let known = self
                .rpcs
                .iter_mut()
                .find(|known| known.key == key)
                .expect("it exists");
            assert_eq!(self.service.handle_timeout(key, self.now), known.is_out());
            known.come_back();
            assert_eq!(self.service.state(key), State::Finishing);
        }
    }

    /// What a driver does after everything.
    fn pump(&mut self) {
        for known in &mut self.rpcs {
            let state = self.service.state(known.key);
            assert!(
                state as u8 >= known.state as u8,
                "a life never goes backwards"
            );
            known.state = state;
        }
        while let Some((key, outgoing)) = self.service.poll_send(self.now) {
            let sent = Sent::of(outgoing);
            self.sent(key, &sent);
        }
        while let Some(key) = self.service.poll_finished() {
            let known = self
                .rpcs
                .iter_mut()
                .find(|known| known.key == key)
                .expect("it exists");
            known.named += 1;
            assert_eq!((known.named, known.state), (1, State::Finishing));
            self.unreported[known.client].push(known.id);
        }
    }

    /// An exchange goes out: what it may look like, and whether it is its turn.
    fn sent(&mut self, key: RpcKey, outgoing: &Sent) {
        let index = self
            .rpcs
            .iter()
            .position(|known| known.key == key)
            .expect("it exists");
        let origin = outgoing.url.origin().to_owned();
        let (client, age) = {
            let known = &self.rpcs[index];
            assert!(known.is_running(), "nothing is sent for what is over");
            assert!(!known.is_out(), "one exchange at a time");
            let call = known.started.as_ref().expect("it was started");
            assert!(!call.held_back, "nothing waits for it");
            check_outgoing(call, outgoing, self.now);
            (known.client, call.age)
        };
        for other in self
            .rpcs
            .iter()
            .filter(|other| other.client == client && other.is_waiting())
        {
            let older = other.started.as_ref().is_some_and(|call| call.age < age);
            let there = self
                .service
                .call(other.key)
                .is_some_and(|call| call.origin() == origin);
            assert!(!(older && there), "the oldest goes first");
        }
        let (total, per_origin) = self.policy(client).max_in_flight();
        let (out, at_origin) = self.out(client, &origin);
        assert!(
            out < total && at_origin < per_origin,
            "in flight stays within the limits"
        );
        let call = self.rpcs[index].started.as_mut().expect("it was started");
        call.sent.push(outgoing.url.as_str().to_owned());
        call.has_left |= call.origin.as_ref().is_some_and(|before| *before != origin);
        call.origin = Some(origin.clone());
        call.out = Some(origin);
        check_credentials(call, outgoing);
    }

    /// Exchanges of a client, in total and to one origin.
    fn out(&self, client: usize, origin: &str) -> (u32, u32) {
        let calls = self.rpcs.iter().filter(|known| known.client == client);
        let out: Vec<_> = calls
            .filter_map(|known| known.started.as_ref()?.out.as_deref())
            .collect();
        let there = out.iter().filter(|other| **other == origin).count();
        (out.len() as u32, there as u32)
    }

    /// What must hold after every step.
    fn check(&mut self) {
        for index in 0..self.rpcs.len() {
            self.check_rpc(index);
        }
        let deadlines = self.rpcs.iter().filter(|known| known.is_running());
        let next = deadlines
            .filter_map(|known| Some(known.started.as_ref()?.deadline))
            .min();
        assert_eq!(self.service.next_deadline(), next);
        for client in 0..2 {
            if let Some(key) = self.clients[client] {
                let own = self.rpcs.iter().filter(|known| known.client == client);
                assert_eq!(
                    self.service.running(key),
                    own.filter(|known| known.is_running()).count()
                );
            }
            // No place is left empty that a waiting call could have.
            let (total, per_origin) = self.policy(client).max_in_flight();
            for known in self
                .rpcs
                .iter()
                .filter(|known| known.client == client && known.is_waiting())
            {
                let call = self.service.call(known.key).expect("it was started");
                let (out, at_origin) = self.out(client, call.origin());
                assert!(out >= total || at_origin >= per_origin, "a place is free");
            }
        }
    }

    fn check_rpc(&mut self, index: usize) {
        let known = &mut self.rpcs[index];
        let state = known.state;
        assert_eq!(self.service.state(known.key), state);
        assert_eq!(self.service.id(known.key), known.id);
        assert_eq!(state == State::Idle, known.started.is_none());
        assert_eq!(self.service.appetite(known.key).is_some(), known.is_out());
        assert_eq!(
            self.service.check_started(known.key).is_err(),
            state == State::Idle
        );
        assert_eq!(
            known.named == 1,
            state == State::Finishing,
            "it is named when it is finished"
        );
        let (Some(call), Some(started)) = (self.service.call(known.key), &known.started) else {
            return;
        };
        let urls: Vec<_> = call.hops().iter().map(|hop| hop.url.as_str()).collect();
        assert_eq!(urls, started.sent, "each exchange is a hop");
        assert!(urls.len() <= started.policy.max_redirects() as usize + 1);
        for hop in call.hops() {
            let head = hop.head_at.unwrap_or(hop.started_at);
            assert!(started.deadline > hop.started_at && hop.started_at <= head);
            assert!(hop.ended_at.is_none_or(|end| end >= head));
        }
        assert!(call.received() <= started.policy.max_response() as u64);
        if known.taken {
            return;
        }
        let outcome = self.service.outcome(known.key);
        assert_eq!(outcome.is_some(), state == State::Finishing);
        let Some(outcome) = outcome else { return };
        assert!(call.hops().iter().all(|hop| hop.ended_at.is_some()));
        if known.end.is_none() {
            check_outcome(started, call.hops().len(), call.received(), outcome);
            known.end = Some(outcome.clone());
        }
        assert_eq!(known.end.as_ref(), Some(outcome), "a result never changes");
    }

    /// The world ends: whatever was started is over, is due once, and leaves nothing.
    fn end(&mut self) {
        self.now = self.now.after(Duration::from_secs(61));
        self.expire();
        self.pump();
        self.check();
        for index in 0..self.rpcs.len() {
            assert!(!self.rpcs[index].is_running(), "what was started ends");
            self.take_callback(index);
            let known = &self.rpcs[index];
            assert_eq!(
                known.callbacks,
                u32::from(known.started.is_some()),
                "due exactly once"
            );
        }
        for client in self.clients.iter().flatten() {
            assert_eq!(self.service.running(*client), 0);
        }
        while !self.rpcs.is_empty() {
            self.drop_rpc(self.rpcs.len() / 2);
        }
        assert!(self.service.poll_send(self.now).is_none());
        assert_eq!(self.service.next_deadline(), None);
        assert_eq!(self.service.poll_finished(), None);
        for client in self.clients.iter().flatten() {
            assert!(!self.service.has_finished(*client));
        }
    }
}
