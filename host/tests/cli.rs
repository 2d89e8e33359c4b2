//! The command `urlfetch` from outside: arguments in; lines, files and exit codes out. Its origin is on loopback.

#[path = "cli/components.rs"]
mod components;
#[path = "cli/serve.rs"]
mod serve;

use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tokio::runtime::Runtime;
use urlfetch_host::Loopback;

/// An origin that answers while a test runs the command.
struct Origin {
    /// Keeps it answering.
    _runtime: Runtime,
    loopback: Loopback,
}

impl Origin {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let loopback = runtime.block_on(Loopback::start()).unwrap();
        Origin {
            _runtime: runtime,
            loopback,
        }
    }

    fn url(&self, path: &str) -> String {
        self.loopback.url(path)
    }
}

/// What a run left behind.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Bad usage: exit code 2, one line, nothing else.
    fn refused(&self) -> &str {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (2, ""),
            "{}",
            self.stderr
        );
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        self.stderr.strip_prefix("urlfetch: ").unwrap().trim_end()
    }
}

fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn urlfetch(args: &[&str]) -> Ran {
    ran(command().args(args).output().unwrap())
}

fn urlfetch_with_stdin(args: &[&str], stdin: &str) -> Ran {
    let mut child = command()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(stdin.as_bytes()).unwrap();
    drop(pipe);
    ran(child.wait_with_output().unwrap())
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_urlfetch"))
}

