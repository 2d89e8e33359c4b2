//! Cancelling ends a call like a failure of its own kind; dropping ends it without a word.
mod story;
use story::{Notes, client, noting, url};
use urlfetch::{Client, ErrorKind, Phase, State, wait_any};

#[test]
fn a_running_call_ends_with_cancelled_and_its_callback_is_due() {
    let (client, notes) = (client(), Notes::new());
    let rpc = noting(&client, "4000", &notes);
    assert!(rpc.cancel());
    assert!(!rpc.cancel(), "once");
    assert_eq!(rpc.state(), State::Finishing);
    assert_eq!(notes.take(), [""; 0]);
    let error = rpc.check_success().unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Cancelled));
    assert_eq!(error.fetch().unwrap().phase, Phase::Request);
    assert_eq!(notes.take(), ["4000"]);
}

#[test]
fn an_idle_or_finished_one_is_left_alone() {
    let client = client();
    let rpc = client.create_rpc();
    assert!(!rpc.cancel());
    rpc.make_fetch_call(url("10")).unwrap();
    rpc.wait().unwrap();
    assert!(!rpc.cancel());
    rpc.check_success().unwrap();
}

#[test]
fn its_place_goes_to_the_next_and_one_still_queued_is_never_sent() {
    let script = story::origins();
    let log = script.log();
    let client = Client::with_transport(script);
    client.set_max_in_flight(1, 1).unwrap();
    let [first, queued, last] =
        ["4000", "10", "20"].map(|path| client.rpc().fetch(url(path)).unwrap());
    assert!(queued.cancel());
    let error = queued.get_result().unwrap_err();
    assert_eq!(error.fetch().unwrap().phase, Phase::Queued);
    assert!(first.cancel());
    last.check_success().unwrap();
    assert_eq!(
        *log.borrow(),
        [format!("GET {}", url("4000")), format!("GET {}", url("20"))]
    );
}

#[test]
fn a_callback_may_cancel_the_others() {
    let client = client();
    let slow = std::rc::Rc::new(client.rpc().fetch(url("4000")).unwrap());
    let fast = client
        .rpc()
        .callback({
            let slow = slow.clone();
            move |_| assert!(slow.cancel())
        })
        .fetch(url("10"))
        .unwrap();
    wait_any([&fast, &*slow]).unwrap();
    let error = slow.get_result().unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Cancelled));
}
