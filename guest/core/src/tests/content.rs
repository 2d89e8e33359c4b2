//! The body: its cap and truncation, its declared length, and answers without one. Semantics.md section 12.
use super::scenario::*;
use crate::{ErrorKind, FailureCode, FetchError, Method, Phase, Request, Response};

const A: &str = "http://a.example/";

/// What comes of an answer when so many bytes are kept.
pub(super) fn under_cap(cap: u32, answer: Answer) -> Result<Response, FetchError> {
    Program::new()
        .origin(A, answer)
        .policy(|policy| policy.set_max_response(cap))
        .fetch(get(A))
}

/// The same for a caller who allows truncation.
pub(super) fn cut_at(cap: u32, answer: Answer) -> Response {
    let request = Request {
        allow_truncated: true,
        ..get(A)
    };
    Program::new()
        .origin(A, answer)
        .policy(|policy| policy.set_max_response(cap))
        .fetched(request)
}

#[test]
fn content_as_large_as_the_cap_is_complete_and_one_byte_more_is_not() {
    for pieces in [vec!["abcd"], vec!["ab", "cd"], vec!["a", "b", "c", "d"]] {
        let body = |more: &[&str]| {
            pieces
                .iter()
                .chain(more)
                .fold(answer(200), |answer, piece| answer.piece(*piece))
        };
        let exact = under_cap(4, body(&[])).unwrap();
        assert_eq!(
            (exact.content.as_slice(), exact.was_truncated),
            (b"abcd".as_slice(), false)
        );
        assert_eq!(
            under_cap(4, body(&["e"])).unwrap_err().kind,
            ErrorKind::ResponseTooLarge
        );
        let cut = cut_at(4, body(&["e"]));
        assert_eq!(
            (cut.content.as_slice(), cut.was_truncated),
            (b"abcd".as_slice(), true)
        );
    }
}

#[test]
fn too_large_an_answer_is_an_error_that_carries_what_was_kept() {
    let mut program = Program::new()
        .origin(A, redirect(302, "/big"))
        .origin(
            "http://a.example/big",
            answer(201).header("content-length", "6").piece("abcdef"),
        )
        .policy(|policy| policy.set_max_response(4));
    let rpc = program.start(get(A));
    let error = program.result(rpc).unwrap_err();
    assert_eq!(
        (error.kind, error.code, error.phase, error.retryable),
        (ErrorKind::ResponseTooLarge, 4, Phase::Body, false)
    );
    assert_eq!(error.url, "http://a.example/big");
    assert!(error.detail.contains("set-max-response"));
    let kept = *error.response.expect("what was kept");
    assert_eq!(
        (kept.status, kept.content.as_slice(), kept.was_truncated),
        (201, b"abcd".as_slice(), true)
    );
    assert_eq!(kept.header("content-length").as_deref(), Some("4"));
    assert_eq!(kept.final_url.as_deref(), Some("http://a.example/big"));
    assert_eq!(
        program.received(rpc),
        4,
        "that it was received stays a fact"
    );
}

#[test]
fn a_content_length_beyond_64_bits_is_malformed() {
    for length in ["18446744073709551615", "18446744073709551616"] {
        let body = answer(200).header("content-length", length).piece("a");
        assert_eq!(
            under_cap(4, body).unwrap_err().kind,
            ErrorKind::MalformedReply
        );
    }
}

/// Semantics.md 20.5.
#[test]
fn a_cut_content_passes_check_success_when_that_is_asked_for_and_no_other_failure_does() {
    for passes in [false, true] {
        let mut program = Program::new()
            .origin(A, answer(200).piece("abcdef"))
            .origin(
                "http://b.example/",
                failure(FailureCode::HttpResponseBodySize),
            )
            .policy(|policy| {
                policy.truncation_passes_check = passes;
                policy.set_max_response(4)
            });
        let rpc = program.start(get(A));
        let error = program.result(rpc).unwrap_err();
        assert_eq!(error.kind, ErrorKind::ResponseTooLarge);
        let success = program.service.success(rpc).unwrap();
        let content = success.map(|response| response.content.as_slice());
        match passes {
            false => assert_eq!(content, Err(&error)),
            true => assert_eq!(content, Ok(b"abcd".as_slice())),
        }
        let rpc = program.start(get("http://b.example/"));
        program.wait(rpc);
        assert!(
            program.service.success(rpc).unwrap().is_err(),
            "nothing was cut"
        );
    }
}

#[test]
fn the_rest_of_too_large_an_answer_is_not_awaited() {
    let cut = cut_at(4, answer(200).piece("abcdef").hangs());
    assert_eq!(cut.content, b"abcd");
    let endless = answer(200)
        .header("content-length", "1000")
        .piece("abcdef")
        .hangs();
    assert_eq!(
        cut_at(4, endless).header("content-length").as_deref(),
        Some("4"),
        "also a declared rest"
    );
}

