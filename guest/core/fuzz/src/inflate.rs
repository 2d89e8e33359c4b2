//! gzip: whatever is sent, in whatever pieces, another decoder reads the same out of it.
//!
//! The first byte says what the rest is, the second how it is cut, the third how much of the content is kept.

use std::io::{Read as _, Write as _};

use flate2::{
    Compression, Crc, Decompress, FlushDecompress, GzBuilder, Status, bufread::MultiGzDecoder,
};
use urlfetch_core::gunzip::{DecodeError, Decoder};

/// More than an input can hold: a byte of deflate is 1,032 bytes of content at most.
const NO_CAP: usize = 8 << 20;
/// Bytes that are inflated by the judge; what is larger is left to us alone.
const MOST: u64 = 256 << 10;

/// Judges what becomes of an input.
pub fn check(input: &[u8]) {
    let [kind, cut, cap, data @ ..] = input else {
        return;
    };
    let layers = 1 + usize::from(kind >> 2) % 3;
    let body = match kind % 4 {
        // Anything at all.
        0 => data.to_vec(),
        // A deflate stream of the fuzzer's own, in an honest wrapping: without it no input would come past the sum.
        1 => match wrapped(data) {
            Some(body) => body,
            None => return,
        },
        // Content, with a header that has everything.
        2 => zipped(data, layers),
        // The same, damaged in one place.
        _ => {
            let [place, with, data @ ..] = data else {
                return;
            };
            let mut body = zipped(data, layers);
            let at = usize::from(*place) * body.len() / 256;
            body[at] ^= with;
            body
        }
    };
    let layers = if kind % 4 < 2 { 1 } else { layers };
    let whole = decode(layers, std::iter::once(&body[..]), NO_CAP);
    let size = 1 + usize::from(*cut) % 50;
    assert!(
        decode(layers, body.chunks(size), NO_CAP) == whole,
        "a cut changes nothing"
    );

    let cap = usize::from(*cap) * 16;
    let (result, out) = decode(layers, body.chunks(size), cap);
    assert!(out.len() <= cap + 1 && whole.1.starts_with(&out));
    if whole.0.is_ok() {
        assert_eq!(result, Ok(()));
        assert_eq!(out.len(), whole.1.len().min(cap + 1));
    }
    if kind % 4 == 2 {
        assert_eq!(whole, (Ok(()), data.to_vec()), "what was zipped comes out");
    }
    if layers == 1 {
        check_by_flate2(&body, &whole);
    }
}

/// What comes out until the end, the cap or an error.
fn decode<'a>(
    layers: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
    cap: usize,
) -> (Result<(), DecodeError>, Vec<u8>) {
    let mut decoder = Decoder::new(layers).expect("that many layers");
    let mut out = Vec::new();
    for piece in pieces {
        if let Err(error) = decoder.push(piece, &mut out, cap) {
            return (Err(error), out);
        }
        assert!(out.capacity() <= cap + 1, "memory stays below the cap");
        if out.len() > cap {
            return (Ok(()), out);
        }
    }
    (decoder.finish(), out)
}

/// Everything that we take, the judge takes, and the other way round; what it refuses and we take are zeros behind the last member
/// and a body without any byte.
fn check_by_flate2(body: &[u8], (result, out): &(Result<(), DecodeError>, Vec<u8>)) {
    let mut expected = Vec::new();
    let judged = MultiGzDecoder::new(body)
        .take(MOST)
        .read_to_end(&mut expected);
    if expected.len() as u64 == MOST {
        return;
    }
    match (judged, result) {
        (Ok(_), _) => {
            assert_eq!(*result, Ok(()));
            assert!(*out == expected);
        }
        (Err(_), Ok(())) => {
            let end = body
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last + 1);
            let padded = body.len() > end;
            assert!(body.is_empty() || padded, "the judge refuses it");
        }
        (Err(_), Err(_)) => {}
    }
}

/// A member around this deflate stream; none when it is no stream, or a long one.
fn wrapped(deflate: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(MOST as usize);
    let mut inflate = Decompress::new(false);
    let status = inflate
        .decompress_vec(deflate, &mut content, FlushDecompress::Finish)
        .ok()?;
    if status != Status::StreamEnd {
        return None;
    }
    let mut sum = Crc::new();
    sum.update(&content);
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    body.extend_from_slice(&deflate[..inflate.total_in() as usize]);
    body.extend_from_slice(&sum.sum().to_le_bytes());
    body.extend_from_slice(&(content.len() as u32).to_le_bytes());
    Some(body)
}

fn zipped(content: &[u8], layers: usize) -> Vec<u8> {
    let mut body = content.to_vec();
    for _ in 0..layers {
        let builder = GzBuilder::new()
            .extra(&b"extra"[..])
            .filename(&b"name"[..])
            .comment(&b"comment"[..]);
        let mut encoder = builder.write(Vec::new(), Compression::default());
        encoder.write_all(&body).expect("memory takes it");
        body = encoder.finish().expect("memory takes it");
    }
    body
}
