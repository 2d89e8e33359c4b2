//! Runs a program against the component, under virtual time, and judges what comes back; long because it is one judge.
//!
//! No call may trap, spin or outlast the deadlines of what it waits for. A life never goes backwards, a callback is due once, a result
//! never changes. What is dropped leaves nothing with the host, and no cookie reaches an origin it was not given for.

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use derive_arbitrary::Arbitrary;
use tokio::time::Instant;
use urlfetch_host::{
    Harness, HarnessOptions, Outcome, Scripted, Session, World,
    bindings::{
        fetch::{State, Waited},
        types::{ErrorKind, FetchError, Phase, Request, Response},
    },
    run_in_virtual_time,
};
use wasmtime::component::{Resource, ResourceAny};

use crate::{
    origin::Answers,
    step::{Setting, Step},
    tell,
};

/// A thousand times what a program of this length needs.
const FUEL: u64 = 20_000_000_000;
/// Tokio's timers tick in milliseconds, and a deadline is met by the one after it.
const TICK: Duration = Duration::from_millis(3);
/// As much memory as the contents of one program can need at most, and much less than a bomb would take.
const MEMORY: usize = 64 << 20;

static HARNESS: LazyLock<Harness> = LazyLock::new(|| {
    let options = HarnessOptions { fuel: Some(FUEL) };
    Harness::new(options).expect("the component compiles")
});

/// A program, and the origin it meets.
#[derive(Arbitrary, Debug)]
pub(crate) struct Input {
    answers: Answers,
    steps: Vec<Step>,
}

/// How a call ended, as far as it is compared.
type End = Result<(u16, Vec<u8>, bool, Option<String>), (ErrorKind, u32, Phase, String)>;

struct Rpc {
    handle: ResourceAny,
    id: u32,
    client: usize,
    /// Seconds, as given or taken from the client when it was created.
    deadline: Option<f64>,
    state: State,
    /// When it is over at the latest; none before its start.
    over: Option<Instant>,
    hops: usize,
    callbacks: u32,
    named: u32,
    end: Option<End>,
}

struct Client {
    handle: ResourceAny,
    sealed: bool,
    default_deadline: Option<f64>,
    maximum: f64,
    redirects: usize,
}

struct Model {
    session: Session,
    clients: [Client; 2],
    rpcs: Vec<Rpc>,
    ids: BTreeSet<u32>,
    /// What was told last.
    last: u64,
}

/// Calls a function of the resource `client` or `rpc`.
macro_rules! call {
    ($model:ident.$resource:ident().$function:ident($($argument:expr),*)) => {
        $model.session.urlfetch.urlfetch_rpc_fetch().$resource()
            .$function(&mut $model.session.store, $($argument),*).await
            .unwrap_or_else(|error| panic!(concat!(stringify!($function), ": {}"), $model.session.explain(error)))
    };
}

/// Runs a program and panics when something does not hold.
pub(crate) fn run(input: Input) {
    LazyLock::force(&HARNESS);
    run_in_virtual_time(async {
        let origin = input.answers.origin();
        let mut model = Model::new(&origin).await;
        let rest = model.session.resources();
        for step in input.steps {
            model.take(step).await;
        }
        model.end().await;
        assert_eq!(model.session.resources(), rest, "the host keeps nothing");
        assert!(
            model.session.memory() <= MEMORY,
            "{}",
            model.session.memory()
        );
        judge_requests(&origin);
    });
}

/// What the origin saw.
fn judge_requests(origin: &Scripted) {
    for seen in origin.requests() {
        assert_ne!(seen.outcome, Outcome::Open, "{}", seen.uri);
        let own = seen.uri.scheme_str() == Some("http")
            && seen.uri.authority().is_some_and(|name| name == "a.test");
        for name in ["cookie", "authorization"] {
            assert!(
                own || !seen.headers.contains_key(name),
                "{name} reached {}",
                seen.uri
            );
        }
        assert_ne!(seen.uri.host(), Some("169.254.169.254"));
        let length = seen.headers.get("content-length");
        let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        assert!(!seen.body_complete || length.unwrap_or(0) == seen.body.len());
    }
}

