//! `cargo xtask soak`: very many fetches from an origin that misbehaves, and what came of them.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io,
    process::ExitCode,
};

use clap::Parser;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use urlfetch_host::raise_fd_limit;
use urlfetch_tests::soak::{Report, Settings, soak};

/// Fetch very often, over real sockets and through one instance, from an origin with random faults.
///
/// Each fetch must end as its URL says, none may be lost, and memory must stay flat once a fifth of them is over. Exit code 1 when
/// that is not so.
#[derive(Parser)]
struct Cli {
    /// How many fetches.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    fetches: u64,
    /// How many are under way at once.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    in_flight: u32,
    /// What the faults are drawn from; by default another one each time. It is printed, and repeats a run.
    #[arg(long)]
    seed: Option<u64>,
    /// Print one JSON object: seed, fetches, as-told, lost, surprises, told, acts, requests, connections, memory, seconds, processors.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A connection has two ends, and both are ours.
    if let Err(error) = raise_fd_limit(u64::from(cli.in_flight) * 16 + 1_000) {
        eprintln!("soak: --in-flight {}: {error}", cli.in_flight);
        return ExitCode::from(2);
    }
    match run(&cli) {
        Ok(report) => finish(&cli, &report),
        Err(error) => {
            eprintln!("soak: the origin cannot listen on 127.0.0.1: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> io::Result<Report> {
    let settings = Settings {
        fetches: cli.fetches,
        seed: cli
            .seed
            .unwrap_or_else(|| RandomState::new().build_hasher().finish()),
        in_flight: cli.in_flight,
    };
    eprintln!("seed {}", settings.seed);
    let template = "{pos}/{len} {bar:40} {per_sec} {elapsed} {msg}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let progress = ProgressBar::new(cli.fetches).with_style(style);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(soak(settings, |moment| {
        progress.set_position(moment.over);
        if moment.over % 1_000 < 200 {
            let guest = HumanBytes(moment.guest as u64);
            progress.set_message(format!("guest {guest}, {} surprises", moment.surprises));
        }
    }));
    progress.finish_and_clear();
    report
}

fn finish(cli: &Cli, report: &Report) -> ExitCode {
    if cli.json {
        println!("{}", serde_json::to_string(report).unwrap_or_default());
    } else {
        print!("{report}");
    }
    match report.fault() {
        None => ExitCode::SUCCESS,
        Some(fault) => {
            eprintln!("soak: {fault} (--seed {} repeats it)", report.seed);
            ExitCode::FAILURE
        }
    }
}
