//! The life of one rpc: idle, running, finishing; one call each; what fails at once, in which order, and what waits for get-result.
use super::scenario::*;
use crate::{ErrorKind, Phase, RpcKey, State};

const URL: &str = "http://a.example/";

#[test]
fn an_rpc_is_idle_then_running_then_finishing() {
    let mut program = Program::new().origin(URL, answer(200).piece("hello").late(100));
    let rpc = program.create();
    assert_eq!(program.state(rpc), State::Idle);
    assert!(program.sent.is_empty(), "nothing is sent at creation");

    program.call(rpc, get(URL)).unwrap();
    assert_eq!(program.state(rpc), State::Running);
    assert_eq!(program.sent_urls(), [URL], "sent without any wait");

    assert_eq!(program.result(rpc).unwrap().content, b"hello");
    assert_eq!(program.state(rpc), State::Finishing);
}

#[test]
fn a_call_finishes_without_any_wait_when_somebody_polls() {
    let mut program = Program::new().origin(URL, answer(200).late(100));
    let rpc = program.start(get(URL));
    program.poll_for(99);
    assert_eq!(program.state(rpc), State::Running);
    program.poll_for(1);
    assert_eq!(program.state(rpc), State::Finishing);
}

#[test]
fn making_a_call_blocks_nothing_and_takes_no_time() {
    let mut program = Program::new().origin(URL, silence());
    let before = program.now;
    for _ in 0..101 {
        let rpc = program.start(get(URL));
        assert_eq!(
            program.state(rpc),
            State::Running,
            "also the 101st, which queues"
        );
    }
    assert_eq!((program.now, program.sent.len()), (before, 100));
}

#[test]
fn one_rpc_is_one_fetch_before_and_after_it_finishes() {
    let mut program = Program::new().origin(URL, answer(200).late(10));
    let rpc = program.start(get(URL));
    for _ in 0..2 {
        let error = program.call(rpc, get(URL)).unwrap_err();
        assert_eq!(
            (error.kind, error.code, error.phase),
            (ErrorKind::Misuse, 0, Phase::Local)
        );
        assert!(!error.retryable);
        program.wait(rpc);
    }
    assert_eq!(program.sent.len(), 1);
    assert_eq!(
        program.result(rpc).unwrap().status,
        200,
        "the misuse changed nothing"
    );
}

#[test]
fn starting_a_started_rpc_leaves_it_as_it_is() {
    let mut program = Program::new().origin(URL, answer(200).late(10));
    let rpc = program.start(get(URL));
    program
        .service
        .start(rpc, get("http://b.example/"), program.now);
    assert_eq!(program.service.running(program.client), 1);
    assert_eq!(program.result(rpc).unwrap().status, 200);
    program
        .service
        .start(rpc, get("http://b.example/"), program.now);
    assert_eq!(program.state(rpc), State::Finishing);
    assert_eq!(
        program.service.running(program.client),
        0,
        "nothing is left that a drain would wait for"
    );
    assert_eq!(program.sent_urls(), [URL]);
}

#[test]
fn finishing_is_final_whatever_comes_afterwards() {
    let mut program = Program::new().origin(URL, answer(200).piece("x"));
    let rpc = program.start(get(URL));
    let first = program.result(rpc);
    let hops = program.hops(rpc).to_vec();
    let event = |text: &str| crate::Event::Piece(text.into());
    assert!(!program.service.handle(rpc, event("more"), program.now));
    assert!(!program.cancel(rpc));
    program.sleep(100_000);
    assert!(!program.service.handle_timeout(rpc, program.now));
    program.poll();
    assert_eq!(program.result(rpc), first);
    assert_eq!(program.hops(rpc), hops);
    assert_eq!(program.received(rpc), 1);
}

#[test]
fn a_result_is_the_same_each_time_it_is_asked() {
    let mut program = Program::new()
        .origin(URL, answer(200).piece("x"))
        .origin("http://b.example/", failure(crate::FailureCode::DnsError));
    for url in [URL, "http://b.example/"] {
        let rpc = program.start(get(url));
        let first = program.result(rpc);
        assert_eq!(program.result(rpc), first);
        assert_eq!(program.result(rpc).is_ok(), url == URL);
    }
}

