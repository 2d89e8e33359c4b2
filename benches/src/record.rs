//! The committed record of exact counts, which are ours to keep from growing.

use crate::figure::Figure;
use crate::root;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// More is a regression; less is worth a new record, but no failure.
const TOLERANCE: f64 = 0.02;

/// Counts of ours by `measure/case/peer`. Those of peers change with their releases and are nobody's regression.
type Record = BTreeMap<String, f64>;

fn file() -> PathBuf {
    root().join("benches").join("record.json")
}

fn record_of(figures: &[Figure]) -> Record {
    let own = figures
        .iter()
        .filter(|figure| ["component", "linked", "composed"].contains(&&*figure.peer));
    own.map(|figure| {
        let name = format!("{}/{}/{}", figure.measure, figure.case, figure.peer);
        (name, figure.value.median)
    })
    .collect()
}

/// Writes the record.
pub(crate) fn write(figures: &[Figure]) -> Result<()> {
    let record = record_of(figures);
    fs::write(file(), serde_json::to_string_pretty(&record)? + "\n")?;
    println!(
        "bench: {} counts written to benches/record.json",
        record.len()
    );
    Ok(())
}

/// Compares with the record; says what differs, and fails when something has grown.
pub(crate) fn check(figures: &[Figure]) -> Result<()> {
    let text =
        fs::read_to_string(file()).context("benches/record.json (write it with --record)")?;
    let record: Record = serde_json::from_str(&text).context("benches/record.json")?;
    let counted = record_of(figures);
    let breaches = breaches(&record, &counted);
    for breach in &breaches {
        println!("{breach}");
    }
    match breaches.len() {
        0 => {
            println!(
                "bench: {} counts, none has grown by more than {:.0} %",
                counted.len(),
                TOLERANCE * 100.0
            );
            Ok(())
        }
        n => bail!(
            "{n} counts differ from benches/record.json (`cargo xtask bench --record` accepts them)"
        ),
    }
}

/// One line for each count that has grown, and for each that only one side knows.
fn breaches(record: &Record, counted: &Record) -> Vec<String> {
    let grown = counted
        .iter()
        .filter_map(|(name, now)| match record.get(name) {
            None => Some(format!("{name}: {now}, and not in the record")),
            Some(then) if *now > then * (1.0 + TOLERANCE) => Some(format!(
                "{name}: {then} has grown to {now}, by {:.1} %",
                (now / then - 1.0) * 100.0
            )),
            Some(_) => None,
        });
    let gone = record.keys().filter(|name| !counted.contains_key(*name));
    let gone = gone.map(|name| format!("{name}: in the record, and not counted"));
    grown.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::{Record, breaches};

    fn record(value: f64) -> Record {
        Record::from([("fuel/100/linked".to_owned(), value)])
    }

    #[test]
    fn growth_of_two_percent_is_no_breach_and_more_is() {
        assert_eq!(breaches(&record(100.0), &record(102.0)), [""; 0]);
        assert_eq!(breaches(&record(100.0), &record(50.0)), [""; 0]);
        assert_eq!(breaches(&record(100.0), &record(103.0)).len(), 1);
    }

    #[test]
    fn a_count_that_only_one_side_has_is_a_breach() {
        assert_eq!(breaches(&Record::new(), &record(1.0)).len(), 1);
        assert_eq!(breaches(&record(1.0), &Record::new()).len(), 1);
    }
}
