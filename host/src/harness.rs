//! The harness: one engine, from which sessions, programs and handlers start.

use crate::bindings::Urlfetch;
use crate::engine::Compiled;
use crate::{Handler, HostError, Invocation, Output, Program, Session, State, World};
use bytes::Bytes;
use http_body::Body;
use wasmtime::Store;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi_http::{Error, WasiBody};

/// How guests run.
#[derive(Clone, Copy, Debug, Default)]
pub struct HarnessOptions {
    /// Units of fuel that each session and each program gets; none runs them unmetered, and faster. Under virtual time the counts
    /// repeat to the unit, and this limit is the only watchdog: a guest that spins stops time.
    pub fuel: Option<u64>,
}

/// Runs our component, and programs and handlers of others, in any world. Cheap to clone.
#[derive(Clone)]
pub struct Harness {
    compiled: Compiled,
    options: HarnessOptions,
}

impl Harness {
    /// Compiles the component, the first time in a process; takes a second or so then, nothing afterwards.
    pub fn new(options: HarnessOptions) -> Result<Self, HostError> {
        Ok(Harness {
            compiled: Compiled::get(options.fuel.is_some())?,
            options,
        })
    }

    /// A fresh instance of our component, for the host to drive. Needs a tokio runtime, and stays on it.
    pub async fn session(&self, world: World) -> Result<Session, HostError> {
        let mut store = self.store(world, &mut WasiCtxBuilder::new());
        let failed = |error| HostError::from_call(error, self.options.fuel);
        let pre = self.compiled.urlfetch.instance_pre();
        let instance = pre.instantiate_async(&mut store).await.map_err(failed)?;
        let urlfetch = Urlfetch::new(&mut store, &instance).map_err(failed)?;
        Ok(Session {
            store,
            urlfetch,
            instance,
            fuel: self.options.fuel,
        })
    }

    /// Compiles a program: any component that exports `wasi:cli/run` and imports WASI 0.2 only, our interfaces being composed in or
    /// linked in already.
    pub fn program(&self, wasm: &[u8]) -> Result<Program, HostError> {
        Program::compile(&self.compiled, wasm)
    }

    /// Runs a program to its end and gives back what it wrote. An exit status is no error; a trap is.
    pub async fn run(
        &self,
        program: &Program,
        world: World,
        invocation: Invocation,
    ) -> Result<Output, HostError> {
        program
            .run(self.options.fuel, invocation, |wasi| {
                self.store(world, wasi)
            })
            .await
    }

    /// Compiles a handler: any component that exports `wasi:http/incoming-handler` 0.2, else as for a [`program`](Self::program).
    pub fn handler(&self, wasm: &[u8]) -> Result<Handler, HostError> {
        Handler::compile(&self.compiled, wasm)
    }

    /// Answers one request by a fresh instance of a handler, as soon as it gives the head. The instance lives on until it returns; when
    /// it traps before, the body ends in an error.
    pub async fn handle<B>(
        &self,
        handler: &Handler,
        world: World,
        request: http::Request<B>,
    ) -> Result<http::Response<WasiBody>, HostError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        let store = self.store(world, &mut WasiCtxBuilder::new());
        handler.answer(self.options.fuel, store, request).await
    }

    fn store(&self, world: World, wasi: &mut WasiCtxBuilder) -> Store<State> {
        let mut store = Store::new(&self.compiled.engine, State::new(world, wasi));
        store.limiter(|state| &mut state.memory);
        if let Some(fuel) = self.options.fuel {
            store
                .set_fuel(fuel)
                .expect("an engine made for fuel takes it");
        }
        store
    }
}

impl std::fmt::Debug for Harness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harness")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
