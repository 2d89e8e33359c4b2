//! Decoding of response bodies: gzip (RFC 1952) as a stream, in layers, with a cap on what comes out.
//!
//! `miniz_oxide` undoes deflate and `crc` sums; this file reads the wrapping and keeps memory and work within bounds.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, TINFL_LZ_DICT_SIZE, decompress};

#[cfg(test)]
#[path = "tests/gunzip.rs"]
mod tests;

/// The most codings one body may be wrapped in. No honest origin has more than two; each costs 44 KiB.
pub const MAX_LAYERS: usize = 4;

/// What a layer may give to the next one, beyond twice the cap. See [`feed`].
const SLACK: usize = 64 * 1024;

/// From this length on, content that grew by more than [`BOMB_RATIO`] is given its whole cap at once.
const BOMB_LENGTH: usize = 512 * 1024;
const BOMB_RATIO: usize = 64;

/// One table of 1 KiB. Without it a byte costs eight steps instead of one; sixteen of them would be an eighth of the component.
static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// Why a body could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes are not what their coding promises; says which promise. Displays as one clause.
    Corrupt(&'static str),
    /// No memory for what was decoded.
    NoMemory,
}

impl DecodeError {
    /// One clause for a person.
    pub(crate) fn text(self) -> &'static str {
        match self {
            DecodeError::Corrupt(what) => what,
            DecodeError::NoMemory => "there is no memory for the content",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for DecodeError {}

const TRUNCATED: DecodeError = DecodeError::Corrupt("the gzip data ends too early");
const NOT_GZIP: DecodeError = DecodeError::Corrupt("the content is not gzip");
const BAD_HEADER: DecodeError = DecodeError::Corrupt("the gzip header is corrupt");
const BAD_DEFLATE: DecodeError = DecodeError::Corrupt("the gzip data is corrupt");
const BAD_SUM: DecodeError = DecodeError::Corrupt("the gzip checksum or length is wrong");
const TRAILING: DecodeError = DecodeError::Corrupt("there are bytes after the gzip data");
const HOLLOW: DecodeError =
    DecodeError::Corrupt("the gzip layers hold far more than their content");

/// Takes a body apart as it arrives: 0 layers append it as it is, n layers undo gzip n times (semantics.md 11.5, 11.7, 12.4).
///
/// Beside the content it holds 44 KiB per layer, from that layer's first data on.
pub struct Decoder {
    layers: Vec<Layer>,
    /// Bytes pushed so far.
    received: usize,
}

impl Decoder {
    /// A decoder for a body wrapped `layers` times. None above [`MAX_LAYERS`].
    pub fn new(layers: usize) -> Option<Decoder> {
        if layers > MAX_LAYERS {
            return None;
        }
        Some(Decoder {
            layers: (0..layers).map(|_| Layer::new()).collect(),
            received: 0,
        })
    }

    /// Decodes `input` and appends to `out` until that holds `cap + 1` bytes; what follows is neither decoded nor judged. So the
    /// content exceeds the cap exactly when `out.len() > cap`: the caller then stops reading and cuts `out` (semantics.md 12.1).
    ///
    /// `out` is empty at the first push, and `out` and `cap` are the same until the last. The capacity of `out` never exceeds
    /// `cap + 1`. However the input is split, the same bytes are appended before the same error. After an error the decoder is spent.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>, cap: usize) -> Result<(), DecodeError> {
        self.received = self.received.saturating_add(input.len());
        feed(
            &mut self.layers,
            input,
            &mut Sink {
                out,
                cap,
                received: self.received,
            },
        )
    }

    /// The body is over, and its content did not exceed the cap. Fails when it ended inside a gzip member. A body without any byte
    /// has an empty content.
    pub fn finish(&self) -> Result<(), DecodeError> {
        self.layers.iter().try_for_each(Layer::finish)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("layers", &self.layers.len())
            .finish_non_exhaustive()
    }
}

/// Hands `input` through the outermost of `layers`, and each piece that it gives, a window at most, through the others.
fn feed(layers: &mut [Layer], mut input: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    let Some((layer, inner)) = layers.split_first_mut() else {
        return sink.append(input);
    };
    // What a layer wraps is about as long as the content at most, unless it is made of members without content. Those would
    // multiply the work by 1,032 for each layer and never reach the cap.
    let limit = if inner.is_empty() {
        usize::MAX
    } else {
        sink.cap.saturating_mul(2).saturating_add(SLACK)
    };
    while !sink.is_full() {
        let piece = layer.step(&mut input, limit)?;
        if piece.is_empty() {
            break;
        }
        feed(inner, piece, sink)?;
    }
    Ok(())
}

/// Where the content goes.
struct Sink<'a> {
    out: &'a mut Vec<u8>,
    cap: usize,
    received: usize,
}

