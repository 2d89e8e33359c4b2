//! The pool that instances live in, sized by what one instance of the application was seen to need.

use wasmtime::component::Component;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// What one instance of an application takes from the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Core instances: those of the application, of its adapters, and of what was composed in.
    pub core_instances: u32,
    /// Linear memories.
    pub memories: u32,
    /// Tables.
    pub tables: u32,
    /// Elements that its largest table begins with.
    pub table_elements: u64,
    /// Fibers: one to call it, and some more where its tasks of WASI 0.3 run.
    pub stacks: u32,
}

/// How large a table may become, unless it begins larger than half of this: some languages put all their functions into one.
const TABLE_ELEMENTS: u64 = 40_000;
/// How much of a linear memory is cleared by hand when an instance ends; the kernel takes back what is beyond. A page that is kept
/// costs no fault in the next instance, but stays in the process. Where the kernel can say which pages were written (Linux 6.7), only
/// those count: programs write above a stack of a mebibyte that they hardly use. Elsewhere it is the lowest part, whatever is there.
const MEMORY_KEPT: usize = 256 * 1024;
/// So many memories, tables and stacks are given back to the kernel at once: each time, every thread that runs has to forget their pages.
const DECOMMIT: usize = 16;
/// The same of a table.
const TABLE_KEPT: usize = 16 * 1024;
/// The most that the structures of one instance may take on the host's side.
const INSTANCE_SIZE: usize = 16 << 20;
/// Fibers of one instance that runs tasks of its own.
const STACKS_OF_TASKS: u32 = 4;

impl Needs {
    /// A pool for one instance of anything that is not absurd: to count in.
    pub(super) fn of_anything() -> Self {
        Needs {
            core_instances: 10_000,
            memories: 100,
            tables: 1_000,
            table_elements: 5_000_000,
            stacks: STACKS_OF_TASKS,
        }
    }

    /// What the pool of the component's engine holds just now: call it while one instance is alive and nothing else.
    pub(super) fn counted(component: &Component, is_concurrent: bool) -> Option<Self> {
        let now = component.engine().pooling_allocator_metrics()?;
        let resources = component.resources_required();
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Some(Needs {
            core_instances: small(now.core_instances()),
            memories: small(now.memories() as u64),
            tables: small(now.tables() as u64),
            table_elements: resources
                .and_then(|needed| needed.max_initial_table_size)
                .unwrap_or(0),
            stacks: if is_concurrent { STACKS_OF_TASKS } else { 1 },
        })
    }

    /// Makes `config` a pool in which `instances` such instances fit at once.
    ///
    /// Memories and tables are address space until somebody touches them: 4 GiB for each memory, so that no access needs a check.
    pub(super) fn reserve(self, instances: u32, config: &mut Config) {
        let times = |count: u32| count.saturating_mul(instances).max(1);
        let elements = self.table_elements.saturating_mul(2).max(TABLE_ELEMENTS);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(times(1))
            .total_core_instances(times(self.core_instances))
            .total_memories(times(self.memories))
            .total_tables(times(self.tables))
            .total_stacks(times(self.stacks))
            .max_component_instance_size(INSTANCE_SIZE)
            .max_core_instance_size(INSTANCE_SIZE)
            .max_memories_per_module(self.memories.max(1))
            .max_tables_per_module(self.tables.max(1))
            .table_elements(usize::try_from(elements).unwrap_or(usize::MAX))
            .linear_memory_keep_resident(MEMORY_KEPT)
            .table_keep_resident(TABLE_KEPT)
            .pagemap_scan(Enabled::Auto)
            .decommit_batch_size(DECOMMIT);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
}
