//! Moving rpcs without waiting for one of them: turn, progress, drain; and what nobody looked at in time.
mod story;
use std::time::Duration;

use story::{Notes, client, noting, url};
use urlfetch::{Answer, Client, ErrorKind, Scripted, State, Turned, wait_any};

const MS: Duration = Duration::from_millis(1);

#[test]
fn turn_names_each_finished_rpc_once_in_the_order_of_completion() {
    let client = client();
    let [slow, fast, failed] =
        ["20", "10", "fail"].map(|path| client.rpc().fetch(url(path)).unwrap());
    let mut finished = Vec::new();
    while finished.len() < 3 {
        finished.extend(client.turn(&[]).finished);
    }
    assert_eq!(finished, [failed.id(), fast.id(), slow.id()]);
    assert_eq!(client.turn(&[]), Turned::default(), "nothing could happen");
}

#[test]
fn turn_tells_of_its_own_client_only_and_moves_all() {
    urlfetch::install(story::origins());
    let (one, other) = (Client::new(), Client::new());
    let foreign = one.rpc().fetch(url("10")).unwrap();
    let own = other.rpc().fetch(url("20")).unwrap();
    assert_eq!(other.turn(&[]).finished, [own.id()]);
    assert_eq!(foreign.state(), State::Finishing);
    assert_eq!(one.turn(&[]).finished, [foreign.id()]);
}

#[test]
fn turn_leaves_callbacks_due_and_results_in_place() {
    let (client, notes) = (client(), Notes::new());
    let rpc = noting(&client, "10", &notes);
    client.turn(&[]);
    assert_eq!(notes.take(), [""; 0]);
    assert_eq!(rpc.get_result().unwrap().content, b"/10");
    assert_eq!(notes.take(), ["10"]);
}

#[test]
fn turn_does_not_name_what_was_collected_or_dropped_before() {
    let client = client();
    client.fetch(url("10")).unwrap();
    drop(client.rpc().fetch(url("10")).unwrap());
    assert_eq!(client.turn(&[]), Turned::default());
}

#[test]
fn progress_moves_what_can_move_and_does_not_block() {
    let script = story::origins();
    let (clock, log) = (script.clock(), script.log());
    let client = Client::with_transport(script);
    let rpc = client.rpc().fetch(url("to/10")).unwrap();
    assert_eq!(log.borrow().len(), 1);
    client.progress();
    assert_eq!(log.borrow().len(), 2, "the redirect was followed");
    client.progress();
    assert_eq!(clock.elapsed(), Duration::ZERO);
    clock.advance(10 * MS);
    assert_eq!(
        rpc.state(),
        State::Finishing,
        "reading the state moves it too"
    );
}

#[test]
fn drain_finishes_everything_of_its_client_within_the_deadlines() {
    let script = story::origins();
    let clock = script.clock();
    let client = Client::with_transport(script);
    client.set_max_in_flight(1, 1).unwrap();
    let notes = Notes::new();
    let rpcs = ["20", "fail", "10"].map(|path| noting(&client, path, &notes));
    let late = client.rpc().deadline(1.0).fetch(url("silent")).unwrap();
    client.drain();
    client.drain();
    assert_eq!(clock.elapsed(), 1_000 * MS);
    assert!(
        rpcs.iter()
            .chain([&late])
            .all(|rpc| rpc.state() == State::Finishing)
    );
    assert_eq!(notes.take(), [""; 0]);
}

#[test]
fn what_came_before_the_deadline_counts_although_nobody_looked() {
    let script = story::origins();
    let clock = script.clock();
    let client = Client::with_transport(script);
    let rpcs = ["900", "silent"].map(|path| client.rpc().deadline(1.0).fetch(url(path)).unwrap());
    clock.advance(Duration::from_secs(30));
    let outcomes = rpcs.map(|rpc| rpc.check_success().map_err(|error| error.kind().unwrap()));
    assert_eq!(outcomes, [Ok(()), Err(ErrorKind::DeadlineExceeded)]);
}

#[test]
fn a_redirect_that_nobody_followed_in_time_is_too_late() {
    let script = story::origins();
    let (clock, log) = (script.clock(), script.log());
    let client = Client::with_transport(script);
    let rpc = client.rpc().deadline(1.0).fetch(url("to/10")).unwrap();
    clock.advance(Duration::from_secs(30));
    let error = rpc.get_result().unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::DeadlineExceeded));
    assert_eq!(log.borrow().len(), 1, "nothing more was sent");
}

#[test]
fn one_deadline_covers_every_hop_and_the_body() {
    let drip = || {
        let head = Answer::head(200, vec![]);
        (0..100)
            .fold(head, |answer, _| answer.piece(100 * MS, "x"))
            .end(MS)
    };
    let script = Scripted::new()
        .get(&url("from"), |_| {
            Answer::redirect(302, "/drip").after(600 * MS)
        })
        .get(&url("drip"), move |_| drip());
    let clock = script.clock();
    let client = Client::with_transport(script);
    let rpc = client.rpc().deadline(1.0).fetch(url("from")).unwrap();
    let error = rpc.get_result().unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::DeadlineExceeded));
    assert_eq!((rpc.received(), clock.elapsed()), (4, 1_000 * MS));
    let urls = rpc.hops(|hops, _| hops.iter().map(|hop| hop.url.clone()).collect::<Vec<_>>());
    assert_eq!(urls.unwrap(), [url("from"), url("drip")]);
}

#[test]
fn a_wait_for_one_moves_all() {
    let client = client();
    let [redirected, waited] = ["to/10", "20"].map(|path| client.rpc().fetch(url(path)).unwrap());
    wait_any([&waited]).unwrap();
    assert_eq!(redirected.hops(|hops, _| hops.len()), Some(2));
    assert_eq!(redirected.state(), State::Finishing);
}
