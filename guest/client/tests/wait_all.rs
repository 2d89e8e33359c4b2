//! Waiting for all of several rpcs: callbacks as they finish, once each, however often they are listed.
mod story;
use std::{cell::RefCell, rc::Rc};

use story::{Boom, Notes, client, noting, url};
use urlfetch::{Client, Error, ErrorKind, Rpc, State, wait_all};

#[test]
fn nothing_to_wait_for_is_done() {
    wait_all([]).unwrap();
}

#[test]
fn callbacks_run_in_the_order_of_completion() {
    let (client, notes) = (client(), Notes::new());
    let rpcs = ["30", "10", "20", "fail"].map(|path| noting(&client, path, &notes));
    wait_all(&rpcs).unwrap();
    assert_eq!(notes.take(), ["fail", "10", "20", "30"]);
    wait_all(&rpcs).unwrap();
    assert_eq!(notes.take(), [""; 0]);
}

#[test]
fn failures_are_left_for_their_own_check() {
    let client = client();
    let rpcs = ["fail", "10", "silent"].map(|path| client.rpc().fetch(url(path)).unwrap());
    wait_all(&rpcs).unwrap();
    let kinds = rpcs.map(|rpc| rpc.check_success().err().and_then(|error| error.kind()));
    assert_eq!(
        kinds,
        [
            Some(ErrorKind::ConnectionClosed),
            None,
            Some(ErrorKind::DeadlineExceeded)
        ]
    );
}

#[test]
fn duplicates_and_iterators_are_harmless() {
    let (client, notes) = (client(), Notes::new());
    let rpcs = ["10", "20"].map(|path| noting(&client, path, &notes));
    wait_all(rpcs.iter().chain(&rpcs)).unwrap();
    assert_eq!(notes.take(), ["10", "20"]);
}

#[test]
fn only_the_callbacks_of_its_members_run() {
    let (client, notes) = (client(), Notes::new());
    let foreign = noting(&client, "10", &notes);
    let member = noting(&client, "20", &notes);
    wait_all([&member]).unwrap();
    assert_eq!(notes.take(), ["20"]);
    assert_eq!(foreign.state(), State::Finishing);
}

#[test]
fn a_callbacks_error_leaves_it_and_calling_again_finishes_the_rest() {
    let (client, notes) = (client(), Notes::new());
    let failing = client
        .rpc()
        .callback(|_| Err(Boom("boom")))
        .fetch(url("20"))
        .unwrap();
    let rpcs = [
        noting(&client, "10", &notes),
        failing,
        noting(&client, "30", &notes),
    ];
    assert!(matches!(wait_all(&rpcs), Err(Error::Callback(_))));
    assert_eq!(notes.take(), ["10"]);
    wait_all(&rpcs).unwrap();
    assert_eq!(notes.take(), ["30"]);
}

#[test]
fn a_callbacks_error_loses_none_of_those_that_finished_with_it() {
    let (client, notes) = (client(), Notes::new());
    let failing = client
        .rpc()
        .callback(|_| Err(Boom("boom")))
        .fetch(url("10"))
        .unwrap();
    let rpcs = [failing, noting(&client, "10", &notes)];
    client.drain();
    assert!(wait_all(&rpcs).is_err());
    wait_all(&rpcs).unwrap();
    assert_eq!(notes.take(), ["10"]);
}

#[test]
fn an_idle_rpc_is_misuse_before_anything_is_waited_for() {
    let (client, notes) = (client(), Notes::new());
    let (started, idle) = (noting(&client, "10", &notes), client.create_rpc());
    let error = wait_all([&started, &idle]).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Misuse));
    assert_eq!(started.state(), State::Running);
    assert_eq!(notes.take(), [""; 0]);
}

#[test]
fn rpcs_of_two_transports_are_misuse() {
    let (one, other) = (client(), client());
    // Both are the first of their transport: the same number stands for two rpcs.
    let (a, b) = (
        one.rpc().fetch(url("10")).unwrap(),
        other.rpc().fetch(url("10")).unwrap(),
    );
    let error = wait_all([&a, &b]).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Misuse));
}

#[test]
fn callbacks_may_start_and_wait_for_further_rpcs() {
    let (client, notes) = (client(), Notes::new());
    let rpcs = ["10", "11", "12"].map(|path| {
        let notes = notes.clone();
        let callback = move |rpc: &Rpc| {
            notes.add(format!("{path} begins"));
            let inner = ["25", "5"].map(|path| noting(rpc.client(), path, &notes));
            wait_all(&inner)?;
            notes.add(format!("{path} ends"));
            Ok::<_, Error>(())
        };
        client.rpc().callback(callback).fetch(url(path)).unwrap()
    });
    wait_all(&rpcs).unwrap();
    let one = |path| {
        [
            format!("{path} begins"),
            "5".into(),
            "25".into(),
            format!("{path} ends"),
        ]
    };
    assert_eq!(notes.take(), ["10", "11", "12"].map(one).concat());
}

#[test]
fn callbacks_may_wait_for_other_members() {
    let (client, notes) = (client(), Notes::new());
    let last = Rc::new(noting(&client, "30", &notes));
    let first = client
        .rpc()
        .callback({
            let last = Rc::clone(&last);
            move |_| last.wait()
        })
        .fetch(url("10"))
        .unwrap();
    wait_all([&first, &last]).unwrap();
    assert_eq!(notes.take(), ["30"]);
}

#[test]
fn a_growing_crowd_can_be_waited_for_until_it_is_empty() {
    let client = client();
    let crowd: Rc<RefCell<Vec<Rpc>>> = Rc::default();
    fn join(client: &Client, crowd: &Rc<RefCell<Vec<Rpc>>>, left: u32) {
        let again = Rc::clone(crowd);
        let callback = move |rpc: &Rpc| {
            if left > 0 {
                join(rpc.client(), &again, left - 1);
            }
        };
        let rpc = client.rpc().callback(callback).fetch(url("1")).unwrap();
        crowd.borrow_mut().push(rpc);
    }
    join(&client, &crowd, 9);
    let mut waited = 0;
    loop {
        let rpcs = crowd.take();
        if rpcs.is_empty() {
            break;
        }
        wait_all(&rpcs).unwrap();
        waited += rpcs.len();
    }
    assert_eq!(waited, 10);
}

#[test]
fn forty_thousand_are_waited_for_in_one_call_and_each_calls_back_once() {
    const COUNT: usize = 40_000;
    let client = client();
    client.set_max_in_flight(10_000, 10_000).unwrap();
    client.set_maximum_deadline(600.0).unwrap();
    let called_back = Rc::new(RefCell::new(vec![0; COUNT]));
    let rpcs: Vec<Rpc> = (0..COUNT)
        .map(|index| {
            let called_back = Rc::clone(&called_back);
            let callback = move |_: &Rpc| called_back.borrow_mut()[index] += 1;
            let rpc = client.rpc().deadline(600.0).callback(callback);
            rpc.fetch(url(&(index * 7_919 % COUNT).to_string()))
                .unwrap()
        })
        .collect();
    wait_all(&rpcs).unwrap();
    assert!(called_back.borrow().iter().all(|&times| times == 1));
}
