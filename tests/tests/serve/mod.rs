//! `urlfetch serve`: real requests over real sockets to applications that answer, trap, loop, stall, print, upload and fetch.

mod client;
mod cloud_tasks;
mod console;
mod deferred;
mod deferring;
mod delivering;
mod examples;
mod failures;
mod fetching;
mod limits;
mod recording;
mod stock;
mod stopping;
mod tending;

use crate::programs::{SERVED, SERVED_P3};
use client::{Answer, ask, get};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use urlfetch_host::serve::{
    App, AppOptions, Journal, LentFolder, Record, RequestOutcome, ServeOptions, Server, Stopped,
    listen,
};
use urlfetch_host::{EgressPolicy, Part, Sender, SenderOptions};
use urlfetch_tests::on_sockets;

/// A server in this process.
struct Served {
    address: SocketAddr,
    admin: SocketAddr,
    journal: Arc<Journal>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Stopped>,
}

/// How to serve.
struct Serving {
    program: &'static str,
    instances: u32,
    options: ServeOptions,
    egress: EgressPolicy,
    /// Roots that outbound connections trust beside the public ones.
    roots: Vec<u8>,
}

impl Serving {
    /// The guest `served`, sixteen requests at once, and more time than a loaded machine needs.
    fn ordinary() -> Self {
        Self::of(SERVED)
    }

    /// Any other program, in the same way.
    fn of(program: &'static str) -> Self {
        Serving {
            program,
            instances: 16,
            options: ServeOptions::default(),
            egress: EgressPolicy::default(),
            roots: Vec::new(),
        }
    }

    /// With so much time for each request.
    fn within(timeout: Duration) -> Self {
        let mut serving = Self::ordinary();
        serving.options.timeout = timeout;
        serving
    }

    async fn start(self) -> Served {
        self.begin(None).await
    }

    /// Serves, and answers the API of tasks there.
    async fn begin(self, tasks: Option<TcpListener>) -> Served {
        let app = load(self.program, self.instances).await;
        let sender = Sender::new(SenderOptions {
            egress: self.egress,
            extra_roots_pem: self.roots,
            ..SenderOptions::default()
        });
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (listener, admin) = (listen(any).unwrap(), listen(any).unwrap());
        let address = |listener: &TcpListener| listener.local_addr().unwrap();
        let (public, private) = (address(&listener), address(&admin));
        let mut server = Server::new(app, sender.unwrap(), self.options, listener, Some(admin));
        if let Some(tasks) = tasks {
            server = server.tasks_listener(tasks);
        }
        let (stop, stopping) = oneshot::channel();
        Served {
            address: public,
            admin: private,
            journal: server.journal(),
            stop,
            running: tokio::spawn(server.run(async { drop(stopping.await) })),
        }
    }
}

/// The application, from a cache that all claims share.
async fn load(program: &str, instances: u32) -> App {
    let part = Part {
        name: program.to_owned(),
        bytes: std::fs::read(program).expect("build.rs wrote it"),
    };
    let options = AppOptions {
        instances,
        cache: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("machine-code")),
    };
    App::load(part, &options).await.expect("it can be served")
}

impl Served {
    async fn ordinary() -> Self {
        Serving::ordinary().start().await
    }

    async fn get(&self, path: &str) -> Answer {
        get(self.address, path).await
    }

    /// The last request that ended, once there are so many of them.
    async fn ended(&self, count: usize) -> Arc<Record> {
        loop {
            let ended = self.journal.ended();
            if ended.len() >= count {
                return ended[0].clone();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// How the last of so many requests ended, and why.
    async fn outcome(&self, count: usize) -> (RequestOutcome, String) {
        let answer = self.ended(count).await.answer();
        (answer.outcome.expect("it has ended"), answer.reason)
    }

    async fn stop(self) -> Stopped {
        self.stop.send(()).expect("it runs");
        self.running.await.expect("it does not panic")
    }
}

#[test]
fn an_application_answers_each_request_in_an_instance_of_its_own() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        for _ in 0..40 {
            let answer = served.get("/hello").await;
            assert_eq!((answer.status, answer.text()), (200, "hello\n"));
        }
        assert_eq!(served.outcome(40).await.0, RequestOutcome::Answered);
        assert_eq!(served.stop().await.cut_off, 0);
    });
}

