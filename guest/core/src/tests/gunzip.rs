//! What `gunzip` claims: it decodes what another decoder decodes, however the input is cut, within its bounds, and never panics; long because each bound has its bytes.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use std::io::{Read as _, Write as _};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

use super::*;

const NO_CAP: usize = 64 << 20;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A member with the given flags and optional fields in front of the data of `gzip(content)`.
fn with_header(flags: u8, fields: &[u8], content: &[u8]) -> Vec<u8> {
    let plain = gzip(content);
    let mut member = vec![0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255];
    member.extend_from_slice(fields);
    if flags & FHCRC != 0 {
        let sum = CRC.checksum(&member) as u16;
        member.extend_from_slice(&sum.to_le_bytes());
    }
    member.extend_from_slice(&plain[10..]);
    member
}

fn decode_in(layers: usize, pieces: &[&[u8]], cap: usize) -> (Result<(), DecodeError>, Vec<u8>) {
    let mut decoder = Decoder::new(layers).expect("that many layers");
    let mut out = Vec::new();
    for piece in pieces {
        if let Err(error) = decoder.push(piece, &mut out, cap) {
            return (Err(error), out);
        }
        assert!(out.len() <= cap.saturating_add(1));
        assert!(
            out.capacity() <= cap.saturating_add(1),
            "capacity {} for cap {cap}",
            out.capacity()
        );
        if out.len() > cap {
            return (Ok(()), out);
        }
    }
    (decoder.finish(), out)
}

fn decode(input: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let (result, out) = decode_in(1, &[input], NO_CAP);
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(
        decode_in(1, &bytes, NO_CAP),
        (result, out.clone()),
        "byte by byte"
    );
    result.map(|()| out)
}

/// Text that compresses, so that matches reach far back.
fn prose(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut out = Vec::with_capacity(length + 16);
    while out.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 30 == 0 {
            let from = (state >> 8) as usize % (out.len() + 1);
            let piece = out[from..(from + 40).min(out.len())].to_vec();
            out.extend_from_slice(&piece);
        }
        out.extend_from_slice(&state.to_be_bytes()[..2]);
    }
    out.truncate(length);
    out
}

#[test]
fn no_layer_is_the_body_itself() {
    assert_eq!(
        decode_in(0, &[b"ab", b"", b"c"], 10),
        (Ok(()), b"abc".to_vec())
    );
    assert_eq!(
        decode_in(0, &[b"ab", b"cdef"], 3),
        (Ok(()), b"abcd".to_vec())
    );
    assert_eq!(decode_in(0, &[], 3), (Ok(()), vec![]));
}

#[test]
fn a_member_is_decoded() {
    for content in [
        b"".to_vec(),
        b"a".to_vec(),
        prose(1_000),
        vec![0; 100_000],
        prose(300_000),
    ] {
        assert_eq!(decode(&gzip(&content)).unwrap(), content);
    }
}

#[test]
fn a_body_without_any_byte_is_empty() {
    assert_eq!(decode(b""), Ok(vec![]));
    assert_eq!(decode_in(MAX_LAYERS, &[b""], 0), (Ok(()), vec![]));
}

#[test]
fn members_follow_each_other_and_zeros_may_follow_the_last() {
    let mut body = [
        gzip(b"one "),
        gzip(b""),
        gzip(b"two "),
        gzip(&prose(70_000)),
    ]
    .concat();
    let content = [b"one two ".to_vec(), prose(70_000)].concat();
    assert_eq!(decode(&body).unwrap(), content);
    body.extend_from_slice(&[0; 600]);
    assert_eq!(decode(&body).unwrap(), content);
    body.extend_from_slice(&gzip(b"x"));
    assert_eq!(decode(&body), Err(TRAILING), "a member behind padding");
}

#[test]
fn other_bytes_behind_the_last_member_are_corrupt() {
    for tail in [b"x".as_slice(), b"\0x", b"\0\x1f\x8b", b"\r\n"] {
        assert_eq!(
            decode(&[gzip(b"one").as_slice(), tail].concat()),
            Err(TRAILING),
            "{tail:?}"
        );
    }
    assert_eq!(
        decode(&[gzip(b"one").as_slice(), b"\x1f"].concat()),
        Err(TRUNCATED)
    );
    assert_eq!(
        decode(&[gzip(b"one").as_slice(), b"\x1fx"].concat()),
        Err(NOT_GZIP)
    );
}

