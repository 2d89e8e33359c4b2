//! Callbacks over the WIT: a fact that becomes due when an rpc finishes and is told once, by whichever wait comes first.

use std::time::Duration;
use urlfetch_host::bindings::fetch::{Finished, State, Waited};
use urlfetch_host::bindings::types::ErrorKind;
use urlfetch_host::{Fault, Reply, Scripted, run_in_virtual_time};
use urlfetch_tests::{Client, Instance, Rpc};

fn origin() -> Scripted {
    Scripted::new()
        .on("/ok", Reply::ok("hello"))
        .on("/slow", Reply::ok("late").after(Duration::from_secs(1)))
        .on("/refused", Reply::error(Fault::ConnectionRefused))
        .on("/silent", Reply::silence())
}

async fn setup() -> (Instance, Client) {
    let mut instance = Instance::scripted(&origin()).await;
    let client = instance.client().await;
    (instance, client)
}

async fn get(instance: &mut Instance, client: Client, path: &str) -> Rpc {
    instance
        .get(client, &format!("http://a.test/{path}"), Some(2.0))
        .await
}

#[track_caller]
fn finished(waited: &Waited) -> (u32, bool) {
    match waited {
        Waited::Finished(Finished {
            index,
            callback_due,
        }) => (*index, *callback_due),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_callback_is_due_once_even_if_waited_twice() {
    run_in_virtual_time(async {
        let (mut instance, client) = setup().await;
        // After a success, a failure and a deadline alike.
        for path in ["ok", "refused", "silent"] {
            let rpc = get(&mut instance, client, path).await;
            let due = [
                instance.wait(rpc).await.unwrap(),
                instance.wait(rpc).await.unwrap(),
            ];
            assert_eq!(due, [true, false], "{path}");
            let again = instance.wait_any(&[rpc], None).await.unwrap();
            assert_eq!(finished(&again), (0, false), "{path}");
        }
    });
}

#[test]
fn check_success_and_get_result_leave_it_due() {
    run_in_virtual_time(async {
        let (mut instance, client) = setup().await;
        let rpc = get(&mut instance, client, "ok").await;
        instance.check_success(rpc).await.unwrap();
        assert_eq!(instance.result(rpc).await.unwrap().content, b"hello");
        assert!(instance.wait(rpc).await.unwrap());
        assert!(!instance.wait(rpc).await.unwrap());
        assert_eq!(instance.into_result(rpc).await.unwrap().content, b"hello");
    });
}

#[test]
fn state_turn_progress_and_drain_leave_it_due() {
    run_in_virtual_time(async {
        let (mut instance, client) = setup().await;
        let rpc = get(&mut instance, client, "slow").await;
        assert_eq!(
            instance.turn(client, &[]).await.finished,
            [instance.id(rpc).await]
        );
        assert_eq!(instance.state(rpc).await, State::Finishing);
        instance.progress().await;
        instance.drain(client).await;
        assert!(instance.wait(rpc).await.unwrap());
        assert!(
            instance.turn(client, &[]).await.finished.is_empty(),
            "named once"
        );
    });
}

#[test]
fn wait_any_makes_one_callback_due_and_leaves_those_of_the_others() {
    run_in_virtual_time(async {
        let (mut instance, client) = setup().await;
        let rpcs = [
            get(&mut instance, client, "ok").await,
            get(&mut instance, client, "ok").await,
        ];
        instance.drain(client).await;
        let first = instance.wait_any(&rpcs, None).await.unwrap();
        assert_eq!(finished(&first), (0, true));
        let same = instance.wait_any(&rpcs, None).await.unwrap();
        assert_eq!(
            finished(&same),
            (0, false),
            "the first in order, not the first with a callback"
        );
        assert!(instance.wait(rpcs[1]).await.unwrap());
    });
}

#[test]
fn a_timer_that_interrupts_makes_nothing_due() {
    run_in_virtual_time(async {
        let (mut instance, client) = setup().await;
        let rpc = get(&mut instance, client, "slow").await;
        let timer = instance.timer(Duration::from_millis(10));
        let waited = instance.wait_any(&[rpc], Some(timer)).await.unwrap();
        assert!(matches!(waited, Waited::Interrupted), "{waited:?}");
        assert_eq!(instance.state(rpc).await, State::Running);
        // It stays ready, and a finished rpc beats it.
        instance.drain(client).await;
        let waited = instance.wait_any(&[rpc], Some(timer)).await.unwrap();
        assert_eq!(finished(&waited), (0, true));
        instance.drop_timer(timer);
    });
}

#[test]
fn a_cancelled_rpc_has_its_callback_due() {
    run_in_virtual_time(async {
        let (mut instance, client) = setup().await;
        let rpc = get(&mut instance, client, "silent").await;
        assert!(instance.cancel(rpc).await);
        assert!(!instance.cancel(rpc).await);
        assert!(instance.wait(rpc).await.unwrap());
        assert!(!instance.wait(rpc).await.unwrap());
        assert_eq!(
            instance.result(rpc).await.unwrap_err().kind,
            ErrorKind::Cancelled
        );
    });
}

#[test]
fn waiting_for_one_does_not_tell_of_another() {
    run_in_virtual_time(async {
        let (mut instance, client) = setup().await;
        let (ok, slow) = (
            get(&mut instance, client, "ok").await,
            get(&mut instance, client, "slow").await,
        );
        assert!(instance.wait(slow).await.unwrap());
        // It moved, and finished long ago.
        assert_eq!(instance.state(ok).await, State::Finishing);
        assert!(instance.wait(ok).await.unwrap());
    });
}