impl Model {
    async fn new(origin: &Scripted) -> Self {
        let world = World::Scripted(origin.clone());
        let mut session = HARNESS
            .session(world)
            .await
            .expect("the component instantiates");
        let fetch = session.urlfetch.urlfetch_rpc_fetch();
        let mut clients = Vec::new();
        for _ in 0..2 {
            let client = fetch.client().call_constructor(&mut session.store).await;
            clients.push(Client::new(client.expect("a client is made")));
        }
        // What a first fetch makes for good is kept by nobody's fault.
        let request = crate::step::plain();
        let first = fetch
            .client()
            .call_fetch(&mut session.store, clients[0].handle, &request, None)
            .await;
        assert!(
            first
                .expect("it does not trap")
                .is_ok_and(|response| response.status == 404)
        );
        let clients = clients
            .try_into()
            .unwrap_or_else(|_| unreachable!("there are two"));
        Self {
            session,
            clients,
            rpcs: Vec::new(),
            ids: BTreeSet::new(),
            last: 0,
        }
    }

    /// Tells libFuzzer what a step was and what came of it, after the step before it.
    fn note(&mut self, what: u64) {
        tell(what << 20 | self.last);
        self.last = what;
    }

    fn pick(&self, rpc: u8) -> Option<usize> {
        (!self.rpcs.is_empty()).then(|| usize::from(rpc) % self.rpcs.len())
    }

    async fn take(&mut self, step: Step) {
        let before = Instant::now();
        // What it may wait for at most; none for what does not wait.
        let mut until = None;
        match step {
            Step::Create { client, tenths } => self.create(client.into(), tenths).await,
            Step::Start { rpc, asked } => {
                let Some(rpc) = self.pick(rpc) else { return };
                self.start(rpc, asked.request()).await;
            }
            Step::State { rpc } => {
                let Some(rpc) = self.pick(rpc) else { return };
                let state = self.state(rpc).await;
                self.note(state as u64);
            }
            Step::Wait { rpc } => {
                let Some(rpc) = self.pick(rpc) else { return };
                until = self.rpcs[rpc].over;
                let waited = call!(self.rpc().call_wait(self.rpcs[rpc].handle));
                self.waited(rpc, waited).await;
            }
            Step::CheckSuccess { rpc } => {
                let Some(rpc) = self.pick(rpc) else { return };
                until = self.rpcs[rpc].over;
                let checked = call!(self.rpc().call_check_success(self.rpcs[rpc].handle));
                if self.rpcs[rpc].over.is_none() {
                    assert!(checked.is_err_and(|error| error.kind == ErrorKind::Misuse));
                } else {
                    let result = call!(self.rpc().call_get_result(self.rpcs[rpc].handle));
                    assert_eq!(
                        checked.map_err(kept_of),
                        result
                            .as_ref()
                            .map(drop)
                            .map_err(|error| kept_of(error.clone()))
                    );
                    self.ended(rpc, result);
                }
            }
            Step::GetResult { rpc } => {
                let Some(rpc) = self.pick(rpc) else { return };
                until = self.rpcs[rpc].over;
                let result = call!(self.rpc().call_get_result(self.rpcs[rpc].handle));
                self.ended(rpc, result);
            }
            Step::IntoResult { rpc } => {
                let Some(rpc) = self.pick(rpc) else { return };
                until = self.rpcs[rpc].over;
                let result = call!(self.rpc().call_into_result(self.rpcs[rpc].handle));
                self.ended(rpc, result);
                self.rpcs.remove(rpc);
            }
            Step::Cancel { rpc } => {
                let Some(rpc) = self.pick(rpc) else { return };
                let was = self.rpcs[rpc].state;
                let cancelled = call!(self.rpc().call_cancel(self.rpcs[rpc].handle));
                assert!(!cancelled || was == State::Running);
                let state = self.state(rpc).await;
                assert_ne!(state, State::Running, "it is over");
                self.note(20 + u64::from(cancelled));
            }
            Step::Look { rpc } => {
                let Some(rpc) = self.pick(rpc) else { return };
                self.look(rpc).await;
            }
            Step::Drop { rpc } => {
                let Some(rpc) = self.pick(rpc) else { return };
                let rpc = self.rpcs.remove(rpc);
                self.note(30 + rpc.state as u64);
                self.drop(rpc.handle).await;
            }
            Step::WaitAny { rpcs, until: timer } => {
                let members: Vec<_> = rpcs.iter().filter_map(|rpc| self.pick(*rpc)).collect();
                let ends = members.iter().filter_map(|rpc| self.rpcs[*rpc].over);
                until = ends
                    .chain(timer.map(|tenths| before + tenths_of(tenths)))
                    .min();
                self.wait_any(&members, timer).await;
            }
            Step::Turn {
                client,
                until: timer,
            } => {
                let ends = self
                    .rpcs
                    .iter()
                    .filter(|rpc| rpc.client == usize::from(client) && rpc.state == State::Running);
                let latest = ends.filter_map(|rpc| rpc.over).max();
                until = latest
                    .into_iter()
                    .chain(timer.map(|tenths| before + tenths_of(tenths)))
                    .max();
                self.turn(client.into(), timer).await;
            }
            Step::Progress => {
                let fetch = self.session.urlfetch.urlfetch_rpc_fetch();
                fetch
                    .call_progress(&mut self.session.store)
                    .await
                    .expect("it does not trap");
            }
            Step::Drain { client } => {
                let client = usize::from(client);
                until = self
                    .rpcs
                    .iter()
                    .filter(|rpc| rpc.client == client)
                    .filter_map(|rpc| rpc.over)
                    .max();
                call!(self.client().call_drain(self.clients[client].handle));
                for rpc in 0..self.rpcs.len() {
                    let state = self.state(rpc).await;
                    assert!(
                        self.rpcs[rpc].client != client || state != State::Running,
                        "it is drained"
                    );
                }
                self.note(40);
            }
            Step::Sleep { tenths } => {
                until = Some(before + tenths_of(tenths));
                tokio::time::sleep(tenths_of(tenths)).await;
            }
            Step::Set { client, setting } => self.set(client.into(), setting).await,
            Step::Seal { client } => {
                let client = usize::from(client);
                self.clients[client].sealed = true;
                call!(self.client().call_seal(self.clients[client].handle));
            }
            Step::Reopen { client } => self.reopen(client.into()).await,
        }
        let latest = until.unwrap_or(before).max(before) + TICK;
        assert!(
            Instant::now() <= latest,
            "it outlasts what it waits for by {:?}",
            Instant::now() - latest
        );
    }

