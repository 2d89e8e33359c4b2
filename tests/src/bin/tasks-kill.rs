//! `cargo xtask tasks-kill`: kills a server of tasks again and again, and says whether what it had acknowledged has run.

use clap::Parser;
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::process::ExitCode;
use urlfetch_tests::kills::{Settings, kill_loop, kill_two_hosts, serve};

/// Kill a server that keeps tasks at random instants, while clients make tasks, and start it again.
///
/// In the end every task that was acknowledged must have run. Exit code 1 when one has not.
#[derive(Parser)]
struct Cli {
    /// How often.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    kills: u32,
    /// Two servers that share a PostgreSQL database: one, the other and the database are killed.
    #[arg(long)]
    postgres: bool,
    /// Be the server that is killed, with its tasks in this folder.
    #[arg(long, value_name = "FOLDER", hide = true)]
    serve: Option<PathBuf>,
    /// Its tasks are in this database.
    #[arg(long, value_name = "URL", hide = true, requires = "serve")]
    database: Option<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = match &cli.serve {
        Some(folder) => serve(folder, cli.database.as_deref()).map_err(|error| error.to_string()),
        None => run(cli.kills, cli.postgres),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("tasks-kill: {line}");
            ExitCode::FAILURE
        }
    }
}

fn run(kills: u32, postgres: bool) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = std::env::temp_dir().join(format!("urlfetch-tasks-kill-{}", std::process::id()));
    let settings = Settings {
        program,
        folder,
        kills,
    };
    let progress = ProgressBar::new(u64::from(kills));
    let tell = |killed| progress.set_position(u64::from(killed));
    let report = match postgres {
        true => kill_two_hosts(&settings, tell)?,
        false => kill_loop(&settings, tell)?,
    };
    progress.finish_and_clear();
    println!(
        "{} kills, {} of them of the database and {} before the server listened: {} acknowledged, {} lost; {} ran, {} of them again, none more than {} times; integrity {}",
        report.kills,
        report.crashes,
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
