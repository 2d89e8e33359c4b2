//! The invariants of core under random programs, nonsense included; long because one model asserts them all.
//!
//! After every step of a program the model is compared with the service; at the end everything is finished and then dropped.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::programs::{Step, URLS, step};
use crate::{
    ClientKey, CurrentRequest, ErrorKind, Event, FetchError, Headers, Hop, Instant, Judged, Policy,
    Request, Response, RpcKey, Service, State,
};

/// What the model knows of one rpc.
#[derive(Debug)]
struct Known {
    key: RpcKey,
    id: u32,
    client: usize,
    state: State,
    /// When it was started, with the limits of that moment: redirects and bytes kept.
    started: Option<(u32, usize)>,
    deadline: Option<Instant>,
    callbacks: u32,
    hooks: u32,
    reported: u32,
    end: Option<(Result<Response, FetchError>, Vec<Hop>, u64)>,
    /// The outcome was taken: only dropping is left.
    taken: bool,
}

struct Model {
    service: Service,
    now: Instant,
    clients: Vec<Option<ClientKey>>,
    current: usize,
    rpcs: Vec<Known>,
    ids: BTreeSet<u32>,
    /// Calls in flight of each client, by origin, after the step before.
    in_flight_before: Vec<BTreeMap<String, u32>>,
}

impl Model {
    fn new() -> Self {
        let mut service = Service::new();
        let clients = [(); 2].map(|()| Some(service.open_client())).into();
        Self {
            service,
            now: Instant::default(),
            clients,
            current: 0,
            rpcs: Vec::new(),
            ids: BTreeSet::new(),
            in_flight_before: vec![BTreeMap::new(); 2],
        }
    }

    /// The rpc that a step means, if there is any.
    fn pick(&self, rpc: usize) -> Option<usize> {
        (!self.rpcs.is_empty()).then(|| rpc % self.rpcs.len())
    }

    fn usable(&self, rpc: usize) -> Option<usize> {
        self.pick(rpc).filter(|&index| !self.rpcs[index].taken)
    }

