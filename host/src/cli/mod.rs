//! The subcommands of `urlfetch`, what they share, and how a run ends: 0, 1 or 2, and at most one line on stderr about it.

mod amount;
mod args;
mod ca_file;
mod component;
mod compose;
mod conformance;
mod demo;
mod drive;
mod fetch;
mod fetched;
mod output;
mod progress;
mod report;
mod serve;
mod signals;
mod table;
mod task_options;
mod tasks;
mod urls;
mod waterfall;

use clap::{Parser, Subcommand};
use std::fmt;
use std::process::ExitCode;

/// Fetch many URLs at once through the urlfetch component, and put the component into applications.
#[derive(Parser)]
#[command(name = "urlfetch", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Fetch(fetch::FetchArgs),
    Compose(compose::ComposeArgs),
    Component(component::ComponentArgs),
    Conformance(conformance::ConformanceArgs),
    Demo(demo::DemoArgs),
    Serve(Box<serve::ServeArgs>),
    Tasks(tasks::TasksArgs),
}

/// How a run ended that did what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything succeeded: exit code 0.
    Succeeded,
    /// An rpc failed: exit code 1.
    SomeFailed,
    /// Another program ran, said what there is to say, and ended with this code.
    Elsewhere(u8),
}

/// Why a run could not do what it was asked: one line that names the argument and the reason, exit code 2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal(String);

impl Refusal {
    /// A refusal in these words, put on one line.
    pub(crate) fn new(reason: impl fmt::Display) -> Self {
        let reason = reason.to_string();
        Self(reason.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses the command line, runs, and turns what came of it into an exit code.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.exit_code() == 0 => {
            // --help and --version: the text is the result.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return refuse(&Refusal::new(args::reason(&error))),
    };
    let ended = match cli.command {
        Command::Fetch(args) => fetch::run(args),
        Command::Compose(args) => compose::run(&args),
        Command::Component(args) => component::run(&args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(*args),
        Command::Tasks(args) => tasks::run(args),
    };
    match ended {
        Ok(Verdict::Succeeded) => ExitCode::SUCCESS,
        Ok(Verdict::SomeFailed) => ExitCode::from(1),
        Ok(Verdict::Elsewhere(code)) => ExitCode::from(code),
        Err(refusal) => refuse(&refusal),
    }
}

fn refuse(refusal: &Refusal) -> ExitCode {
    eprintln!("urlfetch: {refusal}");
    ExitCode::from(2)
}

/// The runtime that everything asynchronous here runs on. One thread of it drives the guest, the others its sockets.
fn runtime() -> Result<tokio::runtime::Runtime, Refusal> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal::new(format!("no threads to run on: {error}")))
}

#[cfg(test)]
mod tests {
    use super::{Cli, Refusal, args};
    use clap::{CommandFactory, Parser};

    fn refusal(args: &[&str]) -> String {
        let error = Cli::try_parse_from(std::iter::once(&"urlfetch").chain(args))
            .err()
            .expect("bad usage");
        assert_eq!(error.exit_code(), 2);
        Refusal::new(args::reason(&error)).to_string()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bad_usage_is_one_line_that_names_argument_and_reason() {
        let cases: [(&[&str], &[&str]); 13] = [
            (
                &["fetch", "--deadline", "0", "http://a/"],
                &["--deadline", "greater than zero"],
            ),
            (
                &["fetch", "--deadline", "-1", "http://a/"],
                &["--deadline", "greater than zero"],
            ),
            (
                &["fetch", "--deadline", "NaN", "http://a/"],
                &["--deadline", "greater than zero"],
            ),
            (
                &["fetch", "--deadline", "soon", "http://a/"],
                &["--deadline", "'soon'"],
            ),
            (
                &["fetch", "--method", "BREW", "http://a/"],
                &["--method", "'BREW'", "PATCH"],
            ),
            (
                &["fetch", "--header", "no colon", "http://a/"],
                &["--header", "Name: value"],
            ),
            (
                &["fetch", "--header", "na me: x", "http://a/"],
                &["--header", "na me"],
            ),
            (
                &["fetch", "--header", "X: a\r\nb", "http://a/"],
                &["--header", "control"],
            ),
            (
                &["fetch", "--max-in-flight", "0", "http://a/"],
                &["--max-in-flight", "1..=10000"],
            ),
            (&[], &["subcommand"]),
            (&["fetch"], &["<URL>"]),
            (&["fetch", "--no-such"], &["--no-such"]),
            (&["compose", "app.wasm"], &["--output"]),
        ];
        for (args, wanted) in cases {
            let line = refusal(args);
            assert!(!line.contains('\n'), "{line}");
            assert!(
                wanted.iter().all(|part| line.contains(part)),
                "{args:?}: {line}"
            );
        }
    }
}
