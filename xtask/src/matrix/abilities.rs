//! What the component does on each host, ability by ability: the example fan-out shows it, the judge gives the score.

use serde_json::Value;

use super::measured;
use crate::hosts::{self, Host};
use crate::shell::{Failure, built, program};

const HEAD: &str = "\
| host | fetch | ten at once | callback | wait-any | deadline | error kinds | conformance |
|---|---|---|---|---|---|---|---|
";
/// The application that shows the cells.
const FAN_OUT: &str = "target/examples/fan-out.wasm";

/// A row for each host.
pub(super) fn table(hosts: &[Host]) -> Result<String, Failure> {
    let mut table = HEAD.to_owned();
    for host in hosts {
        println!("== {}", host.name);
        let row = row(host)?;
        print!("{row}");
        table += &row;
    }
    Ok(table)
}

/// What the example shows, and the score.
fn row(host: &Host) -> Result<String, Failure> {
    let server = host.start(FAN_OUT)?;
    let shown = measured(&[&server.url])?;
    drop(server);
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

/// How many of the vectors that are played on a host pass there. Each family has a fresh host.
fn score(host: &Host) -> Result<String, Failure> {
    let mut entries = String::new();
    for family in hosts::families()? {
        let server = host.start(hosts::APP)?;
        let judge = program(built("urlfetch-conformance"));
        let judge = judge.args(["--json", "--target", &server.url]);
        let judge = judge.args(["--host", host.expectations, &family]);
        entries += &judge.read_even_if_it_fails()?;
    }
    Ok(score_of(&entries).unwrap_or_else(|| "the app does not answer".into()))
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

#[cfg(test)]
mod tests {
    use super::score_of;

    #[test]
    fn a_score_counts_what_was_played() {
        let line = |outcome: &str| format!("{{\"vector\": \"v\", \"outcome\": \"{outcome}\"}}\n");
        let entries =
            line("passed") + &line("not-here") + &line("expected-failure") + &line("failed");
        assert_eq!(score_of(&entries).as_deref(), Some("1 of 3"));
        assert_eq!(score_of(&line("not-here")), None);
    }
}
