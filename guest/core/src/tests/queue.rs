//! Calls in flight: the limits in total and to one origin, who goes next, and that no place is ever lost. Semantics.md 3.3.
use super::scenario::*;
use crate::{ErrorKind, Phase, RpcKey, State};

const A: &str = "http://a.example/";
const B: &str = "http://b.example/";

/// At most so many at once; a and b answer after 10 ms.
fn limited(total: u32, per_origin: u32) -> Program {
    Program::new()
        .policy(|policy| policy.set_max_in_flight(total, per_origin))
        .origin(A, answer(200).late(10))
        .origin(B, answer(200).late(10))
}

fn finished(program: &Program, rpcs: &[RpcKey]) -> Vec<bool> {
    let states = rpcs.iter().map(|&rpc| program.state(rpc));
    states.map(|state| state == State::Finishing).collect()
}

#[test]
fn at_most_a_hundred_calls_are_out_at_first() {
    let mut program = Program::new().origin(A, answer(200).late(10));
    let rpcs = program.start_all(&[A; 250]);
    for sent in [100, 200, 250] {
        assert_eq!(program.sent.len(), sent);
        program.poll_for(10);
    }
    assert!(
        finished(&program, &rpcs).iter().all(|finished| *finished),
        "none is lost"
    );
}

#[test]
fn the_total_holds_over_all_origins_and_the_oldest_goes_first() {
    let mut program = limited(2, 2);
    program.start_all(&[A, B, B, A, B]);
    assert_eq!(program.sent_urls(), [A, B]);
    program.poll_for(10);
    assert_eq!(program.sent_urls(), [A, B, B, A]);
    program.poll_for(10);
    assert_eq!(program.sent_urls(), [A, B, B, A, B]);
}

#[test]
fn one_origin_at_its_limit_does_not_hold_up_the_others() {
    let mut program = limited(3, 1);
    program.start_all(&[A, A, A, B]);
    assert_eq!(program.sent_urls(), [A, B]);
    program.poll_for(10);
    assert_eq!(program.sent_urls(), [A, B, A]);
}

#[test]
fn an_origin_is_scheme_host_and_port_whatever_the_spelling() {
    let mut program = limited(10, 1)
        .origin("https://a.example/", answer(200).late(10))
        .origin("http://a.example:8080/", answer(200).late(10))
        .origin("http://a.example/x", answer(200).late(10));
    program.start_all(&[
        A,
        "HTTP://A.EXAMPLE:80/x",
        "https://a.example/",
        "http://a.example:8080/",
    ]);
    assert_eq!(
        program.sent_urls(),
        [A, "https://a.example/", "http://a.example:8080/"]
    );
}

#[test]
fn a_redirect_keeps_its_age_and_goes_before_every_younger_call() {
    let mut program = limited(1, 1).origin("http://c.example/", redirect(302, A).late(10));
    program.start_all(&["http://c.example/", B, B]);
    program.poll_for(10);
    assert_eq!(program.sent_urls(), ["http://c.example/", A]);
    program.poll_for(10);
    assert_eq!(program.sent_urls(), ["http://c.example/", A, B]);
}

#[test]
fn a_redirect_waits_for_a_place_at_its_new_origin() {
    let mut program = limited(10, 1).origin("http://c.example/", redirect(302, A).late(5));
    let rpcs = program.start_all(&[A, A, "http://c.example/"]);
    program.poll_for(5);
    assert_eq!(
        program.sent_urls(),
        [A, "http://c.example/"],
        "the place at c is given up, that at a is taken"
    );
    program.poll_for(5);
    assert_eq!(program.sent.len(), 3, "the older call first");
    program.poll_for(10);
    assert!(program.wait(rpcs[2]));
    assert_eq!(program.sent_urls(), [A, "http://c.example/", A, A]);
}

