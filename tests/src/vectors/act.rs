//! Doing the steps of a vector, one by one, with one instance.

use super::call::{Call, Key, Setting};
use super::expect::{self, Surprise, same};
use super::model::{RequestGiven, Settings, Step};
use super::op::Op;
use super::origin::{length, millis};
use super::request::given;
use super::seen::ErrorSeen;
use super::settings::settings;
use super::subject::Subject;
use super::witness::Witness;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use urlfetch_host::Session;
use urlfetch_host::bindings::fetch::State;
use urlfetch_host::bindings::types::{ErrorKind, FetchError, Hop, Response};

/// Nothing in a vector takes this long in virtual time; what does, hangs.
const VIRTUAL_PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// Nor this long over sockets.
const REAL_PATIENCE: Duration = Duration::from_secs(20);

/// Plays a vector in one instance.
pub(super) struct Actor {
    pub(super) subject: Subject,
    pub(super) clients: HashMap<String, Key>,
    pub(super) rpcs: HashMap<String, Key>,
    /// Names by the ids that `turn` reports.
    pub(super) names: HashMap<u32, String>,
    timers: HashMap<String, Key>,
    witness: Witness,
    /// Whether times are exact.
    exact: bool,
    /// What the host kept for the instance before anything was done; none where that cannot be seen.
    kept: Option<usize>,
}

impl Actor {
    /// With the client `main`, which over sockets may fetch from this machine.
    pub(super) async fn new(
        mut subject: Subject,
        witness: Witness,
        exact: bool,
    ) -> Result<Self, Surprise> {
        let mut actor = Actor {
            kept: subject.session().ok().map(Session::resources),
            subject,
            clients: HashMap::new(),
            rpcs: HashMap::new(),
            names: HashMap::new(),
            timers: HashMap::new(),
            witness,
            exact,
        };
        actor.open("main", false).await?;
        Ok(actor)
    }

    async fn open(&mut self, name: &str, shared: bool) -> Result<(), Surprise> {
        let client = self.subject.ask(Call::Client { shared }).await?;
        if !self.exact {
            let allow = Call::Set(client, Setting::AllowPrivate(true));
            let set: Result<(), ErrorKind> = self.subject.ask(allow).await?;
            set.map_err(|_| "a new client can be set".to_owned())?;
        }
        self.clients.insert(name.to_owned(), client);
        Ok(())
    }

    /// Drops whatever the vector has left, wherever it is, and ends the instance. The host must by then keep as little for it as at
    /// its beginning.
    pub(super) async fn leave(mut self) -> Result<(), Surprise> {
        let rpcs = self.rpcs.into_values().map(Call::DropRpc);
        let clients = self.clients.into_values().map(Call::DropClient);
        let timers = self.timers.into_values().map(Call::DropTimer);
        for call in rpcs.chain(clients).chain(timers) {
            self.subject.ask::<()>(call).await?;
        }
        let keeps = self.subject.session().ok().map(Session::resources);
        same(
            "what the host keeps when all is dropped",
            &keeps,
            &self.kept,
        )?;
        self.subject.end().await
    }

