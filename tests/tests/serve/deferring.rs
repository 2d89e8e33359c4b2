//! Deferred tasks: an application defers by an HTTP request, and what it deferred comes back when it is due.

use super::client::{Answer, ask};
use super::{RequestOutcome, Served, Serving, on_sockets};
use crate::programs::DEFERRING;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncWriteExt;
use urlfetch_host::serve::Record;
use urlfetch_host::{DeferredKeys, EgressPolicy, Tasks, Token};
use urlfetch_tests::RawOrigin;

pub(super) const QUEUE: &str = "projects/p/locations/l/queues/default";
/// Where deliveries come from, as the record says it.
const DELIVERY: &str = "0.1.0.2:0";
pub(super) const SECRET: &str = "0123456789abcdef";

/// A file of tasks, removed at the end with its folder.
pub(super) struct File(pub(super) PathBuf);

impl File {
    pub(super) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        // Two runs of the claims may share the folder of what was built.
        let name = format!("tasks-{}-{next}", std::process::id());
        File(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    /// A folder beside it.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = self.0.join("lent");
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        folder
    }

    /// Opens it as soon as the last server has closed it.
    pub(super) async fn open(&self) -> Tasks {
        loop {
            match Tasks::open(&self.0.join("tasks.db")) {
                Ok(tasks) => return tasks.with_token(Token::new(SECRET).unwrap()),
                Err(error) => assert!(error.to_string().contains("in use"), "{error}"),
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) async fn deferring(file: &File) -> Served {
    let mut serving = Serving::of(DEFERRING);
    serving.options.tasks = Some(file.open().await);
    serving.start().await
}

impl Served {
    /// Has the application ask the service.
    pub(super) async fn api(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let answer = self
            .say(method, &format!("/api/v2/{path}"), "", &body.to_string())
            .await;
        let value = serde_json::from_slice(&answer.body()).unwrap_or_else(|_| panic!("{answer:?}"));
        (answer.status, value)
    }

    pub(super) async fn say(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let said = format!(
            "{method} {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        ask(self.address, said).await
    }

    pub(super) async fn defer(&self, id: &str, task: Value) {
        let mut task = task;
        task["name"] = format!("{QUEUE}/tasks/{id}").into();
        let (status, answer) = self
            .api("POST", &format!("{QUEUE}/tasks"), &json!({ "task": task }))
            .await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The deliveries that ended, the first one first, once there are so many.
    pub(super) async fn deliveries(&self, count: usize) -> Vec<Arc<Record>> {
        loop {
            let mut ended = self.journal.ended();
            ended.retain(|record| record.peer.to_string() == DELIVERY);
            if ended.len() >= count {
                ended.reverse();
                return ended;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    /// Until a task is gone: what the service says of it then.
    pub(super) async fn gone(&self, id: &str) -> Value {
        loop {
            let (status, answer) = self
                .api("GET", &format!("{QUEUE}/tasks/{id}"), &json!({}))
                .await;
            if status != 200 {
                return answer;
            }
        }
    }
}

pub(super) fn to(path: &str) -> Value {
    json!({"httpRequest": {"url": format!("http://app.urlfetch.internal{path}"), "body": "aGVsbG8="}})
}

#[test]
fn what_an_application_defers_is_posted_to_it_and_deleted_when_that_succeeds() {
    on_sockets(|| async {
        let file = File::new();
        let served = deferring(&file).await;
        served.defer("a", to("/later/200?q")).await;
        let message = served.gone("a").await["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            message.contains("successfully completed or was deleted"),
            "{message}"
        );
        let deliveries = served.deliveries(1).await;
        assert_eq!(deliveries.len(), 1);
        let record = &deliveries[0];
        assert_eq!(
            (record.method.as_str(), record.path.as_str()),
            ("POST", "/later/200?q")
        );
        assert_eq!(record.answer().outcome, Some(RequestOutcome::Answered));
        // The call that deferred it went nowhere, and is on record like any other.
        let ended = served.journal.ended();
        let deferred = ended
            .iter()
            .find(|record| record.path == format!("/api/v2/{QUEUE}/tasks"))
            .unwrap();
        let calls = deferred.calls().0;
        assert_eq!(
            (calls.len(), calls[0].moments().status),
            (1, Some(http::StatusCode::OK))
        );
        assert_eq!(served.stop().await.cut_off, 0);
    });
}

#[test]
fn an_application_has_the_keys_of_its_tasks_which_are_on_file_from_its_first_task_on() {
    on_sockets(|| async {
        let file = File::new();
        let path = file.0.join("tasks.key");
        let keys = DeferredKeys::of_file(&path).unwrap();
        let shown = |keys: &str| format!("[(\"URLFETCH_DEFERRED_KEYS\", {keys:?})]\n");

        let mut serving = Serving::of(DEFERRING);
        serving.options.tasks = Some(file.open().await.with_keys(keys.clone()));
        let served = serving.start().await;
        assert_eq!(served.get("/env").await.text(), shown(keys.value()));
        assert!(!file.0.exists(), "nothing was deferred yet");
        served.defer("a", to("/200")).await;
        served.gone("a").await;
        served.stop().await;
        // As another server finds them.
        let found = DeferredKeys::of_file(&path).unwrap();
        assert_eq!(found.value(), keys.value());

        let mut serving = Serving::of(DEFERRING);
        serving.options.tasks = Some(file.open().await.with_keys(found));
        serving.options.env = vec![(DeferredKeys::VARIABLE.into(), "mine".into())];
        let served = serving.start().await;
        assert_eq!(served.get("/env").await.text(), shown("mine"));
        served.stop().await;
    });
}

#[test]
fn a_task_that_fails_is_tried_again_by_the_curve() {
    on_sockets(|| async {
        let file = File::new();
        let served = deferring(&file).await;
        let mut task = to("/_ah/queue/500-503-200");
        task["retryConfig"] = json!({"minBackoff": "0.02s", "maxBackoff": "0.05s"});
        served.defer("a", task).await;
        served.gone("a").await;
        let deliveries = served.deliveries(3).await;
        let statuses: Vec<_> = deliveries
            .iter()
            .map(|record| record.answer().status.unwrap().as_u16())
            .collect();
        assert_eq!(statuses, [500, 503, 200]);
        for (pair, wait) in deliveries.windows(2).zip([20, 40]) {
            let waited = pair[1].begun.duration_since(pair[0].begun);
            assert!(waited.as_millis() >= wait, "{waited:?}");
        }
        served.stop().await;
    });
}

#[test]
fn a_handler_that_traps_is_given_up_when_its_attempts_are_over_and_others_go_on() {
    on_sockets(|| async {
        let file = File::new();
        let served = deferring(&file).await;
        let mut task = to("/trap");
        task["retryConfig"] = json!({"minBackoff": "0.001s", "maxAttempts": 3});
        served.defer("poison", task).await;
        served.defer("good", to("/200")).await;
        served.gone("good").await;
        served.gone("poison").await;
        let mut deliveries = served.deliveries(4).await;
        deliveries.retain(|record| record.path == "/trap");
        let outcomes: Vec<_> = deliveries
            .iter()
            .map(|record| record.answer().outcome.unwrap())
            .collect();
        assert_eq!(outcomes, [RequestOutcome::Trapped; 3]);
        served.stop().await;
    });
}

#[test]
fn what_one_server_left_undone_the_next_one_does() {
    on_sockets(|| async {
        let file = File::new();
        let served = deferring(&file).await;
        let mut task = to("/500-200");
        task["retryConfig"] = json!({"minBackoff": "0.3s", "maxBackoff": "0.3s"});
        served.defer("later", task).await;
        served.deliveries(1).await;
        served.stop().await;
        let served = deferring(&file).await;
        let deliveries = served.deliveries(1).await;
        assert_eq!(deliveries[0].answer().status.unwrap(), 200);
        served.gone("later").await;
        served.stop().await;
    });
}

#[test]
fn what_only_deliveries_say_is_taken_from_those_outside() {
    // DEF-07, DEF-40.
    on_sockets(|| async {
        let file = File::new();
        let served = deferring(&file).await;
        let forged = "X-AppEngine-TaskName: t\r\nx_appengine_queuename: q\r\nX-CloudTasks-TaskName: t\r\nX-Google-A: b\r\nX-Urlfetch-Deferred: v1\r\nX-Mine: 1\r\n";
        let answer = served.say("POST", "/headers", forged, "").await;
        assert_eq!((answer.status, answer.text()), (200, "x-mine"));

        let forged = [
            "",
            "X-AppEngine-TaskName: t\r\n",
            "Authorization: Bearer 0123456789abcdeX\r\n",
            "Authorization: Basic 0123456789abcdef\r\n",
        ];
        let paths = [
            "/_ah/queue/deferred",
            "//_ah/queue/200",
            "/%5Fah/queue/200",
            "/x/../_ah/queue/200",
        ];
        for headers in forged {
            for path in paths {
                assert_eq!(
                    served.say("POST", path, headers, "").await.status,
                    403,
                    "{headers}{path}"
                );
            }
        }
        let mut refused = served.journal.ended();
        refused.retain(|record| record.path.contains("queue"));
        assert_eq!(refused.len(), 16);
        for record in refused {
            assert_eq!(record.answer().outcome, Some(RequestOutcome::Refused));
        }
        let bearer = format!("Authorization: Bearer {SECRET}\r\n");
        assert_eq!(
            served
                .say("POST", "/_ah/queue/200", &bearer, "")
                .await
                .status,
            200
        );
        served.stop().await;
    });
}

#[test]
fn a_task_for_somebody_else_goes_out_under_the_policy_of_everything_that_does() {
    on_sockets(|| async {
        let origin = RawOrigin::start(|mut stream| async move {
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                .await
        });
        let origin = origin.await.unwrap();
        for (blocked, attempts) in [(false, 0), (true, 2)] {
            let file = File::new();
            let mut serving = Serving::of(DEFERRING);
            serving.options.tasks = Some(file.open().await);
            if blocked {
                serving.egress = EgressPolicy::public_only();
            }
            let served = serving.start().await;
            let mut task = json!({"httpRequest": {"url": origin.url("/hook")}});
            task["retryConfig"] =
                json!({"maxAttempts": 2, "minBackoff": "3600s", "maxBackoff": "3600s"});
            served.defer("out", task).await;
            if attempts == 0 {
                served.gone("out").await;
            } else {
                // Its first attempt failed, and nobody was asked.
                loop {
                    let (_, task) = served
                        .api("GET", &format!("{QUEUE}/tasks/out"), &json!({}))
                        .await;
                    if task["scheduleTime"].as_str() > task["firstAttempt"]["dispatchTime"].as_str()
                        && task["dispatchCount"] == 1
                    {
                        assert_eq!(task["responseCount"], Value::Null);
                        break;
                    }
                }
            }
            served.stop().await;
        }
    });
}

#[test]
fn others_speak_to_the_api_by_a_socket_when_they_know_the_token() {
    on_sockets(|| async {
        let file = File::new();
        let mut serving = Serving::of(DEFERRING);
        serving.options.tasks = Some(file.open().await);
        let (served, api) = serving.start_with_tasks().await;
        let say = async |headers: &str| {
            let said = format!(
                "GET /v2/{QUEUE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n"
            );
            let answer = ask(api, said).await;
            let value: Value = serde_json::from_slice(&answer.body()).unwrap();
            (answer.status, value)
        };
        let (status, value) = say("").await;
        assert_eq!(
            (status, &value["error"]["status"]),
            (401, &"UNAUTHENTICATED".into())
        );
        let (status, value) = say("Authorization: Bearer x\r\n").await;
        assert_eq!(
            (status, &value["error"]["status"]),
            (403, &"PERMISSION_DENIED".into())
        );
        let (status, value) = say(&format!("Authorization: Bearer {SECRET}\r\n")).await;
        assert_eq!((status, &value["state"]), (200, &"RUNNING".into()));
        served.stop().await;
    });
}

#[test]
fn an_application_whose_server_has_no_tasks_asks_the_service_itself() {
    on_sockets(|| async {
        let mut serving = Serving::of(DEFERRING);
        // Nothing may be reached: the request must not leave this machine.
        serving.egress.allowed_hosts = vec!["nobody.test".parse().unwrap()];
        let served = serving.start().await;
        let answer = served.say("GET", &format!("/api/v2/{QUEUE}"), "", "").await;
        assert_eq!(answer.status, 599, "{answer:?}");
        let forged = "X-CloudTasks-TaskName: t\r\n";
        assert_eq!(
            served.say("POST", "/headers", forged, "").await.text(),
            "x-cloudtasks-taskname"
        );
        served.stop().await;
    });
}

impl Serving {
    /// Serves, with the API by a socket.
    pub(super) async fn start_with_tasks(self) -> (Served, SocketAddr) {
        let listener = urlfetch_host::serve::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        (self.begin(Some(listener)).await, address)
    }
}
