//! Waiting for any of several rpcs: which one is chosen, when nothing can be, and what development mode does. Semantics.md section 6, 14.
use super::scenario::*;
use crate::{ErrorKind, FailureCode, Judged, State};

const A: &str = "http://a.example/";
const B: &str = "http://b.example/";
const C: &str = "http://c.example/";

/// Three calls that finish after 30, 20 and 10 ms.
fn three() -> (Program, Vec<crate::RpcKey>) {
    let mut program = Program::new()
        .origin(A, answer(200).late(30))
        .origin(B, answer(200).late(20))
        .origin(C, answer(200).late(10));
    let rpcs = program.start_all(&[A, B, C]);
    (program, rpcs)
}

#[test]
fn waiting_for_none_of_none_returns_at_once() {
    let mut program = Program::new();
    assert_eq!(program.service.judge(&[], true), Ok(Judged::Nothing));
    assert_eq!(program.wait_any(&[]), None);
}

#[test]
fn wait_any_returns_the_one_that_finished() {
    let (mut program, rpcs) = three();
    let start = program.now;
    assert_eq!(program.wait_any(&rpcs), Some((2, true)));
    assert_eq!(program.seconds_since(start), 0.01);
}

#[test]
fn wait_any_prefers_collection_order_over_completion_order() {
    let (mut program, rpcs) = three();
    program.poll_for(30);
    assert_eq!(
        program.wait_any(&rpcs),
        Some((0, true)),
        "though it finished last"
    );
    assert_eq!(
        program.wait_any(&[rpcs[2], rpcs[0], rpcs[1]]),
        Some((0, true))
    );
    assert_eq!(program.wait_any(&[rpcs[1], rpcs[0]]), Some((0, true)));
}

#[test]
fn wait_any_repeats_itself_until_an_earlier_one_finishes() {
    let (mut program, rpcs) = three();
    assert_eq!(program.wait_any(&rpcs), Some((2, true)));
    assert_eq!(
        program.wait_any(&rpcs),
        Some((2, false)),
        "at once, the same, without its callback"
    );
    program.poll_for(10);
    assert_eq!(program.wait_any(&rpcs), Some((1, true)));
    program.poll_for(10);
    assert_eq!(program.wait_any(&rpcs), Some((0, true)));
}

#[test]
fn only_the_chosen_rpc_has_its_callback_run() {
    let (mut program, rpcs) = three();
    program.poll_for(30);
    assert_eq!(program.wait_any(&rpcs), Some((0, true)));
    assert!(program.wait(rpcs[1]));
    assert!(program.wait(rpcs[2]));
}

#[test]
fn duplicates_are_harmless() {
    let (mut program, rpcs) = three();
    assert_eq!(
        program.wait_any(&[rpcs[1], rpcs[2], rpcs[2], rpcs[1]]),
        Some((1, true))
    );
    assert_eq!(program.wait_any(&[rpcs[2], rpcs[2]]), Some((0, false)));
}

#[test]
fn an_idle_member_is_misuse_even_beside_a_finished_one() {
    let (mut program, rpcs) = three();
    program.poll_for(10);
    let idle = program.create();
    for members in [[rpcs[2], idle], [idle, rpcs[2]]] {
        assert_eq!(
            program.service.judge(&members, true).unwrap_err().kind,
            ErrorKind::Misuse
        );
    }
    assert!(program.wait(rpcs[2]), "nothing was touched");
}

#[test]
fn a_failed_rpc_is_returned_and_not_raised() {
    let mut program = Program::new().origin(A, failure(FailureCode::DnsError).late(5));
    let rpc = program.start(get(A));
    assert_eq!(program.wait_any(&[rpc]), Some((0, true)));
    assert_eq!(
        program.result(rpc).unwrap_err().kind,
        ErrorKind::DnsLookupFailed
    );
}

#[test]
fn a_foreign_rpc_that_finishes_ends_no_wait() {
    let (mut program, rpcs) = three();
    assert_eq!(program.wait_any(&rpcs[..1]), Some((0, true)));
    assert_eq!(program.state(rpcs[2]), State::Finishing);
    assert!(program.wait(rpcs[2]), "its callback was not touched");
}

