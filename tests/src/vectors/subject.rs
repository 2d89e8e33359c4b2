//! What is judged: the exports of a component, in this process or behind an address.

use super::call::{Call, Key, Setting};
use super::expect::Surprise;
use super::served::Served;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::Duration;
use urlfetch_host::Session;
use urlfetch_host::bindings::types::ErrorKind;
use wasmtime::component::{Resource, ResourceAny};

/// One instance, wherever it is.
pub(super) enum Subject {
    /// In this process, without anything in between.
    Here(Box<Here>),
    /// On some host, by the conformance app.
    Served(Served),
}

impl Subject {
    /// Does a call. [`Call`] says what each answers.
    pub(super) async fn ask<T: DeserializeOwned>(&mut self, call: Call) -> Result<T, Surprise> {
        let answer = match self {
            Subject::Here(here) => here.perform(call).await?,
            Subject::Served(served) => served.perform(&call).await?,
        };
        postcard::from_bytes(&answer).map_err(|error| format!("the answer makes no sense: {error}"))
    }

    /// For calls that no binding makes, which are made in this process only.
    pub(super) fn session(&mut self) -> Result<&mut Session, Surprise> {
        match self {
            Subject::Here(here) => Ok(&mut here.session),
            Subject::Served(_) => Err("only where the instance is".into()),
        }
    }

    /// Ends the instance, with whatever it still holds.
    pub(super) async fn end(self) -> Result<(), Surprise> {
        match self {
            Subject::Here(_) => Ok(()),
            Subject::Served(served) => served.end().await,
        }
    }
}

impl From<Session> for Subject {
    fn from(session: Session) -> Self {
        Subject::Here(Box::new(Here {
            session,
            last: 0,
            handles: HashMap::new(),
            timers: HashMap::new(),
        }))
    }
}

/// An instance in this process.
pub(super) struct Here {
    session: Session,
    last: Key,
    /// Clients and rpcs.
    handles: HashMap<Key, ResourceAny>,
    /// What is lent is known by its place in the table of the session.
    timers: HashMap<Key, u32>,
}

/// Calls an export of the resource `client` or `rpc`.
macro_rules! call {
    ($here:ident, $resource:ident.$function:ident($($argument:expr),*)) => {
        $here.session.urlfetch.urlfetch_rpc_fetch().$resource()
            .$function(&mut $here.session.store, $($argument),*).await
            .map_err(|error| $here.session.explain(error).to_string())?
    };
}

