//! The examples on a stock host: the command `wasmtime` that the variable WASMTIME names, which `cargo xtask test` sets.

use super::client::get;
use super::examples::told;
use crate::programs::{FAN_OUT, FAN_OUT_LINKED, PROXY, SPIN_SERVICE, TICKER};
use crate::run::{ALLOW_PRIVATE, composed};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use urlfetch_host::Loopback;
use urlfetch_tests::on_sockets;

/// The command; without one a claim about it has nothing to say. `cargo xtask test` tells, and under CI builds it first.
fn wasmtime() -> Option<PathBuf> {
    std::env::var_os("WASMTIME").map(PathBuf::from)
}

/// The environment in which an example may fetch from this machine.
fn allowing_private() -> String {
    let (name, value) = ALLOW_PRIVATE;
    format!("--env={name}={value}")
}

/// `wasmtime serve`, until it is dropped.
struct Stock {
    address: SocketAddr,
    /// It must not be closed: the host would trip over what it has to say.
    _says: BufReader<ChildStderr>,
    _process: Child,
}

impl Stock {
    async fn serve(wasmtime: &Path, app: &Path) -> Self {
        let mut process = Command::new(wasmtime)
            .args(["serve", "-Scli", "--addr", "127.0.0.1:0"])
            .arg(allowing_private())
            .arg(app)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let mut says = BufReader::new(process.stderr.take().expect("a pipe"));
        let mut line = String::new();
        says.read_line(&mut line).await.expect("it says something");
        let address = line.split_once("http://").map(|(_, rest)| rest.trim());
        let address = address.and_then(|rest| rest.trim_end_matches('/').parse().ok());
        Stock {
            address: address.unwrap_or_else(|| panic!("it does not serve: {line}")),
            _says: says,
            _process: process,
        }
    }
}

/// An example, composed, where a command finds it.
fn written(program: &str) -> PathBuf {
    let name = Path::new(program).file_name().expect("it is a file");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, composed(program, &[])).expect("the folder is ours");
    path
}

#[test]
fn every_fan_out_fetches_on_a_stock_host() {
    let Some(wasmtime) = wasmtime() else { return };
    on_sockets(|| async move {
        let origin = Loopback::start().await.unwrap();
        let urls = vec![origin.url("/bytes/100000"); 10];
        let (fan_out, service) = (written(FAN_OUT), written(SPIN_SERVICE));
        for app in [fan_out, FAN_OUT_LINKED.into(), service] {
            let stock = Stock::serve(&wasmtime, &app).await;
            for told in told(stock.address, &urls).await {
                let seen = (&told["status"], &told["bytes"]);
                assert_eq!(seen, (&200.into(), &100_000.into()), "{app:?}: {told}");
            }
        }
        assert_eq!(origin.requests(), 30);
    });
}

#[test]
fn the_proxy_passes_an_answer_on_on_a_stock_host() {
    let Some(wasmtime) = wasmtime() else { return };
    on_sockets(|| async move {
        let origin = Loopback::start().await.unwrap();
        let stock = Stock::serve(&wasmtime, Path::new(PROXY)).await;
        let path = format!("/?url={}", origin.url("/gzip/5000"));
        let answer = get(stock.address, &path).await;
        assert_eq!((answer.status, answer.body()), (200, vec![0; 5_000]));
        assert!(answer.head.contains("x-attempts: 1\r\n"), "{}", answer.head);
    });
}

#[test]
fn the_ticker_ticks_on_a_stock_host() {
    let Some(wasmtime) = wasmtime() else { return };
    on_sockets(|| async move {
        let origin = Loopback::start().await.unwrap();
        let mut ticker = Command::new(wasmtime);
        ticker
            .args(["run", "-Shttp", &allowing_private(), TICKER])
            .arg(origin.url("/delay/1000/1024"));
        let output = ticker.output().await.expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        let ticks = said.matches("Running in the background...\n").count();
        let end = format!("Status Code: 200\nContent Length: 1024\nTicks: {ticks}\n");
        assert!(said.ends_with(&end) && ticks > 1, "{said}");
    });
}