/// A file of its own for one test.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn json_lines_come_in_the_order_of_the_arguments() {
    let origin = Origin::start();
    let urls = [
        origin.url("/delay/200/3"),
        origin.url("/bytes/1024"),
        origin.url("/redirect/2"),
        origin.url("/status/404"),
    ];
    let ran = urlfetch(&[
        "fetch",
        "--json",
        "--allow-private",
        &urls[0],
        &urls[1],
        &urls[2],
        &urls[3],
    ]);
    assert_eq!(
        ran.code, 0,
        "an HTTP error status is an answer: {}",
        ran.stderr
    );
    let lines = ran.lines();
    assert_eq!(
        lines
            .iter()
            .map(|line| line["url"].as_str().unwrap())
            .collect::<Vec<_>>(),
        urls
    );
    assert_eq!(
        lines
            .iter()
            .map(|line| line["status"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [200, 200, 200, 404]
    );
    assert_eq!(
        lines
            .iter()
            .map(|line| line["bytes"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [3, 1024, 8, 0]
    );
    assert_eq!(
        lines
            .iter()
            .map(|line| line["hops"].as_array().unwrap().len())
            .collect::<Vec<_>>(),
        [1, 1, 3, 1]
    );
    assert_eq!(lines[2]["final_url"], origin.url("/redirect/0"));
    assert!(lines[0]["ms"].as_f64().unwrap() >= 200.0);
    assert!(lines.iter().all(|line| line["error"].is_null()));
}

#[test]
fn a_failed_rpc_is_a_typed_error_and_exit_code_one() {
    let origin = Origin::start();
    let (late, fine) = (origin.url("/drip"), origin.url("/bytes/1"));
    let ran = urlfetch(&[
        "fetch",
        "--json",
        "--allow-private",
        "--deadline",
        "0.3",
        &late,
        &fine,
    ]);
    assert_eq!(ran.code, 1);
    let lines = ran.lines();
    let error = &lines[0]["error"];
    assert_eq!(
        (&error["kind"], &error["code"]),
        (&"deadline-exceeded".into(), &5.into())
    );
    assert_eq!(
        (&error["phase"], &error["retryable"]),
        (&"body".into(), &true.into())
    );
    assert!(error["detail"].is_string());
    assert!(lines[1]["error"].is_null(), "the others are not harmed");
}

#[test]
fn a_deadline_may_be_as_short_or_as_long_as_one_likes() {
    let origin = Origin::start();
    let short = urlfetch(&[
        "fetch",
        "--json",
        "--allow-private",
        "--deadline",
        "1e-9",
        &origin.url("/stall"),
    ]);
    assert_eq!(
        (short.code, &short.lines()[0]["error"]["kind"]),
        (1, &"deadline-exceeded".into())
    );
    let long = urlfetch(&[
        "fetch",
        "--json",
        "--allow-private",
        "--deadline",
        "1e300",
        &origin.url("/bytes/1"),
    ]);
    assert_eq!(long.code, 0, "{}{}", long.stdout, long.stderr);
}

#[test]
fn the_picture_has_a_row_and_a_bar_per_rpc_and_ends_in_the_totals() {
    let origin = Origin::start();
    let ran = urlfetch(&[
        "fetch",
        "--allow-private",
        &origin.url("/delay/100"),
        &origin.url("/redirect/1"),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let rows = ran
        .stdout
        .lines()
        .filter(|line| line.starts_with(" 1  ") || line.starts_with(" 2  "))
        .count();
    assert_eq!(rows, 4, "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains(&format!("-> {}", origin.url("/redirect/0"))),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .lines()
            .last()
            .unwrap()
            .starts_with("2 fetched, 0 failed in "),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains('\x1b'), "colours are for terminals");
}

#[test]
fn options_reach_the_origin() {
    let origin = Origin::start();
    let echo = origin.url("/echo");
    let ran = urlfetch(&[
        "fetch",
        "--json",
        "--allow-private",
        "--method",
        "put",
        "--header",
        "X-Trace: a b",
        "--header",
        "Host: other",
        "--data",
        "hello",
        &echo,
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.lines()[0]["bytes"].as_u64().unwrap() > 0);
    assert_eq!(
        ran.stderr.trim_end(),
        "urlfetch: --header 'Host': not sent, a caller may not set it"
    );
    let unfollowed = urlfetch(&[
        "fetch",
        "--json",
        "--allow-private",
        "--no-follow",
        &origin.url("/redirect/1"),
    ]);
    assert_eq!(
        (unfollowed.code, &unfollowed.lines()[0]["status"]),
        (0, &302.into())
    );
    let stock = urlfetch(&[
        "fetch",
        "--json",
        "--allow-private",
        "--stock",
        &origin.url("/bytes/9"),
    ]);
    assert_eq!((stock.code, &stock.lines()[0]["bytes"]), (0, &9.into()));
}

#[test]
fn private_addresses_are_refused_and_the_error_names_the_switch() {
    let origin = Origin::start();
    let ran = urlfetch(&["fetch", "--json", &origin.url("/bytes/1")]);
    assert_eq!(ran.code, 1);
    let error = &ran.lines()[0]["error"];
    assert_eq!(error["kind"], "refused");
    assert!(
        error["detail"]
            .as_str()
            .unwrap()
            .contains("--allow-private"),
        "{error}"
    );
    assert_eq!(origin.loopback.connections(), 0);
}

#[test]
fn bad_usage_is_one_line_and_nothing_is_sent() {
    let origin = Origin::start();
    let fine = origin.url("/bytes/1");
    let long = format!("X-Long: {}", "a".repeat(17 << 10));
    let big = file("eleven-mebibytes", &vec![0; 11 << 20]);
    let big = format!("@{}", big.display());
    let cases: [(&[&str], &str); 11] = [
        (&["not-a-url"], "URL 'not-a-url': "),
        (&["ftp://example.com/"], "URL 'ftp://example.com/': "),
        (&["--deadline", "0"], "--deadline"),
        (&["--deadline", "-3"], "--deadline"),
        (&["--method", "BREW"], "--method"),
        (&["--header", "X: a\nb"], "--header"),
        (&["--header", &long], "--header: "),
        (&["--data", &big], "--data: "),
        (&["--data", "x", "--method", "GET"], "--data: "),
        (&["--max-in-flight", "10001"], "--max-in-flight"),
        (&["--ca-file", "no/such.pem"], "--ca-file 'no/such.pem': "),
    ];
    for (args, named) in cases {
        let ran = urlfetch(&[&["fetch", "--allow-private", &fine], args].concat());
        assert!(ran.refused().contains(named), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(origin.loopback.connections(), 0);
}

#[test]
fn a_thousand_urls_come_from_standard_input_and_none_is_lost() {
    let origin = Origin::start();
    let urls: String = (0..1000)
        .map(|n| format!("{}\n", origin.url(&format!("/bytes/{n}"))))
        .collect();
    let ran = urlfetch_with_stdin(
        &[
            "fetch",
            "--json",
            "--allow-private",
            "--max-in-flight",
            "1000",
            "-",
        ],
        &urls,
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let bytes: Vec<_> = ran
        .lines()
        .iter()
        .map(|line| line["bytes"].as_u64().unwrap())
        .collect();
    assert_eq!(bytes, (0..1000).collect::<Vec<_>>());
    assert_eq!(origin.loopback.requests(), 1000);
}

#[cfg(unix)]
#[test]
fn a_file_descriptor_limit_that_is_too_low_is_refused_with_the_number_needed() {
    let urls = "http://127.0.0.1:1/\n".repeat(500);
    let urls = file("five-hundred-urls", urls.as_bytes());
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 100 && exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_urlfetch"),
        ])
        .args([
            "fetch",
            "--allow-private",
            "--max-in-flight",
            "500",
            &format!("@{}", urls.display()),
        ])
        .output()
        .unwrap();
    let ran = ran(output);
    let line = ran.refused();
    assert!(
        line.starts_with("--max-in-flight 500: ") && line.contains("ulimit -n"),
        "{line}"
    );
}

#[test]
fn demo_ends_as_expected() {
    let ran = urlfetch(&["demo"]);
    assert_eq!(
        ran.stdout.lines().last(),
        Some("demo: 8 fetched, 5 failed as expected"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert_eq!(ran.code, 0);
}