#[test]
fn an_application_of_wasi_0_3_is_served_with_the_tasks_behind_its_answer() {
    on_sockets(|| async {
        let served = Serving::of(SERVED_P3).start().await;
        for _ in 0..20 {
            let answer = served.get("/hello").await;
            assert_eq!(
                (answer.status, &*answer.body()),
                (200, &b"hello from 0.3\n"[..])
            );
        }
        for (count, (path, outcome)) in [
            ("/trap", RequestOutcome::Trapped),
            ("/error", RequestOutcome::Failed),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(served.get(path).await.status, 500);
            assert_eq!(served.outcome(21 + count).await.0, outcome);
        }
    });
}

#[test]
fn a_connection_carries_one_request_after_the_other() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        let two = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nHEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let answer = ask(served.address, two).await;
        let again = answer.text().strip_prefix("hello\n").unwrap();
        assert!(again.starts_with("HTTP/1.1 200 OK\r\n"), "{again}");
        assert!(again.contains("content-length: 6\r\n"), "{again}");
        assert_eq!(served.outcome(2).await.0, RequestOutcome::Answered);
    });
}

#[test]
fn h2_is_spoken_with_those_who_begin_with_it() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        let (status, body) = client::get_by_h2(served.address, "/hello").await;
        assert_eq!((status, &*body), (200, &b"hello\n"[..]));
        let record = served.ended(1).await;
        assert_eq!(record.version, http::Version::HTTP_2);
    });
}

#[test]
fn a_large_answer_is_streamed_whole() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        let answer = served.get("/large?16777217").await;
        assert_eq!((answer.status, answer.body().len()), (200, 16_777_217));
        assert_eq!(served.ended(1).await.answer().sent, 16_777_217);
    });
}

#[test]
fn an_application_sees_the_environment_it_is_given_and_no_other() {
    on_sockets(|| async {
        let mut serving = Serving::ordinary();
        serving.options.env = vec![("GREETING".into(), "hello there".into())];
        let served = serving.start().await;
        let answer = served.get("/env").await;
        assert_eq!(answer.text(), "[(\"GREETING\", \"hello there\")]\n");
    });
}

#[test]
fn an_application_keeps_files_in_the_folders_it_is_lent_and_nowhere_else() {
    on_sockets(|| async {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("lent");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("inner")).unwrap();
        let mut serving = Serving::ordinary();
        serving.options.folders = vec![LentFolder {
            host: folder.join("inner"),
            guest: "/data".into(),
        }];
        let served = serving.start().await;
        for wanted in ["Ok(1)\n", "Ok(2)\n", "Ok(3)\n"] {
            assert_eq!(served.get("/count?/data/visits").await.text(), wanted);
        }
        let kept = std::fs::read(folder.join("inner").join("visits")).unwrap();
        assert_eq!(kept, b"...");
        for outside in ["/visits", "/data/../visits", "/etc/hostname"] {
            let answer = served.get(&format!("/count?{outside}")).await;
            assert!(answer.text().starts_with("Err("), "{outside}: {answer:?}");
        }
        assert!(!folder.join("visits").exists());
        // A folder that goes away while it is served is the request's failure, and nobody else's.
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(served.get("/count?/data/visits").await.status, 500);
        let (outcome, reason) = served.outcome(7).await;
        assert_eq!(outcome, RequestOutcome::Failed);
        assert!(reason.contains("inner"), "{reason}");
    });
}

#[test]
fn what_is_counted_is_read_at_the_second_address() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        served.get("/hello").await;
        served.ended(1).await;
        let metrics = ask(
            served.admin,
            "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .await;
        let counted = "urlfetch_requests_total{outcome=\"answered\",status=\"2xx\"} 1\n";
        assert!(metrics.text().contains(counted), "{}", metrics.text());
    });
}
