//! What a store holds for one guest: its WASI contexts, its resources, and its way out.

use crate::World;
use crate::clock::TokioClock;
use crate::hooks::Hooks;
use crate::memory::Memory;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// The data of a guest's store. Made by the harness; there is nothing to set.
pub struct State {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(crate) memory: Memory,
}

impl State {
    /// `wasi` may carry arguments, environment and pipes; the world puts its clocks and its randomness in.
    pub(crate) fn new(world: World, wasi: &mut WasiCtxBuilder) -> Self {
        if world.is_virtual() {
            let clock = TokioClock::start();
            // A random number that differs from run to run would show in fuel counts.
            wasi.monotonic_clock(clock)
                .wall_clock(clock)
                .secure_random(Deterministic::new(vec![0x5e, 0xed, 0x0f]))
                .insecure_random(Deterministic::new(vec![0x5e, 0xed, 0x0e]))
                .insecure_random_seed(0x5eed);
        }
        State {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: world.into_hooks(),
            memory: Memory::default(),
        }
    }

    /// How many resources the host keeps for the guest: requests, their options, bodies, streams, pollables.
    pub fn resources(&mut self) -> usize {
        self.table.iter_mut().count()
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
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
