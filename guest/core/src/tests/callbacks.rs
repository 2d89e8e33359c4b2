//! When a callback is due: once, inside the first wait that sees the rpc finished, however the call ended. Semantics.md section 5.
use super::scenario::*;
use crate::{FailureCode, State};

const A: &str = "http://a.example/";
const B: &str = "http://b.example/";

#[test]
fn callback_is_due_once_even_if_waited_twice() {
    let mut program = Program::new().origin(A, answer(200).late(10));
    let rpc = program.start(get(A));
    assert!(program.wait(rpc));
    assert!(!program.wait(rpc));
    assert_eq!(program.wait_any(&[rpc]), Some((0, false)));
}

#[test]
fn callback_is_not_due_before_the_rpc_finishes() {
    let mut program = Program::new().origin(A, answer(200).late(10));
    let rpc = program.start(get(A));
    assert!(!program.service.take_callback_due(rpc));
    assert!(program.wait(rpc), "asking too early did not use it up");
}

#[test]
fn callback_is_not_run_by_finishing_alone() {
    let mut program = Program::new().origin(A, answer(200));
    let rpc = program.start(get(A));
    program.poll_for(1_000);
    assert_eq!(program.state(rpc), State::Finishing);
    assert!(program.wait(rpc), "it was still due");
}

#[test]
fn callback_is_due_from_the_very_moment_of_finishing() {
    let mut program = Program::new().origin(A, answer(200).late(10));
    let rpc = program.start(get(A));
    program.run_until(|program| program.state(rpc) == State::Finishing);
    assert!(
        program.service.take_callback_due(rpc),
        "no wait can miss it"
    );
}

#[test]
fn callback_is_due_after_failure_deadline_cancel_and_a_bad_url() {
    let mut program = Program::new()
        .origin(A, failure(FailureCode::ConnectionRefused))
        .origin(B, silence());
    let failed = program.start(get(A));
    let late = program.start(get(B));
    let cancelled = program.start(get(B));
    let malformed = program.start(get("no url"));
    program.cancel(cancelled);
    for rpc in [failed, late, cancelled, malformed] {
        assert!(program.wait(rpc));
        assert!(!program.wait(rpc));
        assert!(program.result(rpc).is_err());
    }
}

#[test]
fn callback_mark_is_cleared_before_it_runs_so_a_nested_wait_sees_none() {
    let mut program = Program::new().origin(A, answer(200));
    let rpc = program.start(get(A));
    let mut runs = 0;
    if program.wait(rpc) {
        runs += 1;
        // This is the callback: whatever it asks of its own rpc returns, and none of it is due again.
        assert!(!program.wait(rpc));
        assert_eq!(program.wait_any(&[rpc, rpc]), Some((0, false)));
        assert_eq!(program.result(rpc).unwrap().status, 200);
    }
    assert_eq!(runs, 1);
}

#[test]
fn asking_for_the_result_leaves_the_callback_due() {
    let mut program = Program::new().origin(A, answer(200));
    let rpc = program.start(get(A));
    assert!(program.result(rpc).is_ok());
    assert!(program.wait(rpc));
}

#[test]
fn waiting_for_one_rpc_makes_no_other_callback_due() {
    let mut program = Program::new()
        .origin(A, answer(200).late(10))
        .origin(B, answer(200));
    let rpcs = program.start_all(&[A, B]);
    assert!(program.wait(rpcs[0]));
    assert_eq!(
        program.state(rpcs[1]),
        State::Finishing,
        "it finished meanwhile"
    );
    assert!(program.wait(rpcs[1]), "and kept its callback");
}

#[test]
fn an_rpc_never_waited_for_never_has_its_callback_run() {
    let mut program = Program::new().origin(A, answer(200));
    let rpc = program.start(get(A));
    program.poll_for(10);
    program.drop_rpc(rpc);
    let next = program.create();
    assert_eq!(next, rpc, "the key is used again");
    assert!(
        !program.service.take_callback_due(next),
        "the mark is not inherited"
    );
}

#[test]
fn a_callback_that_waits_for_others_nests_and_mutual_waits_end() {
    let mut program = Program::new()
        .origin(A, answer(200).late(10))
        .origin(B, answer(200).late(20));
    let rpcs = program.start_all(&[A, B]);
    let mut order = Vec::new();
    // The callback of each waits for the other.
    if program.wait(rpcs[0]) {
        order.push("a begins");
        if program.wait(rpcs[1]) {
            order.push("b begins");
            assert!(!program.wait(rpcs[0]));
            order.push("b ends");
        }
        order.push("a ends");
    }
    assert_eq!(order, ["a begins", "b begins", "b ends", "a ends"]);
    assert!(!program.wait(rpcs[1]));
}

#[test]
fn hooks_are_due_once_and_apart_from_the_callback() {
    let mut program = Program::new()
        .origin(A, answer(200))
        .origin(B, failure(FailureCode::DnsError));
    for url in [A, B] {
        let rpc = program.start(get(url));
        assert!(program.wait(rpc));
        assert!(
            program.service.take_hooks_due(rpc),
            "a wait alone leaves them due"
        );
        assert!(!program.service.take_hooks_due(rpc));
    }
    let rpc = program.start(get("http://a.example:22/"));
    assert!(
        program.service.take_hooks_due(rpc),
        "asked for the result first"
    );
    assert!(program.wait(rpc), "the callback is due still");
}
