//! Rpcs as futures: one, ten, a thousand; beside other work; by reference, dropped, raced; and waits that nothing could end.
mod story;
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, ready},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::{Either, join, join_all, select, try_join_all},
    select_biased,
    stream::FuturesUnordered,
};
use story::{client, noting, url};
use urlfetch::{Client, ErrorKind, Rpc, State, block_on, sleep};

const MS: Duration = Duration::from_millis(1);

#[test]
fn awaiting_resolves_to_the_result() {
    urlfetch::install(story::origins());
    let response = block_on(async {
        let rpc = Client::shared().rpc().fetch(url("10"))?;
        rpc.await
    });
    assert_eq!(response.unwrap().unwrap().content, b"/10");
}

#[test]
fn join_all_over_ten_and_over_a_thousand_keeps_their_order() {
    for count in [10, 1_000] {
        let client = client();
        let path = |index: usize| ((count - index) % 97).to_string();
        let rpcs = (0..count).map(|index| client.rpc().fetch(url(&path(index))).unwrap());
        let results = client.block_on(join_all(rpcs)).unwrap();
        for (index, result) in results.into_iter().enumerate() {
            assert_eq!(result.unwrap().text(), format!("/{}", path(index)));
        }
    }
}

#[test]
fn each_of_a_thousand_wakes_its_own_waker_once() {
    let polls = Rc::new(Cell::new(0));
    let client = client();
    let rpcs = (0..1_000).map(|index: usize| {
        let polls = Rc::clone(&polls);
        let mut rpc = client.rpc().fetch(url(&index.to_string())).unwrap();
        std::future::poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            rpc.poll_unpin(cx)
        })
    });
    client.block_on(join_all(rpcs)).unwrap();
    assert_eq!(polls.get(), 2_000, "once to begin, once to end");
}

#[test]
fn one_queued_behind_the_limit_is_woken_when_its_turn_has_come() {
    let script = story::origins();
    let clock = script.clock();
    let client = Client::with_transport(script);
    client.set_max_in_flight(2, 2).unwrap();
    let rpcs = (0..6).map(|_| client.rpc().fetch(url("100")).unwrap());
    let results = client.block_on(try_join_all(rpcs)).unwrap().unwrap();
    assert_eq!(results.len(), 6);
    assert_eq!(clock.elapsed(), 300 * MS, "two at a time");
}

#[test]
fn futures_unordered_gives_them_as_they_finish() {
    let client = client();
    let mut crowd: FuturesUnordered<Rpc> = ["30", "10", "20"]
        .map(|path| client.rpc().fetch(url(path)).unwrap())
        .into_iter()
        .collect();
    let seen = client.block_on(async {
        let mut seen = Vec::new();
        while let Some(result) = crowd.next().await {
            seen.push(result.unwrap().text().into_owned());
        }
        seen
    });
    assert_eq!(seen.unwrap(), ["/10", "/20", "/30"]);
}

#[test]
fn a_race_is_won_by_the_quicker_and_the_other_can_be_awaited_still() {
    let client = client();
    let outcome = client.block_on(async {
        let slow = client.rpc().fetch(url("50")).unwrap();
        let fast = client.rpc().fetch(url("10")).unwrap();
        let Either::Right((first, slow)) = select(slow, fast).await else {
            panic!("the fast one is quicker");
        };
        (first.unwrap().content, slow.await.unwrap().content)
    });
    assert_eq!(outcome.unwrap(), (b"/10".to_vec(), b"/50".to_vec()));
}

#[test]
fn a_timeout_of_ones_own_drops_and_thereby_cancels_the_call() {
    let script = story::origins();
    let (clock, log) = (script.clock(), script.log());
    let client = Client::with_transport(script);
    client.set_max_in_flight(1, 1).unwrap();
    client
        .block_on(async {
            let slow = client.rpc().fetch(url("4000")).unwrap();
            let raced = select(slow, client.sleep(25 * MS)).await;
            assert!(matches!(raced, Either::Right(_)), "the sleep is quicker");
        })
        .unwrap();
    assert_eq!(client.fetch(url("5")).unwrap().content, b"/5");
    assert_eq!(clock.elapsed(), 30 * MS, "its place was free");
    assert_eq!(log.borrow().len(), 2);
}

