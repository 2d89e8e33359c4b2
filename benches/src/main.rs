//! `urlfetch-bench`: urlfetch and its peers side by side. `cargo xtask bench` builds what it needs and runs it.

mod contest;
mod exact;
mod figure;
mod guest;
mod load;
mod markdown;
mod memory_origin;
mod origin;
mod peer;
mod plot;
mod record;
mod report;
mod sample;
mod serving;
mod starting;
mod targets;
mod tasks;
mod timed;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measures urlfetch and its peers on the same host against the same origin.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Cli {
    /// Fewer rounds, and at most 1,000 at once: under five minutes on a quiet machine. README.md is left as it is.
    #[arg(long)]
    quick: bool,
    /// Print the report as JSON instead of tables. It is written to target/bench/report.json in any case.
    #[arg(long)]
    json: bool,
    /// Measure this anew, and take the rest from the last run. May be repeated.
    #[arg(long, value_name = "MEASURE", value_enum)]
    only: Vec<Measure>,
    /// Keep what an interrupted run has measured in this mode, and go on after it.
    #[arg(long, conflicts_with = "only")]
    resume: bool,
    /// Count what is exact, compare it with benches/record.json, and fail when anything has grown by more than 2 %.
    #[arg(long, conflicts_with_all = ["only", "quick", "resume", "json"])]
    check: bool,
    /// Count what is exact, and write it to benches/record.json.
    #[arg(long, conflicts_with_all = ["only", "quick", "resume", "json", "check"])]
    record: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// Processes that the benchmark starts of itself.
#[derive(Subcommand)]
enum Part {
    /// The origin: says where it is, and ends with its stdin.
    #[command(hide = true)]
    Origin,
    /// One run of a guest.
    #[command(hide = true)]
    Guest(sample::GuestArgs),
    /// Many first fetches of fresh instances.
    #[command(hide = true)]
    Starts(starting::StartsArgs),
}

/// What is measured. Exact counts first; they need no quiet machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Measure {
    /// Bytes of the components.
    Size,
    /// Units of fuel for each fetch of 1 KiB.
    Fuel,
    /// Guest memory and host handles of each fetch in flight.
    InFlight,
    /// Guest memory of bodies that are kept.
    Kept,
    /// Time of 1 to 10,000 fetches of 1 KiB at once, answered at once or after 100 ms.
    Wall,
    /// The same for urlfetch on the pooled host.
    Hosts,
    /// Time of bodies of 32 MiB that are kept.
    Bodies,
    /// Time of an upload of 10 MiB.
    Upload,
    /// Time of chains of 5 redirects.
    Redirects,
    /// Time of 1 MiB that comes gzipped.
    Gzip,
    /// Time of an instance and its first fetch.
    Start,
    /// Time until a callback runs.
    Callbacks,
    /// Requests per second of an application that fetches ten URLs for each.
    Serve,
    /// Deferred tasks of `urlfetch serve`: how many are taken and delivered, and how soon. Ten minutes of it are one run.
    Tasks,
}

impl Measure {
    /// In figures and file names.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it counts and takes no time.
    pub(crate) fn is_exact(self) -> bool {
        matches!(
            self,
            Measure::Size | Measure::Fuel | Measure::InFlight | Measure::Kept
        )
    }
}

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    Quick,
    Full,
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where everything is built and written.
pub(crate) fn folder() -> PathBuf {
    root().join("target").join("bench")
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.part {
        Some(Part::Origin) => origin::serve(),
        Some(Part::Guest(args)) => sample::run_guest(args),
        Some(Part::Starts(args)) => starting::run(args),
        None => run(&cli),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    if cli.check || cli.record {
        let mut figures = Vec::new();
        for &measure in Measure::value_variants() {
            if measure.is_exact() {
                figures.extend(exact::measure(measure, peer::OURS)?);
            }
        }
        return match cli.check {
            true => record::check(&figures),
            false => record::write(&figures),
        };
    }
    let mode = match cli.quick {
        true => Mode::Quick,
        false => Mode::Full,
    };
    let report = report::measure(mode, &cli.only, cli.resume)?;
    report.write()?;
    match cli.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => println!("{}", markdown::tables(&report)),
    }
    Ok(())
}
