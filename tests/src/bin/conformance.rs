//! `urlfetch-conformance`, which is `cargo xtask conformance` and `urlfetch conformance`: plays the vectors and says how they did.

use clap::Parser;
use std::error::Error;
use std::fs;
use std::process::ExitCode;
use urlfetch_tests::vectors::{
    Expectations, Target, WorldName, app, expectations, load_all, run, shown_elsewhere, summary,
    uncovered,
};

/// Play the conformance vectors in every world, or on a host of yours.
///
/// A host is judged by serving it a component that answers HTTP: `--app APP.wasm` writes it, `wasmtime serve -Scli APP.wasm` or any
/// other host of wasi:http 0.2 serves it, and `--target http://HOST:PORT` plays the vectors that need no more than sockets there. The
/// host must run on this machine, since the origins listen on its loopback; it must let the app reach 127.0.0.1 on any port, and
/// stream both bodies of a request at once.
///
/// Exit code 0 when there was no surprise, 1 when there was, 2 on bad usage: one line on stderr.
#[derive(Parser)]
#[command(name = "urlfetch-conformance")]
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
    /// In no world but on the host that serves the conformance app at this address.
    #[arg(long, value_name = "URL", conflicts_with = "world")]
    target: Option<String>,
    /// What to call that host. Its known failures are those of tests/expectations/NAME.toml; without a name none is known.
    #[arg(long, value_name = "NAME", requires = "target")]
    host: Option<String>,
    /// Play nothing: write the conformance app, composed with the component.
    #[arg(long, value_name = "FILE", exclusive = true)]
    app: Option<String>,
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
fn conform(cli: &Cli) -> Result<bool, Box<dyn Error>> {
    if let Some(path) = &cli.app {
        fs::write(path, app()?).map_err(|error| format!("--app '{path}': {error}"))?;
        return Ok(true);
    }
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
    for world in worlds(cli)? {
        let known = match (&world, &cli.host) {
            (WorldName::Served { .. }, None) => Expectations::new(),
            _ => expectations(world.name(), &all)?,
        };
        let played = run(&cases, &world, &known);
        lines.push(summary(&world, &played));
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

/// Where the vectors are to be played.
fn worlds(cli: &Cli) -> Result<Vec<WorldName>, Box<dyn Error>> {
    let Some(target) = &cli.target else {
        let is_asked = |world: &WorldName| {
            cli.world.is_empty() || cli.world.iter().any(|name| name == world.name())
        };
        return Ok(WorldName::ALL.into_iter().filter(is_asked).collect());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let target = runtime.block_on(Target::find(target));
    Ok(vec![WorldName::Served {
        host: cli.host.clone().unwrap_or_else(|| "host".to_owned()),
        target: target.map_err(|error| format!("--target {error}"))?,
    }])
}