#[test]
fn every_header_field_is_skipped_wherever_it_is_split() {
    let extra = [&[5, 0][..], &[1, 0, 3, 0x1f, 0x8b]].concat();
    let long_extra = [&[0xff, 0xff][..], &vec![7; 65_535]].concat();
    for (flags, fields) in [
        (0, vec![]),
        (1, vec![]),
        (FEXTRA, extra.clone()),
        (FEXTRA, vec![0, 0]),
        (FEXTRA, long_extra),
        (FNAME, b"name\0".to_vec()),
        (FNAME, b"\0".to_vec()),
        (FCOMMENT, b"comment\0".to_vec()),
        (FHCRC, vec![]),
        (
            1 | FEXTRA | FNAME | FCOMMENT | FHCRC,
            [&extra[..], b"name\0comment\0"].concat(),
        ),
    ] {
        let member = with_header(flags, &fields, b"content");
        assert_eq!(decode(&member).unwrap(), b"content", "flags {flags}");
        let twice = [member.clone(), member].concat();
        assert_eq!(decode(&twice).unwrap(), b"contentcontent", "flags {flags}");
    }
    let built = GzBuilder::new()
        .filename("f")
        .comment("c")
        .extra(vec![1, 2, 3])
        .mtime(9);
    let mut built = built.write(Vec::new(), Compression::best());
    built.write_all(b"content").unwrap();
    assert_eq!(decode(&built.finish().unwrap()).unwrap(), b"content");
}

#[test]
fn a_corrupt_header_is_refused() {
    let good = gzip(b"content");
    let with = |index: usize, byte: u8| {
        let mut bad = good.clone();
        bad[index] = byte;
        decode(&bad)
    };
    assert_eq!(with(0, b'<'), Err(NOT_GZIP));
    assert_eq!(with(1, 0x9d), Err(NOT_GZIP));
    assert_eq!(with(2, 7), Err(BAD_HEADER));
    for bit in [0x20, 0x40, 0x80] {
        assert_eq!(with(3, bit), Err(BAD_HEADER), "a reserved flag");
    }
    assert_eq!(decode(b"\0"), Err(NOT_GZIP), "padding without a member");
    let mut summed = with_header(FHCRC | FNAME, b"name\0", b"content");
    summed[12] ^= 1;
    assert_eq!(
        decode(&summed),
        Err(BAD_HEADER),
        "the checksum of the header"
    );
}

#[test]
fn every_end_inside_a_member_is_too_early() {
    let member = with_header(
        FEXTRA | FNAME | FCOMMENT | FHCRC,
        &[&[1, 0, 9][..], b"n\0c\0"].concat(),
        &prose(200),
    );
    for end in 1..member.len() {
        assert_eq!(decode(&member[..end]), Err(TRUNCATED), "after {end} bytes");
    }
    let one = gzip(b"one");
    for end in one.len() + 1..2 * one.len() {
        assert_eq!(
            decode(&[&one[..], &one].concat()[..end]),
            Err(TRUNCATED),
            "after {end} bytes"
        );
    }
}

#[test]
fn checksum_and_length_are_checked() {
    let member = gzip(b"content");
    for back in 1..=8 {
        let mut bad = member.clone();
        let index = bad.len() - back;
        bad[index] ^= 0x10;
        assert_eq!(decode(&bad), Err(BAD_SUM), "{back} bytes before the end");
    }
}

#[test]
fn content_up_to_the_cap_is_whole_and_beyond_it_is_one_byte_more() {
    let content = prose(100_000);
    let body = gzip(&content);
    for cap in [0, 1, 99_998, 99_999, 100_000, 100_001, usize::MAX] {
        for size in [1, 1_000, body.len()] {
            let pieces: Vec<&[u8]> = body.chunks(size).collect();
            let (result, out) = decode_in(1, &pieces, cap);
            assert_eq!(result, Ok(()));
            assert_eq!(
                out,
                content[..content.len().min(cap.saturating_add(1))],
                "cap {cap}"
            );
        }
    }
}

#[test]
fn what_comes_after_the_cap_is_not_judged() {
    let mut body = gzip(&prose(100_000));
    let last = body.len() - 1;
    body[last] ^= 1;
    assert_eq!(decode(&body), Err(BAD_SUM));
    assert_eq!(decode_in(1, &[&body], 99_999).0, Ok(()));
    assert_eq!(decode_in(1, &[&body], 100_000).0, Err(BAD_SUM));
}

