//! The origin as a process of its own, so that its sockets and its memory are not those of whoever is measured.

use anyhow::{Context, Result};
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use urlfetch_host::{Loopback, raise_fd_limit};

/// Sockets of one process. Both ends of ten thousand fetches need a limit of their own.
pub(crate) const SOCKETS: u64 = 10_200;

/// The part of that process: hyper, on a free port, with as long a backlog as the kernel grants.
pub(crate) fn serve() -> Result<()> {
    raise_fd_limit(SOCKETS)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let origin = Loopback::start().await?;
        println!("{}", origin.url(""));
        // It ends with whoever started it.
        tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??;
        Ok(())
    })
}

/// A running origin, until it is dropped.
pub(crate) struct Origin {
    process: Child,
    base: String,
}

impl Origin {
    pub(crate) fn start() -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("origin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut base = String::new();
        let stdout = process.stdout.take().context("it is piped")?;
        BufReader::new(stdout).read_line(&mut base)?;
        let base = base.trim().to_owned();
        Ok(Self { process, base })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
