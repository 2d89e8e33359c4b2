//! The host keeps nothing for an rpc that is gone, however it went and wherever it was.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use urlfetch_host::bindings::fetch::State;
use urlfetch_host::bindings::types::ErrorKind;
use urlfetch_host::{Fault, Outcome, Reply, Scripted, Step, Upload, run_in_virtual_time};
use urlfetch_tests::{Client, Instance, Rpc, request};

fn origin() -> Scripted {
    Scripted::new()
        .on("/ok", Reply::ok("hello"))
        .on("/large", Reply::default().then(Step::Zeros(1 << 20)))
        .on("/hops", Reply::redirect(302, "/hops"))
        .on("/refused", Reply::error(Fault::ConnectionRefused))
        .on(
            "/broken",
            Reply::ok("part").then(Step::Fail(Fault::ConnectionTerminated)),
        )
        .on("/silent", Reply::silence())
        .on("/stall", Reply::ok("part").then(Step::Stall))
        .on("/unread", Reply::silence().upload(Upload::Never))
        .on("/away", Reply::redirect(302, "/silent"))
}

/// Has an rpc come so far, and leaves it there.
type Reach = for<'a> fn(&'a mut Instance, Client) -> Pin<Box<dyn Future<Output = Rpc> + 'a>>;

async fn get(instance: &mut Instance, client: Client, path: &str) -> Rpc {
    instance
        .get(client, &format!("http://a.test/{path}"), Some(2.0))
        .await
}

/// Lets everything move that can, a few times: what is out and what came back.
async fn settle(instance: &mut Instance) {
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        instance.progress().await;
    }
}

/// Every state an rpc can be in, by name.
const STATES: [(&str, Reach); 12] = [
    ("idle", |instance, client| {
        Box::pin(instance.rpc(client, None))
    }),
    ("started", |instance, client| {
        Box::pin(get(instance, client, "silent"))
    }),
    ("waiting for the head", |instance, client| {
        Box::pin(async move {
            let rpc = get(instance, client, "silent").await;
            settle(instance).await;
            rpc
        })
    }),
    ("in the body", |instance, client| {
        Box::pin(async move {
            let rpc = get(instance, client, "stall").await;
            settle(instance).await;
            assert_eq!(instance.received(rpc).await, 4);
            rpc
        })
    }),
    ("uploading", |instance, client| {
        Box::pin(async move {
            let rpc = instance.rpc(client, Some(2.0)).await;
            let mut upload = request("POST", "http://a.test/unread");
            upload.payload = Some(vec![1; 5 << 20]);
            instance.start(rpc, &upload).await.unwrap();
            settle(instance).await;
            rpc
        })
    }),
    ("behind a redirect", |instance, client| {
        Box::pin(async move {
            let rpc = get(instance, client, "away").await;
            settle(instance).await;
            assert_eq!(instance.hops(rpc).await.len(), 2);
            rpc
        })
    }),
    ("queued", |instance, client| {
        Box::pin(async move {
            instance.set_max_in_flight(client, 1).await.unwrap();
            let first = get(instance, client, "silent").await;
            let queued = get(instance, client, "silent").await;
            assert!(instance.cancel(first).await);
            instance.drop_rpc(first).await;
            // The queued one is out by now; another one queues behind it.
            let behind = get(instance, client, "silent").await;
            instance.drop_rpc(queued).await;
            instance.set_max_in_flight(client, 100).await.unwrap();
            behind
        })
    }),
    ("succeeded", |instance, client| {
        Box::pin(ended(instance, client, "ok"))
    }),
    ("succeeded with a large body", |instance, client| {
        Box::pin(ended(instance, client, "large"))
    }),
    ("failed before the head", |instance, client| {
        Box::pin(ended(instance, client, "refused"))
    }),
    ("failed in the body", |instance, client| {
        Box::pin(ended(instance, client, "broken"))
    }),
    ("redirected too often", |instance, client| {
        Box::pin(ended(instance, client, "hops"))
    }),
];

async fn ended(instance: &mut Instance, client: Client, path: &str) -> Rpc {
    let rpc = get(instance, client, path).await;
    instance.wait(rpc).await.unwrap();
    rpc
}

/// Ends an rpc in each state by `end`, and compares what the host keeps with what it kept before.
fn nothing_is_left_after(end: impl AsyncFn(&mut Instance, Client, Rpc)) {
    for (state, reach) in STATES {
        run_in_virtual_time(async {
            let origin = origin();
            let mut instance = Instance::scripted(&origin).await;
            let client = instance.client().await;
            // What a first fetch makes for good is no leak.
            let warm = ended(&mut instance, client, "ok").await;
            instance.drop_rpc(warm).await;
            let before = instance.resources();
            for _ in 0..3 {
                let client = instance.client().await;
                let rpc = reach(&mut instance, client).await;
                end(&mut instance, client, rpc).await;
            }
            // A task that was aborted is gone after the next turn of the runtime.
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert_eq!(instance.resources(), before, "{state}");
            let open = origin
                .requests()
                .into_iter()
                .filter(|request| request.outcome == Outcome::Open);
            assert_eq!(
                open.count(),
                0,
                "{state}: the origin still waits for somebody"
            );
            let after = ended(&mut instance, client, "ok").await;
            assert_eq!(
                instance.result(after).await.unwrap().content,
                b"hello",
                "{state}"
            );
        });
    }
}

#[test]
fn an_rpc_that_is_dropped_leaves_nothing() {
    nothing_is_left_after(async |instance, client, rpc| {
        instance.drop_rpc(rpc).await;
        instance.drop_client(client).await;
    });
}

#[test]
fn an_rpc_that_is_cancelled_leaves_nothing_and_need_not_be_dropped_for_it() {
    nothing_is_left_after(async |instance, client, rpc| {
        let was_running = instance.state(rpc).await == State::Running;
        assert_eq!(instance.cancel(rpc).await, was_running);
        instance.drop_client(client).await;
    });
}

#[test]
fn an_rpc_outlives_its_client_and_leaves_nothing() {
    nothing_is_left_after(async |instance, client, rpc| {
        instance.drop_client(client).await;
        // On an idle one both are misuse, and the second drops it all the same.
        let was_started = instance.wait(rpc).await.is_ok();
        let result = instance.into_result(rpc).await;
        assert_eq!(
            result.is_err_and(|error| error.kind == ErrorKind::Misuse),
            !was_started
        );
    });
}

#[test]
fn an_rpc_that_meets_its_deadline_leaves_nothing() {
    nothing_is_left_after(async |instance, client, rpc| {
        let _ = instance.wait(rpc).await;
        instance.drop_rpc(rpc).await;
        instance.drop_client(client).await;
    });
}

#[test]
fn an_instance_that_ends_lets_the_origin_go() {
    for (state, reach) in STATES {
        run_in_virtual_time(async {
            let origin = origin();
            let mut instance = Instance::scripted(&origin).await;
            let client = instance.client().await;
            reach(&mut instance, client).await;
            drop(instance);
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(
                origin
                    .requests()
                    .iter()
                    .all(|request| request.outcome != Outcome::Open),
                "{state}"
            );
        });
    }
}
