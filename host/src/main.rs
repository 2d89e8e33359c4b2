//! The command `urlfetch`: `urlfetch --help`. What it does lives in `cli`, one file per subcommand; here is only the exit code.

mod cli;

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A request that fetches ten URLs makes some thousand small allocations, which one thread makes and another gives back. That of glibc
/// grows and trims its heaps meanwhile, by calls of the kernel.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