#[test]
fn the_documented_cap_is_32_mib() {
    let mib = vec![b'x'; 1 << 20];
    let body = (0..32).fold(answer(200), |answer, _| answer.piece(mib.clone()));
    let mut program = Program::new()
        .origin(A, body.clone())
        .origin("http://b.example/", body.piece("x"));
    assert_eq!(program.fetched(get(A)).content.len(), 1 << 25);
    let cut = program.fetched(Request {
        allow_truncated: true,
        ..get("http://b.example/")
    });
    assert_eq!((cut.content.len(), cut.was_truncated), (1 << 25, true));
}

#[test]
fn a_body_shorter_than_declared_is_a_closed_connection() {
    for body in [
        answer(200).header("content-length", "5").piece("abcd"),
        answer(200).header("Content-Length", "1"),
    ] {
        let error = under_cap(100, body).unwrap_err();
        assert_eq!(
            (error.kind, error.code, error.phase, error.retryable),
            (ErrorKind::ConnectionClosed, 8, Phase::Body, true)
        );
        assert!(error.kind.is_download());
    }
}

#[test]
fn a_body_longer_than_declared_is_malformed() {
    for body in [
        answer(200).header("content-length", "3").piece("abcd"),
        answer(200)
            .header("content-length", "3")
            .piece("abc")
            .piece("d"),
    ] {
        let error = under_cap(100, body).unwrap_err();
        assert_eq!(
            (error.kind, error.code, error.phase, error.retryable),
            (ErrorKind::MalformedReply, 11, Phase::Body, false)
        );
    }
}

#[test]
fn declared_lengths_that_contradict_each_other_are_malformed() {
    for lengths in [
        ["4", "5"],
        ["4, 5", "4"],
        ["x", "4"],
        ["-4", "4"],
        ["+4", "4"],
        ["", "4"],
        ["4,", "4"],
        ["99999999999999999999", "4"],
        ["4 4", "4"],
        ["0x4", "4"],
    ] {
        let body = lengths
            .iter()
            .fold(answer(200), |answer, length| {
                answer.header("content-length", length)
            })
            .piece("abcd");
        let error = under_cap(100, body).unwrap_err();
        assert_eq!(
            (error.kind, error.phase),
            (ErrorKind::MalformedReply, Phase::Request),
            "{lengths:?}"
        );
    }
    for lengths in [["4", "4"], ["4, 4", "4"], [" 4", "04"]] {
        let body = lengths
            .iter()
            .fold(answer(200), |answer, length| {
                answer.header("content-length", length)
            })
            .piece("abcd");
        assert_eq!(
            under_cap(100, body).unwrap().content,
            b"abcd",
            "{lengths:?}"
        );
    }
}

#[test]
fn a_declared_length_is_not_believed_before_the_bytes_come() {
    let huge = answer(200)
        .header("content-length", "18446744073709551614")
        .piece("abcd")
        .hangs();
    assert_eq!(
        under_cap(1 << 30, huge).unwrap_err().kind,
        ErrorKind::DeadlineExceeded
    );
}

#[test]
fn answers_without_a_body_are_finished_by_their_head() {
    for status in [204, 304] {
        let head = answer(status)
            .header("content-encoding", "gzip")
            .header("content-length", "7")
            .hangs();
        let response = under_cap(100, head).unwrap();
        assert_eq!((response.status, response.content.len()), (status, 0));
        assert_eq!(
            response.header("content-length").as_deref(),
            Some("0"),
            "the length of the content, except for HEAD"
        );
    }
    let head = answer(200).header("content-length", "7, 8").hangs();
    let response = Program::new()
        .origin(A, head)
        .fetched(request(Method::Head, A, ""));
    assert_eq!(
        response.header("content-length").as_deref(),
        Some("7, 8"),
        "nor is a length judged that frames nothing"
    );
}

#[test]
fn a_body_in_pieces_of_any_size_is_put_together() {
    let content: Vec<u8> = (0..200_000_u32).map(|index| (index % 251) as u8).collect();
    for size in [1_000, 65_536, 199_999] {
        for declared in [false, true] {
            let head = if declared {
                answer(200).header("content-length", "200000")
            } else {
                answer(200)
            };
            let body = content
                .chunks(size)
                .fold(head, |answer, piece| answer.piece(piece));
            assert!(under_cap(1 << 20, body).unwrap().content == content);
        }
    }
}

#[test]
fn progress_is_visible_while_the_body_comes() {
    let mut program =
        Program::new().origin(A, answer(200).piece("ab").pause(10).piece("cd").hangs());
    let rpc = program.start(get(A));
    assert_eq!(
        (program.received(rpc), program.service.appetite(rpc)),
        (0, Some(0)),
        "no body is asked for before the head"
    );
    program.poll_for(5);
    assert_eq!(program.received(rpc), 2);
    assert!(program.service.appetite(rpc).is_some_and(|bytes| bytes > 0));
    program.poll_for(5);
    assert_eq!(program.received(rpc), 4);
    program.cancel(rpc);
    assert_eq!(program.service.appetite(rpc), None);
}

#[test]
fn an_empty_body_is_empty_content() {
    assert_eq!(under_cap(1, answer(200)).unwrap().content, b"");
    assert_eq!(
        under_cap(
            1,
            answer(200)
                .header("content-length", "0")
                .header("content-encoding", "gzip")
        )
        .unwrap()
        .content,
        b""
    );
}
