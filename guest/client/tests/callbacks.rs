//! A callback runs once, on the stack that waits, and nowhere else.
mod story;
use std::rc::Rc;

use story::{Boom, Notes, client, noting, url};
use urlfetch::{Client, Error, ErrorKind, Rpc, State, wait_all, wait_any};

type Wait = fn(&Rpc) -> Result<(), Error>;

#[test]
fn it_runs_once_whichever_wait_comes_first() {
    let waits: [Wait; 6] = [
        Rpc::wait,
        Rpc::check_success,
        |rpc| rpc.get_result().map(drop),
        |rpc| wait_any([rpc]).map(drop),
        |rpc| wait_all([rpc]),
        |rpc| rpc.client().clone().block_on(async { rpc.wait() })?,
    ];
    for first in 0..waits.len() {
        let notes = Notes::new();
        let rpc = noting(&client(), "10", &notes);
        for turn in 0..waits.len() {
            waits[(first + turn) % waits.len()](&rpc).unwrap();
            assert_eq!(notes.take().len(), usize::from(turn == 0), "{first} {turn}");
        }
    }
}

#[test]
fn it_runs_before_an_awaited_rpc_gives_its_result() {
    let (client, notes) = (client(), Notes::new());
    let rpc = noting(&client, "10", &notes);
    client.block_on(rpc).unwrap().unwrap();
    assert_eq!(notes.take(), ["10"]);
}

#[test]
fn it_runs_on_failure_deadline_and_cancellation_too() {
    let (client, notes) = (client(), Notes::new());
    for path in ["fail", "silent"] {
        noting(&client, path, &notes).wait().unwrap();
    }
    let cancelled = noting(&client, "10", &notes);
    cancelled.cancel();
    assert_eq!(notes.take(), ["fail", "silent"], "cancelling runs nothing");
    cancelled.wait().unwrap();
    assert_eq!(notes.take(), ["10"]);
}

#[test]
fn it_is_not_run_by_anything_but_a_wait_for_its_rpc() {
    let (client, notes) = (client(), Notes::new());
    let rpc = noting(&client, "10", &notes);
    let other = client.rpc().fetch(url("20")).unwrap();
    other.wait().unwrap();
    other.get_result().unwrap();
    wait_any([&other]).unwrap();
    wait_all([&other]).unwrap();
    client.progress();
    client.turn(&[]);
    client.drain();
    assert_eq!(rpc.state(), State::Finishing);
    assert_eq!(rpc.hops(|hops, _| hops.len()), Some(1));
    assert!(!rpc.cancel());
    assert_eq!(notes.take(), [""; 0], "finished and nobody waited for it");
    rpc.wait().unwrap();
    assert_eq!(notes.take(), ["10"]);
}

#[test]
fn it_never_runs_when_its_rpc_is_dropped() {
    let (client, notes) = (client(), Notes::new());
    drop(noting(&client, "10", &notes));
    let finished = noting(&client, "10", &notes);
    client.drain();
    drop(finished);
    let idle = client.rpc().callback({
        let notes = notes.clone();
        move |_| notes.add("idle")
    });
    drop(idle.create().unwrap());
    assert_eq!(notes.take(), [""; 0]);
}

#[test]
fn it_may_be_replaced_or_cleared_until_the_first_wait() {
    let (client, notes) = (client(), Notes::new());
    let note = |what: &'static str| {
        let notes = notes.clone();
        move |_: &Rpc| notes.add(what)
    };
    let rpc = client
        .rpc()
        .callback(note("first"))
        .fetch(url("10"))
        .unwrap();
    rpc.set_callback(note("second"));
    client.drain();
    rpc.set_callback(note("third, after it has finished"));
    rpc.wait().unwrap();
    rpc.set_callback(note("too late"));
    rpc.wait().unwrap();
    assert_eq!(notes.take(), ["third, after it has finished"]);

    let rpc = noting(&client, "10", &notes);
    rpc.clear_callback();
    rpc.wait().unwrap();
    rpc.set_callback(note("too late"));
    rpc.get_result().unwrap();
    assert_eq!(notes.take(), [""; 0], "none was its callback");
}

#[test]
fn it_may_use_every_verb_of_its_own_rpc() {
    let (client, notes) = (client(), Notes::new());
    let rpc = client.create_rpc();
    rpc.set_callback({
        let notes = notes.clone();
        move |rpc| {
            rpc.wait()?;
            rpc.check_success()?;
            wait_any([rpc])?;
            wait_all([rpc])?;
            rpc.client().drain();
            rpc.client().turn(&[]);
            rpc.clear_callback();
            assert_eq!((rpc.state(), rpc.cancel()), (State::Finishing, false));
            assert_eq!(rpc.client().block_on(async { 7 })?, 7);
            notes.add(rpc.get_result()?.text());
            Ok::<_, Error>(())
        }
    });
    rpc.make_fetch_call(url("10")).unwrap();
    rpc.wait().unwrap();
    assert_eq!(notes.take(), ["/10"]);
}

