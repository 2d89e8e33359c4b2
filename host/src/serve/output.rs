//! What an application writes to stdout and stderr: lines of our log, with the number of the request they belong to.

use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// The longest line; a longer one is cut into several.
const LONGEST_LINE: usize = 8 * 1024;

/// Which of the two a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// One stream of one request. Clones write to the same one.
#[derive(Clone)]
pub(super) struct Output(Arc<Lines>);

struct Lines {
    request: u64,
    stream: Stream,
    begun: Mutex<Vec<u8>>,
}

impl Output {
    pub(super) fn new(request: u64, stream: Stream) -> Self {
        Output(Arc::new(Lines {
            request,
            stream,
            begun: Mutex::default(),
        }))
    }
}

impl Lines {
    fn write(&self, mut bytes: &[u8]) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let room = LONGEST_LINE - begun.len();
            match end {
                Some(end) if end <= room => {
                    begun.extend_from_slice(&bytes[..end]);
                    self.log(&begun);
                    begun.clear();
                    bytes = &bytes[end + 1..];
                }
                _ if bytes.len() >= room => {
                    begun.extend_from_slice(&bytes[..room]);
                    self.log(&begun);
                    begun.clear();
                    bytes = &bytes[room..];
                }
                _ => {
                    begun.extend_from_slice(bytes);
                    return;
                }
            }
        }
    }

    /// An empty line says nothing.
    fn log(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            return;
        }
        let (request, stream) = (self.request, self.stream);
        match stream {
            Stream::Stdout => tracing::info!(target: "app", request, stream = "stdout", "{line}"),
            Stream::Stderr => tracing::info!(target: "app", request, stream = "stderr", "{line}"),
        }
    }
}

impl Drop for Lines {
    /// A last line needs no end.
    fn drop(&mut self) {
        let begun = std::mem::take(self.begun.get_mut().unwrap_or_else(PoisonError::into_inner));
        if !begun.is_empty() {
            self.log(&begun);
        }
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::log::logged;

    fn lines(writes: &[&str]) -> Vec<String> {
        let lines = logged(|| {
            let output = Output::new(7, Stream::Stderr);
            for text in writes {
                output.0.write(text.as_bytes());
            }
        });
        let message = |line: serde_json::Value| {
            assert_eq!(
                (&line["request"], &line["stream"]),
                (&7.into(), &"stderr".into())
            );
            line["message"].as_str().unwrap().to_owned()
        };
        lines.into_iter().map(message).collect()
    }

    #[test]
    fn a_line_is_a_line_however_it_was_written() {
        assert_eq!(
            lines(&["o", "ne\ntwo\r\n\nth", "ree"]),
            ["one", "two", "three"]
        );
        assert!(lines(&[]).is_empty());
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let long = "x".repeat(LONGEST_LINE * 2 + 1);
        let lengths: Vec<_> = lines(&[&long]).iter().map(String::len).collect();
        assert_eq!(lengths, [LONGEST_LINE, LONGEST_LINE, 1]);
    }
}
