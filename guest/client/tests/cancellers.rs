//! A canceller ends a wait and no rpc; a finished rpc beats it; alone and not cancelled it is a deadlock.
mod story;
use story::{Notes, client, noting, url};
use urlfetch::{Canceller, ErrorKind, State, Waitable, wait_any};

fn is_canceller(waitable: Option<Waitable<'_>>) -> bool {
    matches!(waitable, Some(Waitable::Canceller(_)))
}

#[test]
fn a_cancelled_one_is_returned_every_time() {
    let canceller = Canceller::new();
    canceller.cancel();
    canceller.cancel();
    for _ in 0..3 {
        assert!(is_canceller(wait_any([&canceller]).unwrap()));
    }
    assert!(canceller.clone().is_cancelled(), "a clone is the same");
}

#[test]
fn it_ends_the_wait_and_the_rpc_runs_on() {
    let (client, notes) = (client(), Notes::new());
    let rpc = noting(&client, "10", &notes);
    let canceller = Canceller::new();
    canceller.cancel();
    let orders = [
        [Waitable::from(&rpc), Waitable::from(&canceller)],
        [Waitable::from(&canceller), Waitable::from(&rpc)],
    ];
    for members in orders {
        assert!(is_canceller(wait_any(members).unwrap()));
    }
    assert_eq!(rpc.state(), State::Running);
    assert_eq!(notes.take(), [""; 0]);
    rpc.check_success().unwrap();
    assert_eq!(notes.take(), ["10"]);
    for members in orders {
        assert!(
            !is_canceller(wait_any(members).unwrap()),
            "the rpc beats it"
        );
    }
}

#[test]
fn one_that_is_not_cancelled_changes_nothing() {
    let client = client();
    let rpc = client.rpc().fetch(url("10")).unwrap();
    let canceller = Canceller::new();
    let ready = wait_any([Waitable::from(&canceller), Waitable::from(&rpc)]).unwrap();
    assert_eq!(
        ready.and_then(Waitable::rpc).map(|rpc| rpc.id()),
        Some(rpc.id())
    );
}

#[test]
fn of_several_the_cancelled_one_is_returned() {
    let (quiet, loud) = (Canceller::new(), Canceller::new());
    loud.cancel();
    let Some(Waitable::Canceller(returned)) = wait_any([&quiet, &loud]).unwrap() else {
        panic!("one of them was cancelled");
    };
    assert!(returned.is_cancelled());
}

#[test]
fn it_cancelled_in_a_callback_ends_the_next_wait() {
    let client = client();
    let canceller = Canceller::new();
    let first = client
        .rpc()
        .callback({
            let canceller = canceller.clone();
            move |_| canceller.cancel()
        })
        .fetch(url("10"))
        .unwrap();
    let second = client.rpc().fetch(url("20")).unwrap();
    let ready = wait_any([
        Waitable::from(&first),
        Waitable::from(&second),
        Waitable::from(&canceller),
    ]);
    assert!(!is_canceller(ready.unwrap()));
    let ready = wait_any([Waitable::from(&second), Waitable::from(&canceller)]);
    assert!(is_canceller(ready.unwrap()));
}

#[test]
fn alone_and_not_cancelled_it_is_a_deadlock() {
    let canceller = Canceller::new();
    let error = wait_any([&canceller]).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Deadlock));
    canceller.cancel();
    assert!(is_canceller(wait_any([&canceller]).unwrap()));
}

#[test]
fn an_idle_rpc_is_misuse_beside_a_cancelled_one_as_well() {
    let client = client();
    let (idle, canceller) = (client.create_rpc(), Canceller::new());
    canceller.cancel();
    let error = wait_any([Waitable::from(&canceller), Waitable::from(&idle)]).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Misuse));
}
