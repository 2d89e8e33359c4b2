//! Killing a server of tasks again and again: what it has acknowledged must have run in the end.
//!
//! The server is this program, started anew: an application that says what it runs, the API by a socket, a file of tasks. It is killed
//! at random instants, its start included, while clients make tasks as fast as they are answered.

mod client;
mod server;
mod two_hosts;

pub use server::{SECRET, serve};
pub use two_hosts::kill_two_hosts;

use client::{Api, enqueue_until};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many make tasks at once.
const CLIENTS: usize = 8;
/// The longest that a server lives before it is killed.
const LIFE: Duration = Duration::from_millis(400);
/// How long a server may take to begin, and the last one to run what is left.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program whose `--serve FOLDER [--database URL]` is [`serve`].
    pub program: PathBuf,
    /// A folder for the file of tasks; what is there is lost.
    pub folder: PathBuf,
    /// How often something is killed.
    pub kills: u32,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many servers were killed, and how many of them before they listened.
    pub kills: u32,
    /// See `kills`.
    pub unborn: u32,
    /// How many of the kills were crashes of a database.
    pub crashes: u32,
    /// Tasks whose creation was answered 200.
    pub acknowledged: usize,
    /// Tasks that ran.
    pub executed: usize,
    /// Acknowledged, and never run.
    pub lost: Vec<String>,
    /// Tasks that ran more than once, and the most that one ran.
    pub repeated: usize,
    /// See `repeated`.
    pub most: u32,
    /// What SQLite says of the file in the end, or what is found in the database: `ok`.
    pub integrity: String,
}

impl Report {
    /// Sets what was acknowledged against what ran.
    fn count(&mut self, acknowledged: &HashSet<String>, ran: &HashMap<String, u32>) {
        self.acknowledged = acknowledged.len();
        self.executed = ran.len();
        let lost = acknowledged.iter().filter(|name| !ran.contains_key(*name));
        self.lost = lost.cloned().collect();
        self.repeated = ran.values().filter(|count| **count > 1).count();
        self.most = ran.values().copied().max().unwrap_or(0);
    }

    /// What must not be, in a line.
    pub fn fault(&self) -> Option<String> {
        if let Some(first) = self.lost.first() {
            return Some(format!(
                "{} acknowledged tasks never ran, {first} among them",
                self.lost.len()
            ));
        }
        if self.most > 1 + self.kills {
            return Some(format!(
                "a task ran {} times, with {} kills",
                self.most, self.kills
            ));
        }
        if self.acknowledged == 0 {
            return Some("no task was acknowledged: nothing was tested".into());
        }
        (self.integrity != "ok").then(|| format!("the file is damaged: {}", self.integrity))
    }
}

/// Kills as often as it is told to, lets the last server finish, and counts.
///
/// # Errors
/// When no server can be started, or the last one does not come to its end.
pub fn kill_loop(settings: &Settings, mut tell: impl FnMut(u32)) -> Result<Report, String> {
    let _ = std::fs::remove_dir_all(&settings.folder);
    std::fs::create_dir_all(&settings.folder).map_err(|error| error.to_string())?;
    let acknowledged = Arc::new(Mutex::new(HashSet::new()));
    let mut report = Report::default();
    let mut ran = HashMap::new();
    for round in 0..settings.kills {
        let mut server = Server::start(&settings.program, &settings.folder, None)?;
        // Now and then it does not come to its first word.
        let patience = match round % 8 {
            7 => LIFE.mul_f64(random() / 4.0),
            _ => PATIENCE,
        };
        let api = server.listens(Instant::now() + patience);
        if let Some(api) = api {
            let end = Instant::now() + LIFE.mul_f64(random());
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let (api, acknowledged) = (api.clone(), acknowledged.clone());
                    let prefix = format!("r{round}-{client}");
                    thread::spawn(move || enqueue_until(&api, &prefix, end, &acknowledged))
                })
                .collect();
            // No event to wait for: that it comes at any instant, in the midst of anything, is what a kill is.
            thread::sleep(end.saturating_duration_since(Instant::now()));
            server.kill(&mut ran);
            for client in clients {
                let _ = client.join();
            }
        } else {
            report.unborn += 1;
            server.kill(&mut ran);
        }
        report.kills += 1;
        tell(report.kills);
    }
    finish(settings, &mut ran)?;
    let acknowledged = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    report.count(&acknowledged, &ran);
    report.integrity = integrity(&settings.folder.join(server::FILE))?;
    Ok(report)
}

/// Lets a server run what is left.
fn finish(settings: &Settings, ran: &mut HashMap<String, u32>) -> Result<(), String> {
    let mut server = Server::start(&settings.program, &settings.folder, None)?;
    let end = Instant::now() + PATIENCE;
    let api = server
        .listens(end)
        .ok_or("the last server does not listen")?;
    while !api
        .is_empty()
        .map_err(|error| format!("the last server: {error}"))?
    {
        if Instant::now() > end {
            return Err("the last server has tasks left".into());
        }
    }
    server.kill(ran);
    Ok(())
}

fn integrity(file: &Path) -> Result<String, String> {
    let told = |error: rusqlite::Error| format!("{}: {error}", file.display());
    let connection = rusqlite::Connection::open(file).map_err(told)?;
    connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .map_err(told)
}

/// Between 0 and 1.
fn random() -> f64 {
    use std::hash::{BuildHasher, Hasher};
    let drawn = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    drawn as f64 / u64::MAX as f64
}

/// A server in a process of its own.
struct Server {
    process: Child,
    address: std::sync::mpsc::Receiver<String>,
    /// The names of what has run, one for each time.
    running: JoinHandle<Vec<String>>,
}

impl Server {
    fn start(program: &Path, folder: &Path, database: Option<&str>) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.arg("--serve").arg(folder);
        if let Some(url) = database {
            command.args(["--database", url]);
        }
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let (tell, address) = std::sync::mpsc::channel();
        thread::spawn(move || {
            for line in stdout
                .into_iter()
                .flat_map(|out| BufReader::new(out).lines())
                .map_while(Result::ok)
            {
                let _ = tell.send(line);
            }
        });
        let running = thread::spawn(move || {
            let lines = stderr
                .into_iter()
                .flat_map(|err| BufReader::new(err).lines());
            lines
                .map_while(Result::ok)
                .filter_map(|line| server::ran(&line))
                .collect()
        });
        Ok(Server {
            process,
            address,
            running,
        })
    }

    /// The way to its API, when it listens before then.
    fn listens(&mut self, end: Instant) -> Option<Api> {
        let left = end.saturating_duration_since(Instant::now());
        self.address.recv_timeout(left).ok().map(Api::new)
    }

    /// Kills it.
    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Kills it, and counts what it has run.
    fn kill(mut self, ran: &mut HashMap<String, u32>) {
        self.end();
        for name in self.running.join().unwrap_or_default() {
            *ran.entry(name).or_default() += 1;
        }
    }
}