    async fn create(&mut self, client: usize, tenths: Option<u8>) {
        let given = tenths.map(|tenths| f64::from(tenths) / 10.0);
        let created = call!(
            self.client()
                .call_create_rpc(self.clients[client].handle, given)
        );
        assert_eq!(created.is_ok(), tenths != Some(0));
        let Ok(handle) = created else { return };
        let id = call!(self.rpc().call_id(handle));
        assert!(self.ids.insert(id), "an id is never used again");
        let deadline = call!(self.rpc().call_deadline(handle));
        assert_eq!(deadline, given.or(self.clients[client].default_deadline));
        self.rpcs.push(Rpc {
            handle,
            id,
            client,
            deadline,
            state: State::Idle,
            over: None,
            hops: 0,
            callbacks: 0,
            named: 0,
            end: None,
        });
    }

    async fn start(&mut self, rpc: usize, request: Request) {
        let started = call!(
            self.rpc()
                .call_make_fetch_call(self.rpcs[rpc].handle, &request)
        );
        let known = &mut self.rpcs[rpc];
        match started {
            Ok(()) => {
                assert_eq!(known.state, State::Idle, "one rpc is one fetch");
                // Of a client that was dropped no more is known than the largest values there are.
                let (maximum, redirects) = match self.clients.get(known.client) {
                    Some(client) => (client.maximum, client.redirects),
                    None => (60.0, 100),
                };
                let seconds = known.deadline.unwrap_or(5.0).min(maximum);
                known.over = Some(Instant::now() + Duration::from_secs_f64(seconds));
                known.hops = redirects + 1;
                known.state = State::Running;
                self.note(50);
            }
            Err(error) => {
                assert_eq!((error.phase, error.retryable), (Phase::Local, false));
                self.note(60 + error.kind as u64);
            }
        }
    }

    /// Asks for the state, which never goes backwards.
    async fn state(&mut self, rpc: usize) -> State {
        let state = call!(self.rpc().call_state(self.rpcs[rpc].handle));
        let known = &mut self.rpcs[rpc];
        assert!(
            state as u8 >= known.state as u8,
            "a life never goes backwards"
        );
        assert_eq!(state == State::Idle, known.over.is_none());
        known.state = state;
        state
    }

    async fn waited(&mut self, rpc: usize, waited: Result<bool, FetchError>) {
        let known = &mut self.rpcs[rpc];
        match waited {
            Ok(due) => {
                assert_eq!(due, known.callbacks == 0, "due once");
                known.callbacks += u32::from(due);
                assert_eq!(self.state(rpc).await, State::Finishing);
            }
            Err(error) => assert_eq!((error.kind, known.over), (ErrorKind::Misuse, None)),
        }
    }

