//! Many fetches at once through the component, over real sockets: none is lost, none is another's.
//!
//! `URLFETCH_RUNS=1000 cargo test --test claims fan_out` repeats the thousand as often as you say; without it, a hundred times. The
//! watchdog of a minute sees some hundreds.

use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use urlfetch_host::{Loopback, raise_fd_limit};
use urlfetch_tests::{Client, Instance, Rpc, on_sockets};

/// One at a time: these claims are about many fetches and not about many claims. Taken before the watchdog begins to count.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A claim that failed is no reason for the others to.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Longer than a loaded machine takes for all of them.
const DEADLINE: Option<f64> = Some(60.0);

/// Starts one rpc for each URL, all at once.
async fn start(
    instance: &mut Instance,
    client: Client,
    urls: impl Iterator<Item = String>,
) -> BTreeMap<u32, Rpc> {
    let mut rpcs = BTreeMap::new();
    for url in urls {
        let rpc = instance.get(client, &url, DEADLINE).await;
        let id = instance.id(rpc).await;
        assert!(rpcs.insert(id, rpc).is_none(), "id {id} twice");
    }
    rpcs
}

/// Collects every rpc when `turn` names it, and hands its place among them and its content over.
async fn collect(
    instance: &mut Instance,
    client: Client,
    mut rpcs: BTreeMap<u32, Rpc>,
    mut content: impl FnMut(usize, Vec<u8>),
) {
    let places: BTreeMap<u32, usize> = rpcs
        .keys()
        .enumerate()
        .map(|(place, id)| (*id, place))
        .collect();
    while !rpcs.is_empty() {
        let turned = instance.turn(client, &[]).await;
        assert!(
            !turned.finished.is_empty(),
            "{} rpcs are left and nothing can finish",
            rpcs.len()
        );
        for id in turned.finished {
            let rpc = rpcs.remove(&id).expect("named once");
            let response = instance.into_result(rpc).await;
            let response =
                response.unwrap_or_else(|error| panic!("{} was lost: {error:?}", error.url));
            assert_eq!(response.status, 200);
            content(places[&id], response.content);
        }
    }
}

async fn wide_client(instance: &mut Instance) -> Client {
    let client = instance.client().await;
    instance
        .set_max_in_flight(client, 10_000)
        .await
        .expect("ten thousand is the most");
    client
}

#[test]
fn a_thousand_at_once_lose_nothing_run_after_run() {
    let _alone = alone();
    on_sockets(|| async {
        let runs = env::var("URLFETCH_RUNS")
            .ok()
            .and_then(|runs| runs.parse().ok())
            .unwrap_or(100);
        let origin = Loopback::start().await.unwrap();
        let mut instance = Instance::pooled().await;
        let client = wide_client(&mut instance).await;
        let mut kept = None;
        for run in 0..runs {
            let urls = std::iter::repeat_n(origin.url("/bytes/1024"), 1_000);
            let rpcs = start(&mut instance, client, urls).await;
            let mut bytes = 0;
            collect(&mut instance, client, rpcs, |_, content| {
                assert_eq!(content, [0; 1_024], "run {run}");
                bytes += content.len();
            })
            .await;
            assert_eq!(bytes, 1_024_000, "run {run}");
            let resources = instance.resources();
            assert_eq!(
                *kept.get_or_insert(resources),
                resources,
                "run {run} left something behind"
            );
        }
        assert_eq!(origin.requests(), runs * 1_000);
    });
}

#[test]
fn a_thousand_at_once_each_get_their_own_answer() {
    let _alone = alone();
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let mut instance = Instance::pooled().await;
        let client = wide_client(&mut instance).await;
        let urls =
            (0..1_000).map(|n| origin.url(&format!("/echo?{}", format!("{n}-").repeat(200))));
        let rpcs = start(&mut instance, client, urls).await;
        collect(&mut instance, client, rpcs, |place, content| {
            let echo: Value = serde_json::from_slice(&content).expect("an echo is JSON");
            assert_eq!(
                echo["uri"],
                format!("/echo?{}", format!("{place}-").repeat(200))
            );
        })
        .await;
    });
}

/// An origin in a process of its own: two sockets for each of ten thousand fetches are more than many a process may have.
struct OriginProcess {
    process: Child,
    url: String,
}

impl OriginProcess {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loopback-origin"));
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.expect("it starts");
        let stdout = process.stdout.take().expect("it is piped");
        let mut url = String::new();
        BufReader::new(stdout)
            .read_line(&mut url)
            .expect("it says where it listens");
        assert!(
            url.starts_with("http://"),
            "{url:?}: its limit of open files may be too low"
        );
        let url = url.trim_end().to_owned();
        OriginProcess { process, url }
    }
}

impl Drop for OriginProcess {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends with its stdin; whether well does not matter any more.
        let _ = self.process.wait();
    }
}

#[test]
fn ten_thousand_at_once_lose_nothing() {
    let _alone = alone();
    on_sockets(|| async {
        raise_fd_limit(12_000).expect("a socket for each fetch");
        let origin = OriginProcess::start();
        let mut instance = Instance::pooled().await;
        let client = wide_client(&mut instance).await;
        // Nobody is answered before everybody has asked.
        let urls = std::iter::repeat_n(format!("{}/delay/1000/1024", origin.url), 10_000);
        let rpcs = start(&mut instance, client, urls).await;
        let mut bytes = 0;
        collect(&mut instance, client, rpcs, |_, content| {
            assert_eq!(content, [0; 1_024]);
            bytes += content.len();
        })
        .await;
        assert_eq!(bytes, 10_240_000);
    });
}
