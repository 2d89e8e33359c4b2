//! The host that all guests share: wasmtime as its crates come, WASI 0.2 and 0.3, and a meter for memory and handles.
//!
//! Real sockets go through wasmtime's own sender. Exact counts come from the origin in memory, under virtual time and with fuel.

use crate::memory_origin::MemoryOrigin;
use anyhow::{Context, Result, bail};
use std::any::TypeId;
use std::path::Path;
use std::time::Duration;
use urlfetch_host::TokioClock;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Cache, CacheConfig, Config, Engine, ResourceLimiter, Store};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    RequestOptions, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

/// More than a guest of ours prints.
const OUTPUT: usize = 64 * 1024;

/// Where a guest's requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    /// The origin in memory. Under virtual time, metered.
    Memory,
    /// Sockets, by wasmtime's sender.
    Stock,
}

/// A compiled command.
pub(crate) struct Guest {
    engine: Engine,
    pre: Pre,
    world: World,
}

enum Pre {
    Two(wasmtime_wasi::p2::bindings::CommandPre<State>),
    Three(wasmtime_wasi::p3::bindings::CommandPre<State>),
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    /// Units spent; 0 when nobody counted.
    pub(crate) fuel: u64,
    /// The most linear memory that all instances of it had, in bytes. Memory never shrinks.
    pub(crate) memory: usize,
    /// What the host keeps for it at the end.
    pub(crate) resources: usize,
}

impl Guest {
    /// Compiles, or takes what was compiled before out of the cache.
    pub(crate) fn load(file: &Path, world: World) -> Result<Self> {
        let mut cache = CacheConfig::new();
        cache.with_directory(crate::folder().join("cache"));
        let mut config = Config::new();
        config
            .wasm_component_model(true)
            .wasm_component_model_async(true)
            .consume_fuel(world == World::Memory)
            .cache(Some(Cache::new(cache)?));
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, file)
            .map_err(anyhow::Error::from)
            .with_context(|| file.display().to_string())?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        let pre = linker.instantiate_pre(&component)?;
        let is_three = component
            .component_type()
            .exports(&engine)
            .any(|(name, _)| name.starts_with("wasi:cli/run@0.3"));
        let pre = match is_three {
            true => Pre::Three(wasmtime_wasi::p3::bindings::CommandPre::new(pre)?),
            false => Pre::Two(wasmtime_wasi::p2::bindings::CommandPre::new(pre)?),
        };
        Ok(Self { engine, pre, world })
    }

    /// Runs it to its end, or for so long and not longer.
    pub(crate) async fn run(&self, args: &[String], at_most: Option<Duration>) -> Result<Ran> {
        let stdout = MemoryOutputPipe::new(OUTPUT);
        let stderr = MemoryOutputPipe::new(OUTPUT);
        let mut wasi = WasiCtxBuilder::new();
        wasi.arg("peer")
            .args(args)
            .stdout(stdout.clone())
            .stderr(stderr.clone());
        let mut store = Store::new(&self.engine, State::new(self.world, &mut wasi));
        store.limiter(|state| &mut state.memory);
        if self.world == World::Memory {
            store.set_fuel(u64::MAX)?;
        }
        let ran = match at_most {
            Some(time) => tokio::time::timeout(time, self.call(&mut store)).await,
            None => Ok(self.call(&mut store).await),
        };
        if let Ok(ended) = ran {
            let said = String::from_utf8_lossy(&stderr.contents()).into_owned();
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(())) => bail!("it failed: {said}"),
                Err(error) => match error.downcast_ref::<I32Exit>() {
                    Some(I32Exit(0)) => {}
                    Some(I32Exit(code)) => bail!("it exited with {code}: {said}"),
                    None => return Err(anyhow::Error::from(error).context(said)),
                },
            }
        }
        let metered = self.world == World::Memory;
        Ok(Ran {
            stdout: String::from_utf8_lossy(&stdout.contents()).into_owned(),
            fuel: if metered {
                u64::MAX - store.get_fuel()?
            } else {
                0
            },
            memory: store.data().memory.0,
            resources: store.data_mut().resources(),
        })
    }

    async fn call(&self, store: &mut Store<State>) -> wasmtime::Result<Result<(), ()>> {
        match &self.pre {
            Pre::Two(pre) => {
                let command = pre.instantiate_async(&mut *store).await?;
                command.wasi_cli_run().call_run(store).await
            }
            Pre::Three(pre) => {
                let command = pre.instantiate_async(&mut *store).await?;
                store
                    .run_concurrent(async move |store| command.wasi_cli_run().call_run(store).await)
                    .await?
            }
        }
    }
}

/// Everything as wasmtime has it.
struct Stock;

impl WasiHttpHooks for Stock {}

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Box<dyn WasiHttpHooks>,
    memory: Memory,
}

impl State {
    fn new(world: World, wasi: &mut WasiCtxBuilder) -> Self {
        let hooks: Box<dyn WasiHttpHooks> = match world {
            World::Stock => Box::new(Stock),
            World::Memory => {
                let clock = TokioClock::start();
                // Seeds of hash maps would show in the counts.
                wasi.monotonic_clock(clock)
                    .wall_clock(clock)
                    .secure_random(Deterministic::new(vec![0x5e, 0xed, 0x0f]))
                    .insecure_random(Deterministic::new(vec![0x5e, 0xed, 0x0e]))
                    .insecure_random_seed(0x5eed);
                Box::new(MemoryOrigin::default())
            }
        };
        Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks,
            memory: Memory(0),
        }
    }

    /// Request options are left out: wasmtime 48.0.8 never deletes those that were handed over with a request.
    fn resources(&mut self) -> usize {
        let options = TypeId::of::<RequestOptions>();
        let entries = self.table.iter_mut();
        entries
            .filter(|entry| (**entry).type_id() != options)
            .count()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut *self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// Adds up the linear memories of a store.
struct Memory(usize);

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.0 += desired.saturating_sub(current);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}