#[test]
fn bytes_before_a_corruption_are_given_whatever_the_cut() {
    let mut body = gzip(&prose(50_000));
    let middle = body.len() / 2;
    body[middle..middle + 64].fill(0xff);
    let (error, whole) = decode_in(1, &[&body], NO_CAP);
    assert!(error.is_err());
    for size in [1, 7, 4_096] {
        let pieces: Vec<&[u8]> = body.chunks(size).collect();
        assert_eq!(decode_in(1, &pieces, NO_CAP), (error, whole.clone()));
    }
    assert!(!whole.is_empty());
    assert_eq!(
        decode_in(1, &[&body], whole.len() - 1).0,
        Ok(()),
        "the cap comes first"
    );
}

#[test]
fn a_layer_holds_44_kib_and_nothing_before_its_first_data() {
    let mut layer = Layer::new();
    assert!(layer.inflate.is_none() && layer.window.capacity() == 0);
    let body = gzip(b"content");
    layer.step(&mut &body[..9], NO_CAP).unwrap();
    assert!(layer.inflate.is_none() && layer.window.capacity() == 0);
    layer.step(&mut &body[9..], NO_CAP).unwrap();
    assert_eq!(layer.window.capacity(), TINFL_LZ_DICT_SIZE);
    let held = size_of::<Layer>() + size_of::<DecompressorOxide>() + TINFL_LZ_DICT_SIZE;
    assert!(held <= 44 * 1024, "{held}");
}

#[test]
fn a_bomb_costs_its_cap() {
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 80_000);
    let cap = 1 << 20;
    let mut decoder = Decoder::new(1).unwrap();
    let mut out = Vec::new();
    let mut used = 0;
    for piece in bomb.chunks(256) {
        used += piece.len();
        decoder.push(piece, &mut out, cap).unwrap();
        if out.len() > cap {
            break;
        }
    }
    assert_eq!(out.len(), cap + 1);
    assert_eq!(out.capacity(), cap + 1);
    assert!(used < 2_048, "{used} bytes were read");
}

#[test]
fn a_bomb_is_given_its_whole_room_once_and_text_grows_by_doubling() {
    let cap = 32 << 20;
    let grow = |body: &[u8]| {
        let mut decoder = Decoder::new(1).unwrap();
        let mut out = Vec::new();
        let mut steps = vec![];
        for piece in body.chunks(16) {
            decoder.push(piece, &mut out, cap).unwrap();
            if steps.last() != Some(&out.capacity()) {
                steps.push(out.capacity());
            }
        }
        steps
    };
    let bomb = grow(&gzip(&vec![0; 33 << 20]));
    let (last, before) = bomb.split_last().unwrap();
    assert_eq!(*last, cap + 1);
    assert!(before.iter().sum::<usize>() <= 2 << 20, "{before:?}");

    let small = grow(&gzip(&vec![0; 100_000]));
    assert!(*small.last().unwrap() <= 200_000, "{small:?}");

    let text = grow(&gzip(&prose(3 << 20)));
    assert!(*text.last().unwrap() <= 6 << 20, "{text:?}");
}

#[test]
fn a_decoder_shows_how_many_layers_it_undoes_and_no_content() {
    let decoder = Decoder::new(2).expect("two layers");
    assert_eq!(alloc::format!("{decoder:?}"), "Decoder { layers: 2, .. }");
}

#[test]
fn layers_are_undone_in_turn() {
    let content = prose(200_000);
    let mut body = content.clone();
    for layers in 1..=MAX_LAYERS {
        body = gzip(&body);
        for size in [1, 333, body.len()] {
            let pieces: Vec<&[u8]> = body.chunks(size).collect();
            assert_eq!(
                decode_in(layers, &pieces, NO_CAP),
                (Ok(()), content.clone()),
                "{layers} layers"
            );
            let cut = decode_in(layers, &pieces, 1_000);
            assert_eq!(cut, (Ok(()), content[..1_001].to_vec()), "{layers} layers");
        }
        let early = &body[..body.len() - 1];
        assert_eq!(decode_in(layers, &[early], NO_CAP).0, Err(TRUNCATED));
        if layers < MAX_LAYERS {
            assert_eq!(decode_in(layers + 1, &[&body], NO_CAP).0, Err(NOT_GZIP));
        }
    }
    assert!(Decoder::new(MAX_LAYERS + 1).is_none());
}

#[test]
fn an_inner_body_that_ends_early_is_noticed() {
    let inner = gzip(b"content");
    let body = gzip(&inner[..inner.len() - 1]);
    assert_eq!(
        decode_in(2, &[&body], NO_CAP),
        (Err(TRUNCATED), b"content".to_vec())
    );
    assert_eq!(
        decode_in(2, &[&gzip(b"")], NO_CAP),
        (Ok(()), vec![]),
        "an inner body without any byte"
    );
    assert_eq!(decode_in(2, &[&gzip(b"content")], NO_CAP).0, Err(NOT_GZIP));
}