    fn key(&self, index: usize) -> RpcKey {
        self.rpcs[index].key
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        let client = self.clients[self.current];
        match step {
            Step::Create { deadline } => {
                let Some(client) = client else { return Ok(()) };
                let created = self.service.create_rpc(client, deadline);
                let sensible = deadline.is_none_or(|seconds| seconds.is_finite() && seconds > 0.0);
                prop_assert_eq!(created.is_ok(), sensible);
                let Ok(key) = created else { return Ok(()) };
                let id = self.service.id(key);
                prop_assert!(self.ids.insert(id), "an id is never used again");
                self.rpcs.push(Known {
                    key,
                    id,
                    client: self.current,
                    state: State::Idle,
                    started: None,
                    deadline: None,
                    callbacks: 0,
                    hooks: 0,
                    reported: 0,
                    end: None,
                    taken: false,
                });
            }
            Step::Start { rpc, request } => {
                let Some(index) = self.usable(rpc) else {
                    return Ok(());
                };
                let key = self.key(index);
                let checked = self.service.check(key, &request);
                if self.rpcs[index].state != State::Idle {
                    prop_assert!(checked.is_err(), "one rpc is one fetch");
                }
                if checked.is_ok() {
                    self.service.start(key, request, self.now);
                    self.note_start(index);
                } else {
                    prop_assert_eq!(
                        self.service.state(key),
                        self.rpcs[index].state,
                        "what fails at once changes nothing"
                    );
                }
            }
            Step::StartUnchecked { rpc } => {
                let Some(index) = self.usable(rpc) else {
                    return Ok(());
                };
                let was_idle = self.rpcs[index].state == State::Idle;
                self.service
                    .start(self.key(index), Request::new(URLS[0]), self.now);
                if was_idle {
                    self.note_start(index);
                }
            }
            Step::Send => self.send()?,
            Step::Feed { rpc, event } => {
                let Some(index) = self.pick(rpc) else {
                    return Ok(());
                };
                let key = self.key(index);
                let had_exchange = self.service.appetite(key).is_some();
                let goes_on = self.service.handle(key, event.into(), self.now);
                prop_assert_eq!(goes_on, self.service.appetite(key).is_some());
                prop_assert!(had_exchange || !goes_on);
            }
            Step::Finish { rpc } => {
                let Some(index) = self.pick(rpc) else {
                    return Ok(());
                };
                self.answer(self.key(index));
            }
            Step::Cancel { rpc } => {
                let Some(index) = self.pick(rpc) else {
                    return Ok(());
                };
                let key = self.key(index);
                let (was_running, was_out) = (
                    self.service.state(key) == State::Running,
                    self.service.appetite(key).is_some(),
                );
                prop_assert_eq!(self.service.cancel(key, self.now), (was_running, was_out));
                prop_assert_ne!(self.service.state(key), State::Running);
            }
            Step::Drop { rpc } => {
                let Some(index) = self.pick(rpc) else {
                    return Ok(());
                };
                self.drop_rpc(index)?;
            }
            Step::Timeout { rpc } => {
                let Some(index) = self.pick(rpc) else {
                    return Ok(());
                };
                self.service.handle_timeout(self.key(index), self.now);
            }
            Step::Pass { millis } => self.now = self.now.after(Duration::from_millis(millis)),
            Step::Drain => self.drain()?,
            Step::SetLimits { total, per_origin } => {
                self.set(
                    |policy| policy.set_max_in_flight(total, per_origin),
                    total > 0 && per_origin > 0,
                )?;
            }
            Step::SetRedirects { hops } => {
                self.set(|policy| policy.set_max_redirects(hops), true)?
            }
            Step::SetMaxResponse { bytes } => {
                self.set(|policy| policy.set_max_response(bytes), bytes > 0)?
            }
            Step::Development { on } => self.set(
                |policy| {
                    policy.development = on;
                    Ok(())
                },
                true,
            )?,
            Step::Execute { rpc } => {
                let Some(index) = self.pick(rpc) else {
                    return Ok(());
                };
                self.service.execute(self.key(index));
            }
            Step::ExecuteNext => {
                let Some(client) = client else { return Ok(()) };
                self.service.execute_next(client);
            }
            Step::Judge { rpcs, blocks } => {
                let members: Vec<_> = rpcs
                    .into_iter()
                    .filter_map(|rpc| self.usable(rpc))
                    .collect();
                let keys: Vec<_> = members.iter().map(|&index| self.key(index)).collect();
                let states: Vec<_> = members
                    .iter()
                    .map(|&index| self.rpcs[index].state)
                    .collect();
                let first = states.iter().position(|state| *state == State::Finishing);
                match self.service.judge(&keys, blocks) {
                    Err(error) => {
                        prop_assert_eq!(error.kind, ErrorKind::Misuse);
                        prop_assert!(states.contains(&State::Idle));
                    }
                    Ok(judged) => {
                        prop_assert!(!states.contains(&State::Idle));
                        let expected = if states.is_empty() {
                            Judged::Nothing
                        } else {
                            first.map_or(Judged::Wait, Judged::Finished)
                        };
                        prop_assert_eq!(judged, expected);
                    }
                }
            }
            Step::TakeCallback { rpc } => {
                let Some(index) = self.pick(rpc) else {
                    return Ok(());
                };
                let due = self.service.take_callback_due(self.key(index));
                let known = &mut self.rpcs[index];
                prop_assert_eq!(due, known.state == State::Finishing && known.callbacks == 0);
                known.callbacks += u32::from(due);
            }
            Step::TakeHooks { rpc } => {
                let Some(index) = self.pick(rpc) else {
                    return Ok(());
                };
                self.rpcs[index].hooks += u32::from(self.service.take_hooks_due(self.key(index)));
                prop_assert!(self.rpcs[index].hooks <= 1);
            }
            Step::TakeFinished => {
                let Some(client) = client else { return Ok(()) };
                let expected = self.service.has_finished(client);
                let ids = self.service.take_finished(client);
                prop_assert_eq!(!ids.is_empty(), expected);
                for id in ids {
                    let known = self
                        .rpcs
                        .iter_mut()
                        .find(|known| known.id == id)
                        .expect("it was not dropped");
                    known.reported += 1;
                    prop_assert_eq!(
                        (known.state, known.reported, known.client),
                        (State::Finishing, 1, self.current)
                    );
                }
            }
            Step::TakeOutcome { rpc } => {
                let Some(index) = self.usable(rpc) else {
                    return Ok(());
                };
                let taken = self.service.take_outcome(self.key(index));
                let known = &mut self.rpcs[index];
                prop_assert_eq!(
                    taken.as_ref(),
                    known.end.as_ref().map(|(outcome, _, _)| outcome)
                );
                known.taken = taken.is_some();
            }
            Step::Serve { path } => {
                let Some(client) = client else { return Ok(()) };
                let serving = path.map(|path| CurrentRequest {
                    authority: "a.example".into(),
                    path,
                });
                self.service.set_current_request(client, serving);
            }
            Step::SwitchClient => self.current = 1 - self.current,
            Step::CloseClient => {
                if let Some(client) = self.clients[self.current].take() {
                    self.service.close_client(client);
                }
            }
        }
        Ok(())
    }

