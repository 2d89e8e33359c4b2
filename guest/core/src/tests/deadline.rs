//! One deadline over queueing, every hop and the body: where it comes from, when it counts, and what it says. Semantics.md section 1.
use super::scenario::*;
use crate::{ErrorKind, Event, FailureCode, Method, Phase, State, policy::MAXIMUM_DEADLINE};

const A: &str = "http://a.example/";
const NEXT: &str = "http://a.example/next";

/// After how many seconds a call that is never answered ends.
fn ends_after(program: &mut Program, rpc: crate::RpcKey) -> f64 {
    let start = program.now;
    program.call(rpc, get(A)).unwrap();
    assert_eq!(
        program.result(rpc).unwrap_err().kind,
        ErrorKind::DeadlineExceeded
    );
    program.seconds_since(start)
}

#[test]
fn a_call_without_deadline_ends_after_five_seconds() {
    let mut program = Program::new().origin(A, silence());
    let rpc = program.create();
    assert_eq!(program.service.deadline(rpc), None);
    assert_eq!(ends_after(&mut program, rpc), 5.0);
}

#[test]
fn a_deadline_given_at_creation_beats_the_default_and_is_readable() {
    let mut program = Program::new()
        .origin(A, silence())
        .policy(|policy| policy.set_default_deadline(Some(3.5)));
    let (default, own) = (program.create(), program.create_with(Some(9.0)));
    assert_eq!(
        (
            program.service.deadline(default),
            program.service.deadline(own)
        ),
        (Some(3.5), Some(9.0))
    );
    assert_eq!(ends_after(&mut program, default), 3.5);
    assert_eq!(ends_after(&mut program, own), 9.0);
}

#[test]
fn the_default_is_taken_at_creation_and_later_changes_do_not_matter() {
    let mut program = Program::new()
        .origin(A, silence())
        .policy(|policy| policy.set_default_deadline(Some(4.0)));
    let rpc = program.create();
    program.set_policy(|policy| policy.set_default_deadline(None));
    assert_eq!(
        program.service.policy(program.client).default_deadline(),
        None
    );
    assert_eq!(program.service.deadline(rpc), Some(4.0));
    assert_eq!(ends_after(&mut program, rpc), 4.0);
}

#[test]
fn a_deadline_beyond_the_maximum_is_clamped_when_the_call_is_made() {
    let mut program = Program::new().origin(A, silence());
    let long = program.create_with(Some(1e300));
    assert_eq!(
        ends_after(&mut program, long),
        MAXIMUM_DEADLINE.as_secs_f64()
    );
    assert_eq!(
        program.service.deadline(long),
        Some(1e300),
        "what was given stays readable"
    );
    program.set_policy(|policy| policy.set_maximum_deadline(2.0));
    let default = program.create();
    assert_eq!(ends_after(&mut program, default), 2.0, "the default too");
    program.set_policy(|policy| policy.set_maximum_deadline(600.0));
    let task = program.create_with(Some(599.0));
    assert_eq!(ends_after(&mut program, task), 599.0);
}

#[test]
fn the_clock_starts_at_make_fetch_call_and_not_at_creation_or_wait() {
    let mut program = Program::new().origin(A, silence());
    let rpc = program.create_with(Some(1.0));
    program.sleep(10_000);
    program.call(rpc, get(A)).unwrap();
    let start = program.now;
    program.sleep(400);
    assert!(program.result(rpc).is_err());
    assert_eq!(program.seconds_since(start), 1.0);
}

#[test]
fn redirects_do_not_restart_the_clock() {
    let mut program = Program::new().origin(A, redirect(302, A).late(300));
    let rpc = program.start_with(1.0, get(A));
    let start = program.now;
    let error = program.result(rpc).unwrap_err();
    assert_eq!(
        (error.kind, error.phase),
        (ErrorKind::DeadlineExceeded, Phase::Request)
    );
    assert_eq!(
        (program.seconds_since(start), program.hops(rpc).len()),
        (1.0, 4)
    );
    assert!(
        program
            .sent
            .iter()
            .all(|sent| sent.deadline == start.after(std::time::Duration::from_secs(1))),
        "transports are told of the same end"
    );
}

#[test]
fn a_body_that_drips_ends_at_the_deadline() {
    let drip = (0..100).fold(answer(200), |answer, _| answer.pause(1_000).piece("x"));
    let mut program = Program::new().origin(A, drip);
    let rpc = program.start(get(A));
    let start = program.now;
    let error = program.result(rpc).unwrap_err();
    assert_eq!(
        (error.kind, error.code, error.phase, error.url.as_str()),
        (ErrorKind::DeadlineExceeded, 5, Phase::Body, A)
    );
    assert_eq!(
        (program.seconds_since(start), program.received(rpc)),
        (5.0, 5)
    );
    assert_eq!(program.hops(rpc)[0].ended_at, Some(program.now));
}

#[test]
fn what_arrived_before_the_deadline_counts_though_nobody_polled() {
    let mut program = Program::new()
        .origin(A, redirect(302, "/next").late(100))
        .origin(NEXT, answer(200).piece("x").late(10));
    let rpc = program.start_with(1.0, get(NEXT));
    program.sleep(60_000);
    assert_eq!(program.result(rpc).unwrap().content, b"x", "drained first");

    let rpc = program.start_with(1.0, get(A));
    program.sleep(60_000);
    let error = program.result(rpc).unwrap_err();
    assert_eq!(
        (error.kind, error.phase, error.url.as_str()),
        (ErrorKind::DeadlineExceeded, Phase::Redirect, NEXT),
        "but no hop is begun"
    );
    assert_eq!(program.sent.len(), 2);
}

