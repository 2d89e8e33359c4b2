//! Deferred functions under `urlfetch serve`: the example in Rust, and a program that defers by the WIT package `urlfetch:deferred`.

use super::client::Answer;
use super::deferring::File;
use super::{RequestOutcome, Served, Serving, on_sockets};
use crate::programs::{DEFERRED, DEFERRING_BY_WIT};
use std::time::Duration;
use urlfetch_host::serve::LentFolder;

/// The key of these applications.
const KEYS: &str = "k1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// An envelope of that key, for another task.
const ANOTHERS: &str = "X-Urlfetch-Deferred: v1;k1;9999999999;01566c26c826a856f1084437c4fe6b258d9a15c1be65d8697660dceaa25699f0\r\n";

/// What an answer says, out of its chunks.
fn said(answer: &Answer) -> String {
    String::from_utf8(answer.body()).expect("it is text")
}

async fn serve(program: &'static str, file: &File, env: &[(&str, &str)]) -> Served {
    let mut serving = Serving::of(program);
    serving.options.tasks = Some(file.open().await);
    let env = env.iter().chain(&[("URLFETCH_DEFERRED_KEYS", KEYS)]);
    serving.options.env = env
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    serving.options.folders = vec![LentFolder {
        host: file.folder(),
        guest: "/data".into(),
    }];
    serving.start().await
}

/// DEF-02, DEF-28, DEF-31
#[test]
fn the_example_counts_now_after_its_countdown_and_by_the_custom_path() {
    on_sockets(|| async {
        let file = File::new();
        let served = serve(DEFERRED, &file, &[("COUNTDOWN", "0.25")]).await;
        assert_eq!(said(&served.get("/counter/get").await), "0\n");
        let answer = served.get("/counter/increment").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let deliveries = served.deliveries(3).await;
        let seen: Vec<_> = deliveries
            .iter()
            .map(|record| (&*record.path, record.answer().outcome.unwrap()))
            .collect();
        let answered = RequestOutcome::Answered;
        assert_eq!(
            seen,
            [
                ("/_ah/queue/deferred", answered),
                ("/_ah/queue/deferred", answered),
                ("/custom/path", answered)
            ]
        );
        for record in &deliveries {
            assert_eq!(record.answer().status.unwrap(), 200);
        }
        assert_eq!(said(&served.get("/counter/get").await), "30\n");
        // Each is due so long after it was enqueued, which was after the request began.
        let ended = served.journal.ended();
        let asked = ended
            .iter()
            .find(|record| record.path == "/counter/increment")
            .unwrap();
        for (record, wait) in deliveries.iter().zip([0, 250, 500]) {
            let waited = record.begun.duration_since(asked.begun);
            assert!(waited >= Duration::from_millis(wait), "{waited:?}");
        }
        served.stop().await;
        // It survives the server as well.
        let served = serve(DEFERRED, &file, &[]).await;
        assert_eq!(said(&served.get("/counter/get").await), "30\n");
        served.stop().await;
    });
}

/// DEF-07, DEF-24, DEF-40
#[test]
fn the_example_runs_nothing_for_strangers() {
    on_sockets(|| async {
        let file = File::new();
        let served = serve(DEFERRED, &file, &[]).await;
        let call = r#"{"function":"add","arguments":["theirs",1]}"#;
        let forged = format!(
            "{ANOTHERS}X-CloudTasks-QueueName: default\r\nX-CloudTasks-TaskName: 0123456789abcdef0123456789abcdef\r\nContent-Type: application/octet-stream\r\n"
        );
        for headers in ["", &forged] {
            let answer = served.say("POST", "/custom/path", headers, call).await;
            assert_eq!((answer.status, &*said(&answer)), (403, "Forbidden"));
        }
        assert_eq!(served.get("/custom/path").await.status, 405);
        assert_eq!(said(&served.get("/counter/get").await), "0\n");
        served.stop().await;
    });
}

#[test]
fn a_program_defers_by_wit_and_knows_its_own_tasks() {
    on_sockets(|| async {
        let file = File::new();
        let served = serve(DEFERRING_BY_WIT, &file, &[]).await;
        let answer = served.get("/defer").await;
        let told = said(&answer);
        let names: Vec<&str> = told.split(' ').collect();
        assert_eq!((answer.status, names.len()), (200, 3), "{answer:?}");
        let queue = "projects/local/locations/local/queues/default/tasks/";
        for name in &names[..2] {
            let own = name.strip_prefix(queue).unwrap();
            let is_own = own.len() == 32 && own.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_own, "{name}");
        }
        assert_eq!(names[2], format!("{queue}mine"));
        // The custom path fails at first.
        let deliveries = served.deliveries(4).await;
        let statuses = |path: &str| -> Vec<u16> {
            let records = deliveries.iter().filter(|record| record.path == path);
            records
                .map(|record| record.answer().status.unwrap().as_u16())
                .collect()
        };
        assert_eq!(statuses("/_ah/queue/deferred"), [200, 200]);
        assert_eq!(statuses("/custom/path"), [500, 200]);
        // Its name is taken, and remembered.
        let again = served.get("/defer").await;
        assert_eq!(again.status, 500);
        assert!(said(&again).contains("TombstonedTask"), "{again:?}");

        let refused = served.get("/refused").await;
        assert_eq!(
            said(&refused),
            "InvalidTask InvalidTask InvalidEta InvalidTask InvalidTaskName InvalidQueueName InvalidUrl InvalidTask UnknownQueue"
        );
        served.stop().await;
    });
}

#[test]
fn what_is_refused_by_wit_is_told_apart() {
    on_sockets(|| async {
        // Without tasks nothing is taken from those outside: the envelope alone decides.
        let mut serving = Serving::of(DEFERRING_BY_WIT);
        serving.options.env = vec![("URLFETCH_DEFERRED_KEYS".into(), KEYS.into())];
        let served = serving.start().await;
        let task = "X-CloudTasks-QueueName: default\r\nX-CloudTasks-TaskName: a\r\n";
        let envelope = |value: &str| format!("{task}X-Urlfetch-Deferred: {value}\r\n");
        let zeros = "0".repeat(64);
        for (headers, kind) in [
            (task.to_owned(), "Header"),
            (format!("{task}{task}{ANOTHERS}"), "Header"),
            (envelope("v1"), "Malformed"),
            (envelope(&format!("v1;k2;9999999999;{zeros}")), "UnknownKey"),
            (format!("{task}{ANOTHERS}"), "Signature"),
        ] {
            let answer = served.say("POST", "/a", &headers, "body").await;
            let expected = format!("RefusalKind::{kind}");
            assert_eq!(
                (answer.status, &*said(&answer)),
                (403, &*expected),
                "{headers}"
            );
        }
        served.stop().await;
        let served = Serving::of(DEFERRING_BY_WIT).start().await;
        let answer = served
            .say("POST", "/a", &format!("{task}{ANOTHERS}"), "")
            .await;
        assert_eq!(said(&answer), "RefusalKind::Settings");
        let answer = served.get("/defer").await;
        assert!(said(&answer).contains("ErrorKind::Settings"), "{answer:?}");
        assert!(
            said(&answer).contains("URLFETCH_DEFERRED_KEYS"),
            "{answer:?}"
        );
        served.stop().await;
    });
}
