//! What is delivered: headers, retries, limits. A few steps of the real loop, whose times are only bounded from below.

use super::super::place::Place;
use super::super::queue::Queue;
use super::super::task::NewTask;
use super::super::{queues, table};
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Semaphore, mpsc, oneshot};

const QUEUE: &str = "projects/p/locations/l/queues/default";

/// A dispatcher whose deliveries are answered as a function says.
struct Running {
    store: Store,
    _place: Place,
    seen: mpsc::UnboundedReceiver<Request<Bytes>>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn new(answer: impl Fn(usize) -> Delivered + Send + Sync + 'static) -> Self {
        let place = Place::new();
        let store = place.store.clone();
        let (tell, seen) = mpsc::unbounded_channel();
        let count = AtomicUsize::new(0);
        let deliver: Deliver = Arc::new(move |request, _| {
            let answer = answer(count.fetch_add(1, Ordering::Relaxed));
            tell.send(request).unwrap();
            Box::pin(async move { answer })
        });
        let task = tokio::spawn(run(store.clone(), deliver, std::future::pending()));
        Running {
            store,
            _place: place,
            seen,
            task,
        }
    }

    async fn enqueue(&self, id: &str, task: serde_json::Value) {
        let fields = super::super::fields::Fields::of_body(task.to_string().as_bytes()).unwrap();
        let now = Moment::now();
        let (id, new) = (id.to_owned(), NewTask::read(fields, QUEUE, now).unwrap());
        self.store
            .promise(move |tx| table::enqueue(tx, QUEUE, id, new, now))
            .await
            .unwrap();
    }

    async fn next(&mut self) -> Request<Bytes> {
        self.seen.recv().await.unwrap()
    }

