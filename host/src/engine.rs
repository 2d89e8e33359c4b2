//! The engine, and our component compiled for it: once per process, whoever asks.

use crate::bindings::UrlfetchPre;
use crate::{COMPONENT, HostError, State, handing_over};
use std::sync::{Mutex, PoisonError};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Engine};

/// What every session of one kind shares.
#[derive(Clone)]
pub(crate) struct Compiled {
    pub(crate) engine: Engine,
    /// WASI 0.2 as a command gets it, wasi:http included.
    pub(crate) linker: Linker<State>,
    pub(crate) urlfetch: UrlfetchPre<State>,
}

/// Metered guests are other machine code than unmetered ones, hence two.
static COMPILED: [Mutex<Option<Compiled>>; 2] = [Mutex::new(None), Mutex::new(None)];

impl Compiled {
    /// Compiles at the first call and clones at every later one. A failure is not remembered.
    pub(crate) fn get(metered: bool) -> Result<Self, HostError> {
        let mut slot = COMPILED[usize::from(metered)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = &*slot {
            return Ok(compiled.clone());
        }
        let compiled = Self::compile(metered)?;
        Ok(slot.insert(compiled).clone())
    }

    /// Somebody's component, compiled and linked with everything the guests of a harness may import.
    pub(crate) fn link(&self, wasm: &[u8]) -> Result<InstancePre<State>, HostError> {
        link(&self.engine, &self.linker, wasm)
    }

    fn compile(metered: bool) -> Result<Self, HostError> {
        let mut config = Config::new();
        config.wasm_component_model(true).consume_fuel(metered);
        let engine = Engine::new(&config).map_err(HostError::Compile)?;
        let mut linker = Linker::new(&engine);
        // The async linker only: the other one blocks threads, and virtual time does not wait for threads.
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(HostError::Link)?;
        handing_over::add_to_linker(&mut linker).map_err(HostError::Link)?;
        let pre = link(&engine, &linker, COMPONENT)?;
        let urlfetch = UrlfetchPre::new(pre).map_err(HostError::Link)?;
        Ok(Compiled {
            engine,
            linker,
            urlfetch,
        })
    }
}

fn link(
    engine: &Engine,
    linker: &Linker<State>,
    wasm: &[u8],
) -> Result<InstancePre<State>, HostError> {
    let component = Component::from_binary(engine, wasm).map_err(HostError::Compile)?;
    linker.instantiate_pre(&component).map_err(HostError::Link)
}