#[test]
fn once_the_deadline_has_passed_the_next_drain_ends_in_done() {
    let mut program = Program::new().origin(A, answer(200).piece("x").hangs());
    let rpc = program.start_with(1.0, get(A));
    program.poll_for(999);
    assert_eq!(program.service.poll_expired(program.now), None);
    assert_eq!(program.state(rpc), State::Running);
    assert!(
        !program.service.handle_timeout(rpc, program.now),
        "harmless before"
    );
    program.sleep(1);
    assert_eq!(program.service.poll_expired(program.now), Some(rpc));
    assert_eq!(
        program.service.poll_expired(program.now),
        None,
        "named once"
    );
    assert_eq!(program.service.next_deadline(), None);
    assert!(
        program
            .service
            .handle(rpc, Event::Piece(b"y".to_vec()), program.now),
        "a last word of the transport"
    );
    assert!(
        program.service.handle_timeout(rpc, program.now),
        "the driver is told to end the exchange"
    );
    assert_eq!(program.state(rpc), State::Finishing);
}

#[test]
fn the_next_deadline_is_the_earliest_of_what_runs() {
    let mut program = Program::new().origin(A, silence());
    let start = program.now;
    assert_eq!(program.service.next_deadline(), None);
    let long = program.start_with(9.0, get(A));
    let short = program.start_with(2.0, get(A));
    let seconds = |program: &mut Program| {
        program
            .service
            .next_deadline()
            .map(|at| at.since(start).as_secs())
    };
    assert_eq!(seconds(&mut program), Some(2));
    program.cancel(short);
    assert_eq!(seconds(&mut program), Some(9));
    program.drop_rpc(long);
    assert_eq!(seconds(&mut program), None);
}

#[test]
fn a_key_that_is_used_again_does_not_inherit_a_deadline() {
    let mut program = Program::new().origin(A, silence());
    let first = program.start_with(1.0, get(A));
    program.drop_rpc(first);
    let second = program.start_with(9.0, get(A));
    assert_eq!(first, second);
    program.sleep(2_000);
    program.poll();
    assert_eq!(program.state(second), State::Running);
}

#[test]
fn a_deadline_is_retryable_where_sending_again_does_no_harm() {
    for method in Method::ALL {
        let mut program = Program::new()
            .origin(A, silence())
            .origin(NEXT, redirect(303, A));
        for url in [A, NEXT] {
            let error = program.failed(request(method, url, ""));
            assert_eq!(error.kind, ErrorKind::DeadlineExceeded);
            assert_eq!(
                error.retryable,
                method.is_idempotent(),
                "{} {url}",
                method.name()
            );
        }
    }
}

/// The rule of `retryable`: certainly not acted on, or idempotent and failed by transport or deadline.
#[test]
fn a_failure_is_retryable_by_its_code_its_method_and_what_was_acted_on() {
    use FailureCode::{ConnectionRefused, ConnectionTerminated, TlsCertificateError};
    let retryable = |method, answer: Answer, hops: usize| {
        let mut program = Program::new()
            .origin(
                A,
                if hops == 1 {
                    answer.clone()
                } else {
                    redirect(307, "/next")
                },
            )
            .origin(NEXT, answer);
        program.failed(request(method, A, "x")).retryable
    };
    for method in Method::ALL {
        let idempotent = method.is_idempotent();
        assert!(
            retryable(method, failure(ConnectionRefused), 1),
            "{}: never acted on",
            method.name()
        );
        assert_eq!(
            retryable(method, failure(ConnectionRefused), 2),
            idempotent,
            "the first hop may have acted"
        );
        assert_eq!(
            retryable(method, failure(ConnectionTerminated), 1),
            idempotent
        );
        assert!(
            !retryable(method, failure(TlsCertificateError), 1),
            "it would fail again"
        );
        if method != Method::Head {
            assert_eq!(
                retryable(method, answer(200).piece("x").fails(ConnectionRefused), 1),
                idempotent,
                "a head came: it was acted on"
            );
            assert_eq!(
                retryable(
                    method,
                    answer(200).header("content-length", "9").piece("x"),
                    1
                ),
                idempotent,
                "a body cut short is the transport's"
            );
        }
    }
}

#[test]
fn a_transport_that_gives_up_at_the_deadline_is_the_deadline() {
    use FailureCode::{ConnectionReadTimeout, ConnectionTimeout};
    for code in [ConnectionTimeout, ConnectionReadTimeout] {
        let at_deadline = failure(code).late(5_000);
        let mut program = Program::new().origin(A, at_deadline);
        let error = program.failed(get(A));
        assert_eq!(
            (error.phase, error.detail.as_str()),
            (Phase::Request, "the deadline passed"),
            "{code:?}"
        );
    }
    let mut program = Program::new().origin(A, failure(ConnectionTimeout).late(4_999));
    assert_eq!(
        program.failed(get(A)).phase,
        Phase::Connect,
        "before it, the transport's word counts"
    );
}
