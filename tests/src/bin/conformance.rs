//! `cargo xtask conformance`: plays the vectors and says how they did.

use clap::Parser;
use std::process::ExitCode;
use urlfetch_tests::vectors::{
    Malformed, WorldName, expectations, load_all, run, shown_elsewhere, summary, uncovered,
};

/// Play the conformance vectors in every world.
#[derive(Parser)]
struct Cli {
    /// Print one JSON object for each vector and world instead: vector, cases, world, outcome, reason.
    #[arg(long)]
    json: bool,
    /// Print the ids of cases that no vector shows, one per line, with what shows them instead where something does.
    #[arg(long)]
    coverage: bool,
    /// Only in these worlds: virtual, pooled, stock.
    #[arg(long, value_name = "WORLD", value_parser = ["virtual", "pooled", "stock"])]
    world: Vec<String>,
    /// Only vectors whose name or ids contain this.
    filter: Option<String>,
}

fn main() -> ExitCode {
    match conform(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::from(2)
        }
    }
}

/// True when there was no surprise.
fn conform(cli: &Cli) -> Result<bool, Malformed> {
    let all = load_all()?;
    let mut cases = all.clone();
    if let Some(filter) = &cli.filter {
        cases.retain(|case| {
            case.name.contains(filter) || case.vector.cases.iter().any(|id| id.contains(filter))
        });
    }
    if cases.is_empty() {
        // A suite that plays nothing is not green.
        eprintln!("conformance: no vector matches");
        return Ok(false);
    }
    let mut entries = Vec::new();
    let mut lines = Vec::new();
    for world in WorldName::ALL {
        if !cli.world.is_empty() && !cli.world.iter().any(|name| name == world.name()) {
            continue;
        }
        let played = run(&cases, world, &expectations(world, &all)?);
        lines.push(summary(world, &played));
        entries.extend(played);
    }
    if cli.json {
        for entry in &entries {
            let line = serde_json::to_string(entry).unwrap_or_default();
            println!("{line}");
        }
    } else if cli.coverage {
        let elsewhere = shown_elsewhere(&all)?;
        for id in uncovered(&entries)? {
            match elsewhere.get(&id) {
                Some(where_it_is) => println!("{id}: {where_it_is}"),
                None => println!("{id}"),
            }
        }
    }
    for entry in entries.iter().filter(|entry| entry.is_surprise()) {
        let reason = entry.reason.as_deref().unwrap_or_default();
        eprintln!(
            "{} {} {:?}: {reason}",
            entry.world, entry.vector, entry.outcome
        );
    }
    if !cli.json && !cli.coverage {
        for line in lines {
            println!("{line}");
        }
    }
    Ok(!entries.iter().any(|entry| entry.is_surprise()))
}
