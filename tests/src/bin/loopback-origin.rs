//! The loopback origin as a process, whose sockets count against a limit of its own. Prints where it listens; ends with its stdin.

use std::io::{self, Read};
use urlfetch_host::{Loopback, raise_fd_limit};

fn main() -> io::Result<()> {
    raise_fd_limit(12_000).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let origin = Loopback::start().await?;
        println!("{}", origin.url(""));
        tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??;
        Ok(())
    })
}
