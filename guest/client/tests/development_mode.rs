//! App Engine's development server: a call is sent when something waits for it, and all other rules are the same.
mod story;
use std::{cell::RefCell, rc::Rc};

use futures_util::future::join_all;
use story::{Notes, noting, url};
use urlfetch::{Canceller, Client, State, Waitable, wait_all, wait_any};

fn development() -> (Client, Rc<RefCell<Vec<String>>>) {
    let script = story::origins();
    let log = script.log();
    let client = Client::with_transport(script);
    client.set_development_mode(true).unwrap();
    (client, log)
}

/// What was sent since the last time.
fn sent(log: &RefCell<Vec<String>>) -> Vec<String> {
    let path = |line: String| line.rsplit('/').next().unwrap_or_default().to_owned();
    log.take().into_iter().map(path).collect()
}

#[test]
fn nothing_is_sent_before_a_wait_and_then_in_the_order_of_waiting() {
    let ((client, log), notes) = (development(), Notes::new());
    let [a, b, c] = ["10", "20", "30"].map(|path| noting(&client, path, &notes));
    client.progress();
    assert_eq!(a.state(), State::Running);
    assert_eq!(sent(&log), [""; 0]);
    for rpc in [&c, &a, &b] {
        rpc.wait().unwrap();
    }
    assert_eq!(sent(&log), ["30", "10", "20"]);
    assert_eq!(notes.take(), ["30", "10", "20"]);
}

#[test]
fn one_that_is_never_waited_for_is_never_sent() {
    let (client, log) = development();
    drop(client.rpc().fetch(url("10")).unwrap());
    let cancelled = client.rpc().fetch(url("10")).unwrap();
    assert!(cancelled.cancel());
    cancelled.wait().unwrap();
    assert_eq!(sent(&log), [""; 0]);
}

#[test]
fn wait_any_executes_the_last_member_and_the_others_stay() {
    let ((client, log), notes) = (development(), Notes::new());
    let rpcs = ["10", "20", "30"].map(|path| noting(&client, path, &notes));
    let ready = wait_any(&rpcs).unwrap().and_then(Waitable::rpc).unwrap();
    assert_eq!(ready.id(), rpcs[2].id());
    assert_eq!(
        (sent(&log), notes.take()),
        (vec!["30".into()], vec!["30".into()])
    );
    wait_any(&rpcs).unwrap();
    assert_eq!(sent(&log), [""; 0], "one has finished");
    assert_eq!(rpcs[0].state(), State::Running);
}

#[test]
fn a_cancelled_canceller_executes_nothing() {
    let (client, log) = development();
    let (rpc, canceller) = (client.rpc().fetch(url("10")).unwrap(), Canceller::new());
    canceller.cancel();
    wait_any([Waitable::from(&rpc), Waitable::from(&canceller)]).unwrap();
    assert_eq!(sent(&log), [""; 0]);
}

#[test]
fn wait_all_and_drain_execute_all_one_at_a_time() {
    let script = story::origins();
    let clock = script.clock();
    let client = Client::with_transport(script);
    client.set_development_mode(true).unwrap();
    let notes = Notes::new();
    let rpcs = ["10", "20", "30"].map(|path| noting(&client, path, &notes));
    wait_all(&rpcs).unwrap();
    assert_eq!(clock.elapsed().as_millis(), 60);
    assert_eq!(notes.take().len(), 3);
    let rpcs = ["10", "20", "30"].map(|path| noting(&client, path, &notes));
    client.drain();
    assert_eq!(clock.elapsed().as_millis(), 120);
    assert!(rpcs.iter().all(|rpc| rpc.state() == State::Finishing));
    assert_eq!(notes.take(), [""; 0], "draining leaves callbacks due");
}

#[test]
fn turn_executes_them_in_the_order_of_their_calls() {
    let (client, log) = development();
    let rpcs = ["20", "10"].map(|path| client.rpc().fetch(url(path)).unwrap());
    assert_eq!(client.turn(&[]).finished, [rpcs[0].id()]);
    assert_eq!(client.turn(&[]).finished, [rpcs[1].id()]);
    assert_eq!(sent(&log), ["20", "10"]);
}

#[test]
fn awaiting_is_waiting() {
    let (client, log) = development();
    let rpcs = ["20", "10"].map(|path| client.rpc().fetch(url(path)).unwrap());
    let results = client.block_on(join_all(rpcs)).unwrap();
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(sent(&log), ["20", "10"]);
}
