//! What a peer is asked to do, by its arguments, and the one line of JSON that it answers with.

use std::process::exit;
use std::time::{Duration, Instant};

/// What is done with each of the URLs, all of them at once where the peer can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Read the body to its end and forget it.
    Fetch,
    /// Read the body to its end and keep it until all have come.
    Keep,
    /// Like `Keep`, but begin with each only when the one before it has come.
    KeepInTurn,
    /// Like `Fetch`, after following redirects.
    Follow,
    /// Ask for gzip, and count what comes out of it.
    Inflate,
    /// Send a body of zeros, and read the answer.
    Upload,
    /// Like `Fetch`; the clock runs only while the callbacks of what has finished already run.
    Callbacks,
}

/// The arguments: `WHAT COUNT URL [BYTES]`.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What to do.
    pub what: What,
    /// How many times at once.
    pub count: usize,
    /// The URL, the same for all.
    pub url: String,
    /// How many bytes to upload; 0 when there is nothing to upload.
    pub upload: usize,
}

/// Redirects that a peer without a rule of its own follows.
pub const REDIRECTS: usize = 5;
/// For peers that want a limit of time: none of what is measured should come near it.
pub const DEADLINE: Duration = Duration::from_secs(120);

impl Ask {
    /// Reads the arguments of the process; says what is wrong with them and ends it with code 2.
    pub fn from_args() -> Self {
        let args: Vec<String> = std::env::args().skip(1).collect();
        Self::read(&args).unwrap_or_else(|| {
            eprintln!("{args:?}: expected WHAT COUNT URL [BYTES]");
            exit(2)
        })
    }

    fn read(args: &[String]) -> Option<Self> {
        let (what, count, url, upload) = match args {
            [what, count, url] => (what, count, url, 0),
            [what, count, url, upload] => (what, count, url, upload.parse().ok()?),
            _ => return None,
        };
        let what = match what.as_str() {
            "fetch" => What::Fetch,
            "keep" => What::Keep,
            "keep-in-turn" => What::KeepInTurn,
            "follow" => What::Follow,
            "inflate" => What::Inflate,
            "upload" => What::Upload,
            "callbacks" => What::Callbacks,
            _ => return None,
        };
        let count = count.parse().ok()?;
        let url = url.clone();
        Some(Self {
            what,
            count,
            url,
            upload,
        })
    }

    /// Ends a peer that is asked for what it does not have, with code 3.
    pub fn without(self, missing: &[What]) -> Self {
        if missing.contains(&self.what) {
            eprintln!("{:?}: this peer cannot", self.what);
            exit(3)
        }
        self
    }

    /// The URL in its parts: authority, then path and query. All of them are `http`.
    pub fn parts(&self) -> (&str, &str) {
        let rest = self.url.strip_prefix("http://").unwrap_or(&self.url);
        rest.split_at(rest.find('/').unwrap_or(rest.len()))
    }

    /// The whole URL of a `location` without an authority.
    pub fn absolute(&self, location: &str) -> String {
        format!("http://{}{location}", self.parts().0)
    }
}

/// The time, and what came of it.
#[derive(Debug)]
pub struct Tally {
    started: Instant,
    arrived: usize,
    bytes: usize,
    lost: usize,
    why: Option<String>,
}

impl Tally {
    /// Starts the clock.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            arrived: 0,
            bytes: 0,
            lost: 0,
            why: None,
        }
    }

    /// Starts the clock again.
    pub fn restart(&mut self) {
        self.started = Instant::now();
    }

    /// Counts an answer with its status and the bytes of its body. Another status than 200 is a loss.
    pub fn answer(&mut self, status: u16, bytes: usize) {
        if status == 200 {
            self.arrived += 1;
            self.bytes += bytes;
        } else {
            self.lost(&format!("status {status}"));
        }
    }

    /// Counts what did not come.
    pub fn lost(&mut self, why: &str) {
        self.lost += 1;
        self.why
            .get_or_insert_with(|| why.replace(['"', '\\', '\n'], " "));
    }

    /// Counts either.
    pub fn count<E: std::fmt::Display>(&mut self, outcome: Result<(u16, usize), E>) {
        match outcome {
            Ok((status, bytes)) => self.answer(status, bytes),
            Err(error) => self.lost(&error.to_string()),
        }
    }

    /// Stops the clock and prints the line.
    pub fn print(self) {
        let nanos = self.started.elapsed().as_nanos();
        println!(
            r#"{{"nanos":{nanos},"arrived":{},"bytes":{},"lost":{},"why":"{}","rss":{}}}"#,
            self.arrived,
            self.bytes,
            self.lost,
            self.why.as_deref().unwrap_or_default(),
            rss()
        );
    }
}

/// The most memory of this process, in KiB; 0 where nobody tells. Of a guest its host tells.
fn rss() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or(0)
    }
    #[cfg(not(target_os = "linux"))]
    0
}
