//! One run of one peer, as a process of its own: so that its memory is its own, and nothing is warm.

use crate::guest::{Guest, World};
use crate::origin::SOCKETS;
use crate::peer::{Kind, Peer};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use urlfetch_host::{Harness, HarnessOptions, Invocation, Sender, SenderOptions, raise_fd_limit};

/// What a peer prints, and for guests what their host adds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// From before the first request to after the last body, as the peer saw it.
    pub(crate) nanos: u64,
    /// Answers that came.
    pub(crate) arrived: u64,
    /// Bytes of their bodies.
    pub(crate) bytes: u64,
    /// Answers that did not come.
    pub(crate) lost: u64,
    /// How the first of them was lost.
    pub(crate) why: String,
    /// The most memory of the process, in KiB.
    #[serde(default)]
    pub(crate) rss: u64,
    /// The most linear memory of the guest, in bytes.
    #[serde(default)]
    pub(crate) memory: u64,
}

/// Which host runs a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// Wasmtime as its crates come.
    Stock,
    /// Ours, with its pool of connections.
    Pooled,
}

/// What a process that runs one guest is told.
#[derive(clap::Args)]
pub(crate) struct GuestArgs {
    /// On our pooled host.
    #[arg(long)]
    pooled: bool,
    file: PathBuf,
    #[arg(trailing_var_arg = true)]
    args: Vec<String>,
}

/// The part of that process.
pub(crate) fn run_guest(args: &GuestArgs) -> Result<()> {
    raise_fd_limit(SOCKETS)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (stdout, memory) = runtime.block_on(async {
        if args.pooled {
            return Ok((pooled(args).await?, 0));
        }
        let guest = Guest::load(&args.file, World::Stock)?;
        let ran = guest.run(&args.args, None).await?;
        Ok::<_, anyhow::Error>((ran.stdout, ran.memory as u64))
    })?;
    let mut sample: Sample = serde_json::from_str(&stdout).context("what the guest printed")?;
    sample.memory = memory;
    sample.rss = peak_of_this_process();
    println!("{}", serde_json::to_string(&sample)?);
    Ok(())
}

async fn pooled(args: &GuestArgs) -> Result<String> {
    let harness = Harness::new(HarnessOptions::default())?;
    let program = harness.program(&std::fs::read(&args.file)?)?;
    let sender = Sender::new(SenderOptions::default())?;
    let world = urlfetch_host::World::Pooled(sender);
    let invocation = Invocation::new(args.args.iter().cloned());
    let output = harness.run(&program, world, invocation).await?;
    match output.status {
        0 => Ok(output.text()),
        status => bail!("it exited with {status}"),
    }
}

/// In KiB; 0 where the system does not tell.
fn peak_of_this_process() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Runs a peer. Fails when it says nothing in so much time, or cannot do it at all.
pub(crate) async fn take(
    peer: &Peer,
    host: Host,
    args: &[String],
    at_most: Duration,
) -> Result<Sample> {
    let file = peer.file();
    let mut command = match peer.kind {
        Kind::Guest(_) | Kind::Guest3(_) => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("guest");
            if host == Host::Pooled {
                command.arg("--pooled");
            }
            command.arg(file);
            command
        }
        Kind::Native(_) => Command::new(file),
        Kind::Python(_) => {
            let mut command = Command::new("python3");
            command.arg(file);
            command
        }
    };
    let running = command
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let Ok(output) = tokio::time::timeout(at_most, running).await else {
        bail!("not over after {} s", at_most.as_secs());
    };
    let output = output?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.lines().last().unwrap_or("it failed in silence"));
    }
    serde_json::from_slice(&output.stdout).context("what it printed")
}