#[test]
fn awaiting_by_reference_keeps_the_rpc() {
    let client = client();
    let mut rpc = client.rpc().fetch(url("50")).unwrap();
    client
        .block_on(async {
            select_biased! {
                _ = (&mut rpc).fuse() => panic!("it is slow"),
                () = client.sleep(10 * MS).fuse() => {}
            }
        })
        .unwrap();
    assert_eq!(rpc.state(), State::Running, "only the wait was given up");
    assert_eq!(rpc.get_result().unwrap().content, b"/50");
}

#[test]
fn a_ticker_goes_on_beside_a_slow_fetch_and_misses_no_tick() {
    let script = story::origins();
    let clock = script.clock();
    let client = Client::with_transport(script);
    let ticks = RefCell::new(Vec::new());
    client
        .block_on(async {
            let fetch = client.rpc().fetch(url("1005")).unwrap();
            let ticker = async {
                loop {
                    client.sleep(10 * MS).await;
                    ticks.borrow_mut().push(clock.elapsed().as_millis());
                }
            };
            select(fetch, pin!(ticker)).await;
        })
        .unwrap();
    assert_eq!(
        *ticks.borrow(),
        (1..=100).map(|tick| tick * 10).collect::<Vec<_>>()
    );
}

#[test]
fn sleeps_end_in_the_order_of_their_lengths() {
    let script = story::origins();
    let clock = script.clock();
    urlfetch::install(script);
    let order = RefCell::new(Vec::new());
    let nap = async |millis: u32| {
        sleep(millis * MS).await;
        order
            .borrow_mut()
            .push((millis, clock.elapsed().as_millis()));
    };
    block_on(join_all([30, 0, 10, 20, 10].map(nap))).unwrap();
    assert_eq!(
        *order.borrow(),
        [(0, 0), (10, 10), (10, 10), (20, 20), (30, 30)]
    );
}

#[test]
fn a_dropped_sleep_wakes_nobody() {
    let script = story::origins();
    let clock = script.clock();
    let client = Client::with_transport(script);
    client
        .block_on(async {
            select(client.sleep(1_000 * MS), client.sleep(10 * MS)).await;
        })
        .unwrap();
    assert_eq!(clock.elapsed(), 10 * MS);
    let error = client.block_on(pending::<()>()).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Deadlock));
    assert_eq!(clock.elapsed(), 10 * MS);
}

#[test]
fn a_wait_that_nothing_could_end_is_a_deadlock_and_not_a_hang() {
    let client = client();
    let error = client.block_on(pending::<()>()).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Deadlock));
    let foreign = story::client().rpc().fetch(url("10")).unwrap();
    let error = client.block_on(foreign).unwrap_err();
    assert_eq!(
        error.kind(),
        Some(ErrorKind::Deadlock),
        "another transport's"
    );

    let beside = client.rpc().fetch(url("10")).unwrap();
    let error = client.block_on(pending::<()>()).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Deadlock));
    assert_eq!(beside.state(), State::Finishing, "it was moved meanwhile");
}

#[test]
fn what_is_ready_needs_no_turn_and_what_yields_gets_one() {
    let client = client();
    assert_eq!(client.block_on(ready(7)).unwrap(), 7);
    let mut left = 3;
    let yields = std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    client.block_on(yields).unwrap();
}

#[test]
fn block_on_may_be_nested() {
    let client = client();
    let (outer, inner) = client
        .block_on(async {
            let outer = client.rpc().fetch(url("10")).unwrap();
            let inner = client.rpc().fetch(url("20")).unwrap();
            let inner = client.block_on(inner).unwrap().unwrap();
            (outer.await.unwrap(), inner)
        })
        .unwrap();
    assert_eq!(
        (outer.content, inner.content),
        (b"/10".to_vec(), b"/20".to_vec())
    );
}

