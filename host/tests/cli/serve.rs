//! The command that serves: what it refuses, what it prints, and how it ends.

use super::{command, file, urlfetch};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use urlfetch_host::COMPONENT;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// An application that imports what an application includes, and traps on every request.
const HANDLER: &str = "
package test:served;
world handler { include urlfetch:rpc/imports@0.2.0; export wasi:http/incoming-handler@0.2.0; }
";

fn application() -> PathBuf {
    let mut resolve = Resolve::default();
    resolve.push_dir("../wit").unwrap();
    let package = resolve.push_str("served.wit", HANDLER).unwrap();
    let world = resolve.select_world(&[package], Some("handler")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    file(
        "handler.wasm",
        &encoder.module(&module).unwrap().encode().unwrap(),
    )
}

#[test]
fn what_cannot_be_served_is_refused_in_one_line_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let (app, ours) = (application(), file("served-ours.wasm", COMPONENT));
    let (app, ours) = (app.to_str().unwrap(), ours.to_str().unwrap());
    let cases: [(&[&str], &[&str]); 12] = [
        (&["no-such.wasm"], &["APP 'no-such.wasm'", "No such file"]),
        (
            &["Cargo.toml"],
            &["APP 'Cargo.toml'", "is not a WebAssembly component"],
        ),
        (
            &[ours],
            &["APP '", "served-ours.wasm'", "incoming-handler@0.2"],
        ),
        (
            &["--addr", &taken, "--no-cache", app],
            &["--addr", &taken, "in use"],
        ),
        (
            &["--addr", "here", app],
            &["--addr", "'here'", "127.0.0.1:8080"],
        ),
        (
            &["--admin", "127.0.0.1:8080", app],
            &["--admin", "127.0.0.1:8080", "--addr"],
        ),
        (&["--allow-host", "a*b", app], &["--allow-host", "a*b"]),
        (&["--allow-host", "", app], &["--allow-host"]),
        (
            &["--block-network", "everything", app],
            &["--block-network", "everything", "private"],
        ),
        (&["--env", "NAME", app], &["--env", "'NAME'", "NAME=VALUE"]),
        (
            &["--ca-file", "Cargo.toml", app],
            &["--ca-file", "Cargo.toml", "certificate"],
        ),
        (&["--max-requests", "0", app], &["--max-requests", "'0'"]),
    ];
    for (args, wanted) in cases {
        let ran = urlfetch(&[&["serve"], args].concat());
        let line = ran.refused();
        assert!(
            wanted.iter().all(|part| line.contains(part)),
            "{args:?}: {}",
            ran.stderr
        );
    }
}

/// One request, and everything that comes back.
fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).unwrap();
    heard
}

#[test]
#[cfg(unix)]
fn it_says_where_it_listens_logs_one_line_for_each_request_and_ends_well_on_sigterm() {
    use rustix::process::{Pid, Signal, kill_process};
    let app = application();
    let mut serving = command()
        .args(["serve", "--addr", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args(["--log", "json", "--no-cache", app.to_str().unwrap()])
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
    let answer = ask(public, "/a?b");
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(ask(admin, "/metrics").ends_with("# EOF\n"));
    kill_process(Pid::from_child(&serving), Signal::TERM).unwrap();
    let mut log = String::new();
    let mut stderr = serving.stderr.take().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    assert_eq!(serving.wait().unwrap().code(), Some(0), "{log}");
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect(line));
    let requests: Vec<_> = lines.filter(|line| line["target"] == "request").collect();
    let [request] = &requests[..] else {
        panic!("{log}");
    };
    assert_eq!(
        (&request["path"], &request["status"], &request["outcome"]),
        (&"/a?b".into(), &500.into(), &"trapped".into())
    );
}