    fn ended(&mut self, rpc: usize, result: Result<Response, FetchError>) {
        let known = &mut self.rpcs[rpc];
        if known.over.is_none() {
            assert!(result.is_err_and(|error| error.kind == ErrorKind::Misuse));
            return;
        }
        known.state = State::Finishing;
        let what = match &result {
            Ok(response) => 1_000 + u64::from(response.status),
            Err(error) => 2_000 + (error.kind as u64) * 16 + error.phase as u64,
        };
        if let Ok(response) = &result {
            assert!((100..600).contains(&response.status));
        }
        let end = result
            .map(|response| {
                (
                    response.status,
                    response.content,
                    response.was_truncated,
                    response.final_url,
                )
            })
            .map_err(kept_of);
        assert_eq!(
            known.end.get_or_insert_with(|| end.clone()),
            &end,
            "a result never changes"
        );
        self.note(what);
    }

    async fn look(&mut self, rpc: usize) {
        let handle = self.rpcs[rpc].handle;
        let hops = call!(self.rpc().call_hops(handle));
        let received = call!(self.rpc().call_received(handle));
        let rejected = call!(self.rpc().call_rejected_headers(handle));
        assert!(hops.len() <= self.rpcs[rpc].hops);
        for hop in &hops {
            let head = hop.head_at.unwrap_or(hop.started_at);
            assert!(hop.started_at <= head && hop.ended_at.is_none_or(|end| end >= head));
        }
        self.note(
            80 + hops.len() as u64 * 4
                + u64::from(received > 0) * 2
                + u64::from(!rejected.is_empty()),
        );
    }

    async fn wait_any(&mut self, members: &[usize], timer: Option<u8>) {
        let handles: Vec<_> = members.iter().map(|rpc| self.rpcs[*rpc].handle).collect();
        let timer = timer.map(|tenths| {
            self.session
                .timer(tenths_of(tenths))
                .expect("there is room")
        });
        let lent = timer
            .as_ref()
            .map(|timer| Resource::new_borrow(timer.rep()));
        let fetch = self.session.urlfetch.urlfetch_rpc_fetch();
        let waited = fetch
            .call_wait_any(&mut self.session.store, &handles, lent)
            .await;
        let waited =
            waited.unwrap_or_else(|error| panic!("wait-any: {}", self.session.explain(error)));
        let had_timer = timer.is_some();
        if let Some(timer) = timer {
            self.session
                .drop_pollable(timer)
                .expect("nobody retains what was lent");
        }
        let has_idle = members.iter().any(|rpc| self.rpcs[*rpc].over.is_none());
        match waited {
            Err(error) => assert!(error.kind == ErrorKind::Misuse && has_idle),
            Ok(Waited::Nothing) => assert!(members.is_empty() && !had_timer),
            Ok(Waited::Interrupted) => assert!(had_timer && !has_idle),
            Ok(Waited::Finished(finished)) => {
                assert!(!has_idle);
                let rpc = members[finished.index as usize];
                self.waited(rpc, Ok(finished.callback_due)).await;
            }
        }
        self.note(90 + members.len() as u64);
    }

    async fn turn(&mut self, client: usize, timer: Option<u8>) {
        let timer = timer.map(|tenths| {
            self.session
                .timer(tenths_of(tenths))
                .expect("there is room")
        });
        let lent: Vec<_> = timer
            .iter()
            .map(|timer| Resource::new_borrow(timer.rep()))
            .collect();
        let turned = call!(self.client().call_turn(self.clients[client].handle, &lent));
        assert!(turned.ready.len() <= lent.len());
        if let Some(timer) = timer {
            self.session
                .drop_pollable(timer)
                .expect("nobody retains what was lent");
        }
        for id in &turned.finished {
            let rpc = self
                .rpcs
                .iter()
                .position(|rpc| rpc.id == *id)
                .expect("it was not dropped");
            self.rpcs[rpc].named += 1;
            assert_eq!(
                (self.rpcs[rpc].named, self.rpcs[rpc].client),
                (1, client),
                "named once"
            );
            assert_eq!(self.state(rpc).await, State::Finishing);
        }
        self.note(100 + turned.finished.len() as u64 * 2 + turned.ready.len() as u64);
    }