#[test]
fn a_synchronous_wait_inside_a_future_wakes_the_others() {
    let (client, notes) = (client(), story::Notes::new());
    let a = noting(&client, "10", &notes);
    let b = noting(&client, "20", &notes);
    let both = client.block_on(join(a, async { b.check_success() }));
    let (a, b) = both.unwrap();
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(notes.take(), ["20", "10"]);
}

#[test]
fn the_last_to_poll_is_the_one_who_is_woken() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let wakes = [0, 1].map(|_| Arc::new(Count(AtomicUsize::new(0))));
    let client = client();
    let mut rpc = client.rpc().fetch(url("10")).unwrap();
    for count in &wakes {
        let waker = Waker::from(Arc::clone(count));
        assert!(
            rpc.poll_unpin(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    client.drain();
    assert_eq!(wakes.map(|count| count.0.load(Ordering::Relaxed)), [0, 1]);
}

#[test]
fn a_cancelled_rpc_wakes_who_awaits_it() {
    let client = client();
    let rpc = Rc::new(RefCell::new(client.rpc().fetch(url("4000")).unwrap()));
    let awaited = std::future::poll_fn(|cx| rpc.borrow_mut().poll_unpin(cx));
    let (result, cancelled) = client
        .block_on(join(awaited, async { rpc.borrow().cancel() }))
        .unwrap();
    assert!(cancelled);
    assert_eq!(result.unwrap_err().kind(), Some(ErrorKind::Cancelled));
}

/// What a small executor has: a task that owns its future and is its own waker.
struct Task(RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>);

// SAFETY: none of this leaves its thread.
unsafe impl Send for Task {}
// SAFETY: as above.
unsafe impl Sync for Task {}

impl Task {
    fn spawn(future: impl Future<Output = ()> + 'static) -> Arc<Self> {
        let task = Arc::new(Self(RefCell::new(Some(Box::pin(future)))));
        Arc::clone(&task).poll();
        task
    }

    fn poll(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        let mut future = self.0.borrow_mut();
        let polled = future
            .as_mut()
            .map(|future| future.as_mut().poll(&mut Context::from_waker(&waker)));
        if polled.is_some_and(|polled| polled.is_ready()) {
            *future = None;
        }
    }
}

/// It is polled on the spot, where others would put it in a queue.
impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.poll();
    }
}

#[test]
fn a_waker_may_run_what_uses_rpcs_on_the_spot() {
    let (client, notes) = (client(), story::Notes::new());
    let (own, seen) = (client.clone(), notes.clone());
    let task = Task::spawn(async move {
        for path in ["20", "30"] {
            let rpc = own.rpc().fetch(url(path)).unwrap();
            seen.add(rpc.await.unwrap().text());
            own.sleep(10 * MS).await;
        }
        seen.add("done");
    });
    client
        .block_on(async { client.sleep(100 * MS).await })
        .unwrap();
    assert_eq!(notes.take(), ["/20", "/30", "done"]);
    assert!(task.0.borrow().is_none());
}

#[test]
fn a_waker_may_be_the_last_owner_of_the_task_and_its_rpc() {
    /// As of an executor that is gone: nobody polls any more.
    struct Gone {
        _task: Arc<Task>,
    }
    impl Wake for Gone {
        fn wake(self: Arc<Self>) {}
    }
    let client = client();
    let abandon = |future: Pin<Box<dyn Future<Output = ()>>>| {
        let task = Arc::new(Task(RefCell::new(Some(future))));
        let waker = Waker::from(Arc::new(Gone {
            _task: Arc::clone(&task),
        }));
        let mut future = task.0.borrow_mut();
        let polled = future
            .as_mut()
            .unwrap()
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    };
    let own = client.clone();
    abandon(Box::pin(async move {
        drop(own.rpc().fetch(url("10")).unwrap().await);
    }));
    let own = client.clone();
    abandon(Box::pin(async move { own.sleep(20 * MS).await }));
    client.drain();
    client.block_on(client.sleep(30 * MS)).unwrap();
    assert_eq!(client.turn(&[]).finished, [0; 0], "both are dropped");
}
