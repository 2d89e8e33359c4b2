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

/// An application that cannot be had without somebody else's component.
const DEPENDENT: &str = "
package acme:things@1.2.0;
interface store { get: func(key: string) -> string; }
world handler { import store; export wasi:http/incoming-handler@0.2.0; }
";

/// The application of a world `handler`, in a file.
fn application(name: &str, wit: &str) -> PathBuf {
    let mut resolve = Resolve::default();
    resolve.push_dir("../wit").unwrap();
    let package = resolve.push_str("served.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("handler")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    file(name, &encoder.module(&module).unwrap().encode().unwrap())
}

/// The name for a file of tasks, beside which there is a key of this mode.
#[cfg(unix)]
fn beside_a_key(name: &str, key: &str, mode: u32) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = file(&format!("{name}.key"), key.as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path.with_extension("db").to_str().unwrap().to_owned()
}

#[test]
#[cfg(unix)]
fn what_cannot_be_served_is_refused_in_one_line_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let app = application("handler.wasm", HANDLER);
    let dependent = application("dependent.wasm", DEPENDENT);
    let ours = file("served-ours.wasm", COMPONENT);
    let [app, dependent, ours] = [&app, &dependent, &ours].map(|path| path.to_str().unwrap());
    let key = format!("a:{}\n", "0".repeat(64));
    let open = beside_a_key("open", &key, 0o644);
    let broken = beside_a_key("broken", "", 0o600);
    let cases: [(&[&str], &[&str]); 28] = [
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
            &["--no-cache", dependent],
            &[
                "APP '",
                "dependent.wasm'",
                "imports acme:things/store@1.2.0",
            ],
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
        (
            &["--tasks", "google", "--tasks-listen", "127.0.0.1:0", app],
            &["--tasks-listen", "127.0.0.1:0", "--tasks google"],
        ),
        (
            &["--tasks-endpoint", "https://tasks.test", app],
            &["--tasks-endpoint", "tasks.test", "--tasks google"],
        ),
        (
            &[
                "--tasks",
                "google",
                "--tasks-endpoint",
                "https://tasks.test/v2",
                app,
            ],
            &["--tasks-endpoint", "'https://tasks.test/v2'", "has a path"],
        ),
        (&["--tasks-issuer", "google", app], &["--tasks-audience"]),
        (
            &[
                "--tasks-issuer",
                "me",
                "--tasks-audience",
                "a",
                "--tasks-email",
                "b",
                app,
            ],
            &["--tasks-issuer", "'me'", "is not a URL"],
        ),
        (
            &["--tasks", "postgres://u:secret@127.0.0.1:1/x", app],
            &["--tasks", "postgres://", "127.0.0.1", "refused"],
        ),
        (
            &["--tasks", "remote", app],
            &["--tasks", "'remote'", "`off`"],
        ),
        (
            &["--tasks", "off", "--tasks-listen", "127.0.0.1:0", app],
            &["--tasks-listen", "127.0.0.1:0", "--tasks off"],
        ),
        (
            &["--tasks-file", app, app],
            &["--tasks-file", "handler.wasm", "is no file of tasks"],
        ),
        // Everybody may read the key beside it.
        (
            &["--tasks-file", &open, app],
            &["--tasks-file", "open.key'", "chmod 600"],
        ),
        (
            &["--tasks-file", &broken, app],
            &["--tasks-file", "broken.key'", "has no keys"],
        ),
        (
            &["--dir", "no-such::/data", app],
            &["--dir", "'no-such::/data'", "No such file"],
        ),
        (&["--dir", "Cargo.toml", app], &["--dir", "'Cargo.toml'"]),
        (&["--dir", "::/data", app], &["--dir", "HOST::GUEST"]),
        (
            &["--tasks-listen", "here", app],
            &["--tasks-listen", "'here'"],
        ),
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

#[test]
fn credentials_that_are_none_are_refused_before_anything_is_served() {
    let account = file("account.json", br#"{"type": "external_account"}"#);
    let app = application("handler.wasm", HANDLER);
    let ran = command()
        .args(["serve", "--tasks", "google", app.to_str().unwrap()])
        .env("GOOGLE_APPLICATION_CREDENTIALS", &account)
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(
        (ran.status.code(), said.lines().count()),
        (Some(2), 1),
        "{said}"
    );
    for part in [
        "--tasks google",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "account.json",
        "external_account",
    ] {
        assert!(said.contains(part), "{said}");
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
    let app = application("handler.wasm", HANDLER);
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

#[test]
fn tasks_are_looked_after_from_the_command_line_by_those_who_may_read_the_token() {
    let app = application("handler.wasm", HANDLER);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("looked-after");
    let _ = std::fs::remove_dir_all(&folder);
    let (tasks, token) = (folder.join("tasks.db"), folder.join("tasks.token"));
    let mut serving = command()
        .args([
            "serve",
            "--addr",
            "127.0.0.1:0",
            "--tasks-listen",
            "127.0.0.1:0",
        ])
        .args([
            "--no-cache",
            "--tasks-file",
            tasks.to_str().unwrap(),
            app.to_str().unwrap(),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(serving.stdout.take().unwrap()).lines();
    let server = lines
        .map(Result::unwrap)
        .find_map(|line| line.strip_prefix("tasks on ").map(str::to_owned))
        .expect("it says where");
    let token = token.to_str().unwrap();
    let say = |args: &[&str]| {
        urlfetch(
            &[
                &["tasks"],
                args,
                &["--server", &server, "--token-file", token],
            ]
            .concat(),
        )
    };
    let queue = "projects/p/locations/l/queues/default";

    assert_eq!(say(&["list"]).stdout, "");
    assert_eq!(say(&["pause", queue]).code, 0);
    assert_eq!(say(&["list"]).stdout, format!("{queue}  paused  0 tasks\n"));
    // By the socket, as another client would.
    let secret = std::fs::read_to_string(token).unwrap();
    let body = r#"{"task":{"name":"projects/p/locations/l/queues/default/tasks/t","httpRequest":{"url":"http://a.test/"}}}"#;
    let mut stream = TcpStream::connect(server.strip_prefix("http://").unwrap()).unwrap();
    write!(
        stream,
        "POST /v2/{queue}/tasks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        secret.trim(),
        body.len()
    )
    .unwrap();
    let mut created = String::new();
    stream.read_to_string(&mut created).unwrap();
    assert!(created.starts_with("HTTP/1.1 200 "), "{created}");

    let listed = say(&["list", "default"]).stdout;
    assert!(
        listed.contains("\n  t  due ") && listed.ends_with("  0 attempts  POST http://a.test/\n"),
        "{listed}"
    );
    let objects = say(&["list", "--json"]).stdout;
    let objects: Vec<Value> = objects
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&objects[0]["state"], &objects[1]["name"]),
        (&"PAUSED".into(), &format!("{queue}/tasks/t").into())
    );
    assert_eq!(say(&["delete", "default/t"]).code, 0);
    let again = say(&["delete", "default/t"]);
    assert!(
        again.code == 1 && again.stderr.contains("no longer exists"),
        "{}",
        again.stderr
    );
    assert_eq!(say(&["run", "default/t"]).code, 1);
    assert_eq!(say(&["purge", "default"]).code, 0);
    assert_eq!(say(&["resume", "default"]).code, 0);
    assert_eq!(
        say(&["list"]).stdout,
        format!("{queue}  running  0 tasks\n")
    );

    let nowhere = say(&["pause", "elsewhere"]);
    assert!(
        nowhere.code == 1 && nowhere.stderr.contains("'elsewhere'"),
        "{}",
        nowhere.stderr
    );
    assert!(say(&["delete", "t"]).refused().contains("QUEUE/ID"));
    let stranger = file("wrong.token", b"0123456789abcdef\n");
    let stranger = urlfetch(&[
        "tasks",
        "list",
        "--server",
        &server,
        "--token-file",
        stranger.to_str().unwrap(),
    ]);
    assert!(stranger.refused().contains("--token-file"));
    assert!(
        urlfetch(&["tasks", "list", "--token-file", "no-such"])
            .refused()
            .contains("'no-such'")
    );
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(say(&["list"]).refused().contains("--server"));
    std::fs::remove_dir_all(&folder).unwrap();
}
