//! `cargo xtask tasks-kill`: kills a server of tasks again and again, and says whether what it had acknowledged has run.

use clap::Parser;
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::process::ExitCode;
use urlfetch_tests::kills::{Settings, kill_loop, serve};

/// Kill a server that keeps tasks at random instants, while clients make tasks, and start it again.
///
/// In the end every task that was acknowledged must have run. Exit code 1 when one has not.
#[derive(Parser)]
struct Cli {
    /// How often.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    kills: u32,
    /// Be the server that is killed, with its tasks in this folder.
    #[arg(long, value_name = "FOLDER", hide = true)]
    serve: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = match &cli.serve {
        Some(folder) => serve(folder).map_err(|error| error.to_string()),
        None => run(cli.kills),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("tasks-kill: {line}");
            ExitCode::FAILURE
        }
    }
}

fn run(kills: u32) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = std::env::temp_dir().join(format!("urlfetch-tasks-kill-{}", std::process::id()));
    let settings = Settings {
        program,
        folder,
        kills,
    };
    let progress = ProgressBar::new(u64::from(kills));
    let report = kill_loop(&settings, |killed| progress.set_position(u64::from(killed)))?;
    progress.finish_and_clear();
    println!(
        "{} kills, {} of them before the server listened: {} acknowledged, {} lost; {} ran, {} of them again, none more than {} times; integrity {}",
        report.kills,
        report.unborn,
        report.acknowledged,
        report.lost.len(),
        report.executed,
        report.repeated,
        report.most,
        report.integrity
    );
    match report.fault() {
        None => {
            let _ = std::fs::remove_dir_all(&settings.folder);
            Ok(())
        }
        Some(fault) => Err(format!(
            "{fault} (the file is in {})",
            settings.folder.display()
        )),
    }
}
