//! How long it takes until a fresh instance of a compiled component has its first answer.

use crate::figure::{Figure, Spread, Unit};
use crate::guest::{Guest, World};
use crate::origin::Origin;
use crate::peer::{FLOOR, Peer};
use crate::{Mode, folder};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// A component that does nothing, beside those that fetch.
const EMPTY: &str = "empty";
const NAMES: [&str; 5] = ["linked", "composed", FLOOR, "wstd", EMPTY];

/// What the process is told.
#[derive(clap::Args)]
pub(crate) struct StartsArgs {
    rounds: usize,
    url: String,
}

/// The part of a process that starts all of them in turn, so often, and prints the nanoseconds of each round.
pub(crate) fn run(args: &StartsArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let load = |name| Guest::load(&file(name), World::Stock);
        let guests = NAMES.map(load).into_iter().collect::<Result<Vec<_>>>()?;
        let fetch = ["fetch", "1", args.url.as_str()].map(str::to_owned);
        let mut rounds = Vec::with_capacity(args.rounds);
        for _ in 0..args.rounds {
            let mut round = Vec::with_capacity(guests.len());
            for guest in &guests {
                let started = Instant::now();
                guest.run(&fetch, None).await?;
                round.push(started.elapsed().as_nanos() as u64);
            }
            rounds.push(round);
        }
        println!("{}", serde_json::to_string(&rounds)?);
        Ok(())
    })
}

fn file(name: &str) -> PathBuf {
    match name {
        EMPTY => folder().join("peers/wasm32-wasip2/release/empty.wasm"),
        _ => Peer::named(name).file(),
    }
}

/// Measures it.
pub(crate) async fn measure(mode: Mode, origin: &Origin) -> Result<Vec<Figure>> {
    let rounds = match mode {
        Mode::Quick => 100,
        Mode::Full => 1_000,
    };
    eprintln!("start: {rounds} rounds");
    let running = Command::new(std::env::current_exe()?)
        .args(["starts", &rounds.to_string(), &origin.url("/bytes/1024")])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(120), running).await;
    let output = output.context("it is not over after 120 s")??;
    let rounds: Vec<[f64; NAMES.len()]> = serde_json::from_slice(&output.stdout)?;
    let floor = NAMES
        .iter()
        .position(|name| *name == FLOOR)
        .context("it runs too")?;
    let figures = NAMES.iter().enumerate().filter_map(|(place, name)| {
        let values = rounds.iter().map(|round| round[place] / 1e6);
        let ratios = rounds.iter().map(|round| round[place] / round[floor]);
        Some(Figure {
            ratio: Spread::of(ratios.collect()),
            value: Spread::of(values.collect())?,
            samples: rounds.len(),
            exact: false,
            ..Figure::exact("start", "first fetch", name, Unit::Milliseconds, 0.0)
        })
    });
    Ok(figures.collect())
}
