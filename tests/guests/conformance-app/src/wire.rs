//! The two bodies of an exchange: whole messages behind their lengths, or plain bytes.

use wasi::http::types::{IncomingBody, IncomingRequest, OutgoingBody};
use wasi::io::streams::{InputStream, OutputStream};

/// The most that is written at once: what `blocking-write-and-flush` takes.
const PIECE: usize = 4096;
/// The most that is read at once.
const READ: u64 = 64 * 1024;

/// The body of a request.
pub(crate) struct Incoming {
    /// Read and not yet used.
    ahead: Vec<u8>,
    // In this order: the stream is a child of the body.
    stream: InputStream,
    _body: IncomingBody,
}

impl Incoming {
    pub(crate) fn of(request: &IncomingRequest) -> Self {
        let body = request.consume().expect("its body is taken once");
        Incoming {
            ahead: Vec::new(),
            stream: body.stream().expect("its stream is taken once"),
            _body: body,
        }
    }

    /// The next message; none at the end, and when the other side has gone.
    pub(crate) fn message(&mut self) -> Option<Vec<u8>> {
        let length = self.take(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?);
        self.take(length as usize)
    }

    /// Everything up to the end.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        while self.read() {}
        self.ahead
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < count {
            if !self.read() {
                return None;
            }
        }
        let rest = self.ahead.split_off(count);
        Some(std::mem::replace(&mut self.ahead, rest))
    }

    /// False when there is no more.
    fn read(&mut self) -> bool {
        match self.stream.blocking_read(READ) {
            Ok(bytes) => {
                self.ahead.extend(bytes);
                true
            }
            Err(_) => false,
        }
    }
}

/// The body of a response.
pub(crate) struct Outgoing {
    stream: OutputStream,
    body: OutgoingBody,
}

impl Outgoing {
    pub(crate) fn of(body: OutgoingBody) -> Self {
        let stream = body.write().expect("its stream is taken once");
        Outgoing { stream, body }
    }

    /// False when nobody listens any more.
    pub(crate) fn message(&mut self, bytes: &[u8]) -> bool {
        let length = u32::try_from(bytes.len()).expect("a component has 4 GiB");
        self.write(&[&length.to_le_bytes(), bytes].concat())
    }

    /// False when nobody listens any more.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> bool {
        let mut pieces = bytes.chunks(PIECE);
        pieces.all(|piece| self.stream.blocking_write_and_flush(piece).is_ok())
    }

    pub(crate) fn finish(self) {
        drop(self.stream);
        // The other end may have gone; then there is nobody to tell.
        let _ = OutgoingBody::finish(self.body, None);
    }
}
