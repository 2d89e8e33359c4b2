//! Encoded bodies: which codings are undone, how far, and that no bomb goes off. Semantics.md 11.5 to 11.7, 12.4.
use std::io::Write;

use super::{
    content::{cut_at, under_cap},
    scenario::*,
};
use crate::{ErrorKind, Phase, gunzip::MAX_LAYERS};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_is_undone_whatever_its_spelling_and_its_traces_are_removed() {
    for coding in [
        "gzip",
        "GZIP",
        "x-gzip",
        " X-Gzip ",
        "identity, gzip",
        "gzip,",
    ] {
        let packed = gzip(b"hello");
        let body = answer(200)
            .header("Content-Encoding", coding)
            .header("content-length", &packed.len().to_string());
        let (front, back) = packed.split_at(7);
        let response = under_cap(100, body.piece(front).piece(back)).unwrap();
        assert_eq!(
            (
                response.content.as_slice(),
                response.header("content-encoding")
            ),
            (b"hello".as_slice(), None),
            "{coding}"
        );
        assert_eq!(response.header("content-length").as_deref(), Some("5"));
    }
}

#[test]
fn layers_of_gzip_are_undone_up_to_a_limit() {
    let wrapped = |layers: usize| {
        let packed = (0..layers).fold(b"hello".to_vec(), |content, _| gzip(&content));
        (0..layers)
            .fold(answer(200), |answer, _| {
                answer.header("content-encoding", "gzip")
            })
            .piece(packed)
    };
    assert_eq!(
        under_cap(100, wrapped(MAX_LAYERS)).unwrap().content,
        b"hello"
    );
    let error = under_cap(100, wrapped(MAX_LAYERS + 1)).unwrap_err();
    assert_eq!(
        (error.kind, error.phase),
        (ErrorKind::MalformedReply, Phase::Decode)
    );
}

#[test]
fn any_other_coding_is_delivered_as_it_came() {
    for coding in ["br", "deflate", "gzip, br", "identity", "zstd, gzip"] {
        let response = under_cap(
            100,
            answer(200).header("content-encoding", coding).piece("raw"),
        )
        .unwrap();
        assert_eq!(
            (
                response.content.as_slice(),
                response.header("content-encoding").as_deref()
            ),
            (b"raw".as_slice(), Some(coding))
        );
    }
}

#[test]
fn what_is_not_gzip_though_it_says_so_is_malformed() {
    let packed = gzip(b"hello hello hello");
    let mut corrupt = packed.clone();
    *corrupt.last_mut().unwrap() ^= 1;
    for body in [
        b"not gzip".to_vec(),
        corrupt,
        packed[..packed.len() - 1].to_vec(),
        [packed.as_slice(), b"more"].concat(),
    ] {
        let error = under_cap(
            100,
            answer(200).header("content-encoding", "gzip").piece(body),
        )
        .unwrap_err();
        assert_eq!(
            (error.kind, error.code, error.phase, error.retryable),
            (ErrorKind::MalformedReply, 11, Phase::Decode, false)
        );
    }
}

#[test]
fn a_gzip_bomb_stops_at_the_cap() {
    let bomb = gzip(&vec![0; 50_000_000]);
    assert!(bomb.len() < 100_000);
    let body = || {
        answer(200)
            .header("content-encoding", "gzip")
            .header("content-length", &bomb.len().to_string())
            .piece(bomb.clone())
    };
    let cut = cut_at(1_000, body().hangs());
    assert_eq!((cut.content.len(), cut.was_truncated), (1_000, true));
    assert_eq!(
        under_cap(1_000, body()).unwrap_err().kind,
        ErrorKind::ResponseTooLarge
    );
}

/// Deflate may hold as many empty blocks as an origin likes to send: they are content of no length, so no cap on content ends them.
#[test]
fn a_gzip_stream_without_content_ends_though_it_never_does() {
    const EMPTY_BLOCK: [u8; 5] = [0, 0, 0, 0xff, 0xff];
    let blocks = EMPTY_BLOCK.repeat(2_000);
    let endless = (0..20).fold(
        answer(200)
            .header("content-encoding", "gzip")
            .piece(&gzip(b"")[..10]),
        |answer, _| answer.piece(blocks.clone()),
    );
    let error = under_cap(1_000, endless.hangs()).unwrap_err();
    assert_eq!(
        (error.kind, error.phase),
        (ErrorKind::MalformedReply, Phase::Decode)
    );
}

#[test]
fn gzip_without_content_may_be_twice_the_cap_and_64_kib_long() {
    let cap = 1_000;
    // A member with a name so long that the whole is `most` bytes.
    let of_length = |most: usize| {
        let name = vec!["n"; most - gzip(b"").len() - 1].concat();
        let mut member = flate2::GzBuilder::new()
            .filename(name)
            .write(Vec::new(), flate2::Compression::best());
        member.write_all(b"").unwrap();
        let packed = member.finish().unwrap();
        assert_eq!(packed.len(), most);
        answer(200).header("content-encoding", "gzip").piece(packed)
    };
    let most = 2 * cap as usize + 65_536;
    assert_eq!(under_cap(cap, of_length(most)).unwrap().content, b"");
    let error = under_cap(cap, of_length(most + 1)).unwrap_err();
    assert_eq!(
        (error.kind, error.phase),
        (ErrorKind::MalformedReply, Phase::Decode)
    );
}

#[test]
fn the_cap_counts_decoded_bytes_exactly() {
    let body = |length: usize| {
        answer(200)
            .header("content-encoding", "gzip")
            .piece(gzip(&vec![b'x'; length]))
    };
    assert!(!cut_at(5_000, body(5_000)).was_truncated);
    assert!(cut_at(5_000, body(5_001)).was_truncated);
    assert!(
        !cut_at(
            10,
            answer(200)
                .header("content-encoding", "gzip")
                .piece(gzip(b"0123456789"))
        )
        .was_truncated,
        "packed it is longer than the cap"
    );
}
