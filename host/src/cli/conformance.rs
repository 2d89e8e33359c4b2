//! `urlfetch conformance`: hands over to `urlfetch-conformance`, the judge. It is a program of its own because it lives a floor above:
//! the tests know the host, and the host does not know them.

use super::{Refusal, Verdict};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Command;

/// The judge, beside this program or on the PATH.
const JUDGE: &str = "urlfetch-conformance";

/// Judge a host of wasi:http by the conformance vectors.
///
/// This is `urlfetch-conformance`, which `cargo install --path tests` installs; `urlfetch conformance --help` is its help.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct ConformanceArgs {
    /// `--app FILE` writes the component to serve, `--target http://HOST:PORT` plays the vectors where it is served.
    #[arg(
        value_name = "ARGS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    args: Vec<OsString>,
}

/// Runs it, and ends as it ends.
pub(crate) fn run(args: &ConformanceArgs) -> Result<Verdict, Refusal> {
    let beside = std::env::current_exe()
        .map(|here| here.with_file_name(format!("{JUDGE}{}", std::env::consts::EXE_SUFFIX)))
        .ok()
        .filter(|path| path.exists());
    let judge = beside.unwrap_or_else(|| JUDGE.into());
    match Command::new(judge).args(&args.args).status() {
        // Without a code it was ended by a signal.
        Ok(status) => Ok(Verdict::Elsewhere(
            status
                .code()
                .and_then(|code| code.try_into().ok())
                .unwrap_or(1),
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Refusal::new(format!(
            "conformance: {JUDGE} is not installed: `cargo install --path tests` in the repository of urlfetch installs it"
        ))),
        Err(error) => Err(Refusal::new(format!("conformance: {JUDGE}: {error}"))),
    }
}