#[test]
fn a_queued_call_that_is_cancelled_dropped_or_late_frees_its_turn() {
    let mut program = Program::new()
        .policy(|policy| policy.set_max_in_flight(1, 1))
        .origin(A, silence())
        .origin(B, answer(200));
    let blocking = program.start_with(20.0, get(A));
    let cancelled = program.start(get(A));
    let dropped = program.start(get(A));
    let late = program.start_with(1.0, request(crate::Method::Post, A, "x"));
    let last = program.start_with(20.0, get(B));
    assert!(program.cancel(cancelled));
    assert_eq!(program.result(cancelled).unwrap_err().phase, Phase::Queued);
    program.drop_rpc(dropped);
    let error = program.result(late).unwrap_err();
    assert_eq!(
        (error.kind, error.phase, error.url.as_str()),
        (ErrorKind::DeadlineExceeded, Phase::Queued, A)
    );
    assert!(error.retryable, "it was certainly not acted on");
    assert_eq!(program.hops(late), []);
    program.cancel(blocking);
    assert_eq!(program.result(last).unwrap().status, 200);
    assert_eq!(program.sent_urls(), [A, B]);
}

#[test]
fn a_call_that_ends_in_any_way_gives_its_place_to_the_next() {
    let mut program = Program::new()
        .policy(|policy| policy.set_max_in_flight(1, 1))
        .origin(A, silence())
        .origin(B, failure(crate::FailureCode::ConnectionRefused).late(1));
    let cancelled = program.start(get(A));
    let late = program.start_with(2.0, get(A));
    let failed = program.start(get(B));
    let dropped = program.start(get(A));
    let last = program.start(get(B));
    program.cancel(cancelled);
    assert!(program.result(late).is_err());
    assert!(program.result(failed).is_err());
    program.drop_rpc(dropped);
    assert!(program.result(last).is_err());
    assert_eq!(program.sent_urls(), [A, A, B, A, B]);
}

#[test]
fn a_place_that_was_given_but_not_used_yet_is_not_lost() {
    let mut program = limited(1, 1);
    let client = program.client;
    // Nobody asks what to send, as between two turns of a program that computes.
    let rpcs: Vec<_> = (0..3).map(|_| program.create()).collect();
    for &rpc in &rpcs {
        program.service.start(rpc, get(A), program.now);
    }
    assert_eq!(program.service.in_flight(client), 1);
    program.service.cancel(rpcs[0], program.now);
    program.service.drop_rpc(rpcs[1]);
    program
        .service
        .handle(rpcs[2], crate::Event::End, program.now);
    assert_eq!(program.service.in_flight(client), 1);
    assert_eq!(program.result(rpcs[2]).unwrap().status, 200);
    assert_eq!(program.sent_urls(), [A], "and it is sent once");
}

#[test]
fn a_call_admitted_after_its_deadline_is_not_sent() {
    let mut program = limited(1, 1);
    let rpc = program.create_with(Some(1.0));
    program.service.start(rpc, get(A), program.now);
    program.sleep(1_000);
    let error = program.result(rpc).unwrap_err();
    assert_eq!(
        (error.kind, error.phase),
        (ErrorKind::DeadlineExceeded, Phase::Queued)
    );
    assert!(program.sent.is_empty());
}

#[test]
fn raised_limits_let_out_what_waits() {
    let mut program = limited(1, 1);
    program.start_all(&[A, A, B, A]);
    assert_eq!(program.sent_urls(), [A]);
    program.set_policy(|policy| policy.set_max_in_flight(2, 1));
    program.poll();
    assert_eq!(program.sent_urls(), [A, B]);
    program.set_policy(|policy| policy.set_max_in_flight(10, 2));
    program.poll();
    assert_eq!(program.sent_urls(), [A, B, A]);
    program.set_policy(|policy| policy.set_max_in_flight(10, 10));
    program.poll();
    assert_eq!(program.sent_urls(), [A, B, A, A]);
}

#[test]
fn lowered_limits_call_nothing_back_and_let_out_nothing_more() {
    let mut program = limited(3, 3);
    let rpcs = program.start_all(&[A, A, A, A, B]);
    program.set_policy(|policy| policy.set_max_in_flight(2, 1));
    program.poll();
    assert_eq!(program.sent.len(), 3);
    program.poll_for(10);
    assert_eq!(
        program.sent_urls()[3..],
        [B, A],
        "the place at a is free when the last of a is over"
    );
    program.poll_for(10);
    assert!(finished(&program, &rpcs).iter().all(|finished| *finished));
}

