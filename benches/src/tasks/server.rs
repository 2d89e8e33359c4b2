//! `urlfetch serve` of the same build, with an application that nobody calls and a store of tasks.

use super::caller::Api;
use crate::{folder, root, serving};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How much longer a sync takes on the disk that is slow.
const SLOWER: &str = "inject=fsync,fdatasync:delay_enter=4500";

/// Where tasks are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file.
    File,
    /// The same where each sync takes 4.5 ms longer: strace holds it up.
    SlowFile,
    /// The database of this URL.
    Database(String),
}

impl Place {
    /// In figures.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Place::File => "file",
            Place::SlowFile => "file, syncs 4.5 ms slower",
            Place::Database(_) => "PostgreSQL",
        }
    }
}

/// A server; it is killed when it is dropped.
pub(crate) struct Server {
    pub(crate) api: Api,
    process: Child,
}

impl Server {
    /// Starts it with the tasks that are there, and waits until it listens.
    pub(crate) async fn start(place: &Place) -> Result<Self> {
        let program = serving::urlfetch()?;
        let mut command = match place {
            Place::SlowFile => {
                let mut command = Command::new("strace");
                // The server is our child, who looks on is its.
                command.args(["-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"]);
                command.args(["-e", "trace=fsync,fdatasync", "-e", SLOWER]);
                command.arg(program);
                command
            }
            _ => Command::new(program),
        };
        command.arg("serve").arg(folder().join("fan-out.wasm"));
        command.args(["--addr", "127.0.0.1:0", "--tasks-listen", "127.0.0.1:0"]);
        command.arg("--tasks-file").arg(kept().join("tasks.db"));
        if let Place::Database(url) = place {
            command.args(["--tasks", url]);
        }
        let log = kept().join("log");
        let mut process = command
            .current_dir(root())
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let stdout = process.stdout.take().context("it is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let address = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = line.strip_prefix("tasks on http://") {
                    return Ok(address.to_owned());
                }
            }
            bail!("{}", std::fs::read_to_string(&log)?.trim())
        };
        let address = tokio::time::timeout(Duration::from_secs(60), address);
        let address = address.await.context("it does not listen after 60 s")??;
        let token = std::fs::read_to_string(kept().join("tasks.token"))?;
        Ok(Server {
            api: Api {
                address,
                token: token.trim().to_owned(),
            },
            process,
        })
    }

    /// Ends it as a crash does.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}

/// The folder of the file, on the disk of the repository.
pub(crate) fn kept() -> PathBuf {
    folder().join("tasks")
}

/// The folder as it is before there are tasks.
pub(crate) fn clear() -> Result<()> {
    let folder = kept();
    if Path::new(&folder).exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(std::fs::create_dir_all(folder)?)
}
