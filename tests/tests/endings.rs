//! A call may be ended at any moment of its life: nothing traps, nothing is left with the host, the origin is let go, and the other
//! calls go on. Under virtual time a call is led through its life millisecond by millisecond and ended after each of them.

use std::time::Duration;
use urlfetch_host::bindings::fetch::{State, Waited};
use urlfetch_host::bindings::types::{ErrorKind, Request};
use urlfetch_host::{Fault, Outcome, Reply, Scripted, Step, Upload, run_in_virtual_time};
use urlfetch_tests::{Client, Instance, Rpc, request};

/// A life: what is called, with how many bytes of upload, and by what deadline in seconds.
struct Life {
    name: &'static str,
    path: &'static str,
    upload: usize,
    deadline: f64,
}

const fn life(name: &'static str, path: &'static str) -> Life {
    Life {
        name,
        path,
        upload: 0,
        deadline: 2.0,
    }
}

const fn upload(name: &'static str, path: &'static str) -> Life {
    Life {
        upload: 3 << 20,
        ..life(name, path)
    }
}

const LIVES: [Life; 17] = [
    life("answered", "/slow"),
    life("redirected", "/hop/3"),
    life("redirected for ever", "/loop"),
    life("redirected nowhere", "/nowhere"),
    life("gzip", "/gzip"),
    life("broken gzip", "/bad-gzip"),
    life("over the limit", "/large"),
    life("refused", "/refused"),
    life("broken in the body", "/broken"),
    Life {
        deadline: 0.006,
        ..life("silent to the deadline", "/silent")
    },
    Life {
        deadline: 0.009,
        ..life("stalled to the deadline", "/stall")
    },
    upload("uploaded", "/slow"),
    upload("answered before the upload is read", "/early"),
    upload("answered while the upload is read", "/meanwhile"),
    upload("uploaded and redirected", "/moved"),
    Life {
        deadline: 0.006,
        ..upload("uploaded to nobody", "/unread")
    },
    life("silent", "/silent"),
];

/// Where something happens every other millisecond.
fn origin() -> Scripted {
    let pause = Step::Pause(1);
    let text = |text: &str| Step::Text(text.to_owned());
    let after = |reply: Reply| reply.after(Duration::from_millis(2));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &[7; 100_000]).unwrap();
    let gzip = gzip.finish().unwrap();
    let (one, other) = gzip.split_at(gzip.len() / 2);
    let gzipped = |bytes: &[u8]| {
        let reply = after(Reply::default().header("content-encoding", "gzip"));
        reply.then(Step::Bytes(bytes.to_vec())).then(Step::Pause(1))
    };
    let slow = after(Reply::ok("slow "))
        .then(pause.clone())
        .then(text("and "))
        .then(pause.clone())
        .then(text("steady"));
    let hop = |to: &str| {
        after(Reply::redirect(302, to))
            .then(text("moved "))
            .then(pause.clone())
            .then(text("away"))
    };
    Scripted::new()
        .on("/slow", slow.clone())
        .on("/hop/3", hop("/hop/2"))
        .on("/hop/2", hop("http://b.test/hop/1"))
        .on("/hop/1", hop("/slow"))
        .on("/loop", hop("/loop"))
        .on("/nowhere", after(Reply::status(302)).then(Step::Stall))
        .on("/gzip", gzipped(one).then(Step::Bytes(other.to_vec())))
        .on("/bad-gzip", gzipped(one).then(text("garbage")))
        .on(
            "/large",
            slow.clone()
                .then(pause.clone())
                .then(Step::Zeros(40 << 20))
                .then(Step::Stall),
        )
        .on("/refused", after(Reply::error(Fault::ConnectionRefused)))
        .on(
            "/broken",
            slow.clone().then(Step::Fail(Fault::ConnectionTerminated)),
        )
        .on("/silent", Reply::silence())
        .on("/stall", slow.clone().then(Step::Stall))
        .on("/early", slow.clone().upload(Upload::Never))
        .on("/meanwhile", slow.clone().upload(Upload::Meanwhile))
        .on(
            "/moved",
            after(Reply::redirect(307, "http://b.test/meanwhile")),
        )
        .on("/unread", Reply::silence().upload(Upload::Never))
        .on(
            "/other",
            after(Reply::ok("well"))
                .then(Step::Pause(3))
                .then(text(" done")),
        )
}

/// By which call of the component time passes.
#[derive(Clone, Copy, Debug)]
enum Pace {
    Progress,
    Turn,
    WaitAny,
}

/// How a life is ended.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Cancel,
    Drop,
    /// The client goes first, then the rpc.
    DropClient,
    /// The client goes first, the rpc is cancelled, and taken with its result.
    Collect,
    Instance,
}

/// Where in the client's line the call is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Beside,
    Queued,
}