impl Here {
    async fn perform(&mut self, call: Call) -> Result<Vec<u8>, Surprise> {
        Ok(match call {
            Call::Client { shared } => {
                let client = match shared {
                    true => call!(self, client.call_shared()),
                    false => call!(self, client.call_constructor()),
                };
                encode(&self.keep(client))
            }
            Call::DropClient(handle) | Call::DropRpc(handle) => {
                let handle = self.taken(handle)?;
                let dropped = handle.resource_drop_async(&mut self.session.store).await;
                encode(&dropped.map_err(|error| self.session.explain(error).to_string())?)
            }
            Call::Set(client, setting) => {
                let client = self.handle(client)?;
                encode(&self.set(client, setting).await?)
            }
            Call::Seal(client) => {
                let client = self.handle(client)?;
                encode(&call!(self, client.call_seal(client)))
            }
            Call::DefaultDeadline(client) => {
                let client = self.handle(client)?;
                encode(&call!(self, client.call_default_deadline(client)))
            }
            Call::CreateRpc(client, deadline) => {
                let client = self.handle(client)?;
                let created = call!(self, client.call_create_rpc(client, deadline));
                encode(&created.map(|rpc| self.keep(rpc)))
            }
            Call::Fetch(client, request, deadline) => {
                let client = self.handle(client)?;
                encode(&call!(self, client.call_fetch(client, &request, deadline)))
            }
            Call::Turn(client, timers) => {
                let client = self.handle(client)?;
                let lent = timers.iter().map(|timer| self.lent(*timer));
                let lent = lent.collect::<Result<Vec<_>, _>>()?;
                encode(&call!(self, client.call_turn(client, &lent)))
            }
            Call::Drain(client) => {
                let client = self.handle(client)?;
                encode(&call!(self, client.call_drain(client)))
            }
            Call::Id(rpc) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_id(rpc)))
            }
            Call::Start(rpc, request) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_make_fetch_call(rpc, &request)))
            }
            Call::State(rpc) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_state(rpc)))
            }
            Call::Deadline(rpc) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_deadline(rpc)))
            }
            Call::Wait(rpc) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_wait(rpc)))
            }
            Call::CheckSuccess(rpc) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_check_success(rpc)))
            }
            Call::GetResult(rpc) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_get_result(rpc)))
            }
            Call::IntoResult(rpc) => {
                let rpc = self.taken(rpc)?;
                encode(&call!(self, rpc.call_into_result(rpc)))
            }
            Call::Cancel(rpc) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_cancel(rpc)))
            }
            Call::Hops(rpc) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_hops(rpc)))
            }
            Call::Received(rpc) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_received(rpc)))
            }
            Call::RejectedHeaders(rpc) => {
                let rpc = self.handle(rpc)?;
                encode(&call!(self, rpc.call_rejected_headers(rpc)))
            }
            Call::WaitAny(rpcs, until) => {
                let rpcs = rpcs.iter().map(|rpc| self.handle(*rpc));
                let rpcs = rpcs.collect::<Result<Vec<_>, _>>()?;
                let until = until.map(|timer| self.lent(timer)).transpose()?;
                let fetch = self.session.urlfetch.urlfetch_rpc_fetch();
                let store = &mut self.session.store;
                let waited = fetch.call_wait_any(store, &rpcs, until).await;
                encode(&waited.map_err(|error| self.session.explain(error).to_string())?)
            }
            Call::Progress => {
                let fetch = self.session.urlfetch.urlfetch_rpc_fetch();
                let moved = fetch.call_progress(&mut self.session.store).await;
                encode(&moved.map_err(|error| self.session.explain(error).to_string())?)
            }
            Call::Timer(milliseconds) => {
                let timer = self.session.timer(Duration::from_millis(milliseconds));
                let timer = timer.map_err(|error| error.to_string())?.rep();
                self.last += 1;
                self.timers.insert(self.last, timer);
                encode(&self.last)
            }
            Call::DropTimer(timer) => {
                let lent = self.timers.remove(&timer);
                let lent = Resource::new_own(lent.ok_or("there is no such timer")?);
                let dropped = self.session.drop_pollable(lent);
                encode(&dropped.map_err(|error| format!("the timer is retained: {error}"))?)
            }
        })
    }

    async fn set(
        &mut self,
        client: ResourceAny,
        setting: Setting,
    ) -> Result<Result<(), ErrorKind>, Surprise> {
        Ok(match setting {
            Setting::DefaultDeadline(seconds) => {
                call!(self, client.call_set_default_deadline(client, seconds))
            }
            Setting::MaximumDeadline(seconds) => {
                call!(self, client.call_set_maximum_deadline(client, seconds))
            }
            Setting::MaxInFlight(total, per_origin) => {
                call!(
                    self,
                    client.call_set_max_in_flight(client, total, per_origin)
                )
            }
            Setting::MaxRedirects(hops) => {
                call!(self, client.call_set_max_redirects(client, hops))
            }
            Setting::Follow308(follow) => call!(
                self,
                client.call_set_follow_permanent_redirect(client, follow)
            ),
            Setting::MaxResponse(bytes) => {
                call!(self, client.call_set_max_response(client, bytes))
            }
            Setting::UrlLimits(max_length, any_port) => {
                call!(
                    self,
                    client.call_set_url_limits(client, max_length, any_port)
                )
            }
            Setting::UserAgent(text) => {
                call!(self, client.call_set_user_agent(client, text.as_deref()))
            }
            Setting::AllowedOrigins(origins) => {
                call!(self, client.call_set_allowed_origins(client, &origins))
            }
            Setting::AllowPrivate(allow) => {
                call!(self, client.call_set_allow_private(client, allow))
            }
            Setting::ValidateAnyway(validate) => {
                call!(self, client.call_set_validate_anyway(client, validate))
            }
            Setting::CurrentRequest(authority, path) => {
                let authority = authority.as_deref();
                call!(
                    self,
                    client.call_set_current_request(client, authority, &path)
                )
            }
            Setting::DevelopmentMode(on) => {
                call!(self, client.call_set_development_mode(client, on))
            }
        })
    }

    fn keep(&mut self, handle: ResourceAny) -> Key {
        self.last += 1;
        self.handles.insert(self.last, handle);
        self.last
    }

    fn handle(&self, key: Key) -> Result<ResourceAny, Surprise> {
        let found = self.handles.get(&key).copied();
        found.ok_or_else(|| format!("there is no handle {key}"))
    }

    fn taken(&mut self, key: Key) -> Result<ResourceAny, Surprise> {
        let found = self.handles.remove(&key);
        found.ok_or_else(|| format!("there is no handle {key}"))
    }

    fn lent<T: 'static>(&self, key: Key) -> Result<Resource<T>, Surprise> {
        let found = self.timers.get(&key);
        found
            .map(|timer| Resource::new_borrow(*timer))
            .ok_or_else(|| format!("there is no timer {key}"))
    }
}

fn encode(answer: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(answer).expect("memory takes what it holds")
}
