//! `cargo xtask matrix`: what the component does on each host that runs here, measured, as a table in the README.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::server::{Says, Server};
use crate::shell::{Failure, cargo, program, root};
use crate::{examples, hosts, js};

const README: &str = "README.md";
/// The table stands between these.
const BEGIN: &str = "<!-- written by cargo xtask matrix -->\n";
const END: &str = "<!-- end of the matrix -->\n";
const HEAD: &str = "\
| host | fetch | ten at once | callback | wait-any | deadline | error kinds | conformance |
|---|---|---|---|---|---|---|---|
";

/// The application that shows the cells, and what it is told.
const FAN_OUT: &str = "target/examples/fan-out.wasm";
const ALLOW_PRIVATE: &str = "URLFETCH_ALLOW_PRIVATE=1";

/// A host that is started here.
struct Host {
    name: String,
    /// Its known failures, in tests/expectations.
    expectations: Option<&'static str>,
    start: Box<Start>,
}

/// Serves the application in a file.
type Start = dyn Fn(&str) -> Result<Server, Failure>;

/// Serves the example and the conformance app on each host, and writes a row for it.
pub(crate) fn run(urlfetch: impl Fn(&[&str]) -> Result<(), Failure>) -> Result<(), Failure> {
    examples::run(urlfetch)?;
    hosts::conformance().args(["--app", hosts::APP]).run()?;
    let mut table = HEAD.to_owned();
    for host in hosts_here()? {
        println!("== {}", host.name);
        let row = row(&host)?;
        println!("{row}");
        table += &row;
    }
    let path = root().join(README);
    let at = |error: std::io::Error| Failure::because(format!("{README}: {error}"));
    let readme = fs::read_to_string(&path).map_err(at)?;
    let readme = with_table(&readme, &table)
        .ok_or_else(|| Failure::because(format!("{README} has no place for the matrix")))?;
    fs::write(&path, readme).map_err(at)
}

/// The hosts, each ready to be started.
fn hosts_here() -> Result<Vec<Host>, Failure> {
    cargo(["build", "--quiet", "--bin", "urlfetch", "--bin", "host-row"]).run()?;
    let wasmtime = hosts::wasmtime()?;
    let version = program(&wasmtime)
        .args(["--version"])
        .probe()
        .unwrap_or_default();
    let version = version.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut hosts = vec![
        Host {
            name: "`urlfetch serve`".into(),
            expectations: Some("pooled"),
            start: Box::new(|app| {
                let mut command = Command::new(built("urlfetch"));
                command.args([
                    "serve",
                    app,
                    "--addr",
                    "127.0.0.1:0",
                    "--env",
                    ALLOW_PRIVATE,
                ]);
                Server::start(command, Says::OnStdout("listening on "))
                    .map_err(|said| Failure::because(format!("`urlfetch serve`: {said}")))
            }),
        },
        Host {
            name: format!("`wasmtime serve` {version}"),
            expectations: Some(hosts::NAME),
            start: Box::new(move |app| hosts::serve(&wasmtime, app, &[ALLOW_PRIVATE])),
        },
    ];
    if let Some(node) = js::install()? {
        hosts.push(Host {
            name: format!("jco on Node {}", node.trim_start_matches('v')),
            expectations: None,
            start: Box::new(js::serve),
        });
    }
    Ok(hosts)
}

/// A program of ours, as the selection of `cargo test` builds it.
fn built(name: &str) -> PathBuf {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    root().join("target/debug").join(file)
}

/// A row of the table: what the example shows, and the score.
fn row(host: &Host) -> Result<String, Failure> {
    let server = (host.start)(FAN_OUT)?;
    let shown = program(built("host-row")).args([&server.url]).read()?;
    drop(server);
    let shown: Value = serde_json::from_str(&shown)
        .map_err(|error| Failure::because(format!("host-row: {error}")))?;
    for other in shown["kinds"]["other"].as_array().into_iter().flatten() {
        println!("not told: {other}");
    }
    let yes = |cell: &str| if shown[cell] == true { "yes" } else { "no" };
    let ms = |cell: &str| shown[cell].as_f64().unwrap_or_default().round();
    Ok(format!(
        "| {} | {} | {} ms; in sequence {} ms | {} | {} | {} | {} of {} | {} |\n",
        host.name,
        yes("fetch"),
        ms("parallel_ms"),
        ms("sequence_ms"),
        yes("callback"),
        yes("wait_any"),
        yes("deadline"),
        shown["kinds"]["told"],
        shown["kinds"]["of"],
        score(host)?
    ))
}

/// How many of the vectors that are played on a host pass there. Each family has a host of its own: what one vector does to a host
/// that answers one request at a time is not held against the others.
fn score(host: &Host) -> Result<String, Failure> {
    let mut entries = String::new();
    for family in families()? {
        let server = (host.start)(hosts::APP)?;
        let judge = hosts::conformance().args(["--json", "--target", &server.url]);
        let judge = match host.expectations {
            Some(name) => judge.args(["--host", name]),
            None => judge,
        };
        entries += &judge.args([family + "/"]).read_even_if_it_fails()?;
    }
    Ok(score_of(&entries).unwrap_or_else(|| "the app does not answer".into()))
}

/// The folders of vectors.
fn families() -> Result<Vec<String>, Failure> {
    let folder = root().join("tests/vectors");
    let entries = fs::read_dir(&folder)
        .map_err(|error| Failure::because(format!("{}: {error}", folder.display())))?;
    let mut families: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    families.sort();
    Ok(families)
}

/// From the judge's lines; none when it has played nothing.
fn score_of(entries: &str) -> Option<String> {
    let outcomes: Vec<Value> = entries
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|mut entry| entry["outcome"].take())
        .filter(|outcome| outcome != "not-here")
        .collect();
    let passed = outcomes
        .iter()
        .filter(|outcome| *outcome == "passed" || *outcome == "unexpected-pass")
        .count();
    (!outcomes.is_empty()).then(|| format!("{passed} of {}", outcomes.len()))
}

/// The README with this table in its place.
fn with_table(readme: &str, table: &str) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, score_of, with_table};

    #[test]
    fn the_table_replaces_the_one_before() {
        let readme = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(
            with_table(&readme, "new\n"),
            Some(format!("a\n{BEGIN}new\n{END}b\n"))
        );
        assert_eq!(with_table("a\n", "new\n"), None);
    }

    #[test]
    fn a_score_counts_what_was_played() {
        let line = |outcome: &str| format!("{{\"vector\": \"v\", \"outcome\": \"{outcome}\"}}\n");
        let entries =
            line("passed") + &line("not-here") + &line("expected-failure") + &line("failed");
        assert_eq!(score_of(&entries).as_deref(), Some("1 of 3"));
        assert_eq!(score_of(&line("not-here")), None);
    }
}
