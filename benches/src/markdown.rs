//! The report as tables: all of it for benches/README.md and the terminal, the targets and the walls for README.md. What is measured
//! goes between two marks; the text around them is written by hand.

use crate::figure::{Figure, Unit};
use crate::peer::{FLOOR, PEERS};
use crate::report::Report;
use std::fmt::Write;

const BEGIN: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";

/// `text` with what stands between the two marks replaced. None without the marks.
pub(crate) fn between_marks(text: &str, content: &str) -> Option<String> {
    let begin = text.find(BEGIN)? + BEGIN.len();
    let end = begin + text[begin..].find(END)?;
    Some(format!(
        "{}\n{}\n{}",
        &text[..begin],
        content.trim_end(),
        &text[end..]
    ))
}

/// What README.md shows.
pub(crate) fn summary(report: &Report) -> String {
    format!(
        "{}\n{}\n{}",
        targets(report),
        wall(report, "wall"),
        conditions(report)
    )
}

/// Every table.
pub(crate) fn tables(report: &Report) -> String {
    let mut out = targets(report);
    let mut section = |title: &str, table: String| {
        if !table.trim().is_empty() {
            let _ = write!(out, "\n### {title}\n\n{table}");
        }
    };
    section("Time of N fetches of 1 KiB at once", wall(report, "wall"));
    section(
        "Urlfetch on wasmtime's sender and on our pooled one",
        by_case(report, "hosts", Unit::Milliseconds),
    );
    section(
        "Bodies of 32 MiB that are kept",
        by_case(report, "bodies", Unit::Milliseconds),
    );
    section(
        "Upload of 10 MiB",
        by_case(report, "upload", Unit::Milliseconds),
    );
    section(
        "A hundred chains of five redirects",
        by_case(report, "redirects", Unit::Milliseconds),
    );
    section(
        "Ten times 1 MiB, gzipped",
        by_case(report, "gzip", Unit::Milliseconds),
    );
    section(
        "A fresh instance and its first fetch",
        by_case(report, "start", Unit::Milliseconds),
    );
    let mut serve = by_case(report, "serve", Unit::PerSecond);
    serve += "\n";
    serve += &by_case(report, "serve", Unit::Milliseconds);
    section(
        "An application that fetches ten URLs for each request",
        serve,
    );
    let tasks = [Unit::PerSecond, Unit::Milliseconds, Unit::Count];
    let tasks = tasks.map(|unit| by_case(report, "tasks", unit));
    section("Deferred tasks behind `urlfetch serve`", tasks.join("\n"));
    section(
        "Until a callback runs",
        by_case(report, "callbacks", Unit::Nanoseconds),
    );
    section(
        "Fuel of a fetch of 1 KiB",
        by_case(report, "fuel", Unit::Fuel),
    );
    let mut in_flight = by_case(report, "in-flight", Unit::Bytes);
    in_flight += "\n";
    in_flight += &by_case(report, "in-flight", Unit::Handles);
    section("One fetch in flight", in_flight);
    section(
        "Guest memory with four bodies of 32 MiB",
        by_case(report, "kept", Unit::Bytes),
    );
    section("Components", by_case(report, "size", Unit::Bytes));
    section(
        "Memory of the whole process, at its peak",
        by_case(report, "wall-rss", Unit::Bytes),
    );
    let _ = write!(out, "\n{}", conditions(report));
    out
}

/// Those that were measured.
fn targets(report: &Report) -> String {
    let mut out = "| measure | target | measured | |\n|---|---|---|---|\n".to_owned();
    for target in &report.targets {
        let reached = match target.reached {
            Some(true) => "reached",
            Some(false) => "**not reached**",
            None => continue,
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {reached} |",
            target.measure, target.target, target.figure
        );
    }
    out
}

/// Cases as rows, peers as columns.
fn wall(report: &Report, measure: &str) -> String {
    by_case(report, measure, Unit::Milliseconds)
}

fn by_case(report: &Report, measure: &str, unit: Unit) -> String {
    let figures: Vec<&Figure> = report.of(measure, unit).collect();
    let (mut cases, mut names) = (Vec::new(), Vec::new());
    for figure in &figures {
        if !cases.contains(&&*figure.case) {
            cases.push(&*figure.case);
        }
        if !names.contains(&&*figure.peer) {
            names.push(&*figure.peer);
        }
    }
    if figures.is_empty() {
        return String::new();
    }
    let mut out = format!("| {} |", unit_name(unit));
    for name in &names {
        let _ = write!(out, " {} |", shown(name));
    }
    let _ = write!(out, "\n|---|{}\n", "---:|".repeat(names.len()));
    for case in cases {
        let _ = write!(out, "| {case} |");
        for name in &names {
            let figure = figures
                .iter()
                .find(|figure| figure.case == case && figure.peer == *name);
            let _ = write!(
                out,
                " {} |",
                figure.map_or_else(String::new, |figure| cell(figure))
            );
        }
        out.push('\n');
    }
    out
}

fn shown(name: &str) -> &str {
    let peer = PEERS.iter().find(|peer| peer.name == name);
    peer.map_or(name, |peer| peer.shown)
}

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Count => "count",
        Unit::Fuel => "fuel",
        Unit::Handles => "handles",
        Unit::Milliseconds => "ms",
        Unit::Nanoseconds => "ns",
        Unit::PerSecond => "per second",
    }
}

/// `12.3 (11.9-12.8) 1.05×, 2 lost`
fn cell(figure: &Figure) -> String {
    let mut out = match figure.unit {
        Unit::Count => format!("{:.0}", figure.value.median),
        _ => number(figure.value.median),
    };
    // One run has no spread.
    if !figure.exact && figure.samples > 1 {
        let _ = write!(
            out,
            " ({}-{})",
            number(figure.value.low),
            number(figure.value.high)
        );
    }
    if let Some(ratio) = figure.ratio
        && figure.peer != FLOOR
    {
        let _ = write!(out, " {:.2}×", ratio.median);
    }
    if figure.lost > 0 {
        let _ = write!(out, ", **{} lost**", figure.lost);
    }
    out
}

/// Three digits at least, thousands grouped.
fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn conditions(report: &Report) -> String {
    let machine = &report.machine;
    let mut out = format!(
        "Medians with quartiles, and the median ratio to raw 0.2 of the same rounds; {} cores, {}.",
        machine.cores, machine.system
    );
    if let Some(load) = machine.load
        && load > machine.cores as f64 * 1.5
    {
        let _ = write!(
            out,
            " The machine was busy with other things (load {load:.0}): times are worth less than counts."
        );
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::{between_marks, number};

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let text = "a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n";
        let new = between_marks(text, "new\n").unwrap();
        assert_eq!(new, "a\n<!-- bench -->\nnew\n<!-- /bench -->\nb\n");
        assert_eq!(between_marks(&new, "new").unwrap(), new);
        assert_eq!(between_marks("a", "new"), None);
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(number(1234567.0), "1,234,567");
        assert_eq!(number(123.4), "123");
        assert_eq!(number(1.234), "1.23");
    }
}
