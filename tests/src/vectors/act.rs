//! Doing the steps of a vector, through the exports of one instance.

use super::expect::{self, Surprise, same};
use super::model::{RequestGiven, Settings, Step};
use super::op::Op;
use super::origin::length;
use super::request::given;
use super::seen::ErrorSeen;
use super::settings;
use super::witness::Witness;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use urlfetch_host::Session;
use wasmtime::component::{Resource, ResourceAny};

/// Nothing in a vector takes this long in virtual time; what does, hangs.
const VIRTUAL_PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// Nor this long over sockets.
const REAL_PATIENCE: Duration = Duration::from_secs(20);

/// Calls an export of the resource `client` or `rpc`.
macro_rules! call {
    ($self:ident, $resource:ident.$function:ident($($argument:expr),*)) => {
        $self.session.urlfetch.urlfetch_rpc_fetch().$resource()
            .$function(&mut $self.session.store, $($argument),*).await
            .map_err(|error| $self.session.explain(error).to_string())?
    };
}
pub(super) use call;

/// Plays a vector in one instance.
pub(super) struct Actor {
    pub(super) session: Session,
    pub(super) clients: HashMap<String, ResourceAny>,
    pub(super) rpcs: HashMap<String, ResourceAny>,
    /// Names by the ids that `turn` reports.
    pub(super) names: HashMap<u32, String>,
    timers: HashMap<String, u32>,
    witness: Witness,
    /// Whether times are exact.
    exact: bool,
}