    fn set(
        &mut self,
        mut change: impl FnMut(&mut Policy) -> Result<(), ErrorKind>,
        sensible: bool,
    ) -> Result<(), TestCaseError> {
        if let Some(client) = self.clients[self.current] {
            let changed = self.service.set_policy(client, &mut change);
            prop_assert_eq!(changed.is_ok(), sensible);
        }
        Ok(())
    }

    fn note_start(&mut self, index: usize) {
        let known = &mut self.rpcs[index];
        let policy = self.clients[known.client].map(|client| self.service.policy(client));
        // A closed client's policy cannot be read, and need not be: what a call may do is asked of it below only when it can.
        known.started = Some(policy.map_or((100, 1 << 30), |policy| {
            (policy.max_redirects(), policy.max_response())
        }));
        known.deadline = self.service.call(known.key).map(|call| call.deadline());
    }

    fn send(&mut self) -> Result<(), TestCaseError> {
        while let Some((key, outgoing)) = self.service.poll_send(self.now) {
            prop_assert!(
                outgoing.deadline > self.now,
                "nothing is sent after its deadline"
            );
            prop_assert_eq!(self.service.appetite(key), Some(0));
            prop_assert!(
                self.rpcs.iter().any(|known| known.key == key),
                "it was not dropped"
            );
        }
        Ok(())
    }

    /// The origin answers, and that is all of it.
    fn answer(&mut self, key: RpcKey) {
        let head = Event::Head {
            status: 200,
            headers: Headers::new(),
        };
        if self.service.handle(key, head, self.now) {
            self.service.handle(key, Event::End, self.now);
        }
    }

    /// Once the deadline has passed, a drain ends in done.
    fn drain(&mut self) -> Result<(), TestCaseError> {
        while let Some(key) = self.service.poll_expired(self.now) {
            self.service.handle_timeout(key, self.now);
            prop_assert_eq!(self.service.state(key), State::Finishing);
        }
        for known in self
            .rpcs
            .iter()
            .filter(|known| known.deadline.is_some_and(|deadline| deadline <= self.now))
        {
            prop_assert_ne!(self.service.state(known.key), State::Running);
        }
        if let Some(next) = self.service.next_deadline() {
            prop_assert!(next > self.now);
        }
        Ok(())
    }

    fn drop_rpc(&mut self, index: usize) -> Result<(), TestCaseError> {
        let known = self.rpcs.remove(index);
        let was_out = self.service.appetite(known.key).is_some();
        prop_assert_eq!(self.service.drop_rpc(known.key), was_out);
        Ok(())
    }

