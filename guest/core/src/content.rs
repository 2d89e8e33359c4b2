//! Collecting the body of one answer: decoding, the cap on its size, and its declared length. Semantics.md section 12, 11.5 to 11.7.
use alloc::vec::Vec;

use crate::{
    ErrorKind, Phase,
    gunzip::{DecodeError, Decoder},
};

/// The most bytes a transport is asked for at once. Larger pieces would be copied no less often and held twice.
const PIECE: usize = 64 * 1024;

/// The content as far as it has come.
#[derive(Debug)]
pub(crate) struct Content {
    bytes: Vec<u8>,
    /// Decoded bytes kept.
    cap: usize,
    /// Bytes on the wire: as declared, and so far.
    declared: Option<u64>,
    received: u64,
    decoder: Option<Decoder>,
}

/// Why the content cannot be had.
pub(crate) type Spoiled = (ErrorKind, Phase, &'static str);

/// Whether there may be more of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More may come.
    More,
    /// The cap is exceeded: the rest does not matter.
    Full,
}

impl Content {
    /// For a body of `declared` bytes on the wire, of which `cap` bytes are kept.
    pub(crate) fn new(cap: usize, declared: Option<u64>, decoder: Option<Decoder>) -> Self {
        Self {
            bytes: Vec::new(),
            cap,
            declared,
            received: 0,
            decoder,
        }
    }

    /// Decoded bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len().min(self.cap)
    }

    /// How many bytes to ask for next.
    pub(crate) fn appetite(&self) -> usize {
        PIECE
    }

    /// Takes what the transport read.
    pub(crate) fn push(&mut self, piece: Vec<u8>) -> Result<Progress, Spoiled> {
        self.received += piece.len() as u64;
        if self
            .declared
            .is_some_and(|declared| self.received > declared)
        {
            return Err((
                ErrorKind::MalformedReply,
                Phase::Body,
                "the body is longer than its content-length",
            ));
        }
        if let Some(decoder) = &mut self.decoder {
            decoder
                .push(&piece, &mut self.bytes, self.cap)
                .map_err(undecodable)?;
            if self.bytes.len() <= self.cap && self.received > most_on_the_wire(self.cap) {
                let detail = "the gzip data is far longer than the content in it";
                return Err((ErrorKind::MalformedReply, Phase::Decode, detail));
            }
        } else if self.bytes.is_empty()
            && self
                .declared
                .is_none_or(|declared| declared == self.received)
        {
            // The usual small answer: one piece is the whole of it, and need not be copied.
            self.bytes = piece;
        } else {
            let room = self.cap + 1 - self.bytes.len();
            let piece = &piece[..piece.len().min(room)];
            self.reserve(piece.len())?;
            self.bytes.extend_from_slice(piece);
        }
        Ok(if self.bytes.len() > self.cap {
            Progress::Full
        } else {
            Progress::More
        })
    }

    /// The body has ended: fails when that was too early.
    pub(crate) fn end(&self) -> Result<(), Spoiled> {
        if self
            .declared
            .is_some_and(|declared| self.received < declared)
        {
            let detail = "the body is shorter than its content-length";
            return Err((ErrorKind::ConnectionClosed, Phase::Body, detail));
        }
        self.decoder
            .as_ref()
            .map_or(Ok(()), |decoder| decoder.finish().map_err(undecodable))
    }

    /// The content, cut at the cap, and whether it was cut.
    pub(crate) fn take(&mut self) -> (Vec<u8>, bool) {
        let mut bytes = core::mem::take(&mut self.bytes);
        let cut = bytes.len() > self.cap;
        bytes.truncate(self.cap);
        (bytes, cut)
    }

    /// Room for `more` bytes: exact for what was declared, doubling otherwise, and never beyond what is kept. A declaration is
    /// believed once a first piece of it has come.
    fn reserve(&mut self, more: usize) -> Result<(), Spoiled> {
        let needed = self.bytes.len() + more;
        if needed <= self.bytes.capacity() {
            return Ok(());
        }
        let most = self.cap + 1;
        let declared = self
            .declared
            .and_then(|declared| usize::try_from(declared).ok());
        let goal = declared
            .unwrap_or(needed.max(2 * self.bytes.capacity()))
            .clamp(needed, most.max(needed));
        let extra = goal - self.bytes.len();
        self.bytes.try_reserve_exact(extra).map_err(|_| {
            (
                ErrorKind::InternalTransient,
                Phase::Body,
                "no memory is left for the content",
            )
        })
    }
}

/// The most bytes that a transport need deliver for so much decoded content: by them a body ends whose gzip holds no content at all.
fn most_on_the_wire(cap: usize) -> u64 {
    2 * cap as u64 + PIECE as u64
}

fn undecodable(error: DecodeError) -> Spoiled {
    let kind = match error {
        DecodeError::Corrupt(_) => ErrorKind::MalformedReply,
        DecodeError::NoMemory => ErrorKind::InternalTransient,
    };
    (kind, Phase::Decode, error.text())
}