#[test]
fn waiting_for_an_idle_rpc_is_misuse_and_leaves_it_usable() {
    let mut program = Program::new().origin(URL, answer(200));
    let rpc = program.create();
    let waits = [
        program.service.check_started(rpc).unwrap_err(),
        program.service.judge(&[rpc], true).unwrap_err(),
        program.result(rpc).unwrap_err(),
    ];
    for error in waits {
        assert_eq!((error.kind, error.phase), (ErrorKind::Misuse, Phase::Local));
    }
    assert!(!program.service.take_callback_due(rpc));
    assert!(!program.service.take_hooks_due(rpc));
    assert!(program.service.take_outcome(rpc).is_none());
    assert!(!program.cancel(rpc), "cancelling an idle rpc does nothing");
    program.call(rpc, get(URL)).unwrap();
    assert_eq!(program.result(rpc).unwrap().status, 200);
}

#[test]
fn cancel_ends_a_running_call_once_and_says_cancelled() {
    let mut program = Program::new().origin(URL, answer(200).piece("some").hangs());
    let rpc = program.start(get(URL));
    program.poll_for(10);
    assert!(program.cancel(rpc));
    assert!(!program.cancel(rpc), "it was running no more");
    let error = program.result(rpc).unwrap_err();
    assert_eq!(
        (error.kind, error.code, error.phase, error.retryable),
        (ErrorKind::Cancelled, 0, Phase::Body, false)
    );
    assert_eq!(error.url, URL);
    assert_eq!(program.received(rpc), 4, "what was received stays a fact");
    assert_eq!(program.hops(rpc)[0].ended_at, Some(program.now));
    assert!(
        program.service.take_callback_due(rpc),
        "its callback is due as after any failure"
    );
}

#[test]
fn dropping_an_rpc_at_any_time_ends_it_silently() {
    let mut program = Program::new()
        .origin(URL, answer(200).piece("x").hangs())
        .origin("http://b.example/", silence());
    let client = program.client;
    let idle = program.create();
    let receiving = program.start(get(URL));
    let asked = program.start(get("http://b.example/"));
    let finished = program.start(get("no url"));
    program.poll_for(1);
    for rpc in [idle, receiving, asked, finished] {
        program.drop_rpc(rpc);
    }
    assert!(program.service.is_at_rest(client));
    assert_eq!(program.service.take_finished(client), []);
    program.poll_for(10_000);
    assert_eq!(
        program.service.population(),
        (1, 0, 0),
        "also its deadline is forgotten"
    );
}

#[test]
fn a_closed_client_stays_for_its_rpcs_and_cancels_nothing() {
    let mut program = Program::new()
        .origin(URL, redirect(302, "/next").late(5))
        .origin("http://a.example/next", answer(200));
    let rpc = program.start(get(URL));
    program.service.close_client(program.client);
    assert_eq!(program.result(rpc).unwrap().status, 200);
    program.drop_rpc(rpc);
    assert_eq!(program.service.population().0, 0);
}

#[test]
fn into_result_gives_the_outcome_away_and_is_not_reported_again() {
    let mut program = Program::new().origin(URL, answer(200).piece("x"));
    let rpc = program.start(get(URL));
    program.wait(rpc);
    let outcome = program.service.take_outcome(rpc).expect("it is finished");
    assert_eq!(outcome.unwrap().content, b"x");
    assert!(!program.service.has_finished(program.client));
    program.drop_rpc(rpc);
    assert!(program.service.is_at_rest(program.client));
}

#[test]
fn ids_are_never_used_again_though_keys_are() {
    let mut program = Program::new();
    let first = program.create();
    let (key, id) = (first, program.service.id(first));
    program.drop_rpc(first);
    let second = program.create();
    assert_eq!(second, key);
    assert_ne!(program.service.id(second), id);
}

