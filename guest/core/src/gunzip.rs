//! Decoding of response bodies: gzip (RFC 1952) as a stream, in layers, with a cap on what comes out.

use alloc::vec::Vec;
use core::fmt;

/// The most codings one body may be wrapped in.
pub const MAX_LAYERS: usize = 4;

/// Why a body could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes are not what their coding promises; says which promise. Displays as one clause.
    Corrupt(&'static str),
    /// No memory for what was decoded.
    NoMemory,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecodeError::Corrupt(what) => what,
            DecodeError::NoMemory => "there is no memory for the content",
        })
    }
}

impl core::error::Error for DecodeError {}

/// Takes a body apart as it arrives: 0 layers append it as it is, n layers undo gzip n times. It holds at most 44 KiB per layer.
#[derive(Debug)]
pub struct Decoder {
    layers: usize,
}

#[allow(unused_variables)]
impl Decoder {
    /// A decoder for a body wrapped `layers` times. None above [`MAX_LAYERS`].
    pub fn new(layers: usize) -> Option<Decoder> {
        (layers <= MAX_LAYERS).then_some(Decoder { layers })
    }
    /// Decodes `input` and appends to `out` until it holds `cap + 1` bytes; what follows is not decoded any more. So the content
    /// exceeds `cap` exactly when `out.len() > cap`: the caller then stops reading and cuts `out`. `out` and `cap` are the same at every call. Capacity never exceeds
    /// `cap + 1`. After an error the decoder is spent.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>, cap: usize) -> Result<(), DecodeError> {
        Ok(())
    }
    /// The body is over. Fails when it ended inside a gzip member. A body without any byte is an empty content.
    pub fn finish(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