impl Sink<'_> {
    fn is_full(&self) -> bool {
        self.out.len() > self.cap
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let most = self.cap.saturating_add(1);
        let room = most.saturating_sub(self.out.len());
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let free = self.out.capacity() - self.out.len();
        if bytes.len() > free {
            // Doubling leaves behind, in blocks too small to be used again, as much memory as it ends with, and a component never
            // gives memory back. Most bodies are small and may; a bomb is given at once what it will take anyway.
            let bomb = self.out.len() >= BOMB_LENGTH && self.out.len() / BOMB_RATIO > self.received;
            let wish = if bomb {
                room
            } else {
                room.min(self.out.capacity().max(bytes.len()))
            };
            self.out
                .try_reserve_exact(wish)
                .or_else(|_| self.out.try_reserve_exact(bytes.len()))
                .map_err(|_| DecodeError::NoMemory)?;
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// What of RFC 1952 section 2.3 the next byte belongs to.
#[derive(Clone, Copy)]
enum Stage {
    /// Before the first byte. A body may end here.
    Start,
    /// The fixed part of the header.
    Fixed,
    ExtraLength,
    Extra,
    Name,
    Comment,
    HeaderSum,
    Deflate,
    Trailer,
    /// Behind a member, where another may follow (section 2.2). A body may end here.
    Between,
    /// Zeros behind the last member, as writers of blocks leave them. A body may end here.
    Padding,
    /// What came before this was given away first.
    Failed(DecodeError),
}

// Flags of the header (RFC 1952 section 2.3.1). FTEXT, bit 0, is a hint.
const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

/// One gzip coding.
struct Layer {
    stage: Stage,
    /// Bytes seen of the current stage, where it counts them.
    count: u8,
    /// The flags whose fields have not come yet.
    flags: u8,
    /// The number that the current stage reads, least byte first.
    word: u64,
    /// Of the header, later of the content.
    sum: Digest<'static, u32, Table<1>>,
    /// Length of the content of this member, modulo 2^32 as its trailer has it.
    length: u32,
    /// Length of the content of all members.
    given: usize,
    inflate: Option<Box<DecompressorOxide>>,
    /// The last 32 KiB of content, which deflate refers to; `at` is where the next byte goes.
    window: Vec<u8>,
    at: usize,
}

impl Layer {
    fn new() -> Layer {
        Layer {
            stage: Stage::Start,
            count: 0,
            flags: 0,
            word: 0,
            sum: CRC.digest(),
            length: 0,
            given: 0,
            inflate: None,
            window: Vec::new(),
            at: 0,
        }
    }

    /// Takes from `input` until there is content to give, a window at most. An empty piece says that all of `input` is used up.
    fn step(&mut self, input: &mut &[u8], limit: usize) -> Result<&[u8], DecodeError> {
        let (start, written) = loop {
            if let (Stage::Deflate, Some(inflate)) = (self.stage, &mut self.inflate) {
                let start = self.at;
                let (status, used, written) = decompress(
                    inflate,
                    input,
                    &mut self.window,
                    start,
                    TINFL_FLAG_HAS_MORE_INPUT,
                );
                *input = input.get(used..).unwrap_or_default();
                let end = start + written;
                self.at = end % TINFL_LZ_DICT_SIZE;
                self.sum
                    .update(self.window.get(start..end).unwrap_or_default());
                self.length = self.length.wrapping_add(written as u32);
                self.given = self.given.saturating_add(written);
                let more = match status {
                    TINFLStatus::Done => {
                        self.enter(Stage::Trailer);
                        false
                    }
                    TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput => true,
                    _ => {
                        self.stage = Stage::Failed(BAD_DEFLATE);
                        false
                    }
                };
                if self.given > limit {
                    return Err(HOLLOW);
                }
                if written > 0 || more {
                    break (start, written);
                }
            } else if let Stage::Failed(error) = self.stage {
                return Err(error);
            } else if let Some((&byte, rest)) = input.split_first() {
                *input = rest;
                self.wrapping(byte)?;
            } else {
                break (0, 0);
            }
        };
        Ok(self.window.get(start..start + written).unwrap_or_default())
    }

    /// Takes one byte outside the deflate data.
    fn wrapping(&mut self, byte: u8) -> Result<(), DecodeError> {
        if !matches!(self.stage, Stage::HeaderSum | Stage::Trailer) {
            self.sum.update(&[byte]);
        }
        if self.count < 8 {
            self.word |= u64::from(byte) << (8 * self.count);
        }
        self.count = self.count.saturating_add(1);
        match (self.stage, self.count) {
            (Stage::Start | Stage::Between, _) if byte == 0x1f => {
                self.enter(Stage::Fixed);
                self.count = 1;
                self.sum = CRC.digest();
                self.sum.update(&[byte]);
            }
            (Stage::Start, _) => return Err(NOT_GZIP),
            (Stage::Between | Stage::Padding, _) if byte == 0 => self.stage = Stage::Padding,
            (Stage::Between | Stage::Padding, _) => return Err(TRAILING),
            (Stage::Fixed, 2) if byte != 0x8b => return Err(NOT_GZIP),
            // 8 is deflate, the only method there is.
            (Stage::Fixed, 3) if byte != 8 => return Err(BAD_HEADER),
            (Stage::Fixed, 4) if byte & RESERVED != 0 => return Err(BAD_HEADER),
            (Stage::Fixed, 4) => self.flags = byte,
            // Time, hints and the system it was made on do not matter here.
            (Stage::Fixed, 10) => self.enter_next_field()?,
            (Stage::ExtraLength, 2) if self.word == 0 => self.enter_next_field()?,
            (Stage::ExtraLength, 2) => {
                let length = self.word;
                self.enter(Stage::Extra);
                self.word = length;
                // The word now counts down, and takes no more bytes.
                self.count = 8;
            }
            (Stage::Extra, _) => {
                self.word = self.word.saturating_sub(1);
                if self.word == 0 {
                    self.enter_next_field()?;
                }
            }
            (Stage::Name | Stage::Comment, _) if byte == 0 => self.enter_next_field()?,
            (Stage::HeaderSum, 2) => {
                if self.word != u64::from(self.sum.clone().finalize() & 0xffff) {
                    return Err(BAD_HEADER);
                }
                self.enter_next_field()?;
            }
            (Stage::Trailer, 8) => {
                let sum = self.sum.clone().finalize();
                if self.word != u64::from(self.length) << 32 | u64::from(sum) {
                    return Err(BAD_SUM);
                }
                self.enter(Stage::Between);
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.count = 0;
        self.word = 0;
    }

    /// The optional fields come in this order (RFC 1952 section 2.3), then the data.
    fn enter_next_field(&mut self) -> Result<(), DecodeError> {
        for (flag, stage) in [
            (FEXTRA, Stage::ExtraLength),
            (FNAME, Stage::Name),
            (FCOMMENT, Stage::Comment),
            (FHCRC, Stage::HeaderSum),
        ] {
            if self.flags & flag != 0 {
                self.flags &= !flag;
                self.enter(stage);
                return Ok(());
            }
        }
        self.enter(Stage::Deflate);
        self.sum = CRC.digest();
        self.length = 0;
        match &mut self.inflate {
            Some(inflate) => inflate.init(),
            None => {
                self.window
                    .try_reserve_exact(TINFL_LZ_DICT_SIZE)
                    .map_err(|_| DecodeError::NoMemory)?;
                self.window.resize(TINFL_LZ_DICT_SIZE, 0);
                self.inflate = Some(Box::default());
            }
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), DecodeError> {
        match self.stage {
            Stage::Start | Stage::Between | Stage::Padding => Ok(()),
            _ => Err(TRUNCATED),
        }
    }
}
