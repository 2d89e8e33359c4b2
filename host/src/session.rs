//! One instance of our component, driven by the host.

use crate::bindings::Urlfetch;
use crate::{HostError, State};
use std::time::Duration;
use wasmtime::Store;
use wasmtime::component::{Instance, Resource};
use wasmtime_wasi::clocks::WasiClocksCtxView;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::Host as _;
use wasmtime_wasi::p2::bindings::io::poll::HostPollable as _;

/// A store and the component in it. Both are public because every generated call takes the store beside the bindings:
///
/// ```no_run
/// # async fn example(mut session: urlfetch_host::Session) -> wasmtime::Result<()> {
/// let fetch = session.urlfetch.urlfetch_rpc_fetch();
/// let client = fetch.client().call_constructor(&mut session.store).await?;
/// fetch.client().call_set_allow_private(&mut session.store, client, true).await?.expect("a fresh client is not sealed");
/// # Ok(()) }
/// ```
///
/// After a trap the instance is lost: every further call fails. Dropping a session ends what is in flight.
pub struct Session {
    /// Where the guest lives.
    pub store: Store<State>,
    /// The exports of `urlfetch:rpc/fetch`.
    pub urlfetch: Urlfetch,
    /// The same, for calls that are not typed, as an embedding for a dynamic language makes them.
    pub instance: Instance,
    pub(crate) fuel: Option<u64>,
}

impl Session {
    /// A pollable that is ready `after` from now, to lend to `turn` or `wait-any`. Give it back to [`drop_pollable`](Self::drop_pollable).
    pub fn timer(&mut self, after: Duration) -> wasmtime::Result<Resource<DynPollable>> {
        let state = self.store.data_mut();
        WasiClocksCtxView {
            ctx: state.wasi.clocks(),
            table: &mut state.table,
        }
        .subscribe_duration(after.as_nanos().try_into().unwrap_or(u64::MAX))
    }

    /// Forgets a pollable. Fails when it was lent out and is still in use, or is not this session's.
    pub fn drop_pollable(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.store.data_mut().table.drop(pollable)
    }

    /// What a generated call of this session failed with, as the harness tells it: out of fuel, or trapped.
    pub fn explain(&self, error: wasmtime::Error) -> HostError {
        HostError::from_call(error, self.fuel)
    }

    /// How many resources the host keeps for the guest, lent pollables included: see [`State::resources`]. The component keeps a timer
    /// when nothing is in flight; beyond that, the number must not grow from one fetch to the next.
    pub fn resources(&mut self) -> usize {
        self.store.data_mut().resources()
    }

    /// Bytes of linear memory that the instance has taken. It never gives any back, so that this is the most it ever needed.
    pub fn memory(&self) -> usize {
        self.store.data().memory.bytes
    }

    /// Units of fuel spent since the session began; none in an unmetered harness.
    pub fn fuel_used(&self) -> Option<u64> {
        Some(self.fuel?.saturating_sub(self.store.get_fuel().ok()?))
    }

    /// Fills the fuel up to the harness's limit again, and counts from zero. Does nothing in an unmetered harness.
    pub fn refuel(&mut self) {
        if let Some(fuel) = self.fuel {
            self.store
                .set_fuel(fuel)
                .expect("an engine made for fuel takes it");
        }
    }
}
