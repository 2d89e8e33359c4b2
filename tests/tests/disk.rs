//! A disk that fails under a server of tasks: what could not be synced is not acknowledged, nothing more is taken, and what was
//! acknowledged before runs after all.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use urlfetch_tests::kills::SECRET;

const TASKS: &str = "/v2/projects/p/locations/l/queues/default/tasks";
/// How long a server may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// The server of the kill loop.
struct Host {
    process: Child,
    address: String,
    /// The names of what has run.
    ran: mpsc::Receiver<String>,
}

impl Host {
    /// Starts it by another program, or by none.
    fn start(by: &[&str], folder: &Path) -> Self {
        let program = env!("CARGO_BIN_EXE_tasks-kill");
        let mut command = match by {
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            [] => Command::new(program),
        };
        command.arg("--serve").arg(folder);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut address = String::new();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        out.read_line(&mut address).unwrap();
        let (tell, ran) = mpsc::channel();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                let said = said["message"].as_str().unwrap_or_default();
                if let Some(name) = said
                    .strip_prefix("ran ")
                    .and_then(|said| said.split(' ').next())
                {
                    let _ = tell.send(name.to_owned());
                }
            }
        });
        Host {
            process,
            address: address.trim().to_owned(),
            ran,
        }
    }

    /// The answer to a wish for a task of this name: its status and its text.
    fn create(&self, name: &str) -> (u16, String) {
        let task = format!(
            r#"{{"task":{{"name":"{}/{name}","httpRequest":{{"url":"http://app.urlfetch.internal/200"}}}}}}"#,
            &TASKS[4..]
        );
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = task.len();
        let said = format!(
            "POST {TASKS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SECRET}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{task}"
        );
        stream.write_all(said.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    /// Makes tasks until one is refused: those that were acknowledged, and the answer to the one that was not.
    fn fill(&self) -> (HashSet<String>, (u16, String)) {
        let mut acknowledged = HashSet::new();
        loop {
            let name = format!("t{}", acknowledged.len());
            match self.create(&name) {
                (200, _) => acknowledged.insert(name),
                refused => return (acknowledged, refused),
            };
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Fails the disk under a server, and looks after what it had taken with another one.
fn fail(by: &[&str], folder: &Path) {
    let host = Host::start(by, folder);
    let (acknowledged, (status, text)) = host.fill();
    assert!(!acknowledged.is_empty());
    assert!(status == 503 && text.contains("UNAVAILABLE"), "{text}");
    // What the disk has taken is not known: nothing more is given to it.
    let (status, text) = host.create("later");
    assert!(
        status == 503 && text.contains("until it is started again"),
        "{text}"
    );
    let mut left = acknowledged;
    for name in host.ran.try_iter() {
        left.remove(&name);
    }
    drop(host);
    let host = Host::start(&[], folder);
    assert_eq!(host.create("afterwards").0, 200);
    while !left.is_empty() {
        let name = host.ran.recv_timeout(PATIENCE);
        left.remove(&name.unwrap_or_else(|_| panic!("never ran: {left:?}")));
    }
}

#[test]
fn what_could_not_be_synced_is_not_acknowledged() {
    // Where nobody may look over a process's shoulder there is nothing to see.
    let may_trace = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .status();
    if !may_trace.is_ok_and(|status| status.success()) {
        return;
    }
    let syncs = "inject=fsync,fdatasync:error=EIO:when=30+";
    // The server is ours, and who looks on is its child.
    let by = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        syncs,
    ];
    fail(&by, &folder("syncs"));
}

#[cfg(unix)]
#[test]
fn what_could_not_be_written_is_not_acknowledged() {
    let folder = folder("writes");
    // It compiles its application, whose machine code is larger than what may be written then.
    drop(Host::start(&[], &folder));
    let limited = "trap '' XFSZ; ulimit -f 400; exec \"$@\"";
    fail(&["sh", "-c", limited, "sh"], &folder);
}