#[test]
fn hops_tell_every_exchange_and_its_instants() {
    let mut program = Program::new()
        .origin(URL, redirect(302, "/next").late(100))
        .origin(
            "http://a.example/next",
            answer(404).pause(50).piece("gone").late(100),
        );
    program.poll_for(7);
    let start = program.now;
    let rpc = program.start(get(URL));
    let call = program.service.call(rpc).unwrap();
    assert_eq!(call.started_at(), start);
    assert_eq!(program.hops(rpc).len(), 1);
    assert_eq!(
        (program.hops(rpc)[0].status, program.hops(rpc)[0].head_at),
        (0, None)
    );
    assert_eq!(
        program.result(rpc).unwrap().status,
        404,
        "a status is a result"
    );
    let millis = |instant: Option<crate::Instant>| instant.map(|at| at.since(start).as_millis());
    let told: Vec<_> = program
        .hops(rpc)
        .iter()
        .map(|hop| {
            (
                hop.url.as_str(),
                hop.status,
                millis(Some(hop.started_at)),
                millis(hop.head_at),
                millis(hop.ended_at),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (URL, 302, Some(0), Some(100), Some(100)),
            (
                "http://a.example/next",
                404,
                Some(100),
                Some(200),
                Some(250)
            ),
        ]
    );
}

#[test]
fn completions_are_counted_and_reported_once_in_their_order() {
    let mut program = Program::new()
        .origin(URL, answer(200).late(20))
        .origin("http://b.example/", answer(200).late(10));
    let rpcs = program.start_all(&[URL, "http://b.example/", "http://b.example:99999/"]);
    let ids: Vec<_> = rpcs.iter().map(|&rpc| program.service.id(rpc)).collect();
    let client = program.client;
    assert_eq!(program.service.completions(), 1);
    assert_eq!(program.service.take_finished(client), [ids[2]]);
    program.poll_for(20);
    assert_eq!(program.service.completions(), 3);
    assert_eq!(program.service.running(client), 0);
    assert!(program.service.has_finished(client));
    assert_eq!(program.service.take_finished(client), [ids[1], ids[0]]);
    assert_eq!(program.service.take_finished(client), []);
}

#[test]
fn the_index_of_an_rpc_is_its_own_until_it_is_dropped() {
    let mut program = Program::new();
    let rpcs = [program.create(), program.create(), program.create()];
    assert_eq!(rpcs.map(RpcKey::index), [0, 1, 2]);
    program.drop_rpc(rpcs[1]);
    let keys = [0, 1, 2, 3].map(|index| program.service.key(index));
    assert_eq!(keys, [Some(rpcs[0]), None, Some(rpcs[2]), None]);
    assert_eq!(program.create().index(), 1);
}

#[test]
fn what_finished_is_told_to_the_driver_once_unless_it_was_dropped_meanwhile() {
    let mut program = Program::new().origin(URL, answer(200).late(10));
    let rpcs = program.start_all(&[URL, "no url", "no url"]);
    program.drop_rpc(rpcs[1]);
    let heir = program.create();
    assert_eq!(heir, rpcs[1], "the key is used again");
    assert_eq!(program.service.poll_finished(), Some(rpcs[2]));
    assert_eq!(program.service.poll_finished(), None);
    program.poll_for(10);
    assert_eq!(program.service.poll_finished(), Some(rpcs[0]));
    assert_eq!(program.service.poll_finished(), None);
}

#[test]
fn an_idle_rpc_is_cloned_with_its_deadline_and_a_started_one_is_not() {
    let mut program = Program::new().origin(URL, answer(200));
    let (given, bare) = (program.create_with(Some(2.5)), program.create());
    program.set_policy(|policy| policy.set_default_deadline(Some(9.0)));
    let cloned = program.service.clone_rpc(given).unwrap();
    assert_ne!(program.service.id(cloned), program.service.id(given));
    assert_eq!(program.service.deadline(cloned), Some(2.5));
    let cloned_bare = program.service.clone_rpc(bare).unwrap();
    assert_eq!(
        program.service.deadline(cloned_bare),
        None,
        "not the new default"
    );
    program.call(given, get(URL)).unwrap();
    for _ in 0..2 {
        let error = program.service.clone_rpc(given).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Misuse);
        program.wait(given);
    }
    assert_eq!(program.state(cloned), State::Idle);
}