    /// Until no task is left.
    async fn emptied(&self) {
        while self
            .store
            .look(|tx| table::tasks(tx, QUEUE, "", 1))
            .await
            .unwrap()
            != Some(vec![])
        {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn said(request: &Request<Bytes>, name: &str) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_delivery_says_which_attempt_it_is() {
    // TQ-13, CTK-10.
    let mut running = Running::new(|n| Delivered::Answered([503, 404, 200][n], None));
    let request = serde_json::json!({
        "url": "http://a.test/p?q#f", "body": "eA==", "headers": {"X-Own": "y", "user-agent": "mine"},
    });
    running
        .enqueue("t1", serde_json::json!({"httpRequest": request}))
        .await;
    let mut counts = Vec::new();
    for n in 0..3 {
        let request = running.next().await;
        assert_eq!(
            (
                request.method().as_str(),
                request.uri().to_string().as_str()
            ),
            ("POST", "http://a.test/p?q")
        );
        assert_eq!(request.body(), "x");
        for (name, value) in [
            ("user-agent", "Google-Cloud-Tasks"),
            ("x-own", "y"),
            ("x-cloudtasks-queuename", "default"),
            ("x-cloudtasks-taskname", "t1"),
        ] {
            assert_eq!(said(&request, name).as_deref(), Some(value), "{name}");
            assert_eq!(request.headers().get_all(name).iter().count(), 1);
        }
        let eta = said(&request, "x-cloudtasks-tasketa").unwrap();
        assert_eq!(eta.split_once('.').unwrap().1.len(), 6, "{eta}");
        assert_eq!(
            said(&request, "x-cloudtasks-taskretryreason"),
            (n > 0).then(String::new)
        );
        counts.push((
            said(&request, "x-cloudtasks-taskretrycount").unwrap(),
            said(&request, "x-cloudtasks-taskexecutioncount").unwrap(),
            said(&request, "x-cloudtasks-taskpreviousresponse"),
        ));
    }
    let expected = [
        ("0", "0", None),
        ("1", "0", Some("503")),
        ("2", "1", Some("404")),
    ];
    let expected = expected.map(|(retry, execution, previous)| {
        (retry.into(), execution.into(), previous.map(Into::into))
    });
    assert_eq!(counts, expected);
    running.emptied().await;
}

#[tokio::test]
async fn a_delivery_after_one_that_took_too_long_says_504_and_after_none_nothing() {
    // TQ-13.
    let outcomes = [
        Delivered::TimedOut,
        Delivered::Unanswered,
        Delivered::Answered(200, None),
    ];
    let mut running = Running::new(move |n| outcomes[n]);
    let task = serde_json::json!({"httpRequest": {"url": "http://a.test/"}});
    running.enqueue("t1", task).await;
    for (retry, previous) in [("0", None), ("1", Some("504")), ("2", None)] {
        let request = running.next().await;
        let said = |name| said(&request, name);
        assert_eq!(said("x-cloudtasks-taskretrycount").as_deref(), Some(retry));
        assert_eq!(
            said("x-cloudtasks-taskexecutioncount").as_deref(),
            Some("0")
        );
        assert_eq!(
            said("x-cloudtasks-taskpreviousresponse").as_deref(),
            previous
        );
    }
    running.emptied().await;
}

#[tokio::test]
async fn a_task_is_never_early() {
    let mut running = Running::new(|_| Delivered::Answered(200, None));
    let due = Moment::now().plus(SECOND / 20);
    running.enqueue("t", serde_json::json!({"httpRequest": {"url": "http://a.test"}, "scheduleTime": due.text()})).await;
    running.next().await;
    assert!(Moment::now() >= due);
}

#[tokio::test]
async fn a_url_that_is_none_fails_like_any_other_delivery() {
    let mut running = Running::new(|_| Delivered::Answered(200, None));
    let retry = serde_json::json!({"maxAttempts": 2, "minBackoff": "0s"});
    running
        .enqueue(
            "bad",
            serde_json::json!({"httpRequest": {"url": "http://a b/"}, "retryConfig": retry}),
        )
        .await;
    running.emptied().await;
    assert!(running.seen.try_recv().is_err());
}

#[tokio::test]
async fn more_headers_than_can_be_sent_fail_like_any_other_delivery() {
    let mut running = Running::new(|_| Delivered::Answered(200, None));
    // 78,000 of the 81,920 bytes that they may have.
    let headers: serde_json::Map<_, _> = (0..26_000).map(|n| (base36(n), "".into())).collect();
    let retry = serde_json::json!({"maxAttempts": 1});
    running
        .enqueue(
            "many",
            serde_json::json!({"httpRequest": {"url": "http://a.test/", "headers": headers}, "retryConfig": retry}),
        )
        .await;
    running.emptied().await;
    assert!(running.seen.try_recv().is_err());
}

/// A number in digits and small letters.
fn base36(number: u32) -> String {
    let digit = |n| char::from_digit(n % 36, 36).unwrap();
    [number / 1_296, number / 36, number]
        .map(digit)
        .iter()
        .collect()
}

#[tokio::test]
async fn no_more_deliveries_run_at_once_than_the_queue_permits() {
    let gate = Arc::new(Semaphore::new(0));
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let running = Running::new(|_| Delivered::CutOff);
    running.task.abort();
    let deliver: Deliver = {
        let (gate, at_once, most) = (gate.clone(), at_once.clone(), most.clone());
        Arc::new(move |_, _| {
            let (gate, at_once, most) = (gate.clone(), at_once.clone(), most.clone());
            Box::pin(async move {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                at_once.fetch_sub(1, Ordering::SeqCst);
                Delivered::Answered(200, None)
            })
        })
    };
    let store = running.store.clone();
    store
        .promise(|tx| {
            let mut queue = Queue::ordinary(QUEUE.into());
            queue.limits.concurrent = 3;
            queues::create(tx, &queue, Moment(0))
        })
        .await
        .unwrap();
    for n in 0..20 {
        running
            .enqueue(
                &format!("t{n}"),
                serde_json::json!({"httpRequest": {"url": "http://a.test"}}),
            )
            .await;
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let dispatching = tokio::spawn(run(store, deliver, async { drop(stopped.await) }));
    while at_once.load(Ordering::SeqCst) < 3 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(20);
    running.emptied().await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
    drop(stop);
    dispatching.await.unwrap();
}
