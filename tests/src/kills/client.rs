//! A client of the API that takes nothing for done that was not answered.

use super::server::SECRET;
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const TASKS: &str = "projects/p/locations/l/queues/default/tasks";
/// A server that is killed closes its sockets; one that hangs is found out.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the API is.
#[derive(Clone, Debug)]
pub(super) struct Api {
    address: String,
}

impl Api {
    pub(super) fn new(address: String) -> Self {
        Api { address }
    }

    /// Whether nothing is left to run.
    pub(super) fn is_empty(&self) -> io::Result<bool> {
        let mut stream = self.connect()?;
        let (status, body) = ask(&mut stream, "GET", &format!("{TASKS}?pageSize=1"), "")?;
        match (status, serde_json::from_slice::<serde_json::Value>(&body)) {
            (200, Ok(listed)) => Ok(listed["tasks"].is_null()),
            _ => Err(io::Error::other(format!(
                "answered {status}: {}",
                String::from_utf8_lossy(&body)
            ))),
        }
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(BufReader::new(stream))
    }
}

/// Makes tasks whose names begin so, one after the other, until then or until the server is gone. Those that were answered are noted.
pub(super) fn enqueue_until(
    api: &Api,
    prefix: &str,
    end: Instant,
    acknowledged: &Mutex<HashSet<String>>,
) {
    let Ok(mut stream) = api.connect() else {
        return;
    };
    for number in 0.. {
        // Beyond the end there is nobody, or will be nobody in a moment.
        if Instant::now() > end + Duration::from_secs(1) {
            return;
        }
        let name = format!("{prefix}-{number}");
        let url = "http://app.urlfetch.internal/200";
        let body = format!(
            r#"{{"task":{{"name":"{TASKS}/{name}","httpRequest":{{"url":"{url}","body":"aGVsbG8="}}}}}}"#
        );
        match ask(&mut stream, "POST", TASKS, &body) {
            Ok((200, _)) => {
                let mut acknowledged = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
                acknowledged.insert(name);
            }
            _ => return,
        }
    }
}

/// One call: its status and its body.
fn ask(
    stream: &mut BufReader<TcpStream>,
    method: &str,
    path: &str,
    body: &str,
) -> io::Result<(u16, Vec<u8>)> {
    let length = body.len();
    let said = format!(
        "{method} /v2/{path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.get_mut().write_all(said.as_bytes())?;
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut length = 0;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((status, body))
}