#[test]
fn waiting_for_all_by_repetition_runs_each_callback_once_as_each_finishes() {
    let (mut program, rpcs) = three();
    let (mut left, mut finished) = (rpcs.clone(), Vec::new());
    while let Some((index, due)) = program.wait_any(&left) {
        assert!(due);
        finished.push(left.remove(index));
    }
    assert_eq!(finished, [rpcs[2], rpcs[1], rpcs[0]]);
}

fn in_development() -> Program {
    Program::new()
        .policy(|policy| {
            policy.development = true;
            Ok(())
        })
        .origin(A, answer(200).late(30))
        .origin(B, answer(200).late(20))
        .origin(C, answer(200).late(10))
}

#[test]
fn development_mode_sends_nothing_before_a_wait_and_then_in_the_order_of_waits() {
    let mut program = in_development();
    let rpcs = program.start_all(&[A, B, C]);
    program.poll_for(1_000);
    assert_eq!(program.sent_urls(), [""; 0]);
    assert_eq!(program.state(rpcs[0]), State::Running);
    for index in [2, 0, 1] {
        assert!(program.wait(rpcs[index]));
    }
    assert_eq!(program.sent_urls(), [C, A, B]);
}

#[test]
fn development_mode_sends_nothing_for_an_rpc_that_is_dropped() {
    let mut program = in_development();
    let rpc = program.start(get(A));
    program.drop_rpc(rpc);
    program.poll_for(10_000);
    assert!(program.sent.is_empty());
    assert!(program.service.is_at_rest(program.client));
}

#[test]
fn development_mode_executes_the_last_running_member() {
    let mut program = in_development();
    let rpcs = program.start_all(&[A, B, C]);
    assert_eq!(program.wait_any(&rpcs), Some((2, true)));
    assert_eq!(program.sent_urls(), [C]);
    assert_eq!(
        (program.state(rpcs[0]), program.state(rpcs[1])),
        (State::Running, State::Running)
    );
    assert_eq!(
        program.wait_any(&rpcs),
        Some((2, false)),
        "something is finished: nothing is executed"
    );
    assert_eq!(program.wait_any(&[rpcs[1], rpcs[0]]), Some((1, true)));
    assert_eq!(program.sent_urls(), [C, A]);
}

#[test]
fn development_mode_executes_nothing_for_a_look_that_does_not_wait() {
    let mut program = in_development();
    let rpcs = program.start_all(&[A, B]);
    assert_eq!(program.service.judge(&rpcs, false), Ok(Judged::Wait));
    program.poll_for(100);
    assert!(program.sent.is_empty());
}

#[test]
fn development_mode_ignores_events_for_a_call_it_holds_back() {
    let mut program = in_development();
    let rpc = program.start(get(A));
    let stray = crate::Event::Piece(b"stray".to_vec());
    assert!(
        !program.service.handle(rpc, stray, program.now),
        "it has no exchange"
    );
    program.poll_for(1_000);
    assert!(program.sent.is_empty(), "nobody waited for it");
}

#[test]
fn development_mode_executes_one_at_a_time_the_oldest_first_when_drained() {
    let mut program = in_development();
    let rpcs = program.start_all(&[A, B, C]);
    let client = program.client;
    program.run_until(|program| {
        for _ in 0..3 {
            program.service.execute_next(client);
        }
        program.poll();
        assert!(program.service.in_flight(client) <= 1);
        program.service.running(client) == 0
    });
    assert_eq!(program.sent_urls(), [A, B, C]);
    assert!(
        rpcs.iter()
            .all(|&rpc| program.state(rpc) == State::Finishing)
    );
}

#[test]
fn development_mode_follows_redirects_and_keeps_the_deadline() {
    let mut program = in_development().origin("http://d.example/", redirect(302, A));
    let moved = program.start(get("http://d.example/"));
    assert!(program.wait(moved));
    assert_eq!(program.sent_urls(), ["http://d.example/", A]);
    let forgotten = program.start(get(B));
    program.poll_for(5_000);
    let error = program.result(forgotten).unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::DeadlineExceeded,
        "it counts from make-fetch-call in both modes"
    );
    assert!(error.retryable);
}

#[test]
fn what_is_wrong_at_once_is_finished_in_development_mode_too() {
    let mut program = in_development();
    let rpc = program.start(get("no url"));
    assert_eq!(program.state(rpc), State::Finishing);
    assert!(program.wait(rpc));
}