    /// Does one step, as often as it says.
    pub(super) async fn step(&mut self, step: &Step) -> Result<(), Surprise> {
        let patience = if self.exact {
            VIRTUAL_PATIENCE
        } else {
            REAL_PATIENCE
        };
        for _ in 0..step.times {
            let start = Instant::now();
            match timeout(patience, self.act(&step.op)).await {
                Ok(acted) => acted?,
                Err(_) => return Err("it does not end".into()),
            }
            let took = start.elapsed();
            // Over sockets no time is judged: the machine may be busy, and between two steps as well.
            if !self.exact {
                continue;
            }
            match step.took {
                Some(expected) => expect::time("the time it takes", took, expected)?,
                None if !blocks(&step.op) => {
                    expect::time("the time of what does not block", took, 0.0)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    async fn act(&mut self, op: &Op) -> Result<(), Surprise> {
        match op {
            Op::Client { client, shared } => self.open(client, *shared).await,
            Op::DropClient { client } => {
                let key = self.client(client)?;
                self.clients.remove(client);
                self.subject.ask(Call::DropClient(key)).await
            }
            Op::Set(change) => self.set(change).await,
            Op::Seal { client } => {
                let client = self.client(client)?;
                self.subject.ask(Call::Seal(client)).await
            }
            Op::DefaultDeadline { client, seconds } => {
                let client = self.client(client)?;
                let seen: Option<f64> = self.subject.ask(Call::DefaultDeadline(client)).await?;
                same("the default deadline", &seen, seconds)
            }
            Op::CreateRpc {
                rpc,
                client,
                deadline,
                error,
            } => self.create(rpc, client, *deadline, error.as_ref()).await,
            Op::Deadline { rpc, seconds } => {
                let rpc = self.rpc(rpc)?;
                let seen: Option<f64> = self.subject.ask(Call::Deadline(rpc)).await?;
                same("the deadline", &seen, seconds)
            }
            Op::MakeFetchCall {
                rpc,
                request,
                error,
            } => self.start(rpc, request, error.as_ref()).await,
            Op::Start {
                rpc,
                client,
                deadline,
                request,
            } => {
                self.create(rpc, client, *deadline, None).await?;
                self.start(rpc, request, None).await
            }
            Op::Fetch {
                client,
                deadline,
                request,
                response,
                error,
            } => {
                let (client, request) = (self.client(client)?, given(request)?);
                let seen: Result<Response, FetchError> = self
                    .subject
                    .ask(Call::Fetch(client, request, *deadline))
                    .await?;
                match expect::outcome(seen, error.as_ref())? {
                    Some(seen) => expect::response(&seen, response),
                    None => Ok(()),
                }
            }
            Op::State { rpc, is } => {
                let rpc = self.rpc(rpc)?;
                let seen: State = self.subject.ask(Call::State(rpc)).await?;
                same("the state", &expect::name(&seen), &expect::name(is))
            }
            Op::Wait { rpc, due, error } => {
                let rpc = self.rpc(rpc)?;
                let seen: Result<bool, FetchError> = self.subject.ask(Call::Wait(rpc)).await?;
                match (expect::outcome(seen, error.as_ref())?, due) {
                    (Some(seen), Some(due)) => same("callback-due", &seen, due),
                    _ => Ok(()),
                }
            }
            Op::CheckSuccess { rpc, error } => {
                let rpc = self.rpc(rpc)?;
                let seen: Result<(), FetchError> =
                    self.subject.ask(Call::CheckSuccess(rpc)).await?;
                expect::outcome(seen, error.as_ref()).map(drop)
            }
            Op::GetResult {
                rpc,
                response,
                error,
            } => {
                let rpc = self.rpc(rpc)?;
                let seen: Result<Response, FetchError> =
                    self.subject.ask(Call::GetResult(rpc)).await?;
                match expect::outcome(seen, error.as_ref())? {
                    Some(seen) => expect::response(&seen, response),
                    None => Ok(()),
                }
            }
            Op::IntoResult {
                rpc,
                response,
                error,
            } => {
                let key = self.rpc(rpc)?;
                self.rpcs.remove(rpc);
                let seen: Result<Response, FetchError> =
                    self.subject.ask(Call::IntoResult(key)).await?;
                match expect::outcome(seen, error.as_ref())? {
                    Some(seen) => expect::response(&seen, response),
                    None => Ok(()),
                }
            }
            Op::Cancel { rpc, was_running } => {
                let rpc = self.rpc(rpc)?;
                let seen: bool = self.subject.ask(Call::Cancel(rpc)).await?;
                same("what cancel returns", &seen, was_running)
            }
            Op::DropRpc { rpc } => {
                let key = self.rpc(rpc)?;
                self.rpcs.remove(rpc);
                self.subject.ask(Call::DropRpc(key)).await
            }
            Op::Hops { rpc, hops } => {
                let rpc = self.rpc(rpc)?;
                let seen: Vec<Hop> = self.subject.ask(Call::Hops(rpc)).await?;
                expect::hops(&seen, hops, self.exact)
            }
            Op::Received { rpc, bytes } => {
                let rpc = self.rpc(rpc)?;
                let seen: u64 = self.subject.ask(Call::Received(rpc)).await?;
                same("the bytes received", &seen, bytes)
            }
            Op::RejectedHeaders { rpc, names } => {
                let rpc = self.rpc(rpc)?;
                let seen: Vec<String> = self.subject.ask(Call::RejectedHeaders(rpc)).await?;
                same("the rejected headers", &seen, names)
            }
            Op::Ids { rpcs } => {
                let mut ids = Vec::new();
                for rpc in rpcs {
                    let rpc = self.rpc(rpc)?;
                    ids.push(self.subject.ask::<u32>(Call::Id(rpc)).await?);
                }
                let ascend = ids.windows(2).all(|pair| pair[0] < pair[1]);
                same("that the ids ascend", &ascend, &true)
            }
            Op::Timer { timer, after } => {
                let key = self.subject.ask(Call::Timer(millis(*after))).await?;
                self.timers.insert(timer.clone(), key);
                Ok(())
            }
            Op::DropTimer { timer } => {
                let key = self.timer(timer)?;
                self.timers.remove(timer);
                self.subject.ask(Call::DropTimer(key)).await
            }
            Op::WaitAny { .. } => self.wait_any(op).await,
            Op::WaitAll {
                rpcs,
                client,
                callbacks,
                error,
                ..
            } => {
                let seen = self.wait_all(rpcs, client).await?;
                // No failure of an rpc is one of wait-all.
                expect::outcome(Ok(()), error.as_ref())?;
                same("the callbacks", &seen, callbacks)
            }
            Op::Turn {
                client,
                timers,
                finished,
                ready,
            } => {
                let seen = self.turn(client, timers).await?;
                same("what finished", &seen.0, finished)?;
                same("what is ready", &seen.1, ready)
            }
            Op::Drain { client } => {
                let client = self.client(client)?;
                self.subject.ask(Call::Drain(client)).await
            }
            // Whoever plays the vector drops this.
            Op::End {} => Ok(()),
            Op::Progress {} => self.subject.ask(Call::Progress).await,
            Op::Pass { seconds } => {
                tokio::time::sleep(length(*seconds)).await;
                Ok(())
            }
            Op::Requests { count } => {
                same("the requests so far", &self.witness.requests().len(), count)
            }
            Op::Mistyped {
                argument,
                given,
                refused,
            } => {
                let seen = self.mistyped(*argument, *given)?;
                same("whether it is refused", &seen, refused)
            }
            Op::Methods { of, names } => {
                let seen = super::mistyped::methods(self.subject.session()?, of)?;
                same("the methods", &seen, names)
            }
            _ => Err("only a guest program does this".into()),
        }
    }

    async fn create(
        &mut self,
        name: &str,
        client: &str,
        deadline: Option<f64>,
        error: Option<&ErrorSeen>,
    ) -> Result<(), Surprise> {
        let client = self.client(client)?;
        let create = Call::CreateRpc(client, deadline);
        let seen: Result<Key, FetchError> = self.subject.ask(create).await?;
        if let Some(rpc) = expect::outcome(seen, error)? {
            let id = self.subject.ask(Call::Id(rpc)).await?;
            self.names.insert(id, name.to_owned());
            self.rpcs.insert(name.to_owned(), rpc);
        }
        Ok(())
    }

    async fn start(
        &mut self,
        rpc: &str,
        request: &RequestGiven,
        error: Option<&ErrorSeen>,
    ) -> Result<(), Surprise> {
        let (rpc, request) = (self.rpc(rpc)?, given(request)?);
        let seen: Result<(), FetchError> = self.subject.ask(Call::Start(rpc, request)).await?;
        expect::outcome(seen, error).map(drop)
    }

    async fn set(&mut self, change: &Settings) -> Result<(), Surprise> {
        let client = self.client(&change.client)?;
        let settings = settings(change);
        if settings.is_empty() {
            return Err("the step must set something".into());
        }
        let mut refused = None;
        for setting in settings {
            let set: Result<(), ErrorKind> = self.subject.ask(Call::Set(client, setting)).await?;
            refused = refused.or(set.err());
        }
        let seen = refused.map_or("no failure", |kind| kind.name());
        let expected = change.error.as_ref().map(expect::name);
        same(
            "what the setting fails with",
            &seen,
            &expected.as_deref().unwrap_or("no failure"),
        )
    }

    pub(super) fn client(&self, name: &str) -> Result<Key, Surprise> {
        let found = self.clients.get(name).copied();
        found.ok_or_else(|| format!("there is no client {name}"))
    }

    pub(super) fn rpc(&self, name: &str) -> Result<Key, Surprise> {
        let found = self.rpcs.get(name).copied();
        found.ok_or_else(|| format!("there is no rpc {name}"))
    }

    pub(super) fn timer(&self, name: &str) -> Result<Key, Surprise> {
        let found = self.timers.get(name).copied();
        found.ok_or_else(|| format!("there is no timer {name}"))
    }
}

/// Whether it may take time.
fn blocks(op: &Op) -> bool {
    matches!(
        op,
        Op::Fetch { .. }
            | Op::Wait { .. }
            | Op::CheckSuccess { .. }
            | Op::GetResult { .. }
            | Op::IntoResult { .. }
            | Op::WaitAny { .. }
            | Op::WaitAll { .. }
            | Op::Turn { .. }
            | Op::Drain { .. }
            | Op::Pass { .. }
    )
}