    async fn set(&mut self, place: usize, setting: Setting) {
        let client = self.clients[place].handle;
        let is_length = |seconds: f64| seconds.is_finite() && seconds > 0.0;
        let mut always = false;
        let (set, sensible) = match &setting {
            Setting::DefaultDeadline(seconds) => (
                call!(self.client().call_set_default_deadline(client, *seconds)),
                Some(seconds.is_none_or(is_length)),
            ),
            Setting::MaximumDeadline(tenths) => (
                call!(
                    self.client()
                        .call_set_maximum_deadline(client, f64::from(*tenths) / 10.0)
                ),
                Some(*tenths > 0),
            ),
            Setting::InFlight(total, per_origin) => (
                call!(
                    self.client()
                        .call_set_max_in_flight(client, *total, *per_origin)
                ),
                Some((1..=10_000).contains(total) && (1..=10_000).contains(per_origin)),
            ),
            Setting::Redirects(hops) => (
                call!(self.client().call_set_max_redirects(client, (*hops).into())),
                Some(*hops <= 100),
            ),
            Setting::MaxResponse(bytes) => (
                call!(self.client().call_set_max_response(client, *bytes)),
                Some((1..=1 << 30).contains(bytes)),
            ),
            Setting::UrlLimits(max_length, any_port) => (
                call!(
                    self.client()
                        .call_set_url_limits(client, *max_length, *any_port)
                ),
                Some((1..=20_480).contains(max_length)),
            ),
            Setting::UserAgent(text) => (
                call!(self.client().call_set_user_agent(client, text.as_deref())),
                None,
            ),
            Setting::Origins(origins) => (
                call!(self.client().call_set_allowed_origins(client, origins)),
                None,
            ),
            Setting::Follow308(on) => (
                call!(
                    self.client()
                        .call_set_follow_permanent_redirect(client, *on)
                ),
                Some(true),
            ),
            Setting::Development(on) => (
                call!(self.client().call_set_development_mode(client, *on)),
                Some(true),
            ),
            Setting::ValidateAnyway(on) => (
                call!(self.client().call_set_validate_anyway(client, *on)),
                Some(true),
            ),
            Setting::CurrentRequest(authority, path) => {
                always = true;
                let set = call!(self.client().call_set_current_request(
                    client,
                    authority.as_deref(),
                    path
                ));
                (set, Some(true))
            }
        };
        let known = &mut self.clients[place];
        if known.sealed && !always {
            assert_eq!(set, Err(ErrorKind::Misuse));
            return;
        }
        if let Some(sensible) = sensible {
            assert_eq!(
                set,
                if sensible {
                    Ok(())
                } else {
                    Err(ErrorKind::InvalidArgument)
                }
            );
        }
        match (set, setting) {
            (Ok(()), Setting::DefaultDeadline(seconds)) => known.default_deadline = seconds,
            (Ok(()), Setting::MaximumDeadline(tenths)) => known.maximum = f64::from(tenths) / 10.0,
            (Ok(()), Setting::Redirects(hops)) => known.redirects = hops.into(),
            _ => {}
        }
    }

    /// A client is dropped, which ends nothing, and another one made.
    async fn reopen(&mut self, client: usize) {
        let handle = call!(self.client().call_constructor());
        let old = std::mem::replace(&mut self.clients[client], Client::new(handle));
        self.drop(old.handle).await;
        // Nothing is asked of the old client any more: its rpcs count as nobody's.
        for rpc in self.rpcs.iter_mut().filter(|rpc| rpc.client == client) {
            rpc.client = usize::MAX;
        }
    }

    async fn drop(&mut self, handle: ResourceAny) {
        let dropped = handle.resource_drop_async(&mut self.session.store).await;
        dropped.expect("dropping does not trap");
    }

    /// Whatever was started ends, is due once, and leaves nothing.
    async fn end(&mut self) {
        while let Some(rpc) = self.rpcs.len().checked_sub(1) {
            if self.rpcs[rpc].over.is_some() {
                let waited = call!(self.rpc().call_wait(self.rpcs[rpc].handle));
                self.waited(rpc, waited).await;
                let result = call!(self.rpc().call_get_result(self.rpcs[rpc].handle));
                self.ended(rpc, result);
                assert_eq!(self.rpcs[rpc].callbacks, 1, "due exactly once");
            }
            self.look(rpc).await;
            let rpc = self.rpcs.remove(rpc);
            self.drop(rpc.handle).await;
        }
        for client in 0..2 {
            self.drop(self.clients[client].handle).await;
        }
        // A task that was aborted is gone after the next turn of the runtime.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

impl Client {
    fn new(handle: ResourceAny) -> Self {
        Self {
            handle,
            sealed: false,
            default_deadline: None,
            maximum: 60.0,
            redirects: 5,
        }
    }
}

fn kept_of(error: FetchError) -> (ErrorKind, u32, Phase, String) {
    (error.kind, error.code, error.phase, error.detail)
}

fn tenths_of(tenths: u8) -> Duration {
    Duration::from_millis(u64::from(tenths) * 100)
}
