//! `--ca-file`: a sender that trusts what the file has, besides Mozilla's roots.

use super::Refusal;
use std::fmt::Display;
use urlfetch_host::{Sender, SenderOptions};

/// What is in the file; nothing without one.
pub(crate) fn read(file: Option<&str>) -> Result<Vec<u8>, Refusal> {
    let Some(path) = file else {
        return Ok(Vec::new());
    };
    match std::fs::read(path) {
        Err(error) => Err(named(path, &error)),
        Ok(pem) if pem.is_empty() => Err(named(path, &"is empty")),
        Ok(pem) => Ok(pem),
    }
}

/// A sender with these options and the roots of the file. Without a file only Mozilla's.
pub(crate) fn sender(file: Option<&str>, options: SenderOptions) -> Result<Sender, Refusal> {
    let extra_roots_pem = read(file)?;
    Sender::new(SenderOptions {
        extra_roots_pem,
        ..options
    })
    .map_err(|error| named(file.unwrap_or_default(), &error))
}

fn named(path: &str, error: &dyn Display) -> Refusal {
    Refusal::new(format!("--ca-file '{path}': {error}"))
}
