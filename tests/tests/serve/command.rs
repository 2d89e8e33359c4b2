//! The command: what it refuses, what it prints, and how it ends.

use super::client::ask;
use super::on_sockets;
use crate::programs::{FAN_OUT, JOIN_ALL, SERVED};
use crate::run::{command, urlfetch};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::Stdio;
use urlfetch_host::Loopback;

/// The line that a refusal is.
fn refused(args: &[&str]) -> String {
    let finished = urlfetch(&[&["serve"], args].concat());
    let line = String::from_utf8(finished.stderr).unwrap();
    assert_eq!(
        (finished.status.code(), line.lines().count()),
        (Some(2), 1),
        "{line}"
    );
    assert_eq!(finished.stdout, b"");
    line
}

#[test]
fn what_cannot_be_served_is_refused_in_one_line_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let cases: [(&[&str], &[&str]); 12] = [
        (&["no-such.wasm"], &["APP 'no-such.wasm'", "No such file"]),
        (
            &[manifest],
            &["APP '", "Cargo.toml'", "is not a WebAssembly component"],
        ),
        (
            &[JOIN_ALL],
            &["APP '", "join-all.wasm'", "wasi:http/incoming-handler@0.2"],
        ),
        (&["--addr", &taken, SERVED], &["--addr", &taken, "in use"]),
        (
            &["--addr", "here", SERVED],
            &["--addr", "'here'", "127.0.0.1:8080"],
        ),
        (
            &["--admin", "127.0.0.1:8080", SERVED],
            &["--admin", "127.0.0.1:8080", "--addr"],
        ),
        (&["--allow-host", "a*b", SERVED], &["--allow-host", "a*b"]),
        (&["--allow-host", "", SERVED], &["--allow-host"]),
        (
            &["--block-network", "everything", SERVED],
            &["--block-network", "everything", "private"],
        ),
        (
            &["--env", "NAME", SERVED],
            &["--env", "'NAME'", "NAME=VALUE"],
        ),
        (
            &["--ca-file", manifest, SERVED],
            &["--ca-file", "Cargo.toml", "certificate"],
        ),
        (&["--max-requests", "0", SERVED], &["--max-requests", "'0'"]),
    ];
    for (args, wanted) in cases {
        let line = refused(args);
        assert!(
            wanted.iter().all(|part| line.contains(part)),
            "{args:?}: {line}"
        );
    }
}

#[test]
#[cfg(unix)]
fn it_says_where_it_listens_logs_one_line_for_each_request_and_ends_well_on_sigterm() {
    // Finding it may take a while: it may have to be built.
    let mut command = command();
    on_sockets(|| async move {
        let origin = Loopback::start().await.unwrap();
        let mut serving = command
            .args([
                "serve",
                "--addr",
                "127.0.0.1:0",
                "--admin",
                "127.0.0.1:0",
                "--log",
                "json",
                "--no-cache",
                FAN_OUT,
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(serving.stdout.take().unwrap()).lines();
        let mut address = |prefix: &str| -> SocketAddr {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(prefix).expect(prefix).parse().unwrap()
        };
        let public = address("listening on http://");
        let admin = address("admin on http://");
        let url = origin.url("/bytes/7");
        let said =
            format!("GET /?url={url}&url={url} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(ask(public, said).await.status, 200);
        let metrics = ask(
            admin,
            "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .await;
        assert!(metrics.text().ends_with("# EOF\n"));
        let terminated = std::process::Command::new("kill")
            .args(["-TERM", &serving.id().to_string()])
            .status();
        assert!(terminated.unwrap().success());
        let mut log = String::new();
        serving
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        assert_eq!(serving.wait().unwrap().code(), Some(0), "{log}");
        let lines = log
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
        let requests: Vec<_> = lines.filter(|line| line["target"] == "request").collect();
        let [request] = &requests[..] else {
            panic!("{log}");
        };
        assert_eq!(
            (&request["status"], &request["outcome"]),
            (&200.into(), &"answered".into())
        );
        let calls = request["outbound"].as_array().unwrap();
        assert_eq!(calls.len(), 2);
        assert!(
            calls
                .iter()
                .all(|call| call["url"] == url && call["received"] == 7),
            "{request}"
        );
    });
}
