//! Writing results: to stdout, where a reader that has seen enough is no error, and to files.

use super::Refusal;
use std::io::{ErrorKind, IsTerminal, Write};

/// Writes to stdout. `head` closing the pipe ends the output and nothing else.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Refusal> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Refusal::new(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes to the file that `-o` names; `-` is stdout.
pub(crate) fn write_file(path: &str, bytes: &[u8]) -> Result<(), Refusal> {
    if path == "-" {
        return print(bytes);
    }
    std::fs::write(path, bytes).map_err(|error| Refusal::new(format!("--output '{path}': {error}")))
}

/// Whether stdout is a terminal that wants colours.
pub(crate) fn coloured() -> bool {
    std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