#[test]
fn its_error_leaves_the_wait_once_and_then_the_service_speaks() {
    for path in ["10", "fail"] {
        let client = client();
        let rpc = client
            .rpc()
            .callback(|_| Err(Boom("boom")))
            .fetch(url(path))
            .unwrap();
        let Err(Error::Callback(raised)) = rpc.check_success() else {
            panic!("the callback's error comes first");
        };
        assert_eq!(raised.downcast_ref::<Boom>().unwrap().0, "boom");
        let next = rpc.check_success().map_err(|error| error.kind().unwrap());
        let expected = match path {
            "fail" => Err(ErrorKind::ConnectionClosed),
            _ => Ok(()),
        };
        assert_eq!(next, expected);
    }
}

#[test]
fn its_error_leaves_wait_any_which_then_returns_the_rpc() {
    let client = client();
    let rpc = client
        .rpc()
        .callback(|_| Err("boom"))
        .fetch(url("10"))
        .unwrap();
    assert!(matches!(wait_any([&rpc]), Err(Error::Callback(_))));
    assert_eq!(
        wait_any([&rpc]).unwrap().unwrap().rpc().unwrap().id(),
        rpc.id()
    );
}

#[test]
fn its_error_leaves_the_await_and_the_result_is_still_there() {
    let client = client();
    let mut rpc = client
        .rpc()
        .callback(|_| Err("boom"))
        .fetch(url("10"))
        .unwrap();
    let first = client.block_on(&mut rpc).unwrap();
    assert!(matches!(first, Err(Error::Callback(_))));
    let second = client.block_on(&mut rpc).unwrap();
    assert_eq!(second.unwrap().content, b"/10");
}

#[test]
fn one_that_starts_and_waits_for_another_runs_that_ones_callback_inside() {
    let (client, notes) = (client(), Notes::new());
    let bystander = noting(&client, "1", &notes);
    let outer = client
        .rpc()
        .callback({
            let notes = notes.clone();
            move |rpc| {
                notes.add("outer begins");
                noting(rpc.client(), "20", &notes).wait()?;
                notes.add("outer ends");
                Ok::<_, Error>(())
            }
        })
        .fetch(url("10"))
        .unwrap();
    outer.wait().unwrap();
    assert_eq!(notes.take(), ["outer begins", "20", "outer ends"]);
    bystander.wait().unwrap();
    assert_eq!(notes.take(), ["1"]);
}

#[test]
fn two_that_wait_for_each_other_both_return() {
    let (client, notes) = (client(), Notes::new());
    let (a, b) = (Rc::new(client.create_rpc()), Rc::new(client.create_rpc()));
    for (name, own, other) in [("a", &a, &b), ("b", &b, &a)] {
        let (notes, other) = (notes.clone(), Rc::clone(other));
        own.set_callback(move |_| {
            notes.add(format!("{name} begins"));
            other.check_success()?;
            notes.add(format!("{name} ends"));
            Ok::<_, Error>(())
        });
    }
    a.make_fetch_call(url("10")).unwrap();
    b.make_fetch_call(url("20")).unwrap();
    wait_all([&*a, &*b]).unwrap();
    assert_eq!(notes.take(), ["a begins", "b begins", "b ends", "a ends"]);
}

#[test]
fn it_is_dropped_when_it_has_run() {
    let witness = Rc::new(());
    let client = client();
    let rpc = client.create_rpc();
    let held = Rc::clone(&witness);
    rpc.set_callback(move |_| drop(held));
    rpc.make_fetch_call(url("10")).unwrap();
    assert_eq!(Rc::strong_count(&witness), 2);
    rpc.wait().unwrap();
    assert_eq!(Rc::strong_count(&witness), 1);
}

#[test]
fn it_may_drop_other_rpcs_and_their_client() {
    let (one, other) = (client(), Client::with_transport(story::origins()));
    let foreign = other.rpc().fetch(url("10")).unwrap();
    let sibling = one.rpc().fetch(url("silent")).unwrap();
    let rpc = one
        .rpc()
        .callback(move |_| drop((foreign, sibling, other)))
        .fetch(url("10"))
        .unwrap();
    rpc.check_success().unwrap();
}

#[test]
fn one_that_is_replaced_may_use_its_rpc_as_it_goes() {
    struct Farewell(Rc<Rpc>);
    impl Drop for Farewell {
        fn drop(&mut self) {
            self.0.clear_callback();
        }
    }
    let rpc = Rc::new(client().create_rpc());
    let farewell = Farewell(Rc::clone(&rpc));
    rpc.set_callback(move |_| drop(farewell));
    rpc.set_callback(|_| ());
}
