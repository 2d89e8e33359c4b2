//! What the disk under the tasks takes for a sync, and whether it can be made slower.

use super::server::kept;
use anyhow::Result;
use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Milliseconds of so many times 4 KiB written at the end of a file and synced, as SQLite's log is.
pub(crate) fn syncs(count: usize) -> Result<Vec<f64>> {
    let path = kept().join("synced");
    let mut file = File::create(&path)?;
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        file.write_all(&[b'x'; 4096])?;
        file.sync_data()?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(path)?;
    Ok(took)
}

/// Whether strace is there, and may look over a process's shoulder.
pub(crate) fn can_be_slowed() -> bool {
    let tried = Command::new("strace")
        .args(["-f", "--seccomp-bpf", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}