#[test]
fn a_limit_lowered_to_one_origin_holds_for_a_call_that_had_been_next() {
    let slow = "http://a.example/slow";
    let mut program = limited(2, 2).origin(slow, answer(200).late(20));
    program.start_all(&[slow, B, A]);
    program.set_policy(|policy| policy.set_max_in_flight(2, 1));
    program.poll_for(10);
    assert_eq!(program.sent_urls(), [slow, B]);
    program.poll_for(10);
    assert_eq!(program.sent_urls(), [slow, B, A]);
}

#[test]
fn limits_hold_even_when_a_later_setting_of_the_same_change_fails() {
    let mut program = limited(1, 1);
    program.start_all(&[A, A, A]);
    let changed = program.service.set_policy(program.client, &mut |policy| {
        policy.set_max_in_flight(2, 2)?;
        policy.set_max_redirects(101)
    });
    assert_eq!(changed, Err(ErrorKind::InvalidArgument));
    program.poll();
    let (total, _) = program.service.policy(program.client).max_in_flight();
    assert_eq!(
        program.sent.len(),
        total as usize,
        "the queue obeys what the policy says"
    );
}

#[test]
fn clients_do_not_share_their_places() {
    let mut program = limited(1, 1);
    let first = program.client;
    program.start_all(&[A, A]);
    program.client = program.service.open_client();
    program.start_all(&[A, A, A]);
    assert_eq!(program.sent.len(), 4);
    assert_eq!(
        (
            program.service.running(first),
            program.service.running(program.client)
        ),
        (2, 3)
    );
}

#[test]
fn deadlines_of_finished_calls_are_not_remembered_for_ever() {
    let mut program = Program::new()
        .policy(|policy| policy.set_maximum_deadline(1e6))
        .origin(A, answer(200));
    let slow = program.start_with(5.0, get(A));
    for _ in 0..10_000 {
        let rpc = program.start_with(1e6, get(A));
        program.wait(rpc);
        program.drop_rpc(rpc);
    }
    program.drop_rpc(slow);
    assert!(
        program.service.population().2 < 1_000,
        "{:?}",
        program.service.population()
    );
}

#[test]
fn finished_rpcs_are_not_remembered_in_whatever_order_their_results_are_taken() {
    const ROUND: usize = 100;
    let mut program = Program::new().origin(A, answer(200));
    // It stays, and nobody asks what has finished: it must be told in the end, and nothing else.
    let first = program.start(get(A));
    program.wait(first);
    // Each a generator of all places: in order, backwards, and twice criss-cross.
    for stride in [1, ROUND - 1, 37, 61].repeat(25) {
        let rpcs = program.start_all(&[A; ROUND]);
        for n in 0..ROUND {
            let rpc = rpcs[(n + 1) * stride % ROUND];
            program.wait(rpc);
            // Half of the results are taken, the others dropped unread.
            if n % 2 == 0 {
                assert!(program.service.take_outcome(rpc).is_some());
            }
            program.drop_rpc(rpc);
            let remembered = program.service.unreported(program.client);
            assert!(remembered < 4 * ROUND, "{remembered}");
        }
    }
    let id = program.service.id(first);
    assert_eq!(program.service.take_finished(program.client), [id]);
    assert_eq!(program.service.unreported(program.client), 0);
}

#[test]
fn ten_thousand_calls_go_through_a_hundred_places() {
    let mut program = Program::new()
        .origin(A, answer(200).late(1))
        .policy(|policy| policy.set_max_in_flight(10_000, 100));
    let rpcs = program.start_all(&[A; 10_000]);
    program.poll_for(100);
    assert!(finished(&program, &rpcs).iter().all(|finished| *finished));
    assert_eq!(program.sent.len(), 10_000);
    for rpc in rpcs {
        program.drop_rpc(rpc);
    }
    assert!(program.service.is_at_rest(program.client));
}
