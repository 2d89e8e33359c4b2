//! A host that serves an application, in a process of its own.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::shell::root;

/// Where a host says at which address it serves.
#[derive(Clone, Copy)]
pub(crate) enum Says {
    /// On its standard output, behind these words.
    OnStdout(&'static str),
    /// On its standard error.
    OnStderr(&'static str),
}

/// A host that serves until it is dropped.
pub(crate) struct Server {
    process: Child,
    /// `http://HOST:PORT`.
    pub(crate) url: String,
}

impl Server {
    /// Starts it at the root, and waits for its address. Fails with the last thing it said.
    pub(crate) fn start(mut command: Command, says: Says) -> Result<Self, String> {
        command.current_dir(root());
        let words = match says {
            Says::OnStdout(words) => {
                command.stdout(Stdio::piped());
                words
            }
            Says::OnStderr(words) => {
                command.stderr(Stdio::piped());
                words
            }
        };
        let mut process = command.spawn().map_err(|error| error.to_string())?;
        let stdout = process
            .stdout
            .take()
            .map(|it| Box::new(it) as Box<dyn Read + Send>);
        let stderr = process
            .stderr
            .take()
            .map(|it| Box::new(it) as Box<dyn Read + Send>);
        let mut lines = stdout
            .or(stderr)
            .into_iter()
            .flat_map(|it| BufReader::new(it).lines());
        let mut said = String::new();
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once(words) {
                let url = url.trim_end_matches('/').to_owned();
                // What it says later would fill the pipe.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Server { process, url });
            }
            said = line;
        }
        // It has closed the stream, and ends.
        let _ = process.wait();
        Err(said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.process.kill() {
            Err(error) if error.kind() != ErrorKind::InvalidInput => {
                eprintln!("xtask: a host cannot be stopped: {error}");
            }
            _ => drop(self.process.wait()),
        }
    }
}