/// Lets a millisecond pass. Whether the callback of the rpc was said to be due by it.
async fn millisecond(instance: &mut Instance, client: Client, rpc: Rpc, pace: Pace) -> bool {
    match pace {
        Pace::Progress => {
            tokio::time::sleep(Duration::from_millis(1)).await;
            instance.progress().await;
            false
        }
        Pace::Turn => {
            let timer = instance.timer(Duration::from_millis(1));
            instance.turn(client, &[timer]).await;
            instance.drop_timer(timer);
            false
        }
        Pace::WaitAny => {
            let timer = instance.timer(Duration::from_millis(1));
            let waited = instance.wait_any(&[rpc], Some(timer)).await.unwrap();
            instance.drop_timer(timer);
            matches!(waited, Waited::Finished(finished) if finished.callback_due)
        }
    }
}

fn call(life: &Life) -> Request {
    let url = format!("http://a.test{}", life.path);
    match life.upload {
        0 => request("GET", &url),
        size => Request {
            payload: Some(vec![b'u'; size]),
            ..request("POST", &url)
        },
    }
}

/// Ends a life after so many milliseconds; true when it had ended by itself.
async fn ended_after(
    milliseconds: usize,
    life: &Life,
    place: Place,
    pace: Pace,
    ending: Ending,
) -> bool {
    let origin = origin();
    let mut instance = Instance::scripted(&origin).await;
    let before = instance.resources();
    let client = instance.client().await;
    if matches!(place, Place::Queued) {
        instance.set_max_in_flight(client, 1).await.unwrap();
    }
    let other = instance.get(client, "http://a.test/other", None).await;
    let rpc = instance.rpc(client, Some(life.deadline)).await;
    instance.start(rpc, &call(life)).await.unwrap();
    let mut told = false;
    for _ in 0..milliseconds {
        told |= millisecond(&mut instance, client, rpc, pace).await;
    }
    let by_itself = instance.state(rpc).await == State::Finishing;
    match ending {
        Ending::Cancel => {
            assert_eq!(instance.cancel(rpc).await, !by_itself);
            assert!(!instance.cancel(rpc).await);
            assert_eq!(instance.state(rpc).await, State::Finishing);
            for _ in 0..2 {
                let result = instance.result(rpc).await;
                let is_cancelled = result.is_err_and(|error| error.kind == ErrorKind::Cancelled);
                assert_eq!(is_cancelled, !by_itself);
            }
            assert_eq!(instance.wait(rpc).await.unwrap(), !told, "callback-due");
            instance.drop_rpc(rpc).await;
        }
        Ending::Drop => instance.drop_rpc(rpc).await,
        Ending::DropClient => {
            instance.drop_client(client).await;
            instance.drop_rpc(rpc).await;
        }
        Ending::Collect => {
            instance.drop_client(client).await;
            instance.cancel(rpc).await;
            let result = instance.into_result(rpc).await;
            let is_cancelled = result.is_err_and(|error| error.kind == ErrorKind::Cancelled);
            assert_eq!(is_cancelled, !by_itself);
        }
        Ending::Instance => {}
    }
    if matches!(ending, Ending::Instance) {
        drop(instance);
    } else {
        let content = instance.into_result(other).await.unwrap().content;
        assert_eq!(content, b"well done");
        if matches!(ending, Ending::Cancel | Ending::Drop) {
            instance.drop_client(client).await;
        }
        assert_eq!(instance.resources(), before);
    }
    // A task that was aborted is gone after the next turn of the runtime.
    tokio::time::sleep(Duration::from_millis(1)).await;
    for request in origin.requests() {
        assert_ne!(
            request.outcome,
            Outcome::Open,
            "{} is still waited for",
            request.uri
        );
    }
    by_itself
}

#[test]
fn a_call_that_is_ended_at_any_moment_leaves_nothing_and_disturbs_nobody() {
    let endings = [
        Ending::Cancel,
        Ending::Drop,
        Ending::DropClient,
        Ending::Collect,
        Ending::Instance,
    ];
    // Silence without a deadline worth the name has the same moments for ever.
    const LONGEST: usize = 40;
    for life in &LIVES {
        for place in [Place::Beside, Place::Queued] {
            let paces: &[Pace] = match place {
                Place::Beside => &[Pace::Progress, Pace::Turn, Pace::WaitAny],
                Place::Queued => &[Pace::Turn],
            };
            for &pace in paces {
                for ending in endings {
                    let by_itself = |milliseconds| {
                        let case = format!(
                            "{} {place:?}, by {pace:?}, {ending:?} after {milliseconds} ms",
                            life.name
                        );
                        let run = || {
                            run_in_virtual_time(ended_after(
                                milliseconds,
                                life,
                                place,
                                pace,
                                ending,
                            ))
                        };
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
                            .unwrap_or_else(|_| panic!("{case}"))
                    };
                    let end = (0..LONGEST).find(|milliseconds| by_itself(*milliseconds));
                    let is_silent = life.name == "silent";
                    assert_eq!(end.is_none(), is_silent, "{}", life.name);
                }
            }
        }
    }
}
