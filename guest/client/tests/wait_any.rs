//! Waiting for any of several rpcs: the first in the collection among those that have finished, again and again.
mod story;
use std::collections::BTreeMap;

use story::{Notes, client, noting, url};
use urlfetch::{Client, ErrorKind, Rpc, State, Waitable, wait_any};

fn any<'a>(rpcs: impl IntoIterator<Item = &'a Rpc>) -> u32 {
    let ready = wait_any(rpcs).unwrap().expect("there are rpcs");
    ready.rpc().expect("there are only rpcs").id()
}

#[test]
fn nothing_to_wait_for_is_none_at_once() {
    assert!(wait_any::<&Rpc>([]).unwrap().is_none());
}

#[test]
fn it_returns_the_first_in_the_collection_not_the_first_to_finish() {
    let client = client();
    let slow = client.rpc().fetch(url("20")).unwrap();
    let fast = client.rpc().fetch(url("10")).unwrap();
    assert_eq!(any([&slow, &fast]), fast.id(), "only one has finished");
    assert_eq!(slow.state(), State::Running);
    assert_eq!(
        any([&slow, &fast]),
        fast.id(),
        "repeating it returns at once"
    );
    slow.wait().unwrap();
    assert_eq!(any([&slow, &fast]), slow.id());
    assert_eq!(any([&fast, &slow]), fast.id());
}

#[test]
fn it_takes_whatever_can_be_iterated_and_duplicates() {
    let client = client();
    let rpcs: Vec<Rpc> = ["20", "10"]
        .map(|path| client.rpc().fetch(url(path)).unwrap())
        .into();
    let map: BTreeMap<&str, &Rpc> = BTreeMap::from([("slow", &rpcs[0]), ("fast", &rpcs[1])]);
    let fast = rpcs[1].id();
    assert_eq!(any(&rpcs), fast);
    assert_eq!(any(rpcs.iter().chain(&rpcs)), fast);
    assert_eq!(any(map.into_values()), fast);
    let borrowed: &[&Rpc] = &[&rpcs[0], &rpcs[1]];
    assert_eq!(
        wait_any(borrowed).unwrap().unwrap().rpc().unwrap().id(),
        fast
    );
}

#[test]
fn it_runs_the_callback_of_the_one_it_returns_only() {
    let (client, notes) = (client(), Notes::new());
    let (a, b) = (noting(&client, "10", &notes), noting(&client, "20", &notes));
    client.drain();
    any([&a, &b]);
    any([&a, &b]);
    assert_eq!(notes.take(), ["10"]);
    any([&b, &a]);
    assert_eq!(notes.take(), ["20"]);
}

#[test]
fn a_failed_rpc_is_returned_and_not_raised() {
    let client = client();
    let failed = client.rpc().fetch(url("fail")).unwrap();
    let silent = client.rpc().deadline(0.5).fetch(url("silent")).unwrap();
    assert_eq!(any([&silent, &failed]), failed.id());
    assert_eq!(any([&silent]), silent.id());
    let error = silent.check_success().unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::DeadlineExceeded));
}

#[test]
fn one_that_is_not_a_member_does_not_end_it() {
    let (client, notes) = (client(), Notes::new());
    let foreign = noting(&client, "10", &notes);
    let member = client.rpc().fetch(url("20")).unwrap();
    assert_eq!(any([&member]), member.id());
    assert_eq!(foreign.state(), State::Finishing);
    assert_eq!(notes.take(), [""; 0]);
}

#[test]
fn an_idle_member_is_misuse_even_beside_a_finished_one() {
    let client = client();
    let (done, idle) = (client.rpc().fetch(url("1")).unwrap(), client.create_rpc());
    done.wait().unwrap();
    let error = wait_any([&done, &idle]).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Misuse));
    assert_eq!(idle.state(), State::Idle);
}

#[test]
fn rpcs_of_two_transports_are_misuse_and_those_of_two_clients_are_not() {
    let (one, other) = (client(), client());
    let (a, b) = (
        one.rpc().fetch(url("10")).unwrap(),
        other.rpc().fetch(url("10")).unwrap(),
    );
    let error = wait_any([&a, &b]).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Misuse));

    urlfetch::install(story::origins());
    let (a, b) = (
        Client::new().rpc().fetch(url("20")).unwrap(),
        Client::new().rpc().fetch(url("10")).unwrap(),
    );
    assert_eq!(any([&a, &b]), b.id());
}

#[test]
fn rpcs_can_be_collected_as_they_finish() {
    let (client, notes) = (client(), Notes::new());
    let mut rpcs: Vec<Rpc> = ["30", "10", "20"]
        .map(|path| noting(&client, path, &notes))
        .into();
    while let Some(Waitable::Rpc(rpc)) = wait_any(&rpcs).unwrap() {
        let id = rpc.id();
        rpcs.retain(|rpc| rpc.id() != id);
    }
    assert_eq!(notes.take(), ["10", "20", "30"]);
}