impl Actor {
    /// With the client `main`, which over sockets may fetch from this machine.
    pub(super) async fn new(
        session: Session,
        witness: Witness,
        exact: bool,
    ) -> Result<Self, Surprise> {
        let mut actor = Actor {
            session,
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
        let client = match shared {
            true => call!(self, client.call_shared()),
            false => call!(self, client.call_constructor()),
        };
        if !self.exact {
            let set = call!(self, client.call_set_allow_private(client, true));
            set.map_err(|_| "a new client can be set".to_owned())?;
        }
        self.clients.insert(name.to_owned(), client);
        Ok(())
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
            match step.took {
                Some(expected) => expect::time("the time it takes", took, expected, self.exact)?,
                None if self.exact && !blocks(&step.op) => {
                    expect::time("the time of what does not block", took, 0.0, true)?;
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
                let handle = self.client(client)?;
                self.clients.remove(client);
                self.drop_handle(handle).await
            }
            Op::Set(change) => self.set(change).await,
            Op::Seal { client } => {
                let client = self.client(client)?;
                call!(self, client.call_seal(client));
                Ok(())
            }
            Op::DefaultDeadline { client, seconds } => {
                let client = self.client(client)?;
                let seen = call!(self, client.call_default_deadline(client));
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
                let seen = call!(self, rpc.call_deadline(rpc));
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
                let seen = call!(self, client.call_fetch(client, &request, *deadline));
                match expect::outcome(seen, error.as_ref())? {
                    Some(seen) => expect::response(&seen, response),
                    None => Ok(()),
                }
            }
            Op::State { rpc, is } => {
                let rpc = self.rpc(rpc)?;
                let seen = call!(self, rpc.call_state(rpc));
                same("the state", &expect::name(&seen), &expect::name(is))
            }
            Op::Wait { rpc, due, error } => {
                let rpc = self.rpc(rpc)?;
                let seen = call!(self, rpc.call_wait(rpc));
                match (expect::outcome(seen, error.as_ref())?, due) {
                    (Some(seen), Some(due)) => same("callback-due", &seen, due),
                    _ => Ok(()),
                }
            }
            Op::CheckSuccess { rpc, error } => {
                let rpc = self.rpc(rpc)?;
                let seen = call!(self, rpc.call_check_success(rpc));
                expect::outcome(seen, error.as_ref()).map(drop)
            }
            Op::GetResult {
                rpc,
                response,
                error,
            } => {
                let rpc = self.rpc(rpc)?;
                let seen = call!(self, rpc.call_get_result(rpc));
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
                let handle = self.rpc(rpc)?;
                self.rpcs.remove(rpc);
                let seen = call!(self, rpc.call_into_result(handle));
                match expect::outcome(seen, error.as_ref())? {
                    Some(seen) => expect::response(&seen, response),
                    None => Ok(()),
                }
            }
            Op::Cancel { rpc, was_running } => {
                let rpc = self.rpc(rpc)?;
                let seen = call!(self, rpc.call_cancel(rpc));
                same("what cancel returns", &seen, was_running)
            }
            Op::DropRpc { rpc } => {
                let handle = self.rpc(rpc)?;
                self.rpcs.remove(rpc);
                self.drop_handle(handle).await
            }
            Op::Hops { rpc, hops } => {
                let rpc = self.rpc(rpc)?;
                let seen = call!(self, rpc.call_hops(rpc));
                expect::hops(&seen, hops, self.exact)
            }
            Op::Received { rpc, bytes } => {
                let rpc = self.rpc(rpc)?;
                let seen = call!(self, rpc.call_received(rpc));
                same("the bytes received", &seen, bytes)
            }
            Op::RejectedHeaders { rpc, names } => {
                let rpc = self.rpc(rpc)?;
                let seen = call!(self, rpc.call_rejected_headers(rpc));
                same("the rejected headers", &seen, names)
            }
            Op::Ids { rpcs } => {
                let mut ids = Vec::new();
                for rpc in rpcs {
                    let rpc = self.rpc(rpc)?;
                    ids.push(call!(self, rpc.call_id(rpc)));
                }
                let ascend = ids.windows(2).all(|pair| pair[0] < pair[1]);
                same("that the ids ascend", &ascend, &true)
            }
            Op::Timer { timer, after } => {
                let lent = self.session.timer(length(*after));
                let lent = lent.map_err(|error| error.to_string())?.rep();
                self.timers.insert(timer.clone(), lent);
                Ok(())
            }
            Op::DropTimer { timer } => {
                let lent = self.timer(timer)?;
                self.timers.remove(timer);
                let dropped = self.session.drop_pollable(Resource::new_own(lent));
                dropped.map_err(|error| format!("the timer is retained: {error}"))
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
                call!(self, client.call_drain(client));
                Ok(())
            }
            Op::Progress {} => {
                let fetch = self.session.urlfetch.urlfetch_rpc_fetch();
                let called = fetch.call_progress(&mut self.session.store).await;
                called.map_err(|error| self.session.explain(error).to_string())
            }
            // Whoever plays the vector drops this.
            Op::End {} => Ok(()),
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
                let seen = super::mistyped::methods(&mut self.session, of)?;
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
        let seen = call!(self, client.call_create_rpc(client, deadline));
        if let Some(rpc) = expect::outcome(seen, error)? {
            let id = call!(self, rpc.call_id(rpc));
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
        let seen = call!(self, rpc.call_make_fetch_call(rpc, &request));
        expect::outcome(seen, error).map(drop)
    }

    async fn set(&mut self, change: &Settings) -> Result<(), Surprise> {
        let client = self.client(&change.client)?;
        let seen = settings::apply(self, client, change).await?;
        let kind = |kind: &Option<String>| kind.clone().unwrap_or_else(|| "no failure".into());
        same(
            "what the setting fails with",
            &kind(&seen),
            &kind(&change.error.as_ref().map(expect::name)),
        )
    }

    async fn drop_handle(&mut self, handle: ResourceAny) -> Result<(), Surprise> {
        let dropped = handle.resource_drop_async(&mut self.session.store).await;
        dropped.map_err(|error| self.session.explain(error).to_string())
    }

    pub(super) fn client(&self, name: &str) -> Result<ResourceAny, Surprise> {
        let found = self.clients.get(name).copied();
        found.ok_or_else(|| format!("there is no client {name}"))
    }

    pub(super) fn rpc(&self, name: &str) -> Result<ResourceAny, Surprise> {
        let found = self.rpcs.get(name).copied();
        found.ok_or_else(|| format!("there is no rpc {name}"))
    }

    pub(super) fn timer(&self, name: &str) -> Result<u32, Surprise> {
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