    /// What must hold after every step.
    fn check(&mut self) -> Result<(), TestCaseError> {
        for known in &mut self.rpcs {
            let state = self.service.state(known.key);
            prop_assert_eq!(self.service.id(known.key), known.id);
            if known.taken {
                continue;
            }
            let rank = |state| match state {
                State::Idle => 0,
                State::Running => 1,
                State::Finishing => 2,
            };
            prop_assert!(
                rank(state) >= rank(known.state),
                "a life never goes backwards"
            );
            prop_assert_eq!(state == State::Idle, known.started.is_none());
            known.state = state;
            prop_assert_eq!(
                self.service.outcome(known.key).is_some(),
                state == State::Finishing
            );
            prop_assert_eq!(
                self.service.check_started(known.key).is_err(),
                state == State::Idle
            );
            let (Some(call), Some((redirects, kept))) =
                (self.service.call(known.key), known.started)
            else {
                continue;
            };
            prop_assert!(
                call.hops().len() <= redirects as usize + 1,
                "hops stay within the limit"
            );
            prop_assert!(
                call.received() <= kept as u64,
                "kept bytes stay within the limit"
            );
            if let Some(outcome) = call.outcome() {
                let response = match outcome {
                    Ok(response) => Some(response),
                    Err(error) => error.response.as_deref(),
                };
                if let Some(response) = response {
                    prop_assert!(response.content.len() <= kept);
                    prop_assert_eq!(response.content.len() as u64, call.received());
                    prop_assert_eq!(response.final_url.is_some(), call.hops().len() > 1);
                }
                let end = (outcome.clone(), call.hops().to_vec(), call.received());
                prop_assert!(end.1.iter().all(|hop| hop.ended_at.is_some()));
                prop_assert_eq!(
                    known.end.get_or_insert_with(|| end.clone()),
                    &end,
                    "done is final, results are idempotent"
                );
            }
        }
        self.check_limits()
    }

    /// Calls in flight never exceed the limits; where those were lowered, they never grow.
    fn check_limits(&mut self) -> Result<(), TestCaseError> {
        for client in 0..self.clients.len() {
            let own = || self.rpcs.iter().filter(|known| known.client == client);
            let Some(key) = self.clients[client] else {
                continue;
            };
            let running = own().filter(|known| known.state == State::Running);
            prop_assert_eq!(self.service.running(key), running.count());
            let exchanges = own().filter(|known| self.service.appetite(known.key).is_some());
            let in_flight = self.service.in_flight(key);
            prop_assert!(exchanges.count() <= in_flight as usize);

            let (total, per_origin) = self.service.policy(key).max_in_flight();
            let before = &mut self.in_flight_before[client];
            prop_assert!(in_flight <= total.max(before.values().sum()));
            let by_origin = self.service.in_flight_by_origin(key);
            for &(origin, out) in &by_origin {
                let before = before.get(origin).copied().unwrap_or_default();
                prop_assert!(out <= per_origin.max(before), "{origin}");
            }
            *before = by_origin
                .iter()
                .map(|&(origin, out)| (origin.into(), out))
                .collect();
            prop_assert_eq!(in_flight, before.values().sum());
        }
        Ok(())
    }

    /// Every program can be brought to its end: no call is lost in a queue, and afterwards nothing is left of any.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        for round in 0.. {
            self.check()?;
            if self.rpcs.iter().all(|known| known.state != State::Running) {
                break;
            }
            prop_assert!(
                round <= 2 * self.rpcs.len(),
                "every round finishes something"
            );
            // Somebody waits for the oldest of each client that still runs: development mode needs that.
            for client in 0..self.clients.len() {
                let waited = self
                    .rpcs
                    .iter()
                    .find(|known| known.client == client && known.state == State::Running);
                if let Some(key) = waited.map(|known| known.key) {
                    self.service.execute(key);
                }
            }
            self.send()?;
            self.check()?;
            for index in 0..self.rpcs.len() {
                self.answer(self.key(index));
            }
        }
        while !self.rpcs.is_empty() {
            self.drop_rpc(self.rpcs.len() / 2)?;
        }
        for client in self.clients.iter_mut().filter_map(Option::take) {
            prop_assert!(
                self.service.is_at_rest(client),
                "the queue is empty when all are dropped"
            );
            self.service.close_client(client);
        }
        self.send()?;
        prop_assert_eq!(self.service.next_deadline(), None);
        prop_assert_eq!(self.service.poll_finished(), None);
        prop_assert_eq!(self.service.population(), (0, 0, 0));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_whatever_a_program_does(steps in vec(step(), 0..120)) {
        let mut model = Model::new();
        for step in steps {
            model.take(step)?;
            model.check()?;
        }
        model.finish()?;
    }
}