#[test]
fn layers_without_content_are_bounded_by_the_cap() {
    // 20 MB of members without content, which two more layers shrink to almost nothing.
    let hollow = gzip(b"").repeat(1_000_000);
    let body = gzip(&gzip(&hollow));
    assert!(body.len() < 2_000, "{}", body.len());
    assert_eq!(decode_in(3, &[&body], 1 << 20), (Err(HOLLOW), vec![]));
    let padding = gzip(&[gzip(b"one"), vec![0; 4 << 20]].concat());
    assert_eq!(decode_in(2, &[&padding], 1 << 20).0, Err(HOLLOW));
    // The same is fine where the cap leaves room for it, and content that hardly shrinks always fits.
    assert_eq!(
        decode_in(2, &[&padding], 4 << 20),
        (Ok(()), b"one".to_vec())
    );
    let noise: Vec<u8> = prose(100_000).chunks(1).map(|byte| byte[0]).collect();
    let wrapped = gzip(&gzip(&gzip(&noise)));
    assert_eq!(decode_in(3, &[&wrapped], 100_000), (Ok(()), noise));
}

#[test]
fn a_layer_may_give_twice_the_cap_and_64_kib_to_the_next_and_no_byte_more() {
    let wrapping = |length: usize| {
        let mut inner = gzip(b"one");
        inner.resize(length, 0);
        gzip(&inner)
    };
    let most = 2 * 1_000 + 65_536;
    let decoded = |length| decode_in(2, &[&wrapping(length)], 1_000);
    assert_eq!(decoded(most), (Ok(()), b"one".to_vec()));
    assert_eq!(decoded(most + 1).0, Err(HOLLOW));
}

#[test]
fn errors_are_one_clause_each() {
    for error in [
        TRUNCATED,
        NOT_GZIP,
        BAD_HEADER,
        BAD_DEFLATE,
        BAD_SUM,
        TRAILING,
        HOLLOW,
        DecodeError::NoMemory,
    ] {
        let text = error.to_string();
        assert!(text.starts_with("the") && !text.ends_with('.'), "{text}");
    }
}

fn contents() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..2_000),
        proptest::collection::vec(0..3_u8, 0..5_000),
        (0..120_000_usize).prop_map(prose),
    ]
}

/// Cuts `body` at the given places.
fn cut<'a>(body: &'a [u8], places: &[proptest::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places
        .iter()
        .map(|place| place.index(body.len() + 1))
        .collect();
    places.sort_unstable();
    let mut pieces = vec![];
    let mut from = 0;
    for place in places {
        pieces.push(&body[from..place]);
        from = place;
    }
    pieces.push(&body[from..]);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_what_another_decoder_gives(
        members in proptest::collection::vec(contents(), 1..4),
        level in 0..10_u32,
        places in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
    ) {
        let mut body = vec![];
        for member in &members {
            let mut encoder = GzEncoder::new(&mut body, Compression::new(level));
            encoder.write_all(member).unwrap();
            encoder.finish().unwrap();
        }
        let mut expected = vec![];
        MultiGzDecoder::new(body.as_slice()).read_to_end(&mut expected).unwrap();
        prop_assert_eq!(&expected, &members.concat());
        let (result, out) = decode_in(1, &cut(&body, &places), NO_CAP);
        prop_assert_eq!(result, Ok(()));
        prop_assert!(out == expected);
    }

    #[test]
    fn corruption_never_panics_and_no_cut_changes_its_answer(
        content in contents(),
        layers in 1..=3_usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        places in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
        cap in prop_oneof![Just(NO_CAP), 0..100_000_usize],
    ) {
        let mut body = content.clone();
        for _ in 0..layers {
            body = gzip(&body);
        }
        for (place, value) in changes {
            let index = place.index(body.len());
            body[index] = value;
        }
        let whole = decode_in(layers, &[&body], cap);
        prop_assert!(whole == decode_in(layers, &cut(&body, &places), cap));
        // The sums make it as good as certain that what passes is what was sent.
        if whole.0.is_ok() {
            prop_assert!(whole.1 == content[..content.len().min(cap.saturating_add(1))] || whole.1.len() > cap);
        }
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..3_000), layers in 0..=MAX_LAYERS, cap in 0..5_000_usize) {
        let _ = decode_in(layers, &[&noise], cap);
        // Behind a good header, where the noise reaches the inflater.
        let _ = decode_in(1, &[&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0], &noise], cap);
    }
}
