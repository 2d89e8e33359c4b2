//! The command `urlfetch`: `urlfetch --help`. What it does lives in `cli`, one file per subcommand; here is only the exit code.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
