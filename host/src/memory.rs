//! How much linear memory a guest has taken.

use wasmtime::ResourceLimiter;

/// Counts, and refuses nothing.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Bytes, of all memories of the store together.
    pub(crate) bytes: usize,
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.bytes += desired - current;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(true)
    }
}
